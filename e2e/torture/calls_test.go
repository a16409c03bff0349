package torture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/mtproto/mttest"
)

// outcome is what a caller learned.
type outcome uint8

const (
	silent   outcome = iota // nothing: no answer in time, or the connection was lost
	unserved                // nobody listens on the subject
	refused                 // an error, with Tg-Sent
	done                    // a result
)

// call is one request: text is unique; id is its Nats-Msg-Id, "" without. A chat is made by a call that Telegram does not know again,
// so that the daemon alone keeps it from being made twice.
type call struct {
	text, id string
	chat     bool
	outcome  outcome
	sent     string
	unknown  bool // the daemon says that it cannot know what became of it, and that it makes it no more
	tries    int
}

// checkCalls holds what callers were told against what reached Telegram and what stands in its world.
func checkCalls(calls []call, arrived, shown map[string]int) (problems []string) {
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	known := map[string]bool{}
	for _, c := range calls {
		known[c.text] = true
		if n := shown[c.text]; n > 1 {
			wrong("call %q: executed %d times", c.text, n)
		}
		if n := arrived[c.text]; n > 1 && (c.id == "" || c.chat) {
			wrong("call %q: reached Telegram %d times", c.text, n)
		}
		switch {
		case c.chat && c.outcome == done && arrived[c.text] == 0:
			wrong("call %q: was answered, and never reached Telegram", c.text)
		case c.chat:
		case c.outcome == done && shown[c.text] == 0:
			wrong("call %q: was answered, and not executed", c.text)
		case c.id != "": // of several tries, only the last is told here
		case c.outcome == refused && c.sent == "no" && arrived[c.text] > 0:
			wrong("call %q: Tg-Sent said no, and it reached Telegram", c.text)
		case c.outcome == refused && c.sent == "yes" && arrived[c.text] == 0:
			wrong("call %q: Tg-Sent said yes, and it never reached Telegram", c.text)
		case c.outcome == unserved && arrived[c.text] > 0:
			wrong("call %q: nobody listened, and it reached Telegram", c.text)
		}
	}
	for text := range shown {
		if !known[text] {
			wrong("call %q: nobody called", text)
		}
	}
	slices.Sort(problems)
	return problems
}

// callers call messages.sendMessage for accounts, some once and some until they are told that it is done.
type callers struct {
	nc    *nats.Conn
	peers map[string][]mttest.M // where an account writes to
	stop  atomic.Bool           // no new ones; those that are repeated go on

	mu      sync.Mutex
	all     []call
	arrived map[string]int
	number  int
}

const (
	callPrefix  = "call "
	callTimeout = 4 * time.Second
	retryPause  = 200 * time.Millisecond
)

// observe counts what reaches Telegram.
func (c *callers) observe(r *mttest.Request) mttest.Action {
	text := r.Args.Str("message")
	if r.Method == "messages.createChat" {
		text = r.Args.Str("title")
	}
	if (r.Method == "messages.sendMessage" || r.Method == "messages.createChat") && strings.HasPrefix(text, callPrefix) {
		c.mu.Lock()
		c.arrived[text]++
		c.mu.Unlock()
	}
	return mttest.Pass()
}

// run calls in a row until stop; every second call is repeated until it is done or ctx ends.
func (c *callers) run(ctx context.Context, account string, pause time.Duration) {
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for !c.stop.Load() {
		one := c.next(account)
		if one.id == "" {
			c.once(ctx, account, &one)
		} else {
			c.until(ctx, account, &one)
		}
		c.mu.Lock()
		c.all = append(c.all, one)
		c.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (c *callers) next(account string) call {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.number++
	one := call{text: fmt.Sprintf("%s%s %d", callPrefix, account, c.number)}
	if c.number%2 == 0 {
		one.id = fmt.Sprintf("id-%d", c.number)
		one.chat = c.number%8 == 0
	}
	return one
}

// until repeats with one Nats-Msg-Id. RANDOM_ID_DUPLICATE is how Telegram says that it was done before; a call that Telegram does not know
// again is answered 409 where its outcome is not known.
func (c *callers) until(ctx context.Context, account string, one *call) {
	for ctx.Err() == nil {
		telegram := c.once(ctx, account, one)
		if telegram == "RANDOM_ID_DUPLICATE" {
			one.outcome = done
		}
		if one.outcome == done || one.unknown {
			return
		}
		t := time.NewTimer(retryPause)
		select {
		case <-ctx.Done():
		case <-t.C:
		}
		t.Stop()
	}
}

// once asks once, and gives Telegram's error.
func (c *callers) once(ctx context.Context, account string, one *call) (telegram string) {
	one.tries++
	msg := nats.NewMsg("tg.rpc." + account + ".messages.sendMessage")
	msg.Header.Set("Tg-Timeout", "3")
	if one.id != "" {
		msg.Header.Set("Nats-Msg-Id", one.id)
	}
	peers := c.peers[account]
	msg.Data, _ = json.Marshal(map[string]any{"peer": peers[len(one.text+one.id)%len(peers)], "message": one.text})
	if one.chat {
		msg.Subject = "tg.rpc." + account + ".messages.createChat"
		msg.Data, _ = json.Marshal(map[string]any{"users": []any{map[string]string{"_": "inputUserSelf"}}, "title": one.text})
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	reply, err := c.nc.RequestMsgWithContext(ctx, msg)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		one.outcome = unserved
	case err != nil:
		one.outcome = silent
	case reply.Header.Get("Nats-Service-Error-Code") != "":
		one.outcome, one.sent = refused, reply.Header.Get("Tg-Sent")
		one.unknown = one.chat && reply.Header.Get("Nats-Service-Error-Code") == "409" && one.sent == "unknown"
		return reply.Header.Get("Tg-Error")
	default:
		one.outcome = done
	}
	return ""
}

// figures says how calls ended.
func (c *callers) figures() string {
	n := map[string]int{}
	tries, arrived := 0, 0
	for _, one := range c.all {
		name := [...]string{"silent", "unserved", "refused", "done"}[one.outcome]
		if one.outcome == refused {
			name += " sent=" + one.sent
		}
		if one.unknown {
			name = "unknown for good"
		}
		if one.chat {
			name += " (a chat)"
		}
		if one.id != "" {
			name += " (repeated until done)"
			tries += one.tries - 1
		}
		n[name]++
	}
	for _, times := range c.arrived {
		arrived += times
	}
	return fmt.Sprintf("%d calls, %d times asked again, %d reached Telegram: %v", len(c.all), tries, arrived, n)
}
