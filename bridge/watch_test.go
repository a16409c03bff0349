package bridge

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto/mttest"
)

// E32, E36: a watched channel is looked at as often as Telegram says; what is watched is changed at run time, and outlives
// the daemon.
func TestWatchedChannels(t *testing.T) {
	w := newTown(t)
	d := newDaemon(t, w, func(s *Settings) { s.Watch = []string{"main=" + strconv.FormatInt(w.news.ID(), 10)} })
	d.login("main", w.dora)
	const differences = "updates.getChannelDifference"
	looked := func(more int) {
		t.Helper()
		before := w.Executed(differences)
		for limit := time.Now().Add(20 * time.Second); w.Executed(differences) < before+more; {
			if time.Now().After(limit) {
				t.Fatalf("looked %d times", w.Executed(differences)-before)
			}
			d.status("main")
		}
	}
	ask := func(verb, body, want string) {
		t.Helper()
		if reply := d.ask("tg.ctl.main.watch."+verb, body); string(reply.Data) != want && !strings.Contains(reply.Header.Get("Nats-Service-Error"), want) {
			t.Errorf("%s: %v %s", verb, reply.Header, reply.Data)
		}
	}
	news := `"` + strconv.FormatInt(w.news.ID(), 10) + `"`
	looked(2)
	ask("list", "", `{"channels":[`+news+`]}`)
	ask("remove", `{"channels":[`+news+`]}`, `{"channels":[]}`)
	ask("add", `{"channels":["x"]}`, `watch.add: channels[0]: "x" names no peer`)
	ask("add", `{"channels":["7","@alice"]}`, `watch.add: channels[1]: user.`)
	ask("add", `{"channels":[1.5]}`, `watch.add: channels[0]: "1.5" names no peer`)
	ask("add", `{"channels":["channel.404"]}`, `{"channels":["404"]}`)
	ask("remove", `{"channels":["t.me/c/404/5"]}`, `{"channels":[]}`)
	for _, written := range []string{`"channel.%d"`, `-1000000000000`, `"https://t.me/c/%d/17"`, `{"_":"peerChannel","channel_id":"%d"}`, `{"_":"inputPeerChannel","channel_id":%d}`} {
		if written = fmt.Sprintf(strings.Replace(written, "%d", "%[1]d", 1), w.news.ID()); written[0] == '-' {
			written = strconv.FormatInt(-1000000000000-w.news.ID(), 10)
		}
		ask("add", `{"channels":[`+written+`]}`, `{"channels":[`+news+`]}`)
		ask("remove", `{"channels":[`+written+`]}`, `{"channels":[]}`)
	}
	ask("add", `[]`, `watch.add`)
	ask("add", `{"channels":["1","2","3","4","5","6","7","8","9",10,"-1000000000011"]}`, `{"channels":["1","2","3","4","5","6","7","8","9","10"],"left":["11"]}`)
	ask("remove", `{"channels":["1","2","3","4","5","6","7","8","9","11"]}`, `{"channels":["10"]}`)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	d.start()
	if err := d.b.WaitServing(soon(t), "main"); err != nil {
		t.Fatal(err)
	}
	ask("add", `{"channels":[`+news+`]}`, `{"channels":["10",`+news+`]}`)
	looked(1)
}

// E12: what no difference gives back is a gap in its place, and comes out of history behind it, marked.
func TestGapIsFilled(t *testing.T) {
	w := newTown(t, func(c *mttest.Config) { c.Updates.ChannelTooLong = 10 })
	d := newDaemon(t, w)
	d.login("main", w.dora)
	w.alice.Send(w.news, "before")
	d.updates("tg.upd.main.updateNewChannelMessage.>", 1)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	const n = 30
	for i := range n {
		w.alice.Send(w.news, strconv.Itoa(i))
	}
	d.start()
	gap := d.updates("tg.upd.main.gap.channel.>", 1)[0]
	if !strings.Contains(string(gap.Data()), `"reason":"too long","filled":true`) || !strings.Contains(gap.Subject(), "gap.channel."+strconv.FormatInt(w.news.ID(), 10)) {
		t.Errorf("%s %s", gap.Subject(), gap.Data())
	}
	w.alice.Send(w.news, "after")
	texts := map[string]int{}
	filled := 0
	for _, m := range d.updates("tg.upd.main.updateNewChannelMessage.>", n+2) {
		_, text, _ := strings.Cut(string(m.Data()), `"message":"`)
		text, _, _ = strings.Cut(text, `"`)
		texts[text]++
		if m.Headers().Get("Tg-Backfill") == "true" {
			filled++
		}
	}
	if len(texts) != n+2 || filled == 0 {
		t.Errorf("%d filled, %v", filled, texts)
	}
}
