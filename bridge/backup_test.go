package bridge

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/bridge/backup"
	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
)

// A backup is put onto another NATS, with and without the updates: the accounts go on there without a login, and nothing that was said
// meanwhile is missing or there twice.
func TestBackupOntoAnotherNATS(t *testing.T) {
	t.Parallel() // it waits most of the time
	for _, updates := range []bool{false, true} {
		t.Run(fmt.Sprint("updates ", updates), func(t *testing.T) {
			w := newTown(t)
			d := newDaemon(t, w, func(s *Settings) { s.Secret = "sixteen characters" })
			d.login("main", w.dora)
			w.alice.Send(w.dora, "before")
			until(t, "at first", func() error { return errors.Join(whole([]*daemon{d}, "main"), holds(d, "before")) })
			for verb, body := range map[string]string{"freeze": `{"reason":"hacked"}`, "budget.set": `{"name":"alerts","methods":["*"],"calls":5}`} {
				if got := refusedWith(d.ask("tg.ctl.main."+verb, body)); got != "" {
					t.Fatal(got)
				}
			}
			if updates { // else what came after the last position is left to Telegram
				if err := d.stop(); err != nil {
					t.Fatal(err)
				}
			}
			var file bytes.Buffer
			m, checked, err := Backup(soon(t), d.s, d.o, &file, updates)
			if err != nil || !checked || fmt.Sprint(m.Accounts) != "[main]" {
				t.Fatal(m, checked, err)
			}
			if err := d.stop(); err != nil {
				t.Fatal(err)
			}
			w.alice.Send(w.dora, "meanwhile")

			srv := embeddedtest.Start(t)
			there := d.s
			there.URL = srv.ClientURL()
			wrong := there
			wrong.Secret, wrong.StateDir = "another sixteen characters", t.TempDir()
			var refused *backup.RefusedError
			if _, err := Restore(soon(t), wrong, d.o, read(t, file.Bytes()), false); !errors.As(err, &refused) || !strings.Contains(err.Error(), "another secret") {
				t.Errorf("with another secret: %v", err)
			}
			out, err := Restore(soon(t), there, d.o, read(t, file.Bytes()), false)
			if err != nil || out.Sessions != 1 || out.Positions != 1 || (out.Updates > 0) != updates {
				t.Fatal(out, err)
			}
			d.s = there
			d.start()
			if err := d.b.WaitServing(soon(t), "main"); err != nil {
				t.Fatal(err)
			}
			if st := d.status("main"); st.Frozen == nil || st.Frozen.Reason != "hacked" {
				t.Errorf("%+v", st.Frozen)
			}
			if l := d.ask("tg.ctl.main.budget.list", ""); !strings.Contains(string(l.Data), "alerts") {
				t.Errorf("%s", l.Data)
			}
			w.alice.Send(w.dora, "after")
			until(t, "on the other NATS", func() error { return errors.Join(holds(d, "meanwhile"), holds(d, "after")) })
			if err := holds(d, "before"); updates && err != nil {
				t.Error(err)
			}
			if n := w.DuplicatedKeys(); n != 0 {
				t.Errorf("%d keys were used from two places", n)
			}
		})
	}
}

func read(t *testing.T, file []byte) *backup.Backup {
	t.Helper()
	b, err := backup.Read(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Nothing is restored over what runs, and over what is newer only by force.
func TestRestoreRefuses(t *testing.T) {
	t.Parallel() // it waits most of the time
	w, d := newServed(t)
	var file bytes.Buffer
	if _, _, err := Backup(soon(t), d.s, d.o, &file, false); err != nil {
		t.Fatal(err)
	}
	var refused *backup.RefusedError
	if _, err := Restore(soon(t), d.s, d.o, read(t, file.Bytes()), true); !errors.As(err, &refused) || !strings.Contains(err.Error(), "stop that daemon") {
		t.Errorf("over a running account: %v", err)
	}
	d.login("main", w.bob) // newer than the backup
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(soon(t), d.s, d.o, read(t, file.Bytes()), false); !errors.As(err, &refused) || !strings.Contains(err.Error(), "a newer session of main") {
		t.Errorf("over a newer session: %v", err)
	}
	if out, err := Restore(soon(t), d.s, d.o, read(t, file.Bytes()), true); err != nil || out.Sessions != 1 {
		t.Errorf("by force: %+v, %v", out, err)
	}
	d.start()
	if err := d.b.WaitServing(soon(t), "main"); err != nil {
		t.Fatal(err)
	}
	if id := d.b.accounts.Runner("main").Status().UserID; id != w.dora.ID() {
		t.Errorf("user %d runs, want %d of the backup", id, w.dora.ID())
	}
}
