package bridge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/bridge/embedded"
	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
)

// until waits for something that nobody tells.
func until(t *testing.T, what string, is func() error) {
	t.Helper()
	ctx, tick := soon(t), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for {
		err := is()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		case <-tick.C:
		}
	}
}

// whole says what is missing of an account that runs on one of the daemons, and its storage.
func whole(all []*daemon, name string) error {
	var errs []error
	serving := 0
	for _, d := range all {
		errs = append(errs, d.b.fit())
		if r := d.b.accounts.Runner(name); r != nil && r.Status().State == account.Connected {
			serving++
		}
	}
	if serving != 1 {
		errs = append(errs, fmt.Errorf("served by %d daemons", serving))
	}
	d := all[0]
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	reports, err := d.b.services.Storage.Reports(ctx)
	if errs = append(errs, err); err == nil {
		for _, r := range reports {
			if r.Missing && !r.Lazy || len(r.Differs) > 0 {
				errs = append(errs, fmt.Errorf("%s: %+v", r.Name, r))
			}
		}
	}
	for _, bucket := range []string{"TG_SESSIONS", "TG_ACCOUNTS", "TG_POSITIONS"} {
		kv, err := d.js.KeyValue(ctx, bucket)
		if err == nil {
			_, err = kv.Get(ctx, name)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", bucket, err))
		}
	}
	return errors.Join(errs...)
}

// Whatever is deleted or emptied under two running daemons stands there again within a lease's time, with what they know; the account is
// run all the while by one of them alone, and what Telegram sends meanwhile is in the stream, once.
func TestWhatIsGoneIsMadeAnew(t *testing.T) {
	t.Parallel() // it waits most of the time
	srv := embeddedtest.Start(t)
	w := newTown(t)
	shared := func(s *Settings) { s.URL, s.Secret = srv.ClientURL(), "sixteen characters" }
	all := []*daemon{newDaemon(t, w, shared), newDaemon(t, w, shared)}
	d := all[0]
	ctx := soon(t)
	if _, err := Login(ctx, d.s, d.o, SignIn{Account: "main", Phone: w.dora.Phone(), Prompt: d.prompt(w.dora)}); err != nil {
		t.Fatal(err)
	}
	until(t, "at first", func() error { return whole(all, "main") })
	said := 0
	for _, c := range []struct {
		what string
		do   func(ctx context.Context) error
	}{
		{"TG_UPDATES deleted", gone(d.js, "TG_UPDATES")},
		{"TG_EVENTS, TG_SESSIONS and TG_POSITIONS deleted", gone(d.js, "TG_EVENTS", "KV_TG_SESSIONS", "KV_TG_POSITIONS")},
		{"TG_SESSIONS and TG_POSITIONS purged", purged(d.js, "KV_TG_SESSIONS", "KV_TG_POSITIONS")},
		{"TG_ACCOUNTS deleted", gone(d.js, "KV_TG_ACCOUNTS")},
		{"TG_ACCOUNTS purged", purged(d.js, "KV_TG_ACCOUNTS")},
		{"TG_LEASES deleted", gone(d.js, "KV_TG_LEASES")},
		{"TG_LEASES purged", purged(d.js, "KV_TG_LEASES")},
		{"TG_UPDATES purged", purged(d.js, "TG_UPDATES")},
		{"the subjects of TG_UPDATES changed", func(ctx context.Context) error {
			st, err := d.js.Stream(ctx, "TG_UPDATES")
			if err != nil {
				return err
			}
			c := st.CachedInfo().Config
			c.Subjects = []string{"elsewhere.>"}
			_, err = d.js.UpdateStream(ctx, c)
			return err
		}},
		{"everything deleted", gone(d.js, "TG_UPDATES", "TG_EVENTS", "KV_TG_SESSIONS", "KV_TG_POSITIONS", "KV_TG_ACCOUNTS", "KV_TG_LEASES")},
	} {
		begun := time.Now()
		if err := c.do(soon(t)); err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		said++
		w.alice.Send(w.dora, fmt.Sprint("message ", said))
		until(t, c.what, func() error { return errors.Join(whole(all, "main"), holds(d, fmt.Sprint("message ", said))) })
		t.Logf("%s: as it was after %v", c.what, time.Since(begun).Round(time.Millisecond))
	}
	if n := w.DuplicatedKeys(); n != 0 {
		t.Errorf("%d keys were used from two places", n)
	}
	for _, d := range all {
		if err := d.stop(); err != nil {
			t.Error(err)
		}
	}
	all[0].start()
	if err := all[0].b.WaitServing(soon(t), "main"); err != nil {
		t.Fatal(err)
	}
	if err := holds(all[0], fmt.Sprint("message ", said)); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

func gone(js jetstream.JetStream, streams ...string) func(context.Context) error {
	return func(ctx context.Context) (err error) {
		for _, name := range streams {
			err = errors.Join(err, js.DeleteStream(ctx, name))
		}
		return err
	}
}

func purged(js jetstream.JetStream, streams ...string) func(context.Context) error {
	return func(ctx context.Context) error {
		for _, name := range streams {
			st, err := js.Stream(ctx, name)
			if err == nil {
				err = st.Purge(ctx)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
}

// holds says whether the stream holds a message once, as its last.
func holds(d *daemon, text string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	st, err := d.js.Stream(ctx, "TG_UPDATES")
	if err != nil {
		return err
	}
	n, seq := 0, uint64(1)
	for {
		m, err := st.GetMsg(ctx, seq, jetstream.WithGetMsgSubject("tg.upd.main.updateNewMessage.>"))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			break
		}
		if err != nil {
			return err
		}
		if seq = m.Sequence + 1; strings.Contains(string(m.Data), `"`+text+`"`) {
			n++
		}
	}
	if n != 1 {
		return fmt.Errorf("%q is in the stream %d times", text, n)
	}
	return nil
}

// A NATS server that comes back with an empty store, at once or after the leases have ended: the daemon goes on by itself.
func TestWholeStoreLost(t *testing.T) {
	t.Parallel() // it waits most of the time
	for _, away := range []time.Duration{0, 11 * time.Second} {
		t.Run(fmt.Sprint("away for ", away), func(t *testing.T) {
			t.Parallel()
			srv, err := embedded.Start(embedded.Config{Dir: t.TempDir(), NoSync: true})
			if err != nil {
				t.Fatal(err)
			}
			url := srv.ClientURL()
			w := newTown(t)
			d := newDaemon(t, w, func(s *Settings) { s.URL, s.Secret = url, "sixteen characters" })
			d.login("main", w.dora)
			w.alice.Send(w.dora, "before")
			until(t, "at first", func() error { return errors.Join(whole([]*daemon{d}, "main"), holds(d, "before")) })
			srv.Close()
			w.alice.Send(w.dora, "while it is away")
			select {
			case <-time.After(away): // it is the point of the test
			case <-t.Context().Done():
			}
			srv, err = embedded.Start(embedded.Config{Dir: t.TempDir(), Port: portOf(t, url), NoSync: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(srv.Close)
			begun := time.Now()
			w.alice.Send(w.dora, "after")
			until(t, "after the loss", func() error {
				return errors.Join(whole([]*daemon{d}, "main"), holds(d, "while it is away"), holds(d, "after"))
			})
			t.Logf("as it was after %v", time.Since(begun).Round(time.Millisecond))
			if err := d.stop(); err != nil {
				t.Error(err)
			}
			d.start()
			if err := d.b.WaitServing(soon(t), "main"); err != nil {
				t.Error(err)
			}
			if n := w.DuplicatedKeys(); n != 0 {
				t.Errorf("%d keys were used from two places", n)
			}
		})
	}
}

func portOf(t *testing.T, url string) (port int) {
	t.Helper()
	if _, err := fmt.Sscanf(url[strings.LastIndexByte(url, ':')+1:], "%d", &port); err != nil {
		t.Fatal(err)
	}
	return port
}

// What is kept of dialogs and history is made anew too, under a daemon that keeps them: the dialogs stand there again, and history can be fetched.
func TestStateAndHistoryLost(t *testing.T) {
	t.Parallel()
	srv := embeddedtest.Start(t)
	w := newTown(t)
	d := newDaemon(t, w, func(s *Settings) { s.URL, s.Secret, s.State = srv.ClientURL(), "sixteen characters", []string{"all"} })
	d.login("main", w.dora)
	w.alice.Send(w.dora, "hello")
	about := fmt.Sprintf("tg.state.main.dialog.user.%d", w.alice.ID())
	kept := func() error {
		st, err := d.js.Stream(soon(t), "TG_STATE")
		if err == nil {
			_, err = st.GetLastMsgForSubject(soon(t), about)
		}
		if told := d.status("main").Dialogs; err == nil && (told == nil || !told.Complete || told.Error != "") {
			err = fmt.Errorf("told %+v", told)
		}
		return err
	}
	fetched := func() error {
		m := d.ask("tg.ctl.main.history.fetch", `{"peer":"@alice"}`)
		st, err := d.js.Stream(soon(t), "TG_HISTORY")
		if err == nil && st.CachedInfo().State.Msgs == 0 {
			err = fmt.Errorf("nothing is fetched: %v %s", m.Header, m.Data)
		}
		return err
	}
	until(t, "dialogs at first", kept)
	until(t, "history at first", fetched)
	for range 2 {
		if err := gone(d.js, "TG_STATE", "TG_HISTORY")(soon(t)); err != nil {
			t.Fatal(err)
		}
		until(t, "dialogs", kept)
		until(t, "history", fetched)
	}
}
