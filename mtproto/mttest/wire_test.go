package mttest_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/tl/bin"
)

const (
	idAck        = 0x62d6b459
	idBadMsg     = 0xa7eff811
	idBadSalt    = 0xedab447b
	idNewSession = 0x9ec20908
	idPong       = 0x347773c5
	idStateInfo  = 0x04deb57d
	idFuture     = 0xae500895
	idRPCResult  = 0xf35c6d01
)

func words(v ...any) []byte {
	var w bin.Writer
	for _, v := range v {
		switch v := v.(type) {
		case int:
			w.Uint32(uint32(v))
		case int64:
			w.Int64(v)
		case []byte:
			w.Raw(v)
		case []int64:
			w.Vector(len(v))
			for _, n := range v {
				w.Int64(n)
			}
		}
	}
	return w.Buf
}

// ping sends a ping and waits for its pong: everything sent before was seen by the server.
func (c *client) ping(id int64) {
	c.t.Helper()
	c.send(c.message(ping(id), false))
	for {
		if r := c.until(idPong); r.Int64() != 0 && r.Int64() == id {
			return
		}
	}
}

func ping(id int64) []byte { return words(0x7abe77ec, id) }

// C23, C24
func TestSalts(t *testing.T) {
	s := mttest.NewServer(t)
	c := as(t, s, s.AddUser(mttest.User{First: "A"}))
	right := c.salt
	c.salt = 12345
	m := c.message(c.encode(M{"_": "help.getNearestDc"}), true)
	c.send(m)
	r := c.until(idBadSalt)
	if id, _, code, salt := r.Int64(), r.Int32(), r.Int32(), r.Int64(); id != m.id || code != 48 || salt != right {
		t.Errorf("got %x code %d salt %x", id, code, salt)
	}
	if s.Executed("help.getNearestDc") != 0 {
		t.Error("a query with a wrong salt was executed")
	}
	c.salt = right
	c.send(c.message(words(0xb921bd04, 3), false))
	r = c.until(idFuture)
	r.Int64()
	now := r.Int32()
	if n := r.Int32(); n != 3 {
		t.Fatalf("%d salts", n)
	}
	if since, until, salt := r.Int32(), r.Int32(), r.Int64(); since > now || until < now || salt != right {
		t.Errorf("first salt %x from %d to %d, now %d, in use %x", salt, since, until, now, right)
	}
	if since, _, salt := r.Int32(), r.Int32(), r.Int64(); since <= now || salt == right {
		t.Errorf("second salt %x from %d", salt, since)
	}
}

// C24: a salt goes out of use after half an hour, and is refused half an hour later.
func TestSaltsChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		c := as(t, s, s.AddUser(mttest.User{First: "A"}))
		for _, step := range []struct {
			after time.Duration
			ok    bool
		}{{29 * time.Minute, true}, {29 * time.Minute, true}, {3 * time.Minute, false}} {
			time.Sleep(step.after)
			c.send(c.message(ping(7), false))
			id := uint32(idPong)
			if !step.ok {
				id = idBadSalt
			}
			c.until(id)
		}
	})
}

func inMemory(c *mttest.Config) { c.InMemory = true }

// C36
func TestNewSession(t *testing.T) {
	s := mttest.NewServer(t)
	c := connected(t, s)
	first := c.message(c.encode(wrapped(s, M{"_": "help.getConfig"})), true)
	second := c.message(ping(5), false)
	c.send(c.message(container(first, second), false))
	r := c.until(idNewSession)
	if id, _, salt := r.Int64(), r.Int64(), r.Int64(); id != first.id || salt != c.salt {
		t.Errorf("first message %x, salt %x; want %x, %x", id, salt, first.id, c.salt)
	}
	c.call(M{"_": "help.getConfig"})
	c.silent(idNewSession)
	s.ForgetSessions()
	again := c.post(M{"_": "help.getConfig"})
	if r := c.until(idNewSession); r.Int64() != again {
		t.Error("the session made anew names another first message")
	}
}

// C15, C22, C40: what was not acknowledged comes again after a reconnect, as it was.
func TestResendAfterReconnect(t *testing.T) {
	s := mttest.NewServer(t)
	c := as(t, s, s.AddUser(mttest.User{First: "A"}))
	id := c.post(M{"_": "help.getNearestDc"})
	var answer message
	for answer.id == 0 {
		m, err := c.poll(time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if r := bin.NewReader(m.body); r.Uint32() == idRPCResult && r.Int64() == id {
			answer = m
		}
	}
	c.dial(home(s), true)
	c.send(c.message(ping(1), false))
	found := false
	for !found {
		m, err := c.poll(time.Second)
		if err != nil {
			t.Fatal("the answer did not come again: ", err)
		}
		found = m.id == answer.id && m.seq == answer.seq && bytes.Equal(m.body, answer.body)
	}
	c.send(c.message(words(idAck, []int64{answer.id}), false))
	c.ping(2)
	c.dial(home(s), false)
	c.send(c.message(ping(3), false))
	for {
		m, err := c.poll(200 * time.Millisecond)
		if err != nil {
			break
		}
		if m.id == answer.id {
			t.Error("the acknowledged answer came again")
		}
	}
	if n := s.Executed("help.getNearestDc"); n != 1 {
		t.Errorf("executed %d times", n)
	}
}

// C19, C22: the same message twice is executed once and answered twice.
func TestDuplicateQuery(t *testing.T) {
	s := mttest.NewServer(t)
	alice := s.AddUser(mttest.User{First: "A"})
	c := as(t, s, alice)
	m := c.message(c.encode(sendTo(M{"_": "inputPeerSelf"}, "once", 1)), true)
	for range 3 {
		c.send(m)
		if _, err := c.answer(m.id); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Executed("messages.sendMessage"); n != 1 || len(s.Repeated("")) != 0 {
		t.Errorf("executed %d times", n)
	}
	for range 2 { // another message with the same random_id
		_, _ = c.try(sendTo(M{"_": "inputPeerSelf"}, "once", 1))
	}
	if again := s.Repeated(""); len(again) != 1 || again[0].Count != 3 {
		t.Errorf("not noticed: %v", again)
	}
}

func sendTo(peer M, text string, randomID int64) M {
	return M{"_": "messages.sendMessage", "peer": peer, "message": text, "random_id": randomID}
}

// C26, C30, C31
func TestStatesAndResend(t *testing.T) {
	s := mttest.NewServer(t)
	s.InterceptMethod("help.getAppConfig", func(*mttest.Request) mttest.Action { return mttest.Drop() })
	c := as(t, s, s.AddUser(mttest.User{First: "A"}))
	early := c.now()
	done := c.post(M{"_": "help.getNearestDc"})
	_, _ = c.answer(done)
	running := c.post(M{"_": "help.getAppConfig", "hash": 0})
	if r := c.until(idAck); r.Vector(8) != 1 || r.Int64() != running {
		t.Error("a query that takes time is not acknowledged")
	}
	pinged := c.message(ping(1), false)
	c.send(pinged)
	c.until(idPong)
	req := c.message(words(0xda69fb52, []int64{1, early, done, running, pinged.id, c.now() + 1<<33}), false)
	c.send(req)
	r := c.until(idStateInfo)
	if id, info := r.Int64(), r.Bytes(); id != req.id || !bytes.Equal(info, []byte{2, 2, 4 | 64, 4 | 32, 4 | 16, 3}) {
		t.Errorf("states of %x: % x", id, info)
	}
	c.send(c.message(words(0x7d861a08, []int64{1}), false)) // nothing of ours: it says so
	c.until(idStateInfo)
	for _, drop := range []struct {
		id   int64
		want uint32
	}{{12, 0x5e2ad36e}, {running, 0xcd78e586}, {done, 0xa43ad8b7}, {done, 0x5e2ad36e}} {
		m := c.message(words(0x58e4a740, drop.id), true)
		c.send(m)
		b, err := c.answer(m.id)
		if err != nil || bin.NewReader(b).Peek() != drop.want {
			t.Errorf("rpc_drop_answer: %x, %v; want %08x", b, err, drop.want)
		}
	}
}

// C32, C33
func TestPingDelayDisconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		c := as(t, s, s.AddUser(mttest.User{First: "A"}))
		begin := time.Now()
		for i := range 3 {
			c.send(c.message(words(0xf3427b8c, int64(i), 75), false))
			if r := c.until(idPong); r.Int64() != c.last || r.Int64() != int64(i) {
				t.Error("the pong names another ping")
			}
			time.Sleep(60 * time.Second)
		}
		_, err := c.nextFrame(time.Hour)
		if took := time.Since(begin); !errors.Is(err, errGone) || took != 2*60*time.Second+75*time.Second {
			t.Errorf("%v after %v", err, took)
		}
	})
}

// C38, B27
func TestDestroy(t *testing.T) {
	s := mttest.NewServer(t)
	c := as(t, s, s.AddUser(mttest.User{First: "A"}))
	old := c.id
	c.id++
	c.seq = 0
	for _, want := range []uint32{0xe22045fc, 0x62d350c9} {
		c.send(c.message(words(0xe7512126, old), true))
		if r := c.until(want); r.Int64() != old {
			t.Error("another session was destroyed")
		}
	}
	c.send(c.message(words(0xd1435160), true))
	c.until(0xf660e1d4)
	c.send(c.message(ping(1), false))
	if err := c.broken(); err == nil || err.Error() != "transport error -404" {
		t.Errorf("with a destroyed key: %v", err)
	}
}

// broken waits until the connection is refused.
func (c *client) broken() error {
	for {
		if _, err := c.poll(5 * time.Second); err != nil {
			return err
		}
	}
}

// A6, A7, A8
func TestQuickAck(t *testing.T) {
	s := mttest.NewServer(t)
	c := as(t, s, s.AddUser(mttest.User{First: "A"}))
	m := c.message(ping(1), false)
	packet, token, err := crypto.Seal(nil, &c.key, crypto.Client, append(words(c.salt, c.id), m.append(nil)...), bytes.NewReader(make([]byte, 99)))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := c.framer.Append(nil, packet, true)
	_, _ = c.nc.Write(b)
	for {
		f, err := c.nextFrame(time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if f.Token == token {
			return
		}
	}
}

// A9, A10, C3: what cannot be understood is answered -404, and the connection ends.
func TestRefusedPackets(t *testing.T) {
	s := mttest.NewServer(t)
	for name, packet := range map[string]func(*client) []byte{
		"unknown key":      func(*client) []byte { return bytes.Repeat([]byte{7}, 88) },
		"damaged":          func(c *client) []byte { return append(words(int64(c.key.ID())), make([]byte, 80)...) },
		"no handshake":     func(*client) []byte { return words(int64(0), int64(4), 4, 0x12345678) },
		"empty unencoded":  func(*client) []byte { return make([]byte, 24) },
		"length too large": func(c *client) []byte { return words(int64(0), int64(4), 1<<30, 0x12345678) },
	} {
		t.Run(name, func(t *testing.T) {
			c := as(t, s, s.AddUser(mttest.User{First: "A"}))
			c.write(packet(c))
			if err := c.broken(); err == nil || err.Error() != "transport error -404" {
				t.Errorf("got %v", err)
			}
			if err := c.broken(); !errors.Is(err, errGone) {
				t.Errorf("then %v", err)
			}
		})
	}
}

// A13, B6
func TestWrongDataCentre(t *testing.T) {
	s := mttest.NewServer(t)
	for dc, ok := range map[int]bool{2: true, -2: true, 1: false, 10002: false} {
		t.Run(fmt.Sprint(dc), func(t *testing.T) {
			c := newClient(t, s).dial(home(s), false)
			got := c.tryExchange(dc)
			if (got == nil) != ok || !ok && got.Error() != "transport error -444" {
				t.Errorf("got %v", got)
			}
		})
	}
}
