package sim

import (
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/handshake"
	"github.com/natsgram/natsgram/mtproto/session"
	"github.com/natsgram/natsgram/mtproto/transport"
)

// client is what mtproto's loop is to the machines, in few lines: it connects, makes keys, and carries packets.
type client struct {
	w       *world
	real    bool // keys are made by the exchange
	pfs     bool // sessions run over temporary keys, which are bound to a permanent one (B19 to B23)
	hold    bool // updates are acknowledged when they were released (C17)
	conn    *connection
	framing *transport.Conn

	making  *handshake.Client
	patient time.Time // until when the exchange may take
	perm    *crypto.Key
	key     *crypto.Key
	until   int32 // when a temporary key ends
	salt    int64
	offset  time.Duration
	doubts  int // how often the key was denied in a row (A11)

	sess    *session.Session
	leaving bool  // the session is closed, its last events are received
	left    int64 // the session before
	bound   bool
	binding session.CallID
	waiting []*call // for a session that takes calls
	calls   map[session.CallID]*call
	owner   owner
}

// connect makes a connection, if there is none.
func (c *client) connect() {
	if c.conn != nil {
		return
	}
	o := transport.ClientOptions{Kind: transport.Kind(c.w.rnd.n(4)), Rand: &c.w.rnd}
	o.Obfuscated = o.Kind != transport.Full && c.w.rnd.one(2)
	framing, err := transport.NewClient(o)
	if err != nil {
		panic(err)
	}
	c.framing, c.conn = framing, c.w.newConnection()
	c.w.log("connection %d, %v", c.conn.number, o.Kind)
	switch {
	case c.key == nil || c.pfs && c.perm == nil:
		c.exchange()
	default:
		c.online()
	}
}

// exchange makes the keys that there are not (B28).
func (c *client) exchange() {
	temp := c.pfs && c.perm != nil
	if !c.real {
		a := c.w.server.grant(temp)
		c.have(temp, a.key, a.salt, c.w.guess())
		return
	}
	o := handshake.Config{Keys: []crypto.PublicKey{serverKey().Public()}, DC: 2, Rand: &c.w.rnd}
	if temp {
		o.ExpiresIn = 24 * time.Hour
	}
	c.making = handshake.NewClient(o)
	c.patient = c.w.now.Add(10 * time.Second)
	p, err := c.making.Start(c.w.now)
	if err != nil {
		c.w.wrong("key exchange: %v", err)
		return
	}
	c.put(p)
}

// have takes a key over.
func (c *client) have(temp bool, k crypto.Key, salt int64, offset time.Duration) {
	c.w.log("client has %v, temporary: %v", k, temp)
	c.making, c.offset, c.doubts = nil, offset, 0
	if c.pfs && !temp {
		c.perm = &k
		c.exchange()
		return
	}
	c.key, c.salt, c.bound = &k, salt, !temp
	c.until = int32(c.w.now.Add(24 * time.Hour).Unix())
	c.online()
}

// online has a session speak over the connection.
func (c *client) online() {
	if c.sess == nil {
		c.begin()
	}
	c.sess.Connected(c.w.now)
	c.introduce()
}

func (c *client) begin() {
	s, err := session.New(session.Config{Key: c.key, Salt: c.salt, TimeOffset: c.offset, Rand: &c.w.rnd, HoldUpdates: c.hold})
	if err != nil {
		panic(err)
	}
	c.sess, c.calls, c.binding = s, map[session.CallID]*call{}, 0
	if c.left != 0 && c.w.rnd.one(2) {
		s.Destroy(c.left)
	}
	c.w.log("client: session %x", s.SessionID())
}

// leave ends the session, and all its calls.
func (c *client) leave(why string) {
	if c.sess == nil {
		return
	}
	c.w.log("client leaves its session: %s", why)
	c.leaving, c.left = true, c.sess.SessionID()
	c.sess.Close()
	c.events()
	c.empty()
	c.sess, c.leaving = nil, false
	c.owner.held = c.owner.held[:0]
}

// introduce binds the key, if need be, and lets calls through (B20).
func (c *client) introduce() {
	if c.sess == nil || c.leaving {
		return
	}
	if !c.bound {
		if c.binding == 0 {
			c.binding = c.sess.Call(c.w.now, nil, session.CallOptions{Resendable: true, NoGzip: true, Build: c.bindQuery})
		}
		return
	}
	c.submitAll()
}

func (c *client) submit(k *call, after session.CallID) {
	name := k.name
	if k.tries++; c.w.mutant == OtherRandomID && k.chat != nil && !k.edit && k.tries > 1 {
		name += otherID
	}
	q := query(name, k.extra)
	n := k.extra % 16 // wrappers, as far as the session is concerned
	k.id = c.sess.Call(c.w.now, q[n:], session.CallOptions{Before: q[:n:n], Resendable: k.safe, NoGzip: k.extra%8 == 0, Lend: k.safe, After: after})
	c.calls[k.id] = k
}

// put sends a packet.
func (c *client) put(p []byte) {
	out, err := c.framing.Append(c.conn.up, p, c.w.rnd.one(3))
	if err != nil {
		c.w.wrong("the client cannot send %d bytes: %v", len(p), err)
		return
	}
	c.conn.up = out
}

// disconnect gives the connection up.
func (c *client) disconnect(why any) {
	if c.conn == nil {
		return
	}
	c.w.log("client gives connection %d up: %v", c.conn.number, why)
	c.conn.left = true
	c.conn, c.making = nil, nil
	if c.sess != nil {
		c.sess.Disconnected(c.w.now)
	}
}

// receive takes bytes from the connection.
func (c *client) receive(b []byte) {
	c.framing.Feed(b)
	whole := false
	for c.conn != nil {
		f, ok, err := c.framing.Next()
		if err != nil {
			c.disconnect(err)
			return
		}
		if !ok {
			break
		}
		whole = true
		c.frame(f)
	}
	if c.conn != nil && c.sess != nil && !whole && c.making == nil {
		c.sess.Alive(c.w.now)
	}
}

func (c *client) frame(f transport.Frame) {
	switch {
	case f.Kind == transport.Error:
		c.refused(f.Code)
	case f.Kind == transport.QuickAck:
		if c.sess != nil {
			c.sess.QuickAck(f.Token)
		}
	case c.making != nil:
		c.step(f.Payload)
	case c.sess != nil:
		lent, err := c.sess.Receive(c.w.now, f.Payload)
		if lent {
			c.framing.HandOver()
		} else {
			clear(f.Payload) // nothing of it may be needed yet
		}
		if err != nil {
			c.disconnect(err)
			return
		}
		c.doubts = 0
	}
}

// step goes on with the exchange.
func (c *client) step(p []byte) {
	temp := c.pfs && c.perm != nil
	send, done, err := c.making.Receive(c.w.now, p)
	switch {
	case err != nil:
		c.disconnect(err)
	case done != nil:
		c.have(temp, done.Key, done.Salt, done.TimeOffset)
	case send != nil:
		c.put(send)
	}
}

// refused reacts to an error code: a key is given up when it was denied twice in a row (A11).
func (c *client) refused(code int32) {
	keyed := c.making == nil
	c.disconnect(code)
	if code != transport.CodeUnknownKey || !keyed {
		return
	}
	if c.doubts++; c.doubts >= 2 {
		c.dropKey("its key is not known")
	}
}

func (c *client) dropKey(why string) {
	c.disconnect(why)
	c.leave(why)
	c.key, c.doubts = nil, 0
}

// wake is when tick has to be called; zero: never.
func (c *client) wake() time.Time {
	switch {
	case c.conn == nil:
		return time.Time{}
	case c.making != nil:
		return c.patient
	}
	return c.sess.Wake()
}

func (c *client) tick() {
	switch {
	case c.conn == nil || c.w.mutant == NeverTick:
	case c.making != nil:
		c.disconnect("no answer in the key exchange")
	default:
		if err := c.sess.Tick(c.w.now); err != nil {
			c.disconnect(err)
		}
	}
}

// settle takes what the machines have to say after an input.
func (c *client) settle() {
	c.events()
	c.introduce()
	for c.conn != nil && c.sess != nil && c.making == nil {
		due := c.sess.Due()
		packets, n := c.sess.AppendPair(c.w.now, [2][]byte{nil, {}})
		if n == 0 {
			break
		}
		if !due {
			c.w.wrong("a packet that was not due")
		}
		for _, p := range packets[:n] {
			c.w.report.Packets++
			c.put(p)
		}
	}
	c.events() // of calls that could not be sent
}
