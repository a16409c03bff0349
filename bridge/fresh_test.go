package bridge

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/natsgram/natsgram/bridge/metrics"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// E30, E32, E36: a large channel is pushed late to who does not look at it. That it is watched is what makes the difference,
// and the metrics show it, each watched channel by itself.
func TestWatchedChannelsComeInTime(t *testing.T) {
	const late = 8 * time.Second // half of it is long enough on a busy machine
	w := newTown(t, func(c *mttest.Config) {
		c.Updates.Timeout, c.Updates.LateChannels = 1, mttest.LateChannels{Over: 2, Delay: late}
	})
	other := w.AddChannel(mttest.ChannelConfig{Title: "Other", Creator: w.alice, Members: []*mttest.Account{w.dora, w.bob}})
	news := strconv.FormatInt(w.news.ID(), 10)
	d := newDaemon(t, w, func(s *Settings) { s.Watch, s.HTTP = []string{"main=" + news}, "127.0.0.1:0" })
	d.login("main", w.dora)
	// It is known where the channels stand, and whatever looked at the other one does so no longer: twice the timeout.
	for w.Executed("messages.getDialogs") < 2 || w.Executed("updates.getChannelDifference") < 2 {
		d.status("main")
	}
	<-time.After(3 * time.Second)
	delay := func(ch *mttest.Channel, sent time.Time) time.Duration {
		t.Helper()
		m := d.updates("tg.upd.main.updateNewChannelMessage.channel."+strconv.FormatInt(ch.ID(), 10), 1)[0]
		meta, err := m.Metadata()
		if err != nil {
			t.Fatal(err)
		}
		return meta.Timestamp.Sub(sent)
	}
	sent := time.Now()
	w.alice.Send(w.news, "a post")
	w.alice.Send(other, "a post")
	watched, unwatched := delay(w.news, sent), delay(other, sent)
	t.Logf("Telegram pushes after %v; watched, the post came after %v, not watched after %v", late, watched, unwatched)
	if watched > late/2 || unwatched < late {
		t.Error("watching makes no difference")
	}
	shown := d.metrics()
	const stored = `natsgram_updates_stored_total{account="main"} 2`
	for ctx := soon(t); !strings.Contains(shown, stored) && ctx.Err() == nil; { // a reader may know it before the daemon does
		shown = d.metrics()
	}
	for _, want := range []string{
		`natsgram_update_delay_seconds_bucket{account="main",chat="channel.` + news + `",le="5"} 1`,
		`natsgram_update_delay_seconds_bucket{account="main",chat="other",le="5"} 0`,
		`natsgram_update_delay_seconds_count{account="main",chat="other"} 1`,
		`natsgram_account_state{account="main",state="connected"} 1`,
		stored,
	} {
		if !strings.Contains(shown, want+"\n") {
			t.Errorf("no %s in\n%s", want, shown)
		}
	}
}

// metrics are what Prometheus would see.
func (d *daemon) metrics() string {
	d.t.Helper()
	s, err := metrics.Serve("127.0.0.1:0", d.b.metrics, d.b.fit, d.b.alive)
	if err != nil {
		d.t.Fatal(err)
	}
	defer s.Close()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	var all strings.Builder
	for _, path := range []string{"/metrics", "/readyz"} {
		resp, err := c.Get("http://" + s.Addr() + path)
		if err != nil {
			d.t.Fatal(err)
		}
		if _, err := io.Copy(&all, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
			d.t.Errorf("%s: %s %v", path, resp.Status, err)
		}
		resp.Body.Close()
	}
	return all.String()
}

// What a caller is answered is counted, by namespace and code.
func TestCallsAreCounted(t *testing.T) {
	_, d := newServed(t, func(s *Settings) { s.HTTP = "127.0.0.1:0" })
	d.ask("tg.rpc.main.help.getConfig", "{}")
	d.ask("tg.rpc.main.messages.sendMessage", `{"peer":7}`)
	shown := d.metrics()
	for _, want := range []string{
		`natsgram_calls_total{account="main",code="ok"} 1`,
		`natsgram_calls_total{account="main",code="400"} 1`,
		`natsgram_call_duration_seconds_count{namespace="help"} 1`,
		`natsgram_connections_total{account="main",event="made"} `,
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("no %s in\n%s", want, shown)
		}
	}
}
