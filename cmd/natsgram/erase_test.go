package main

import (
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// What the daemon may not read the command goes through with its own user.
func TestEraseGoesThroughWhatIsLeft(t *testing.T) {
	srv, _ := triesOf(t, "erase")
	nc, err := nats.Connect(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	st, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "TG_UPDATES_main", Subjects: []string{"tg.upd.main.>"}})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"5", "6"} {
		if _, err := js.Publish(t.Context(), "tg.upd.main.updateNewMessage.user."+id, []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	sub, err := nc.Subscribe("tg.ctl.main.erase", func(m *nats.Msg) {
		_ = m.Respond([]byte(`{"peer":"user.5","name":"Eve \u001b[2J","names":["eve_e","eve_was"],"streams":{"TG_UPDATES":{"read":2,"erased":1}},"left":["TG_UPDATES_main"]}`))
	})
	if err == nil {
		err = nc.Flush()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Unsubscribe() //nolint:errcheck // the connection ends
	for _, c := range []struct {
		words string
		there uint64
	}{{"--dry-run", 2}, {"--yes", 1}} {
		out, status := command(t, "erase", "main", "user.5", c.words, "-s", srv.ClientURL())
		if info, err := st.Info(t.Context()); err != nil || status != 0 || !strings.HasPrefix(out, `user.5, "Eve \x1b[2J", @eve_e, @eve_was`+"\n") || !strings.Contains(out, "TG_UPDATES_main  1") || info.State.Msgs != c.there {
			t.Errorf("%s: status %d, %v, %+v:\n%s", c.words, status, err, info, out)
		}
	}
}
