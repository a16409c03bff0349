package session

import (
	"testing"
)

type script struct{ name, script string }

func play(t *testing.T, change func(*Config), scripts []script) {
	for _, test := range scripts {
		t.Run(test.name, func(t *testing.T) { opened(t, change).run(test.script) })
	}
}

// What becomes of calls when the connection breaks. // C26, C27, C41
func TestReconnect(t *testing.T) { play(t, nil, reconnects) }

var reconnects = []script{
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
	{"not received, says a session that was begun anew since, with what came late: nobody knows", `
		call a
		call b resendable
		< [a b]
		cut
		connect
		< [ping state(a b)]
		> info 2 2 anew
		= failed a unknown
		< b'`},
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
}

// Without a word, the state is asked for; of a call that was received, less often. // C27
func TestSilence(t *testing.T) { play(t, nil, silences) }

var silences = []script{
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
	{"C28 said unasked", `
		call a
		< a
		> all a 3
		< state(a)
		> info 3
		< a'`},
}

// The answer is one, and its own call's. // C22
func TestResults(t *testing.T) { play(t, nil, results) }

var results = []script{
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
	{"C31 to a cancelled call: acknowledged", `
		call a
		< a
		cancel a unknown
		< drop(a)
		> result a
		=
		wait 10s
		< ack(1)`},
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
