package torture

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/mtproto/mttest"
)

var historyMessages = flag.Int("history.messages", 1800, "messages that TestHistoryKilled has fetched: 2,000 as fast as they come, then a hundred a second")

// TestHistoryKilled: the daemon is killed by SIGKILL again and again while it fetches history, later than JetStream knows message ids. Every
// message stands in the stream once, oldest first, and the job goes on where it was.
func TestHistoryKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	o := flags
	o.daemons, o.servers, o.accounts, o.strict = 1, 1, 1, false
	g := newRig(t, o)
	t.Cleanup(func() {
		if t.Failed() {
			g.logs()
		}
	})
	g.follows("acc1")
	messages, kills := *historyMessages, 6
	d, channel := g.daemons[0], g.traffic.channels[0]
	var last int
	for i := range messages {
		last = g.traffic.friend.Send(channel, "h"+strconv.Itoa(i)).ID
	}
	var pages atomic.Int64
	at := make(chan struct{}, 1)
	g.telegram.InterceptMethod("messages.getHistory", func(r *mttest.Request) mttest.Action {
		if r.Args.Int("limit") == 100 && pages.Add(1)%4 == 0 {
			select {
			case at <- struct{}{}:
			default:
			}
		}
		return mttest.Delay(20*time.Millisecond, mttest.Pass())
	})
	body := fmt.Appendf(nil, `{"peer":"channel.%d","to":%d}`, channel.ID(), last)
	var job struct {
		Job struct {
			ID, State, Error string
			Done             int
		}
	}
	ask := func(verb string, body []byte, into any) error {
		m, err := g.nc.Request("tg.ctl.acc1.history."+verb, body, 3*time.Second)
		if err != nil {
			return fmt.Errorf("%w: %w", err, errNotYet)
		}
		if text := m.Header.Get("Nats-Service-Error"); text != "" {
			return fmt.Errorf("%s: %w", text, errNotYet)
		}
		return json.Unmarshal(m.Data, into)
	}
	idle, begun, peak := d.resident(t), time.Now(), d.sample(t)
	g.wait("the job", time.Minute, func(context.Context) error { return ask("fetch", body, &job) })
	for range kills {
		select {
		case <-at:
		case <-time.After(10 * time.Second): // it is done
		}
		pause(t.Context(), time.Duration(pages.Load()%5)*7*time.Millisecond) // at different places
		d.kill()
		must(t, d.start())
	}
	g.wait("the end of the job", 5*time.Minute+time.Duration(messages)*20*time.Millisecond, func(context.Context) error {
		var all struct {
			Jobs []struct {
				ID, State, Error string
				Done             int
			}
		}
		if err := ask("list", nil, &all); err != nil {
			return err
		}
		if len(all.Jobs) != 1 || all.Jobs[0].ID != job.Job.ID || all.Jobs[0].State == "failed" {
			t.Fatalf("%+v, and it was %+v", all, job)
		}
		if all.Jobs[0].State != "done" {
			return fmt.Errorf("%+v: %w", all, errNotYet)
		}
		return nil
	})
	took, most := time.Since(begun), peak()
	st, err := g.js.Stream(t.Context(), "TG_HISTORY")
	must(t, err)
	info, err := st.Info(t.Context())
	must(t, err)
	former, count := 0, 0
	for seq := info.State.FirstSeq; seq <= info.State.LastSeq; seq++ {
		m, err := st.GetMsg(t.Context(), seq, jetstream.WithGetMsgSubject(fmt.Sprintf("tg.hist.acc1.channel.%d", channel.ID())))
		must(t, err)
		id, err := strconv.Atoi(m.Header.Get("Tg-Msg-Id"))
		must(t, err)
		if seq = m.Sequence; id <= former {
			t.Fatalf("message %d stands behind %d", id, former)
		}
		former, count = id, count+1
	}
	if former != last || count < messages {
		t.Errorf("%d messages up to %d, want %d up to %d", count, former, messages, last)
	}
	t.Logf("%d messages by %d pages, %d kills, in %s, %d MB resident, %d at most", count, pages.Load(), kills, took.Round(time.Second), idle>>20, most>>20)
}
