package flood

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/mtproto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var silent = slog.New(slog.DiscardHandler)

func newBoard(t *testing.T) (*Board, *nats.Conn) {
	t.Helper()
	js, nc := embeddedtest.JetStream(t)
	b, err := Open(t.Context(), storage.Daemon(js, storage.Options{}, nil))
	if err != nil {
		t.Fatal(err)
	}
	return b, nc
}

func pause(method, peer string, d time.Duration) mtproto.Pause {
	return mtproto.Pause{Method: method, Peer: peer, Kind: "FLOOD_WAIT", Until: time.Now().Add(d)}
}

func TestNextOwnerKnows(t *testing.T) {
	b, nc := newBoard(t)
	seen, err := nc.SubscribeSync("$KV.TG_FLOOD.main.>")
	if err == nil {
		err = nc.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	a := b.Account("main", silent)
	a.Note(pause("messages.sendMessage", "channel.7", time.Hour))
	if m, err := seen.NextMsg(10 * time.Second); err != nil || m.Subject != "$KV.TG_FLOOD.main.messages.sendMessage.channel.7" {
		t.Errorf("%v %v", m, err)
	}
	a.Note(pause("messages.sendMessage", "channel.7", time.Hour)) // is there
	a.Note(pause("messages.sendMessage", "user.5", Least-time.Second))
	a.Note(pause("contacts.resolveUsername", "", 2*time.Hour))
	b.Account("other", silent).Note(pause("help.getConfig", "", time.Hour))
	a.Close(t.Context())
	a.Note(pause("help.getConfig", "", time.Hour)) // it is somebody else's now

	heir := b.Account("main", silent)
	got := map[string]bool{}
	for _, p := range heir.Load(t.Context()) {
		got[p.Method+" "+p.Peer+" "+p.Kind] = p.Until.After(time.Now().Add(50 * time.Minute))
	}
	if want := map[string]bool{"messages.sendMessage channel.7 FLOOD_WAIT": true, "contacts.resolveUsername  FLOOD_WAIT": true}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v", got)
	}
	if waits := heir.Waits(); len(waits) != 2 || waits[0].Method != "contacts.resolveUsername" {
		t.Errorf("%+v", waits)
	}
}

// What is over is gone from the board by itself, and nobody's longer.
func TestWaitsEnd(t *testing.T) {
	b, _ := newBoard(t)
	a := b.Account("main", silent)
	a.waits["x"] = Wait{Method: "help.getConfig", Until: time.Now().Add(-time.Second)}
	if all := a.Waits(); len(all) != 0 {
		t.Errorf("%+v", all)
	}
	w := Wait{Method: "help.getConfig", Error: "FLOOD_WAIT", Until: time.Now().Add(10 * time.Millisecond)}
	if err := b.write(t.Context(), "main", w); err != nil {
		t.Fatal(err)
	}
	<-time.After(time.Until(w.Until))
	if all, err := b.Waits(t.Context(), "main"); err != nil || len(all) != 0 {
		t.Errorf("%+v %v", all, err)
	}
	for limit := time.After(20 * time.Second); ; {
		if info, err := b.kv.Status(t.Context()); err == nil && info.Values() == 0 {
			return
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-limit:
			t.Fatal("it stays on the board")
		}
	}
}

// Whoever writes nonsense there, and whatever Telegram says, it stays bounded.
func TestBounds(t *testing.T) {
	b, _ := newBoard(t)
	for k, v := range map[string]string{
		"main.help.getConfig.none.0": "nonsense", "main.a.b.none.0": `{"method":"c.d","until":"2999-01-01T00:00:00Z"}`, "main.x": `{"method":"x"}`,
	} {
		if _, err := b.kv.Put(t.Context(), k, []byte(v)); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := b.Waits(t.Context(), "main"); err != nil || len(all) != 0 {
		t.Errorf("%+v %v", all, err)
	}
	a := (*Board)(nil).Account("main", silent)
	if got := a.Load(t.Context()); got != nil {
		t.Error(got)
	}
	for i := range most + 10 {
		a.Note(pause("messages.sendMessage", fmt.Sprint("user.", i), time.Hour))
	}
	if n := len(a.Waits()); n != most {
		t.Error(n)
	}
	a.Close(t.Context())
}

func TestBoardAway(t *testing.T) {
	b, nc := newBoard(t)
	nc.Close()
	a := b.Account("main", silent)
	if got := a.Load(t.Context()); got != nil {
		t.Error(got)
	}
	a.Note(pause("help.getConfig", "", time.Hour))
	now, cancel := context.WithCancel(t.Context())
	cancel()
	a.Close(now)
	if len(a.Waits()) != 1 {
		t.Error("it is not known any more")
	}
}
