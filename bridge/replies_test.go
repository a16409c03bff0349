package bridge

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// replyHostile are subjects where only the daemon may write, or the server.
var replyHostile = []string{
	"$KV.TG_SESSIONS.main", "$KV.TG_ACCOUNTS.main", "$JS.API.STREAM.PURGE.TG_UPDATES", "$JS.API.STREAM.DELETE.KV_TG_SESSIONS",
	"tg.upd.main.updateNewMessage.user.5", "tg.own.main", "tg.evt.main.connected", "tg.ctl.main.logout", "app.other", "app.answers.*",
}

// Every subject that the daemon answers on, asked for an answer where none may go (design §10): nothing is done, nothing is
// said, and each is counted.
func TestAnswersGoWhereAnswersMayGo(t *testing.T) {
	_, d := newServed(t, func(s *Settings) { s.Replies = []string{"app.answers"} })
	asked := map[string]string{
		"tg.rpc.main.help.getNearestDc": "{}", "tg.ro.main.help.getNearestDc": "{}", "tg.rpc.main.no.such": "", "tg.rpc.main.x": "",
		"tg.ctl.main.status": "", "tg.ctl.main.watch.list": "", "tg.ctl.main.watch.add": `{"channels":["77"]}`, "tg.ctl.main.login.status": "",
		"tg.ctl.main.logout": "", "tg.ctl._.schema": "", "tg.ctl._.accounts.list": "", "tg.ctl._.accounts.add": `{"account":"made"}`,
		"$SRV.PING": "", "$SRV.INFO": "", "$SRV.STATS": "", "$SRV.PING.natsgram": "", "$SRV.STATS.natsgram-main": "",
	}
	for _, what := range []string{"ping", "accounts", "login", "relay"} {
		asked[d.s.Scheme().Inside(d.b.supervisor.Instance(), what)] = `["main"]`
	}
	want := 0
	for subject, body := range asked {
		for _, reply := range replyHostile {
			if err := d.nc.PublishRequest(subject, reply, []byte(body)); err != nil {
				t.Fatal(err)
			}
			if want++; strings.HasPrefix(subject, "$SRV") && strings.Count(subject, ".") == 1 {
				want++ // the account's service and the daemon's
			}
		}
	}
	limit := time.After(20 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for got := 0; got < want; got = d.b.answers.Dropped() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%d of %d requests were dropped", got, want)
		}
	}
	if got := d.ask("tg.ctl._.accounts.list", ""); strings.Contains(string(got.Data), "made") || !strings.Contains(string(got.Data), "connected") {
		t.Errorf("a request that was not to be answered was done: %s", got.Data)
	}
	if got := d.ask("tg.ctl.main.watch.list", ""); strings.Contains(string(got.Data), "77") {
		t.Errorf("a request that was not to be answered was done: %s", got.Data)
	}
	if got := d.b.answers.Dropped(); got != want {
		t.Errorf("dropped %d, want %d", got, want)
	}
	d.answersAt("app.answers.7")
}

// answersAt asks for an answer at a subject.
func (d *daemon) answersAt(reply string) {
	d.t.Helper()
	sub, err := d.nc.SubscribeSync(reply)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := d.nc.PublishRequest("tg.ro.main.help.getNearestDc", reply, nil); err != nil {
		d.t.Fatal(err)
	}
	if m, err := sub.NextMsg(10 * time.Second); err != nil || !strings.Contains(string(m.Data), "nearestDc") {
		d.t.Errorf("%s: %v %v", reply, m, err)
	}
}

// A context of the nats CLI may have an inbox prefix of any kind: what natsgram itself is asked by it is answered there.
func TestInboxPrefixOfTheConnection(t *testing.T) {
	_, d := newServed(t)
	for prefix, want := range map[string]bool{"": true, "_INBOX_.me": true, "my.inbox": true, "tg.inbox": false, "$JS.x": false} {
		nc, err := nats.Connect(d.b.ClientURL(), func(o *nats.Options) error { o.InboxPrefix = prefix; return nil })
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.b.newAnswers(nc); (err == nil) != want {
			t.Errorf("%q: %v", prefix, err)
		}
		nc.Close()
	}
}
