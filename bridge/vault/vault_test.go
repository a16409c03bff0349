package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/storage"
)

func testVault(t *testing.T) (*Vault, jetstream.JetStream) {
	t.Helper()
	js, _ := embeddedtest.JetStream(t)
	v, err := Open(t.Context(), storage.Command(js, storage.Options{}), testKey(t, "one"))
	if err != nil {
		t.Fatal(err)
	}
	return v, js
}

func testKey(t *testing.T, secret string) Key {
	t.Helper()
	k, err := KeyFromSecret(secret + " and some sixteen more")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSessionsSurvive(t *testing.T) {
	v, _ := testVault(t)
	ctx := t.Context()
	if _, err := v.Load(ctx, "main"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	one, err := v.Save(ctx, "main", Session{}, []byte("first"))
	if err != nil {
		t.Fatal(err)
	}
	two, err := v.Save(ctx, "main", one, []byte("second"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Save(ctx, "main", one, []byte("late")); !errors.Is(err, ErrChanged) {
		t.Errorf("a stale writer: %v", err)
	}
	if _, err := v.Save(ctx, "main", Session{}, []byte("late")); !errors.Is(err, ErrChanged) {
		t.Errorf("a blind writer: %v", err)
	}
	got, err := v.Load(ctx, "main")
	if err != nil || string(got.State) != "second" || got.n != two.n || got.Generation() != 1 {
		t.Error(got, err)
	}
	third, err := v.Replace(ctx, "main", []byte("third"))
	if err != nil || third.Generation() <= got.Generation() {
		t.Error(third, err)
	}
	if s, err := v.Replace(ctx, "main", []byte("fourth")); err != nil || s.Generation() <= third.Generation() {
		t.Error(s, err)
	}
	if _, err := v.Replace(ctx, "other", []byte("x")); err != nil {
		t.Error(err)
	}
	if names, err := v.Accounts(ctx); err != nil || fmt.Sprint(names) != "[main other]" {
		t.Error(names, err)
	}
	if err := v.Delete(ctx, "main"); err != nil {
		t.Error(err)
	}
	if _, err := v.Load(ctx, "main"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
}

// Design §6: a record opens for its own account, revision and key alone.
func TestTamperedRecordsStayShut(t *testing.T) {
	k := testKey(t, "one")
	record, err := seal(k, "main", number{3, 7}, []byte("auth key"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(record, []byte("auth key")) {
		t.Fatal("not sealed")
	}
	if state, rev, err := open(k, "main", record); err != nil || rev != (number{3, 7}) || string(state) != "auth key" {
		t.Fatal(err)
	}
	if _, _, err := open(k, "other", record); !errors.Is(err, ErrSealed) {
		t.Error("opened for another account")
	}
	if _, _, err := open(testKey(t, "two"), "main", record); !errors.Is(err, ErrSealed) {
		t.Error("opened with another key")
	}
	for i := range record {
		bad := bytes.Clone(record)
		bad[i] ^= 1
		if _, _, err := open(k, "main", bad); !errors.Is(err, ErrSealed) {
			t.Errorf("byte %d may change", i)
		}
		if _, _, err := open(k, "main", record[:i]); !errors.Is(err, ErrSealed) {
			t.Errorf("%d bytes open", i)
		}
	}
}

func TestForeignRecordIsNotOverwritten(t *testing.T) {
	v, js := testVault(t)
	if _, err := v.Replace(t.Context(), "main", []byte("x")); err != nil {
		t.Fatal(err)
	}
	w, err := Open(t.Context(), storage.Command(js, storage.Options{}), testKey(t, "two"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Replace(t.Context(), "main", []byte("y")); !errors.Is(err, ErrSealed) {
		t.Error(err)
	}
}

func TestWatchTellsOfAccounts(t *testing.T) {
	v, _ := testVault(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	first, err := v.Replace(ctx, "one", []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	told := make(chan Change, 8)
	done := make(chan error)
	go func() { done <- v.Watch(ctx, func(c Change) { told <- c }) }()
	if c := <-told; c.Account != "one" || c.Gone || c.Revision != first.Revision() {
		t.Error(c)
	}
	if _, err := v.Replace(ctx, "two", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if c := <-told; c.Account != "two" || c.Revision == 0 {
		t.Error(c)
	}
	if err := v.Delete(ctx, "two"); err != nil {
		t.Fatal(err)
	}
	if c := <-told; c.Account != "two" || !c.Gone {
		t.Error(c)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestKeyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "key")
	one, err := MakeKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Error(info.Mode())
	}
	if two, err := MakeKey(path); err != nil || two != one {
		t.Error("another key the second time", err)
	}
	if other, err := MakeKey(path + "2"); err != nil || other == one {
		t.Error("the same key in two files", err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := MakeKey(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Error(err)
	}
	if _, err := KeyFromSecret("short"); err == nil {
		t.Error("a short secret")
	}
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s", one, one, one, one), fmt.Sprintf("%v", Session{State: []byte("hush")})} {
		if strings.Contains(text, fmt.Sprint(one.bytes[0], " ", one.bytes[1])) || strings.Contains(text, "hush") {
			t.Error(text)
		}
	}
}

func FuzzOpen(f *testing.F) {
	k, _ := KeyFromSecret("one and some sixteen more")
	record, _ := seal(k, "main", number{1, 1}, []byte("x"))
	f.Add(record)
	f.Fuzz(func(t *testing.T, b []byte) {
		// Every process of the fuzzer seals a record of its own, so the bytes cannot be compared: what was sealed can.
		if state, rev, err := open(k, "main", b); err == nil && (rev != (number{1, 1}) || string(state) != "x") {
			t.Fatal("opened what was never sealed")
		}
	})
}

// Design §6: another secret is told apart from a record that is damaged.
func TestFits(t *testing.T) {
	v, js := testVault(t)
	ctx := t.Context()
	all := []string{"bad", "main", "none"}
	if err := v.Fits(ctx, all); err != nil {
		t.Errorf("an empty vault: %v", err)
	}
	if _, err := v.Replace(ctx, "main", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := v.kv.Put(ctx, "bad", []byte("damaged")); err != nil {
		t.Fatal(err)
	}
	if err := v.Fits(ctx, all); err != nil {
		t.Errorf("one damaged record: %v", err)
	}
	other, err := Open(ctx, storage.Command(js, storage.Options{}), testKey(t, "two"))
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Fits(ctx, all); !errors.Is(err, ErrSealed) {
		t.Errorf("another secret: %v", err)
	}
}
