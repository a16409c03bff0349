package session

import "testing"

// A call that comes after another one is wrapped, each time it is sent, as long as that has not ended. // C39
func TestTurn(t *testing.T) {
	play(t, nil, []script{
		{"both go at once", `
			call a
			call b after a
			< [a b-after-a]
			> result a, result b
			= result a, result b`},
		{"after an answer there is nothing to wait for", `
			call a
			< a
			call b after a
			> result a
			= result a
			< [b ack(1)]
			> result b
			= result b`},
		{"after an error it is for the caller to say", `
			call a
			< a
			call b after a
			call c after b
			call d
			> error a FLOOD_WAIT_3
			= error a FLOOD_WAIT_3
			< [d ack(1)]
			= failed b no, failed c no`},
		{"both are refused: it names the new message", `
			call a
			call b after a
			< [a b-after-a]
			> badbox a 48
			< [a' b'-after-a']`},
		{"refused after the other was answered", `
			call a
			< a
			call b after a
			< b-after-a
			> result a
			= result a
			> bad b 48
			< [b' ack(1)]`},
		{"refused after the other has failed", `
			call a
			< a
			call b after a
			< b-after-a
			> error a FLOOD_WAIT_3
			= error a FLOOD_WAIT_3
			> bad b 48
			<
			= failed b no`},
		{"sent before, and then the other has failed: what it was to follow may be under way", `
			call a
			call b resendable after a
			< [a b-after-a]
			cut
			connect
			< [ping state(a b-after-a)]
			> [session ping, info 1 1]
			= session, failed a unknown
			<
			= failed b unknown`},
		{"in another session it cannot be named", `
			call a
			< a
			call b after a
			> bad ping 33
			= reset 33
			< ping
			= failed b no`},
	})
}
