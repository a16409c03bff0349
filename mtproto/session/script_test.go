package session

import (
	"testing"
	"time"
)

type script struct{ name, script string }

func play(t *testing.T, change func(*Config), scripts []script) {
	for _, test := range scripts {
		t.Run(test.name, func(t *testing.T) { opened(t, change).run(test.script) })
	}
}

// What becomes of calls when the connection breaks. // C26, C27, C41
func TestReconnect(t *testing.T) {
	play(t, nil, []script{
		{"not received: sent again; received: waited for", `
			call a
			< a
			call b
			< b
			call c
			< c
			call d
			< d
			cut
			call e
			<
			connect
			< [ping state(a b c d) e]
			> info 2 4 36 3
			< [a' d']
			> result a', result b, result c, result d', result e
			= result a, result b, result c, result d, result e`},
		{"answered already: the answer comes again by itself", `
			call a
			< a
			cut
			connect
			< [ping state(a)]
			> info 68
			<
			> result a
			= result a`},
		{"answered, says the server again and again, but no answer comes", `
			call a
			call b resendable
			< [a b]
			cut
			connect
			< [ping state(a b)]
			> info 68 68
			wait 10s
			< state(a b)
			> info 68 68
			wait 10s
			< state(a b)
			> info 68 68
			= failed a yes
			< b'
			> result b'
			= result b`},
		{"the server forgot: nobody knows", `
			call a
			call b resendable
			< [a b]
			cut
			connect
			< [ping state(a b)]
			> [session ping, info 1 1]
			= session, failed a unknown
			< [b' ack(1)]`},
		{"the question is lost too", `
			call a
			< a
			cut
			connect
			< [ping state(a)]
			cut
			connect
			< [ping state(a)]
			> info 2
			< a'`},
		{"the question is refused", `
			call a
			< a
			cut
			connect
			< [ping state(a)]
			> saltbox state 7
			= salts
			< [ping state(a) salts]`},
		{"calls that never went are not asked for", `
			cut
			call a
			connect
			< [ping a]`},
		{"a cancelled call is forgotten", `
			call a
			< a
			cut
			cancel a unknown
			connect
			< ping`},
		{"an answer to a question we did not ask means nothing", `
			call a
			< a
			cut
			connect
			< [ping state(a)]
			> info 2 2
			= warning
			<`},
	})
}

// Without a word, the state is asked for; of a call that was received, less often. // C27
func TestSilence(t *testing.T) {
	play(t, nil, []script{
		{"asked after 10 s, then each minute", `
			call a
			< a
			wait 9s
			<
			wait 1s
			< state(a)
			> info 4
			wait 59s
			<
			wait 1s
			< state(a)
			> info 36
			> result a
			= result a
			wait 1000s
			< ack(1)`},
		{"acknowledged: not asked so soon", `
			call a
			< a
			> ack a
			wait 59s
			<
			wait 1s
			< state(a)`},
		{"lost on the way", `
			call a
			< a
			wait 10s
			< state(a)
			> info 2
			< a'
			> result a'
			= result a`},
		{"no answer to the question: asked again", `
			call a
			< a
			wait 10s
			< state(a)
			wait 10s
			< state(a)`},
		{"said unasked", `
			call a
			< a
			> all a 3
			< state(a)
			> info 3
			< a'`}, // C28
	})
}

// The answer is one, and its own call's. // C22
func TestResults(t *testing.T) {
	play(t, nil, []script{
		{"an error is an answer", `
			call a
			< a
			> error a FLOOD_WAIT_3
			= error a FLOOD_WAIT_3`},
		{"out of order", `
			call a
			call b
			< [a b]
			> result b, result a
			= result b, result a`},
		{"twice: acknowledged twice, given once", `
			call a
			< a
			> result a, result a
			= result a
			wait 10s
			< ack(2)`},
		{"to a cancelled call: acknowledged", `
			call a
			< a
			cancel a unknown
			< drop(a)
			> result a
			=
			wait 10s
			< ack(1)`}, // C31
		{"packed", `
			call a
			< a
			> zip a
			= result a`}, // C21
		{"packed wrongly: the call failed, the connection too, and it does not come again", `
			call a
			< a
			cut
			connect
			< [ping state(a)]
			call b
			< b`},
		{"a call that was not sent is certainly not received", `
			cut
			call a
			cancel a no`},
		{"one that was acknowledged certainly is", `
			call a
			< a
			> ack a
			cancel a yes
			< drop(a)`},
		{"one that was refused certainly is not", `
			call a
			< a
			> salt a 9
			= salts
			cancel a no
			<`},
		{"closing tells of each", `
			call a
			call b
			< [a b]
			> ack a
			cut
			call c
			close
			= failed a yes, failed b unknown, failed c no
			call d
			= failed d no`},
	})
}

func TestBadGzip(t *testing.T) { // C9, C21
	p := opened(t, nil)
	p.run(`
		call a
		< a`)
	if err := p.deliver(p.message("badzip a")); err == nil {
		t.Fatal("no error")
	}
	p.run(`
		= failed a yes
		cut
		connect
		< [ping ack(1)]`)
	p.idle()
}

// Acknowledgements. // C15, C16
func TestAcks(t *testing.T) {
	play(t, nil, []script{
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
	})
}

// Updates are acknowledged only when they are released. // C17
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
func TestReceiving(t *testing.T) {
	play(t, nil, []script{
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
		{"too old: dropped, but acknowledged", `
			> oldupdate u 299s
			= update u
			> oldupdate v 301s
			= warning
			wait 10s
			< ack(2)`}, // C8
		{"a little from the future is all right", `
			> oldupdate u -29s
			= update u, synced`},
		{"an answer may be old", `
			call a
			< a
			skew -301s
			> result a
			= result a`}, // C8
	})
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
		if err := p.s.Receive(p.now, make([]byte, 88)); err == nil {
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
	first := []script{
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
	for _, test := range first {
		t.Run(test.name, func(t *testing.T) { newPeer(t, quiet).run(test.script) })
	}
	play(t, nil, []script{
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
		{"acknowledged in the former life: certainly received", `
			call a
			< a
			> ack a
			call c
			< c
			> session c
			= session, failed a yes`},
	})
	t.Run("each notice counts once", func(t *testing.T) {
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
	})
	t.Run("its salt is taken", func(t *testing.T) {
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
	})
}

// Detailed infos and requests to send again, both ways. // C29, C30
func TestResending(t *testing.T) {
	play(t, nil, []script{
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
		{"ours, by its old id", `
			call a
			< a
			> wantagain a
			< a!
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
	})
}

// Pings: after silence, often enough to keep the connection, and when none is answered the peer is dead. // C32, C33, C35
func TestPing(t *testing.T) {
	begin := func(t *testing.T) *peer {
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
	for _, test := range []script{
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
	} {
		t.Run(test.name, func(t *testing.T) { begin(t).run(test.script) })
	}
	for name, script := range map[string]string{
		"no pong for 10 s: dead":            "wait 5s\n< ping",
		"a call that nobody answers: dead":  "call a\n< a",
		"a question about calls: dead, too": "call a\n< a\ncut\nconnect\n< [ping state(a)]",
	} {
		t.Run(name, func(t *testing.T) {
			p := begin(t)
			p.run(script)
			sent := p.now
			p.now = sent.Add(10 * time.Second)
			p.run("tick <nil>") // 10 s and the time that the packet itself may take
			p.now = sent.Add(10*time.Second + 100*time.Millisecond)
			p.run("tick " + ErrDead.Error())
		})
	}
	t.Run("Wake is when the peer is dead", func(t *testing.T) {
		p := begin(t)
		p.run("wait 5s\n< ping")
		p.now = p.s.Wake()
		p.run("tick " + ErrDead.Error())
	})
	t.Run("bytes of an unfinished packet, and quick acknowledgements, are signs of life", func(t *testing.T) { // A8
		p := begin(t)
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
	})
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
}
