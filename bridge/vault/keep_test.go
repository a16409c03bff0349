package vault

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/bridge/storage"
)

// record is what stands in the bucket.
func (v *Vault) record(t *testing.T, account string) []byte {
	t.Helper()
	e, err := v.kv.Get(t.Context(), account)
	if err != nil {
		t.Fatal(err)
	}
	return e.Value()
}

// What may happen to a record while a daemon has the session in memory. The session stands there again afterwards, and what stood in
// its place is told.
func TestForeignRecordsLoseNothing(t *testing.T) {
	ctx := t.Context()
	v, js := testVault(t)
	other := testKey(t, "two")
	for name, c := range map[string]struct {
		do   func(t *testing.T, s Session, first []byte)
		says string
	}{
		"garbage":      {func(t *testing.T, _ Session, _ []byte) { put(t, v, []byte(`{"_":"nearestDc"}`)) }, "no session"},
		"much garbage": {func(t *testing.T, _ Session, _ []byte) { flood(t, v) }, "no session"},
		"empty":        {func(t *testing.T, _ Session, _ []byte) { put(t, v, nil) }, "no session"},
		"another secret's": {func(t *testing.T, s Session, _ []byte) {
			record, _ := seal(other, "main", number{s.n.generation + 1, 9}, []byte("theirs"))
			put(t, v, record)
		}, "does not open"},
		"another account's": {func(t *testing.T, s Session, _ []byte) {
			record, _ := seal(v.keys[0], "other", number{s.n.generation + 1, 9}, []byte("theirs"))
			put(t, v, record)
		}, "does not open"},
		"an older one":   {func(t *testing.T, _ Session, first []byte) { put(t, v, first) }, "an older session"},
		"a mark":         {func(t *testing.T, _ Session, _ []byte) { must(t, v.kv.Delete(ctx, "main")) }, "deleted"},
		"a purging mark": {func(t *testing.T, _ Session, _ []byte) { must(t, v.kv.Purge(ctx, "main")) }, "deleted"},
		"nothing":        {func(t *testing.T, _ Session, _ []byte) { must(t, v.stream.Purge(ctx)) }, "no record"},
		"another bucket": {func(t *testing.T, _ Session, _ []byte) {
			c := v.stream.CachedInfo().Config
			must(t, js.DeleteStream(ctx, c.Name))
			st, err := storage.Create(ctx, js, c)
			must(t, err)
			must(t, st.Purge(ctx)) // the server may find the files of the former one still there
		}, "no record"},
	} {
		for _, how := range []string{"looked at", "saved"} {
			t.Run(name+", then "+how, func(t *testing.T) {
				must(t, v.stream.Purge(ctx))
				s, err := v.Replace(ctx, "main", []byte("first"))
				must(t, err)
				first := v.record(t, "main")
				s, err = v.Save(ctx, "main", s, []byte("ours"))
				must(t, err)
				c.do(t, s, first)
				var foreign string
				if how == "saved" {
					s, foreign, err = v.Keep(ctx, "main", s, []byte("ours"))
				} else {
					s, foreign, err = v.Check(ctx, "main", s)
				}
				if err != nil || !strings.Contains(foreign, c.says) {
					t.Fatalf("%q, %v", foreign, err)
				}
				got, err := v.Load(ctx, "main")
				if err != nil || string(got.State) != "ours" || got.Foreign != "" || got.n != s.n || got.kv != s.kv {
					t.Fatalf("%v %q, %v; %v", got, got.State, err, s)
				}
				if again, foreign, err := v.Check(ctx, "main", s); err != nil || foreign != "" || again.n != s.n {
					t.Errorf("the second time: %v %q %v", again, foreign, err)
				}
			})
		}
	}
}

func put(t *testing.T, v *Vault, b []byte) {
	t.Helper()
	_, err := v.kv.Put(t.Context(), "main", b)
	must(t, err)
}

// flood writes more records than the bucket keeps.
func flood(t *testing.T, v *Vault) {
	for i := range 20 {
		put(t, v, fmt.Append(nil, i))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A sign-in over a running account wins, also where the bucket was emptied before it; so does another daemon that has the account.
func TestWhoHasABetterRightWins(t *testing.T) {
	ctx := t.Context()
	v, _ := testVault(t)
	s, err := v.Replace(ctx, "main", []byte("ours"))
	must(t, err)
	theirs, err := v.Replace(ctx, "main", []byte("a new sign-in"))
	must(t, err)
	put(t, v, []byte("garbage over it"))
	for range 2 {
		if _, _, err := v.Check(ctx, "main", s); !errors.Is(err, ErrChanged) {
			t.Error(err)
		}
		if _, _, err := v.Keep(ctx, "main", s, []byte("ours, later")); !errors.Is(err, ErrChanged) {
			t.Error(err)
		}
		must(t, v.stream.Purge(ctx))
		theirs, err = v.Replace(ctx, "main", []byte("a new sign-in"))
		must(t, err)
	}
	if _, err := v.Save(ctx, "main", theirs, []byte("saved by its daemon")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := v.Keep(ctx, "main", theirs, []byte("saved by a former owner")); !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
	if got, err := v.Load(ctx, "main"); err != nil || string(got.State) != "saved by its daemon" {
		t.Error(got, err)
	}
}

// A writing whose answer was lost is found again: it is the daemon's own.
func TestLostAnswer(t *testing.T) {
	ctx := t.Context()
	v, _ := testVault(t)
	s, err := v.Replace(ctx, "main", []byte("one"))
	must(t, err)
	next, record, err := v.next("main", s, []byte("two"))
	must(t, err)
	s.tried = append(s.tried, next.nonce, [nonceSize]byte{1})
	if _, err := v.write(ctx, "main", record, s.kv); err != nil {
		t.Fatal(err)
	}
	s, foreign, err := v.Keep(ctx, "main", s, []byte("three"))
	if err != nil || foreign != "" {
		t.Fatal(foreign, err)
	}
	if got, err := v.Load(ctx, "main"); err != nil || string(got.State) != "three" || got.n != s.n || s.n.revision != next.n.revision+1 {
		t.Error(got, s, err)
	}
}

// A daemon that begins finds the newest session under what was put over it, and says what that was.
func TestNewestVersionIsFound(t *testing.T) {
	ctx := t.Context()
	v, _ := testVault(t)
	s, err := v.Replace(ctx, "main", []byte("old"))
	must(t, err)
	old := v.record(t, "main")
	s, err = v.Save(ctx, "main", s, []byte("new"))
	must(t, err)
	for _, c := range []struct {
		put  []byte
		says string
	}{{old, "older session"}, {[]byte("x"), "no session"}, {bytes.Repeat([]byte{1}, 99), "does not open"}} {
		put(t, v, c.put)
		got, err := v.Load(ctx, "main")
		if err != nil || string(got.State) != "new" || got.n != s.n || !strings.Contains(got.Foreign, c.says) {
			t.Errorf("%v %q %v", got, got.Foreign, err)
		}
	}
	if err := v.Fits(ctx, []string{"main"}); err != nil {
		t.Error(err)
	}
	if _, err := v.Replace(ctx, "main", []byte("a new sign-in")); err != nil {
		t.Error(err)
	}
	flood(t, v)
	if _, err := v.Load(ctx, "main"); !errors.Is(err, ErrSealed) {
		t.Error(err)
	}
	must(t, v.kv.Delete(ctx, "main"))
	if _, err := v.Load(ctx, "main"); !errors.Is(err, ErrNotFound) {
		t.Error(err)
	}
	if _, err := v.Replace(ctx, "main", []byte("after a deletion")); err != nil {
		t.Error(err)
	}
}
