package bus

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/natsgram/natsgram/bridge/settings"
)

// save writes a context where the nats CLI would.
func save(t *testing.T, name, text string) {
	t.Helper()
	file, err := ContextFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Design §7: every field of a context is honoured, or refused with a word. What the settings say comes first.
func TestContextFields(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	home, err := homeDir()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("WHERE", "/creds")
	save(t, "all", `{"description":"d","color_scheme":"blue","url":"nats://x","user":"u","password":"p","token":"","creds":"$WHERE/a.creds","nkey":"~/a.nk",
		"cert":"/c","key":"~/k","ca":"~/ca","tls_first":true,"socks_proxy":"socks5://s","jetstream_domain":"hub","jetstream_event_prefix":"e","inbox_prefix":"_INBOX_.me",
		"user_jwt":"j","user_seed":"s","nsc":"","windows_ca_certs_match":null,"windows_cert_store":""}`)
	got, err := resolve(settings.NATS{Context: "all"})
	if err != nil {
		t.Fatal(err)
	}
	want := target{NATS: settings.NATS{Context: "all", URL: "nats://x", User: "u", Password: "p", Creds: "/creds/a.creds", NKey: home + "/a.nk", Cert: "/c",
		Key: home + "/k", CA: home + "/ca", Socks: "socks5://s", Domain: "hub", Inbox: "_INBOX_.me"}, userJWT: "j", userSeed: "s", name: true, tlsFirst: true}
	if got != want {
		t.Errorf("got  %#v\nwant %#v", got, want)
	}
	set := settings.NATS{Context: "all", URL: "nats://y", Token: "t", Cert: "/mine", Key: "/mine", CA: "/mine", Socks: "socks5://y", APIPrefix: "$JS.o.API", Inbox: "_INBOX_.y"}
	want = target{NATS: set, tlsFirst: true}
	if got, err = resolve(set); err != nil || got != want {
		t.Errorf("got  %#v\nwant %#v", got, want)
	}
}

func TestContextsRefused(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	for text, want := range map[string]string{
		`{"nsc":"nsc://o/a/u"}`:                                   `"nsc"`,
		`{"windows_cert_store":"user"}`:                           `"windows_cert_store"`,
		`{"something_new":"x"}`:                                   `"something_new"`,
		`{"creds":"op://vault/hush"}`:                             "op://",
		`{"user_jwt":"data:;base64,hush"}`:                        "data:",
		`{"jetstream_domain":"a","jetstream_api_prefix":"$JS.b"}`: "exclude each other",
		`{"password":["hush"]}`:                                   "no context",
		`hush`:                                                    "no context",
		`{"url":"nats://u:hush@127.0.0.1:none"}`:                  "not an address",
		`{"url":"nats://127.0.0.1:1","nkey":"/does/not/exist"}`:   "NATS_NKEY",
	} {
		save(t, "bad", text)
		nc, err := External(settings.NATS{Context: "bad"}, "test")
		if err == nil {
			nc.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
	for _, name := range []string{"none", "..", "a/b", `a\b`, ".", "../../etc/passwd"} {
		if _, err := resolve(settings.NATS{Context: name}); err == nil || !strings.Contains(err.Error(), "NATS_CONTEXT="+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	both := settings.NATS{Domain: "a", APIPrefix: "b"}
	if _, err := JetStream(nil, both); err == nil || !strings.Contains(err.Error(), "NATSGRAM_JETSTREAM_DOMAIN") {
		t.Error(err)
	}
}

// Answers come below the prefix that the context or NATS_INBOX_PREFIX names: a user may be allowed no other.
func TestInboxPrefix(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	pair, _ := nkeys.CreateUser()
	public, _ := pair.PublicKey()
	seed, _ := pair.Seed()
	file := filepath.Join(t.TempDir(), "seed")
	if err := os.WriteFile(file, seed, 0o600); err != nil {
		t.Fatal(err)
	}
	url := guarded(t, func(o *server.Options) {
		o.Nkeys = []*server.NkeyUser{{Nkey: public, Permissions: &server.Permissions{Subscribe: &server.SubjectPermission{Allow: []string{"_INBOX_.me.>", "echo"}}}}}
	})
	save(t, "me", `{"url":"`+url+`","nkey":"`+file+`","inbox_prefix":"_INBOX_.me"}`)
	for name, n := range map[string]settings.NATS{"context": {Context: "me"}, "setting": {URL: url, NKey: file, Inbox: "_INBOX_.me"}} {
		nc, err := External(n, "test")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		_, _ = nc.Subscribe("echo", func(m *nats.Msg) { _ = m.Respond(m.Data) })
		if _, err := nc.Request("echo", nil, 10*time.Second); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		nc.Close()
	}
}
