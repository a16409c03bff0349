package bridge

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/bridge/backing"
	"github.com/natsgram/natsgram/bridge/embedded"
	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/bridge/vault"
)

// A key file that is missing beside sessions is said before anything is tried, by the daemon and by login; none is made in its place.
func TestKeyFileMissing(t *testing.T) {
	t.Parallel() // it waits most of the time
	w, d := newServed(t)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(d.s.StateDir, "secret.key")
	if err := os.Rename(path, path+".elsewhere"); err != nil {
		t.Fatal(err)
	}
	b, err := New(d.s, d.o)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Run(soon(t)); err == nil || !strings.Contains(err.Error(), path+" is missing") {
		t.Errorf("the daemon: %v", err)
	}
	codes := w.Executed("auth.sendCode")
	_, err = Login(soon(t), d.s, d.o, SignIn{Account: "other", Phone: w.bob.Phone(), Prompt: d.prompt(w.bob)})
	if err == nil || !strings.Contains(err.Error(), path+" is missing") || w.Executed("auth.sendCode") != codes {
		t.Errorf("a login: %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("another key was made: %v", err)
	}
	if err := os.Rename(path+".elsewhere", path); err != nil {
		t.Fatal(err)
	}
	d.start()
	if err := d.b.WaitServing(soon(t), "main"); err != nil {
		t.Error(err)
	}
}

// The key file is changed while the daemon is away, in one go or cut short anywhere: every session opens at every moment.
func TestRotateKeyFile(t *testing.T) {
	t.Parallel() // it waits most of the time
	w, d := newServed(t)
	d.login("bob", w.bob)
	if _, err := RotateSecret(soon(t), d.s, d.o); err == nil || !strings.Contains(err.Error(), "stop it first") {
		t.Errorf("with the daemon running: %v", err)
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	dir := d.s.StateDir
	before, err := os.ReadFile(filepath.Join(dir, "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	opens := func(when string) {
		t.Helper()
		base, err := backing.Command(soon(t), d.o.backing(d.s))
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		defer base.Close()
		for _, name := range []string{"main", "bob"} {
			if _, err := base.Vault.Load(soon(t), name); err != nil {
				t.Errorf("%s: %v", when, err)
			}
		}
	}
	// Cut short after the first session: a key file is next to the other.
	base, err := backing.Command(soon(t), d.o.backing(d.s))
	if err != nil {
		t.Fatal(err)
	}
	present, err := vault.ReadKey(filepath.Join(dir, "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	next, err := vault.MakeKey(filepath.Join(dir, "secret.key.next"))
	if err != nil {
		t.Fatal(err)
	}
	if base.Vault, err = vault.Open(soon(t), base.Storage, next, present); err != nil {
		t.Fatal(err)
	}
	if done, err := base.Vault.Reseal(soon(t), "bob"); err != nil || !done {
		t.Fatal(done, err)
	}
	base.Close()
	opens("after the first session")
	r, err := RotateSecret(soon(t), d.s, d.o)
	if err != nil || len(r.Sealed)+len(r.Kept) != 2 || len(r.Kept) == 0 {
		t.Fatal(r, err)
	}
	opens("at the end")
	after, err := os.ReadFile(filepath.Join(dir, "secret.key"))
	if err != nil || string(after) == string(before) {
		t.Error("the key file is the same", err)
	}
	for _, name := range []string{"secret.key.next", "secret.key.old"} {
		if _, err := os.Stat(filepath.Join(dir, name)); !errors.Is(err, os.ErrNotExist) {
			t.Error(name, err)
		}
	}
	// Cut short between the renames.
	if _, err := vault.MakeKey(filepath.Join(dir, "secret.key.next")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "secret.key"), filepath.Join(dir, "secret.key.old")); err != nil {
		t.Fatal(err)
	}
	opens("between the renames")
	if _, err := RotateSecret(soon(t), d.s, d.o); err != nil {
		t.Fatal(err)
	}
	d.start()
	for _, name := range []string{"main", "bob"} {
		if err := d.b.WaitServing(soon(t), name); err != nil {
			t.Error(err)
		}
	}
}

// A key file is not changed for another one while there is a session that the next one does not open: the former key may be what opens it, once its
// record is put right. Records that neither opens are counted, and end nothing. What was sealed anew opens meanwhile, and the change goes on when that session is gone.
func TestRotateKeyFileBesideAForeignSession(t *testing.T) {
	w, d := newServed(t)
	d.login("bob", w.bob)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	dir := d.s.StateDir
	read := func() string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(dir, "secret.key"))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	before := read()
	foreign, err := vault.MakeKey(filepath.Join(t.TempDir(), "another.key"))
	if err != nil {
		t.Fatal(err)
	}
	present, err := vault.ReadKey(filepath.Join(dir, "secret.key"))
	if err != nil {
		t.Fatal(err)
	}
	inVault := func(do func(base *backing.Services) error) {
		t.Helper()
		base, err := backing.Command(soon(t), d.o.backing(d.s))
		if err != nil {
			t.Fatal(err)
		}
		defer base.Close()
		if err := do(base); err != nil {
			t.Fatal(err)
		}
	}
	inVault(func(base *backing.Services) error {
		v, err := vault.Open(soon(t), base.Storage, foreign, present)
		if err != nil {
			return err
		}
		if _, err := v.Reseal(soon(t), "bob"); err != nil {
			return err
		}
		box, err := v.Box(sealed[0].Purpose)
		if err != nil {
			return err
		}
		return base.Storage.Rewrite(soon(t), sealed[0].Bucket, func(key string, value []byte) ([]byte, error) { return sealed[0].Reseal(box, key, value) })
	})
	for range 2 {
		r, err := RotateSecret(soon(t), d.s, d.o)
		if err != nil || r.Records.Failed == 0 || len(r.Failed) != 1 || r.Failed["bob"] == "" || len(r.Sealed)+len(r.Kept) != 1 || read() != before {
			t.Fatalf("%+v, %v, the key file is the same: %v", r, err, read() == before)
		}
		inVault(func(base *backing.Services) error {
			_, err := base.Vault.Load(soon(t), "main")
			return err
		})
	}
	inVault(func(base *backing.Services) error {
		kv, err := base.Storage.Bucket(soon(t), storage.Sessions)
		if err != nil {
			return err
		}
		return kv.Purge(soon(t), "bob")
	})
	if r, err := RotateSecret(soon(t), d.s, d.o); err != nil || len(r.Failed) != 0 || read() == before {
		t.Errorf("%+v, %v, the key file is the same: %v", r, err, read() == before)
	}
}

// NATSGRAM_SECRET is changed under two running daemons as the help says. The accounts are run all the while, and the former secret
// opens nothing at the end.
func TestRotateSecret(t *testing.T) {
	t.Parallel() // it waits most of the time
	srv := embeddedtest.Start(t)
	const former, next = "the former secret", "the secret that is next"
	w := newTown(t)
	with := func(secret, other string) func(*Settings) {
		return func(s *Settings) { s.URL, s.Secret, s.Other = srv.ClientURL(), secret, other }
	}
	all := []*daemon{newDaemon(t, w, with(former, "")), newDaemon(t, w, with(former, ""))}
	d := all[0]
	if _, err := Login(soon(t), d.s, d.o, SignIn{Account: "main", Phone: w.dora.Phone(), Prompt: d.prompt(w.dora)}); err != nil {
		t.Fatal(err)
	}
	until(t, "at first", func() error { return whole(all, "main") })
	// Somebody who goes too fast is told, and the account runs on.
	hasty := d.s
	hasty.Secret, hasty.Other = next, former
	if r, err := RotateSecret(soon(t), hasty, d.o); err != nil || len(r.Back) != 1 || r.Records != (backing.Resealed{}) {
		t.Errorf("while the daemons know nothing of it: %+v, %v", r, err)
	}
	for _, step := range [][2]string{{former, next}, {next, former}} {
		for _, d := range all {
			if err := d.stop(); err != nil {
				t.Fatal(err)
			}
			with(step[0], step[1])(&d.s)
			d.start()
			until(t, "restarted", func() error { return whole(all, "main") })
		}
	}
	r, err := RotateSecret(soon(t), all[0].s, d.o)
	if err != nil || len(r.Sealed)+len(r.Kept) != 1 || len(r.Back)+len(r.Failed) != 0 {
		t.Fatal(r, err)
	}
	if err := whole(all, "main"); err != nil {
		t.Error(err)
	}
	for _, d := range all {
		if err := d.stop(); err != nil {
			t.Fatal(err)
		}
	}
	b, err := New(withSecret(d.s, former), d.o)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Run(soon(t)); !errors.Is(err, vault.ErrSealed) {
		t.Errorf("with the former secret: %v", err)
	}
	with(next, "")(&d.s)
	d.start()
	if err := d.b.WaitServing(soon(t), "main"); err != nil {
		t.Error(err)
	}
	if n := w.DuplicatedKeys(); n != 0 {
		t.Errorf("%d keys were used from two places", n)
	}
}

func withSecret(s Settings, secret string) Settings {
	s.Secret, s.Other = secret, ""
	return s
}

// What is written over the session of a running account, by whoever may write to the bucket, stops nothing and is told; a person who
// signs in anew still wins.
func TestForeignRecordsStopNothing(t *testing.T) {
	t.Parallel() // it waits most of the time
	w, d := newServed(t)
	events, err := d.nc.SubscribeSync("tg.evt.main.session.foreign")
	if err != nil {
		t.Fatal(err)
	}
	kv, err := d.js.KeyValue(soon(t), "TG_SESSIONS")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for i, do := range []func() error{
		func() error { _, err := kv.Put(ctx, "main", []byte(`{"_":"nearestDc"}`)); return err },
		func() error { return kv.Purge(ctx, "main") },
		func() error { return kv.Delete(ctx, "main") },
	} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
		if _, err := events.NextMsgWithContext(ctx); err != nil {
			t.Fatalf("%d: nobody was told: %v", i, err)
		}
		if _, err := d.b.services.Vault.Load(ctx, "main"); err != nil {
			t.Errorf("%d: %v", i, err)
		}
		st := d.b.accounts.Runner("main").Status()
		if st.State != account.Connected || st.Foreign == nil || st.Foreign.Times != i+1 {
			t.Errorf("%d: %+v %+v", i, st, st.Foreign)
		}
	}
	d.login("main", w.bob)
	until(t, "the new sign-in runs", func() error {
		if r := d.b.accounts.Runner("main"); r == nil || r.Status().UserID != w.bob.ID() || r.Status().State != account.Connected {
			return errors.New("not yet")
		}
		return nil
	})
}

// Rubbish in every bucket, while the account runs and before a start, costs time at most.
func TestRubbishStopsNothing(t *testing.T) {
	t.Parallel() // it waits most of the time
	w, d := newServed(t)
	w.alice.Send(w.dora, "before")
	until(t, "at first", func() error { return errors.Join(whole([]*daemon{d}, "main"), holds(d, "before")) })
	litter := func() {
		t.Helper()
		for _, bucket := range []string{"TG_SESSIONS", "TG_POSITIONS", "TG_ACCOUNTS"} {
			kv, err := d.js.KeyValue(soon(t), bucket)
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range []string{"main", "main.watched", "no.account", "UPPER"} {
				if _, err := kv.Put(soon(t), key, []byte("rubbish")); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	litter()
	w.alice.Send(w.dora, "meanwhile")
	until(t, "after rubbish", func() error { return errors.Join(whole([]*daemon{d}, "main"), holds(d, "meanwhile")) })
	base := d.b.services
	if names, err := base.Vault.Accounts(soon(t)); err != nil || len(names) != 1 {
		t.Error(names, err)
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	srv, err := embedded.Start(embedded.Config{Dir: d.s.StateDir, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	d.js, _ = jetstream.New(nc)
	litter()
	nc.Close()
	srv.Close()
	w.alice.Send(w.dora, "while it was away")
	d.start()
	until(t, "after a start with rubbish", func() error {
		return errors.Join(whole([]*daemon{d}, "main"), holds(d, "while it was away"), holds(d, "before"))
	})
}
