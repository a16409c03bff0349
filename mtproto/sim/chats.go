package sim

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/mtproto/session"
)

// invokeAfterMsgID is of the wrapper that says after which message to execute a query.
const invokeAfterMsgID = 0xcb9f372d

// Errors that the server answers calls to chats with.
const (
	waitFailed  = "MSG_WAIT_FAILED"
	waitTimeout = "MSG_WAIT_TIMEOUT"
	floodWait   = "FLOOD_WAIT_"
)

// waitMost is how long a query waits for the one before it (C39).
const waitMost = 500 * time.Millisecond

// deadline is when something may go on.
type deadline struct{ time.Time }

func (d deadline) before(now time.Time) bool { return now.Before(d.Time) }

func floodTime(why string) time.Duration {
	n, _ := strconv.Atoi(strings.TrimPrefix(why, floodWait))
	return time.Duration(n) * time.Second
}

// toChat reports whether a query is one to a chat.
func toChat(name string) bool { return strings.Contains(name, ".") }

// otherID is what the name of a send ends with that has another random_id than before.
const otherID = "+"

// perform executes a query to a chat, if those before it are, or decides that it fails.
func (s *server) perform(x *sessionLife, e *received) {
	if e.decided || e.after != 0 && s.w.mutant != IgnoreAfter && !s.mayPerform(x, e) {
		return
	}
	e.decided = true
	switch {
	case e.refusal != "":
	case x.key.temp && !x.key.bound, s.w.happens(reject):
		e.refusal = e.query
	case s.w.happens(flood):
		e.refusal = fmt.Sprint(floodWait, 1+s.w.rnd.n(5))
	default:
		s.w.log("  server performs %s", e.query)
		s.ledger.perform(e.query, e.random)
	}
}

// mayPerform reports whether the query that another one comes after lets it be decided.
func (s *server) mayPerform(x *sessionLife, e *received) bool {
	switch p := x.find(e.after); {
	case p != nil && p.decided && p.refusal == "":
	case p != nil && (p.decided || !p.running):
		e.refusal = waitFailed
	case s.now().Sub(e.came) >= waitMost:
		e.refusal = waitTimeout
	default:
		return false
	}
	return true
}

// perform notes what a query did: a send that was here already does nothing (D18).
func (l *ledger) perform(name, random string) {
	if name[0] == 's' && l.sent[random] {
		return
	}
	l.sent[random] = true
	l.executed[name]++
	l.deeds = append(l.deeds, name)
	if name[0] == 'e' {
		l.text[chatOf(name)] = name
	}
}

// chatOf is the number of the chat in the name of a query to one.
func chatOf(name string) string {
	chat, _, _ := strings.Cut(name[1:], ".")
	return chat
}

// outcome is what a query to a chat is answered with.
func (s *server) outcome(e *received) []byte {
	switch {
	case e.refusal == "" && s.w.rnd.one(8):
		return zipped(query(e.query, 0))
	case e.refusal == "":
		return query(e.query, 0)
	case strings.HasPrefix(e.refusal, floodWait):
		return encode(&mt.RPCError{ErrorCode: 420, ErrorMessage: e.refusal})
	}
	return encode(&mt.RPCError{ErrorCode: 400, ErrorMessage: e.refusal})
}

// checkChats holds the chats against the sequences of calls: what was done is in order, and the last edit stands. A call that was given
// up, of unknown fate, or refused when it was sent again, and of which an earlier copy is executed only then, may come late: nothing
// that follows waited for it.
func (w *world) checkChats() {
	calls := map[string]*call{}
	for i := range w.senders.chats {
		for _, k := range w.senders.chats[i].calls {
			calls[k.name] = k
		}
	}
	last, edit := map[*chat]*call{}, map[*chat]*call{}
	late := map[string]bool{}
	for i, name := range w.server.ledger.deeds {
		k := calls[name]
		if (k.claimed || k.refused) && i >= k.deeds {
			late[name] = true
			continue
		}
		if p := last[k.chat]; p != nil && p.number >= k.number {
			w.wrong("%s was executed after %s", name, p.name)
		}
		if last[k.chat] = k; k.edit {
			edit[k.chat] = k
		}
	}
	for i := range w.senders.chats {
		h := &w.senders.chats[i]
		text := w.server.ledger.text[strconv.Itoa(h.number)]
		if k := edit[h]; k != nil && text != k.name && !late[text] {
			w.wrong("%s stands in chat %d, not %s", text, h.number, k.name)
		}
		for _, k := range h.calls {
			w.checkTurn(k)
		}
	}
}

// checkTurn holds what was said of a call to a chat against what it did.
func (w *world) checkTurn(k *call) {
	switch n := w.server.ledger.executed[k.name]; {
	case n > 1:
		w.wrong("%s was executed %d times", k.name, n)
	case k.claimed && k.claim == session.No && n > 0:
		w.wrong("%s: said not to be received, and was executed", k.name)
	case !k.claimed && k.refused && k.edit && n > 0: // an earlier copy of a send may have been executed
		w.wrong("%s was refused, and executed", k.name)
	case !k.claimed && !k.refused && n == 0:
		w.wrong("%s was answered, but never executed", k.name)
	}
}
