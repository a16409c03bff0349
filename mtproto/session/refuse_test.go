package session

import (
	"strings"
	"testing"
	"time"
)

// Every code, about a lone message and about a container: what was refused is sent again, under a new id, in the right
// session. // C25, C41
func TestRefusals(t *testing.T) { play(t, nil, refusalScripts) }

var refusalScripts = []script{
	{"16: the clock was behind", `
			skew 1h
			call a
			< a
			> bad a 16
			= synced
			< a'
			> result a'
			= result a`},
	{"17: the clock was ahead, and all ids of the session are spoilt", `
			skew -1h
			call a
			< a
			> bad a 17
			= reset 17, synced
			< [ping a']
			> result a'
			= result a`},
	{"18: low bits", `
			call a
			< a
			> bad a 18
			= warning, reset 18
			< [ping a']`},
	{"19: container id used twice", `
			call a
			call b
			< [a b]
			> badbox a 19
			= warning, reset 19
			< [ping a' b']`},
	{"20: too old to know: asked, and not received", `
			call a
			< a
			> bad a 20
			< state(a)
			> info 2
			< a'
			> result a'
			= result a`},
	{"20: too old to know: asked, and received", `
			call a
			< a
			> bad a 20
			< state(a)
			> info 4
			<
			> result a
			= result a`},
	{"32: seq_no too low", `
			call a
			< a
			> bad a 32
			= reset 32
			< [ping a']
			> result a'
			= result a`},
	{"33: seq_no too high", `
			call a
			< a
			> bad a 33
			= reset 33
			< [ping a']
			> result a'
			= result a`},
	{"34: parity", `
			call a
			< a
			> bad a 34
			= warning, reset 34
			< [ping a']`},
	{"35: parity", `
			call a
			< a
			> bad a 35
			= warning, reset 35
			< [ping a']`},
	{"48: wrong salt, without the right one", `
			call a
			< a
			> bad a 48
			<  a'
			> salt a' 5
			= salts
			< [a'' salts]`},
	{"64: a bad container: never again in one", `
			call a
			call b
			< [a b]
			> badbox b 64
			= warning, reset 64
			< a', b', ping`},
	{"an unknown code", `
			call a
			< a
			> bad a 99
			= warning, reset 99
			< [ping a']`},
	{"about a container: about all in it", `
			call a
			call b
			< [a b]
			> badbox a 33
			= reset 33
			< [ping a' b']`},
	{"about one in a container: about that one", `
			call a
			call b
			< [a b]
			> bad b 20
			< state(b)`},
	{"about something that we did not send", `
			call a
			< a
			> result a
			= result a
			> bad a 33
			=
			< `},
}

// The table has every code that the protocol knows.
func TestReactionTable(t *testing.T) {
	for _, code := range []int32{16, 17, 18, 19, 20, 32, 33, 34, 35, 48, 64} { // C25
		if _, ok := reactions[code]; !ok {
			t.Errorf("no reaction to %d", code)
		}
	}
	if r := reactionTo(65); !r.renew || r.then != again {
		t.Errorf("reaction to 65: %+v", r)
	}
}

// Salts: C23
func TestBadServerSalt(t *testing.T) {
	for _, test := range []struct{ name, script string }{
		{"the salt is taken and the message sent again", `
			call a
			< a
			> salt a 77
			= salts
			< [a' salts]
			> result a'
			= result a`},
		{"a whole container, acknowledgements and all", `
			> update u
			= update u
			call a
			call b
			< [a b ack(1)]
			> saltbox a 77
			= salts
			< [a' b' salts ack(1)]`},
		{"only for what we sent", `
			call a
			< a
			> result a
			= result a
			> salt a 77
			=
			< `},
		{"notices about a burst are one round", `
			call a
			< a
			call b
			< b
			call c
			< c
			> salt a 77, salt b 77, salt c 77
			= salts
			< [a' b' c' salts]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := opened(t, nil)
			p.run(test.script)
			if m := p.seqs[len(p.seqs)-1]; strings.Contains(test.script, "salts") && m.salt != 77 {
				t.Errorf("salt %d", m.salt)
			}
		})
	}
}

// A server that refuses every salt, its own too: the connection is given up, the call is not lost. // C23
func TestSaltLoop(t *testing.T) {
	p := opened(t, nil)
	p.run("call a")
	var err error
	name := "a"
	for i := 0; err == nil; i++ {
		if i > maxRounds {
			t.Fatal("no end")
		}
		p.receive()
		err = p.deliver(p.message("salt " + name + " " + []string{"1", "2"}[i%2]))
		name += "'"
	}
	if !strings.Contains(err.Error(), ErrLoop.Error()) {
		t.Fatal(err)
	}
	if p.s.Pending() != 1 {
		t.Fatal("call lost")
	}
}

// A call that is refused again and again, while others succeed, ends. // C25
func TestRefusedCall(t *testing.T) {
	p := opened(t, nil)
	p.run("call a")
	for range maxRefused {
		p.receive()
		name := strings.Repeat("'", p.times["a"]-1)
		p.run("call ok" + name)
		p.receive()
		if err := p.deliver(p.message("result ok" + name)); err != nil {
			t.Fatal(err)
		}
		if err := p.deliver(p.message("bad a" + name + " 48")); err != nil {
			t.Fatal(err)
		}
	}
	if got := p.events(); !strings.HasSuffix(got, "failed a no") {
		t.Fatal(got)
	}
}

// Calls that were under way when the session had to be left. // C5, C25, C38, C42
func TestLeftSession(t *testing.T) {
	for _, test := range departures {
		t.Run(test.name, func(t *testing.T) {
			p := opened(t, nil)
			p.run(`
				call a
				call b
				< [a b]
				call c
				< c
				call d
				< d
				call e resendable
				< e
				> ack d, bad c 33
				= reset 33
				< [ping c']`)
			p.run(test.script)
		})
	}
}

var departures = []script{
	{"late answers are taken", `
		>> result a
		>> result e
		= result a, result e`},
	{"late refusalScripts too", `
		>> badbox a 33
		=
		< [a' b']`},
	{"then what is left fails and says what is known, or is sent again, and the server may forget", `
		wait 10s
		= failed a unknown, failed b unknown, failed d yes
		< [state(c') destroy e']
		cancel e unknown`},
	{"a cut ends it at once", `
		cut
		= failed a unknown, failed b unknown, failed d yes
		connect
		< [ping state(c') destroy e']`},
	{"leaving the next one too does not make us forget to say that the first is done with", `
		> bad c' 33
		= failed a unknown, failed b unknown, failed d yes, reset 33
		< [ping destroy(?) c'' e']`},
	{"what nobody can tell stays so", `
		>> bad d 20
		>> result d
		= result d`},
	{"nothing else of the old session counts", `
		>> update u
		>> info 4
		>> session d
		=
		<`},
	{"nor does anything after a while", `
		wait 10s
		= failed a unknown, failed b unknown, failed d yes
		>> result e
		=`},
}

// Time: the session survives a clock that is hours off, either way, and one that steps. // C10, C11, C12
func TestWrongClock(t *testing.T) {
	for _, skew := range []time.Duration{-5 * time.Hour, 5 * time.Hour} {
		p := opened(t, nil)
		p.skew, p.lastID = skew, 0
		p.run("call a")
		p.receive()
		code := "16"
		if skew < 0 {
			code = "17"
		}
		if err := p.deliver(p.message("bad a " + code)); err != nil {
			t.Fatal(err)
		}
		p.receive()
		if got := time.Duration(timeOf(p.queries["a'"]) - p.now.Add(skew).UnixNano()); got.Abs() > time.Second {
			t.Errorf("skew %v: id is %v off", skew, got)
		}
	}
}
