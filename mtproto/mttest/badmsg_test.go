package mttest_test

import (
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto/mttest"
)

// C6, C12, C13, C14, C18, C25: each mistake in the numbers of a message has its code.
func TestBadMessages(t *testing.T) {
	s := mttest.NewServer(t, func(c *mttest.Config) { c.Wire.Strict = true })
	config := func(c *client) []byte { return c.encode(M{"_": "help.getConfig"}) }
	shift := func(d time.Duration) func(*client) message {
		return func(c *client) message {
			m := c.message(config(c), true)
			m.id += int64(d/time.Second) << 32
			return m
		}
	}
	numbered := func(seq int32, body func(*client) []byte) func(*client) message {
		return func(c *client) message { return message{id: c.now(), seq: seq, body: body(c)} }
	}
	boxed := func(change func(c *client, inner *message, outer *message)) func(*client) message {
		return func(c *client) message {
			inner := c.message(ping(1), false)
			outer := message{id: c.now(), seq: 2 * c.seq}
			change(c, &inner, &outer)
			outer.body = container(inner)
			return outer
		}
	}
	for _, tt := range []struct {
		name string
		code int32
		msg  func(*client) message
	}{
		{"too old", 16, shift(-301 * time.Second)},
		{"from the future", 17, shift(31 * time.Second)},
		{"low bits", 18, func(c *client) message { m := c.message(config(c), true); m.id += 2; return m }},
		{"number goes back", 32, numbered(1, config)},
		{"number used twice", 32, func(c *client) message { return message{id: c.now(), seq: 2*c.seq - 1, body: config(c)} }},
		{"ack that wants an ack", 34, numbered(99, func(*client) []byte { return words(idAck, []int64{1}) })},
		{"query that wants none", 35, numbered(98, config)},
		{"container above an inner id", 64, boxed(func(_ *client, inner, outer *message) { inner.id = outer.id + 4 })},
		{"container in a container", 64, boxed(func(_ *client, inner, _ *message) { inner.body = container() })},
		{"container that wants an ack", 34, boxed(func(_ *client, _, outer *message) { outer.seq = 99 })},
		{"container cut short", 64, func(c *client) message {
			return message{id: c.now(), seq: 2 * c.seq, body: words(0x73f1f8dc, 2, c.message(ping(1), false).append(nil))}
		}},
		{"1025 messages", 64, func(c *client) message {
			var all []message
			for range 1025 {
				all = append(all, c.message(ping(1), false))
			}
			return message{id: c.now(), seq: 2 * c.seq, body: container(all...)}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := as(t, s, s.AddUser(mttest.User{First: "A"}))
			m := tt.msg(c)
			c.send(m)
			r := c.until(idBadMsg)
			if id, seq, code := r.Int64(), r.Int32(), r.Int32(); id != m.id || seq != m.seq || code != tt.code {
				t.Errorf("message %x seq %d: code %d for %x seq %d, want %d", m.id, m.seq, code, id, seq, tt.code)
			}
		})
	}
}

// C25: the rarer codes need a history.
func TestBadMessagesOfAHistory(t *testing.T) {
	s := mttest.NewServer(t)
	c := as(t, s, s.AddUser(mttest.User{First: "A"}))
	early := c.now()
	c.call(M{"_": "help.getConfig"})
	c.send(message{id: early, seq: 2*c.seq + 1, body: c.encode(M{"_": "help.getConfig"})})
	r := c.until(idBadMsg)
	if r.Int64(); r.Int32() != 2*c.seq+1 || r.Int32() != 33 {
		t.Error("number ahead of a later message's: no code 33")
	}
	box := c.message(container(c.message(ping(1), false)), false)
	c.send(box)
	c.until(idPong)
	c.send(box)
	if r := c.until(idBadMsg); r.Int64() != box.id || r.Int32() != box.seq || r.Int32() != 19 {
		t.Error("container id used twice: no code 19")
	}
}
