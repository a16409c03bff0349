package session

import (
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto/mt"
)

// Pings: after silence, often enough to keep the connection, and when none is answered the peer is dead. // C32, C33, C35
func TestPing(t *testing.T) {
	for _, test := range pings {
		t.Run(test.name, func(t *testing.T) { pinging(t).run(test.script) })
	}
}

var pings = []script{
	{"after 5 s of silence", `
			wait 4s
			<
			wait 1s
			< ping
			> pong
			wait 4s
			<`},
	{"anything that comes is a sign of life", `
			wait 5s
			< ping
			wait 9s
			> update u
			wait 9s
			tick <nil>`},
	{"renewed in time while the server talks", `
			wait 4s
			> update u
			wait 4s
			> update u
			wait 4s
			> update u
			wait 4s
			< ack(3)
			> update u
			wait 4s
			> update u
			wait 4s
			> update u
			wait 1s
			< [ping ack(3)]`},
	{"refused: again", `
			wait 5s
			< ping
			> salt ping 3
			= salts
			< [ping salts]`},
}

// pinging is a peer with the default times, whose first ping is answered.
func pinging(t *testing.T) *peer {
	p := newPeer(t, func(c *Config) {
		quiet(c)
		c.Limits = Limits{}
	})
	p.run(`
		connect
		< ping
		> pong
		= pong, synced`)
	return p
}

// When nobody answers. // C35
func TestDead(t *testing.T) {
	for name, script := range map[string]string{
		"no pong for 10 s: dead":            "wait 5s\n< ping",
		"a call that nobody answers: dead":  "call a\n< a",
		"a question about calls: dead, too": "call a\n< a\ncut\nconnect\n< [ping state(a)]",
	} {
		t.Run(name, func(t *testing.T) {
			p := pinging(t)
			p.run(script)
			sent := p.now
			p.now = sent.Add(10 * time.Second)
			p.run("tick <nil>") // 10 s and the time that the packet itself may take
			p.now = sent.Add(10*time.Second + 100*time.Millisecond)
			p.run("tick " + ErrDead.Error())
		})
	}
	t.Run("Wake is when the peer is dead", func(t *testing.T) {
		p := pinging(t)
		p.run("wait 5s\n< ping")
		p.now = p.s.Wake()
		p.run("tick " + ErrDead.Error())
	})
}

// Bytes of an unfinished packet, and quick acknowledgements, are signs of life. // A8, C35
func TestSignsOfLife(t *testing.T) {
	p := pinging(t)
	p.run("call a\n< a")
	p.now = p.now.Add(9 * time.Second)
	p.s.Alive(p.now)
	p.now = p.now.Add(9 * time.Second)
	p.run("tick <nil>")
	p.run("call b\n< [ping state(a) b]")
	p.now = p.now.Add(9 * time.Second)
	p.s.Tick(p.now)
	p.s.QuickAck(p.s.pack.tokens[(p.s.pack.token-1)%16])
	p.now = p.now.Add(9 * time.Second)
	p.run("tick <nil>")
	if p.s.Pending() != 2 {
		t.Error("a quick acknowledgement is no answer")
	}
}

// Salts for later. // C24
func TestFutureSalts(t *testing.T) {
	p := newPeer(t, nil)
	p.run(`
		connect
		< [ping salts]
		> pong, session ping
		= pong, synced, session
		> salts 200 201 202 203
		= salts
		call a
		< [a ack(1)]`)
	if salt := p.seqs[len(p.seqs)-1].salt; salt != 200 {
		t.Errorf("salt %d", salt)
	}
	p.s.cfg.Limits.PingAfter, p.s.cfg.Limits.DisconnectAfter = 1000*3600*1e9, 3000*3600*1e9
	p.run("> result a\n= result a")
	p.now = p.now.Add(61 * 60 * 1e9)
	p.run("call b\n< [b ack(1)]")
	if salt := p.seqs[len(p.seqs)-1].salt; salt != 201 {
		t.Errorf("salt %d", salt)
	}
	p.run("> result b\n= result b")
	p.now = p.now.Add(61 * 60 * 1e9)
	p.run("call c\n< [c salts ack(1)]") // fewer than 2 ahead
	if salt := p.seqs[len(p.seqs)-1].salt; salt != 202 {
		t.Errorf("salt %d", salt)
	}
	many := &mt.FutureSalts{ReqMsgID: p.last["salts"], Salts: make([]mt.FutureSalt, 1<<18)}
	if err := p.deliver(mt.Message{MsgID: p.nextID(1), Body: encode(many)}); err != nil {
		t.Fatal(err)
	}
	if e, _ := p.s.Event(); len(p.s.salts.all()) > maxSalts {
		t.Errorf("%d salts kept, %T", len(p.s.salts.all()), e)
	}
}
