package session

import "testing"

// That nothing is sent without being due is checked wherever a test or the simulation takes packets; here, what is due.
func TestDue(t *testing.T) {
	p := opened(t, nil)
	if p.s.Due() {
		t.Error("there is nothing to say")
	}
	p.run("call a")
	if !p.s.Due() {
		t.Error("a call is not due")
	}
	p.run(`
		< a
		> result a`)
	if p.s.Due() {
		t.Error("one answer alone has its acknowledgement wait")
	}
	p.run("= result a\n flush")
	if !p.s.Due() {
		t.Error("flushed")
	}
	p.run("< ack(1)\n flush\n cut")
	if p.s.Due() {
		t.Error("without a connection nothing is due")
	}
}

// What is owed goes before the connection is closed, and what is held does not. // C15, C17
func TestFlush(t *testing.T) {
	play(t, func(c *Config) { c.HoldUpdates = true }, []script{{"acknowledgements", `
		> update u, update v
		= update u, update v
		release u
		<
		flush
		< ack(1)
		flush
		<`}})
}

// A session that was left, by a former connection of the same key, is destroyed. // C38
func TestDestroyLeft(t *testing.T) {
	p := opened(t, nil)
	p.run(`
		destroy
		< destroy(?)`)
	p.s.Destroy(p.s.SessionID())
	p.run("<")
}
