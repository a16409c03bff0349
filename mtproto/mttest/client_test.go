package mttest_test

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/handshake"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/transport"
	"github.com/natsgram/natsgram/tl/bin"
	"github.com/natsgram/natsgram/tl/codec"
)

type M = codec.M

// client is the least that can talk to a server: it reads and writes single messages by hand, keeps no promises by
// itself and so can break every rule.
type client struct {
	t      testing.TB
	s      *mttest.Server
	kind   transport.Kind
	nc     net.Conn
	framer *transport.Conn
	key    crypto.Key
	salt   int64
	id     int64 // session
	last   int64
	seq    int32
	queue  []message
	acks   int // quick acknowledgements seen

	temporary time.Duration // of keys to come; 0: permanent ones
}

type message struct {
	id   int64
	seq  int32
	body []byte
}

func (m message) ctor() uint32 { return binary.LittleEndian.Uint32(m.body) }

func newClient(t testing.TB, s *mttest.Server) *client {
	c := &client{t: t, s: s, kind: transport.Intermediate, id: time.Now().UnixNano()}
	return c
}

// dial connects, without a key exchange.
func (c *client) dial(addr string, obfuscated bool) *client {
	c.t.Helper()
	c.hangUp()
	nc, err := c.s.Dial(context.Background(), "tcp", addr)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { nc.Close() })
	c.nc = nc
	c.framer, err = transport.NewClient(transport.ClientOptions{Kind: c.kind, Obfuscated: obfuscated, Rand: rand.Reader})
	if err != nil {
		c.t.Fatal(err)
	}
	return c
}

func (c *client) hangUp() {
	if c.nc != nil {
		c.nc.Close()
	}
}

func home(s *mttest.Server) string { return s.Env().Options[0].Addr }

// connected is a client with a key of its own.
func connected(t testing.TB, s *mttest.Server) *client {
	c := newClient(t, s).dial(home(s), false)
	c.exchange(2)
	return c
}

// as is a client that is signed in as a, with its first message sent.
func as(t testing.TB, s *mttest.Server, a *mttest.Account) *client {
	c := newClient(t, s).dial(home(s), false)
	c.key, c.salt, _ = s.Authorize(a)
	c.introduce()
	return c
}

func (c *client) exchange(dc int) {
	c.t.Helper()
	if err := c.tryExchange(dc); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) tryExchange(dc int) error {
	c.t.Helper()
	h := handshake.NewClient(handshake.Config{Keys: c.s.Env().Keys, DC: dc, Rand: rand.Reader, ExpiresIn: c.temporary})
	send, err := h.Start(time.Now())
	for err == nil {
		c.write(send)
		f := c.frame()
		if f.Kind == transport.Error {
			return fmt.Errorf("transport error %d", f.Code)
		}
		var done *handshake.Result
		if send, done, err = h.Receive(time.Now(), f.Payload); done != nil {
			c.key, c.salt = done.Key, done.Salt
			return nil
		}
	}
	return err
}

func (c *client) write(packet []byte) {
	c.t.Helper()
	b, err := c.framer.Append(nil, packet, false)
	if err != nil {
		c.t.Fatal(err)
	}
	_ = c.nc.SetWriteDeadline(time.Now().Add(10 * time.Second))
	_, _ = c.nc.Write(b) // a broken connection shows when reading
}

var errGone = errors.New("connection is gone")

// next is the next frame; errGone: the server hung up; nil error and no payload never happen.
func (c *client) nextFrame(wait time.Duration) (transport.Frame, error) {
	buf := make([]byte, 64<<10)
	_ = c.nc.SetReadDeadline(time.Now().Add(wait))
	for {
		f, ok, err := c.framer.Next()
		if err != nil || ok {
			return f, err
		}
		n, err := c.nc.Read(buf)
		c.framer.Feed(buf[:n])
		var ne net.Error
		switch {
		case errors.As(err, &ne) && ne.Timeout():
			return f, err
		case err != nil && n == 0:
			return f, errGone
		}
	}
}

func (c *client) frame() transport.Frame {
	c.t.Helper()
	f, err := c.nextFrame(10 * time.Second)
	if err != nil {
		c.t.Fatal(err)
	}
	return f
}

// now is a fresh message id.
func (c *client) now() int64 {
	t := time.Now()
	c.last = max(t.Unix()<<32|int64(t.Nanosecond())<<2, c.last+4) &^ 3
	return c.last
}

// message numbers a body.
func (c *client) message(body []byte, content bool) message {
	m := message{id: c.now(), seq: 2 * c.seq, body: body}
	if content {
		m.seq++
		c.seq++
	}
	return m
}

// send sends one message as it is.
func (c *client) send(m message) {
	c.t.Helper()
	var w bin.Writer
	w.Int64(c.salt)
	w.Int64(c.id)
	w.Raw(m.append(nil))
	packet, _, err := crypto.Seal(nil, &c.key, crypto.Client, w.Buf, rand.Reader)
	if err != nil {
		c.t.Fatal(err)
	}
	c.write(packet)
}

func (m message) append(dst []byte) []byte {
	w := bin.Writer{Buf: dst}
	w.Int64(m.id)
	w.Int32(m.seq)
	w.Int32(int32(len(m.body)))
	w.Raw(m.body)
	return w.Buf
}

func container(all ...message) []byte {
	var w bin.Writer
	w.Uint32(0x73f1f8dc)
	w.Int32(int32(len(all)))
	for _, m := range all {
		w.Raw(m.append(nil))
	}
	return w.Buf
}

// poll takes the next message, or what broke first.
func (c *client) poll(wait time.Duration) (message, error) {
	for len(c.queue) == 0 {
		f, err := c.nextFrame(wait)
		switch {
		case err != nil:
			return message{}, err
		case f.Kind == transport.QuickAck:
			c.acks++
			continue
		case f.Kind == transport.Error:
			return message{}, fmt.Errorf("transport error %d", f.Code)
		}
		plain, err := crypto.Open(nil, &c.key, crypto.Server, f.Payload)
		if err != nil {
			return message{}, err
		}
		c.unpack(plain)
	}
	m := c.queue[0]
	c.queue = c.queue[1:]
	return m, nil
}

func (c *client) unpack(plain []byte) {
	r := bin.NewReader(plain)
	r.Int64()
	if id := r.Int64(); id != c.id {
		c.t.Fatalf("session %x, want %x", id, c.id)
	}
	c.take(r)
}

func (c *client) take(r *bin.Reader) {
	m := message{id: r.Int64(), seq: r.Int32()}
	m.body = r.Raw(int(r.Int32()))
	if r.Err() != nil {
		c.t.Fatal(r.Err())
	}
	if m.ctor() != 0x73f1f8dc {
		c.queue = append(c.queue, m)
		return
	}
	inner := bin.NewReader(m.body[4:])
	for range inner.Int32() {
		c.take(inner)
	}
}

// until takes messages until one begins with id, and gives back its body after the id.
func (c *client) until(id uint32) *bin.Reader {
	c.t.Helper()
	for {
		m, err := c.poll(10 * time.Second)
		if err != nil {
			c.t.Fatalf("waiting for %08x: %v", id, err)
		}
		if m.ctor() == id {
			r := bin.NewReader(m.body)
			r.Uint32()
			return r
		}
	}
}

// silent checks that no message that begins with id comes.
func (c *client) silent(id uint32) {
	c.t.Helper()
	for {
		m, err := c.poll(100 * time.Millisecond)
		if err != nil {
			return
		}
		if m.ctor() == id {
			c.t.Fatalf("%08x came", id)
		}
	}
}

func (c *client) encode(m M) []byte {
	c.t.Helper()
	b, err := c.s.Schema().Encode(nil, m)
	if err != nil {
		c.t.Fatal(err)
	}
	return b
}

func wrapped(s *mttest.Server, query M) M {
	return M{"_": "invokeWithLayer", "layer": s.Schema().Layer(), "query": M{
		"_": "initConnection", "api_id": 1, "device_model": "m", "system_version": "s", "app_version": "a", "system_lang_code": "en", "lang_pack": "",
		"lang_code": "en", "query": query,
	}}
}

func (c *client) introduce() codec.View { return c.call(wrapped(c.s, M{"_": "help.getConfig"})) }

// post sends a query and returns its message id.
func (c *client) post(q M) int64 {
	m := c.message(c.encode(q), true)
	c.send(m)
	return m.id
}

// answer is what came for the query with that id: a result, or an error as text.
func (c *client) answer(id int64) ([]byte, error) {
	c.t.Helper()
	for {
		m, err := c.poll(10 * time.Second)
		if err != nil {
			c.t.Fatal(err)
		}
		r := bin.NewReader(m.body)
		if r.Uint32() == 0xf35c6d01 && r.Int64() == id {
			if r.Peek() != 0x2144ca19 {
				return r.Rest(), nil
			}
			r.Uint32()
			return nil, fmt.Errorf("%d %s", r.Int32(), r.Str())
		}
	}
}

func (c *client) try(q M) ([]byte, error) {
	c.t.Helper()
	return c.answer(c.post(q))
}

func (c *client) call(q M) codec.View {
	c.t.Helper()
	b, err := c.try(q)
	if err != nil {
		c.t.Fatalf("%s: %v", q["_"], err)
	}
	v, err := c.s.Schema().View(b)
	if err != nil {
		c.t.Fatalf("%s: %v", q["_"], err)
	}
	return v
}

// refused checks that a query fails with this text, such as "400 PEER_ID_INVALID".
func (c *client) refused(q M, want string) {
	c.t.Helper()
	if b, err := c.try(q); err == nil || err.Error() != want {
		c.t.Errorf("%s: got %x, %v; want %s", q["_"], b, err, want)
	}
}

// update waits for a push and returns it.
func (c *client) update() codec.View {
	c.t.Helper()
	for {
		m, err := c.poll(10 * time.Second)
		if err != nil {
			c.t.Fatal(err)
		}
		if v, err := c.s.Schema().View(m.body); err == nil && v.Class() == "Updates" {
			return v
		}
	}
}
