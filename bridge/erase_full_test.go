package bridge

import (
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/mtproto/mttest"
)

// Somebody can be erased out of the streams of dialogs and of history when these are at their limits, and have no room for anything.
func TestEraseOutOfFullStreams(t *testing.T) {
	w := newTown(t)
	eve := w.AddUser(mttest.User{First: "Eve"})
	eve.Send(w.dora, "before anybody kept anything")
	srv := node(t, "", func(*server.Options) {})
	x := &marked{daemon: newDaemon(t, w, func(s *Settings) { s.URL, s.Secret, s.State = srv.ClientURL(), "sixteen characters", []string{"all"} })}
	x.login("main", w.dora)
	x.await("main", "connected")
	user := fmt.Sprintf("user.%d", eve.ID())
	x.fine(x.ask("tg.ctl.main.history.fetch", fmt.Sprintf(`{"peer":%q}`, user)).Header.Get("Nats-Service-Error"))
	hers := map[string]string{"TG_HISTORY": "tg.hist.main." + user, "TG_STATE": "tg.state.main.dialog." + user}
	of := func(stream string) *jetstream.StreamInfo {
		st, err := x.js.Stream(soon(t), stream)
		if err != nil {
			return &jetstream.StreamInfo{}
		}
		info, err := st.Info(soon(t), jetstream.WithSubjectFilter(hers[stream]))
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	for stream := range hers {
		x.until("something of her is in "+stream, func() bool { return len(of(stream).State.Subjects) > 0 })
	}
	for stream := range hers {
		info := of(stream)
		info.Config.MaxBytes = int64(info.State.Bytes) //nolint:gosec // few
		if _, err := x.js.UpdateStream(soon(t), info.Config); err != nil {
			t.Fatal(err)
		}
	}
	reply := x.ask("tg.ctl.main.erase", fmt.Sprintf(`{"peer":%q}`, user))
	if text := reply.Header.Get("Nats-Service-Error"); text != "" || !strings.Contains(string(reply.Data), `"TG_HISTORY":{"read":1,"erased":1}`) {
		t.Errorf("%s %s", text, reply.Data)
	}
	for stream := range hers {
		if n := len(of(stream).State.Subjects); n > 0 {
			t.Errorf("she is in %s", stream)
		}
	}
}
