package sim

import (
	"fmt"
	"time"
)

// ledger is what the server did, and what it saw the client do wrong.
type ledger struct {
	executed map[string]int       // by name of the query
	seen     map[string]bool      // received, executed or not yet
	pushed   map[string]time.Time // updates, and when
	given    map[string]bool      // updates that were acknowledged in time
	begun    map[int64]bool       // notices of new sessions, by unique id: acknowledged?
	sent     map[string]bool      // random_ids of sends to chats
	text     map[string]string    // the edit that stands, by chat
	deeds    []string             // what was executed in chats, in order
	problem  error
}

func newLedger() ledger {
	return ledger{executed: map[string]int{}, seen: map[string]bool{}, pushed: map[string]time.Time{},
		given: map[string]bool{}, begun: map[int64]bool{},
		sent: map[string]bool{}, text: map[string]string{}}
}

// wrong notes the first problem; the others follow from it, as a rule.
func (l *ledger) wrong(format string, a ...any) {
	if l.problem == nil {
		l.problem = fmt.Errorf(format, a...)
	}
}

// tooOld is the age from which the client may drop an update without delivering it (C8), with some time to spare.
const tooOld = 280 * time.Second

// acknowledged notes that the client has answered for a message. What is acknowledged is delivered, or too old.
func (l *ledger) acknowledged(t *told, now time.Time) {
	if t.update != "" && now.Sub(l.pushed[t.update]) < tooOld {
		l.given[t.update] = true
	}
	if t.unique != 0 {
		l.begun[t.unique] = true
	}
}
