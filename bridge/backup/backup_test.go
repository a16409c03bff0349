package backup

import (
	"archive/tar"
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/vault"
)

// sample is a backup of two accounts.
func sample(t testing.TB) []byte {
	t.Helper()
	var file bytes.Buffer
	w := newWriter(&file, time.Unix(1, 0))
	w.json(manifestName, Manifest{Format: Format, Accounts: []string{"main", "two"}, Updates: true})
	w.account("main", &Account{Session: []byte("sealed"), Position: []byte(`{"seq":1}`)})
	w.account("two", &Account{Watched: []byte(`{}`), Limits: []byte(`{"freeze":"e30="}`)})
	w.update(update{"tg.upd.main.updateNewMessage.user.1", nats.Header{"Tg-Pts": {"1"}}, []byte("{}")})
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func TestReadWhatWasWritten(t *testing.T) {
	b, err := Read(bytes.NewReader(sample(t)))
	if err != nil || string(b.Accounts["main"].Session) != "sealed" || string(b.Accounts["two"].Watched) != "{}" || string(b.Accounts["two"].Limits) != `{"freeze":"e30="}` {
		t.Fatalf("%+v %v", b, err)
	}
	n := 0
	if err := b.updates(func(u update) error { n++; return nil }); err != nil || n != 1 {
		t.Error(n, err)
	}
}

func TestDamagedBackups(t *testing.T) {
	whole := sample(t)
	for name, file := range map[string][]byte{
		"nothing":      nil,
		"no tar":       []byte("x"),
		"half":         whole[:len(whole)/2-100],
		"no manifest":  entries(t, "accounts/main/session", "x"),
		"bad manifest": entries(t, manifestName, "x"),
		"format 2":     entries(t, manifestName, `{"format":2}`),
		"bad name":     entries(t, manifestName, `{"format":1,"accounts":["../x"]}`),
		"not in it":    entries(t, manifestName, `{"format":1,"accounts":["main"]}`, "accounts/other/session", "x"),
		"what":         entries(t, manifestName, `{"format":1,"accounts":["main"]}`, "accounts/main/else", "x"),
		"no JSON":      entries(t, manifestName, `{"format":1,"accounts":["main"]}`, "accounts/main/position.json", "x"),
		"too large":    entries(t, manifestName, `{"format":1,"accounts":["main"]}`, "accounts/main/session", strings.Repeat("x", 2*vault.MaxState+1)),
	} {
		if _, err := Read(bytes.NewReader(file)); err == nil || !strings.Contains(err.Error(), "backup") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func entries(t *testing.T, all ...string) []byte {
	t.Helper()
	var file bytes.Buffer
	w := tar.NewWriter(&file)
	for i := 0; i < len(all); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: all[i], Size: int64(len(all[i+1])), Mode: 0o600}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(all[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	w.Close()
	return file.Bytes()
}

// What the server would act on is not published again.
func TestHeadersOfOurs(t *testing.T) {
	h := ofOurs(nats.Header{"Tg-State": {"pts=1"}, "Nats-Msg-Id": {"1"}, "Nats-TTL": {"1s"}, "Nats-Batch-Id": {"x"}, "Nats-Expected-Last-Subject-Sequence": {"5"}})
	if len(h) != 2 || h.Get("Tg-State") == "" || h.Get("Nats-Msg-Id") == "" {
		t.Error(h)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(sample(f))
	f.Fuzz(func(_ *testing.T, file []byte) {
		b, err := Read(bytes.NewReader(file))
		if err == nil {
			_ = b.updates(func(update) error { return nil })
		}
	})
}
