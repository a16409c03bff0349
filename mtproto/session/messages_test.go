package session

import (
	"testing"
)

// Acknowledgements. // C15, C16
func TestAcks(t *testing.T) { play(t, nil, ackScripts) }

var ackScripts = []script{
	{"with the next query", `
		> update u
		= update u
		<
		call a
		< [a ack(1)]`},
	{"by themselves after 10 s", `
		> update u
		wait 9s
		<
		wait 1s
		< ack(1)`},
	{"when there are more than 16", `
		> update u, update u, update u, update u, update u, update u, update u, update u
		> update u, update u, update u, update u, update u, update u, update u, update u
		<
		> update u
		< ack(17)`},
	{"again after a reconnect, when the message comes again", `
		> update u
		= update u
		wait 10s
		< ack(1)
		cut
		connect
		< ping
		> again u
		=
		wait 10s
		< ack(1)`}, // C7
	{"kept over a reconnect", `
		> update u
		= update u
		cut
		connect
		< [ping ack(1)]`},
	{"not for what is no content", `
		> ack ping, ping 5
		< pong(ping 5)
		wait 1000s
		<`},
	{"dropped with their session", `
		> update u
		= update u
		call a
		< [a ack(1)]
		> update v
		= update v
		> bad a 33
		= reset 33
		< [ping a']
		wait 1000s
		< [state(a') destroy]`},
}

// Updates are acknowledged only when they are released, and come again when they were declined. // C17, E27
func TestHold(t *testing.T) {
	play(t, func(c *Config) { c.HoldUpdates = true }, []script{
		{"held and released", `
			> update u, update v
			= update u, update v
			call a
			< a
			wait 5s
			release u
			call b
			< [b ack(1)]`},
		{"released, then by itself", `
			> update u
			release u
			wait 10s
			< ack(1)`},
		{"once is enough", `
			> update u
			release u
			release u
			wait 10s
			< ack(1)`},
		{"coming again while held", `
			> update u
			= update u
			cut
			connect
			< ping
			> again u
			=
			wait 100s
			<
			release u
			wait 10s
			< ack(1)`},
		{"declined, and taken when it comes again, however late", `
			> update u
			= update u
			decline u
			wait 20s
			<
			cut
			wait 600s
			connect
			< ping
			> again u
			= update u
			wait 20s
			<
			release u
			wait 10s
			< ack(1)`},
		{"answers are not held", `
			call a
			< a
			> result a
			wait 10s
			< ack(1)`},
		{"packed ones are", `
			> zipupdate u
			= update u
			wait 100s
			<`},
	})
}

// Messages of the server in all their wrappings. // C18, C19, C20, C21, H8
func TestReceiving(t *testing.T) { play(t, nil, receptions) }

var receptions = []script{
	{"a container", `
		call a
		< a
		> [result a, update u, ack a]
		= result a, update u`},
	{"partly known: the rest counts, all is acknowledged", `
		> update u
		= update u
		wait 10s
		< ack(1)
		> [again u, update v]
		= update v
		wait 10s
		< ack(2)`},
	{"a container of a broken service message and a good update", `
		> [short, update u]
		= warning, update u
		wait 10s
		< ack(2)`},
	{"packed updates, also in a container", `
		> zipupdate u
		> [zipupdate v, update w]
		= update u, update v, update w`},
	{"a copy counts once, by the id of the original", `
		> copy u
		= update u
		> boxcopy u
		=
		wait 10s
		< ack(3)`},
	{"a packet that is too old: dropped, not acknowledged, and taken when it comes again in one of today", `
		> oldupdate u 299s
		= update u
		> oldupdate v 301s
		= warning
		wait 10s
		< ack(1)
		> [again v]
		= update v
		wait 10s
		< ack(1)`}, // C8
	{"what is in a packet of today may be of any age", `
		> [oldupdate u 301s, oldupdate v 10s, oldupdate w 3h]
		= update u, update v, update w
		wait 10s
		< ack(3)`}, // C8
	{"a little from the future is all right", `
		> oldupdate u -29s
		= update u, synced`},
	{"an answer may be old", `
		call a
		< a
		skew -301s
		> result a
		= result a`}, // C8
}

// C7, C8: an update that is older than all that is remembered may have been taken before or not. By itself it is left with the
// server; in a container of today it is new, as that is, and taken once until it is acknowledged.
func TestUpdateOlderThanMemory(t *testing.T) {
	p := opened(t, func(c *Config) { c.HoldUpdates = true })
	p.run("wait 200s")
	for range 2*windowSize + 10 {
		if got := p.sendAll("update x"); got != "<nil>" {
			t.Fatal(got)
		}
		e, _ := p.s.Event()
		p.s.Release(e.(Update).MsgID)
	}
	p.run(`
		> oldupdate u 250s
		= warning
		> [again u, update v]
		= update u, update v
		> [again u]
		=`)
	if n := len(p.s.acks.held); n != 2 {
		t.Errorf("%d acknowledgements are held", n)
	}
}

// What closes the connection. // C6, C8, C9, C18
func TestRefusedPackets(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"even msg_id", "even", ErrPacket.Error() + ": even msg_id"},
		{"even msg_id in a container: nothing of it is used", "[update u, even]", ErrPacket.Error() + ": even msg_id"},
		{"from the future", "oldupdate u -31s", ErrTime.Error()},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := opened(t, nil)
			if got := p.sendAll(test.text); got != test.want {
				t.Fatal(got)
			}
			p.run("=")
			p.run("cut\nconnect\n< ping")
			if test.text[0] == 'o' { // it comes again, and is not taken for known
				p.run("> again u\n= update u, synced")
			}
		})
	}
	t.Run("not encrypted with our key", func(t *testing.T) {
		p := opened(t, nil)
		if _, err := p.s.Receive(p.now, make([]byte, 88)); err == nil {
			t.Fatal("taken")
		}
	})
	t.Run("of another session: ignored", func(t *testing.T) { // C5
		p := opened(t, nil)
		if err := p.deliverIn(p.session+1, p.message("update u")); err != nil {
			t.Fatal(err)
		}
		p.run("=")
	})
}

// The server begins the session, once or anew. // C36, C37
func TestNewSession(t *testing.T) {
	for _, test := range births {
		t.Run(test.name, func(t *testing.T) { newPeer(t, quiet).run(test.script) })
	}
	play(t, nil, rebirths)
}

var births = []script{
	{"in its first life, what is older was not executed", `
			connect
			call a
			< [ping a]
			call b
			< b
			> session b
			= session, synced
			< [a' ack(1)]
			> result a', result b
			= result a, result b`},
	{"unless it went in a container that was", `
			connect
			< ping
			call a
			call b
			< [a b]
			> session b
			= session, synced
			wait 10s
			< [state(a b) ack(1)]`},
	{"if it is not the first connection, nothing is certain", `
			connect
			call a
			call b resendable
			< [ping a b]
			cut
			connect
			< [ping state(a b)]
			> session ping
			= session, failed a unknown, synced
			< [b' ack(1)]`},
}

var rebirths = []script{
	{"in a later life, what is older may have been executed before", `
			call a
			call b resendable
			< [a b]
			call c
			< c
			> session c
			= session, failed a unknown
			< [b' ack(1)]
			> result c, result b'
			= result c, result b`},
	{"acknowledged in the former succession: certainly received", `
			call a
			< a
			> ack a
			call c
			< c
			> session c
			= session, failed a yes`},
}

// Each notice counts once. // C36
func TestNewSessionOnce(t *testing.T) {
	p := opened(t, nil)
	p.run("call a resendable\n< a\ncall b\n< b")
	m := p.message("session b")
	for i, want := range []string{"session", "", ""} {
		if i > 0 { // as another message
			m.MsgID = p.nextID(3)
		}
		if err := p.deliver(m); err != nil {
			t.Fatal(err)
		}
		p.run("= " + want)
	}
	p.run("< [a' ack(3)]")
}

// Its salt is taken. // C36
func TestNewSessionSalt(t *testing.T) {
	p := newPeer(t, quiet)
	p.run("connect\n< ping")
	p.s.salts.current.Value = 5
	m := p.message("session ping")
	p.s.salts.current.Value = 6
	if err := p.deliver(m); err != nil {
		t.Fatal(err)
	}
	p.run("= salts, session, synced")
	if p.s.salts.current.Value != 5 {
		t.Error(p.s.salts.current)
	}
}

// Detailed infos and requests to send again, both ways. // C29, C30
func TestResending(t *testing.T) { play(t, nil, resendings) }

var resendings = []script{
	{"an answer that we do not have is asked for", `
		call a
		< a
		> detailed a x
		< resend(x)
		> result a
		= result a`},
	{"one that we have is acknowledged", `
		call a
		< a
		> result a
		= result a
		> detailed-seen a answer(a)
		wait 10s
		< ack(2)`},
	{"one that nobody waits for too", `
		call a
		< a
		cancel a unknown
		< drop(a)
		> detailed a x
		wait 10s
		< ack(1)`},
	{"a message that is no answer", `
		> newdetailed x
		< resend(x)`},
	{"ours: told what we know, and asked whether it is lost", `
			call a
			< a
			> wantagain a
			< [state(a) info(wantagain [1])]
			> info 2
			< a'
			> result a'
			= result a`},
	{"ours, but it had only been late", `
			call a
			< a
			> wantagain a
			< [state(a) info(wantagain [1])]
			> info 4
			> result a
			= result a`},
	{"ours, but it is gone", `
		call a
		< a
		> result a
		= result a
		> wantagain a
		< [info(wantagain [1]) ack(1)]`},
	{"the state of the server's messages", `
		> update u
		= update u
		> wantstate u
		< [info(wantstate [4]) ack(1)]`}, // C26
}
