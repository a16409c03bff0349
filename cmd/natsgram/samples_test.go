package main

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge"
	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/subjects/rights"
)

const samples = "../../docs/nats"

// part is one of the lists that `natsgram permissions` prints, without its brackets and indented as where it goes.
func part(t *testing.T, words, list string) string {
	t.Helper()
	text := printed(t, strings.Fields(words)...)
	indent := "      "
	if list == "users" && !strings.HasPrefix(text, "#") {
		return indented(text, indent)
	}
	_, text, _ = strings.Cut(text, "\n"+list+": [\n")
	text, _, found := strings.Cut(text, "\n]\n")
	if !found {
		t.Fatalf("permissions %s print no %s", words, list)
	}
	return "# natsgram permissions " + words + "\n" + indent + indented(outdented(text), indent)
}

func outdented(text string) string {
	return strings.ReplaceAll(strings.TrimPrefix(text, "  "), "\n  ", "\n")
}

func indented(text, indent string) string {
	return strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+indent)
}

// The samples hold what the command prints.
func TestSamplesArePrinted(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	for _, name := range []string{"accounts.conf", "leaf.conf"} {
		fill := template.FuncMap{}
		for _, list := range []string{"exports", "imports", "users"} {
			fill[list] = func(words string) string { return part(t, words, list) }
		}
		var want bytes.Buffer
		text := must(os.ReadFile(filepath.Join("testdata", "nats", name)))
		if err := must(template.New(name).Funcs(fill).Parse(string(text))).Execute(&want, nil); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(samples, name)
		if have, _ := os.ReadFile(file); bytes.Equal(have, want.Bytes()) {
			continue
		}
		if !*update {
			t.Errorf("%s is not what would be printed now; run with -update", file)
		} else if err := os.WriteFile(file, want.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// site is a deployment: natsgram in a NATS account of its own, programs in others.
type site struct {
	t       *testing.T
	connect map[string]func(...nats.Option) *nats.Conn // by user
	daemon  func(*bridge.Settings)
	inside  string // where the server inside the daemon is, once it runs
}

func (s *site) as(user string) *nats.Conn {
	s.t.Helper()
	return s.connect[user](nats.CustomInboxPrefix(rights.DefaultInbox(user)), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
}

// users connect to a server by their passwords.
func (s *site) users(where func() string, names ...string) {
	for _, name := range names {
		s.connect[name] = func(o ...nats.Option) *nats.Conn {
			s.t.Helper()
			nc, err := nats.Connect(where(), append(o, nats.UserInfo(name, "p"))...)
			if err != nil {
				s.t.Fatalf("%s: %v", name, err)
			}
			s.t.Cleanup(nc.Close)
			return nc
		}
	}
}

// sample is the file of a sample, in a folder with the others, with addresses and folders changed.
func sample(t *testing.T, name string, change ...string) string {
	t.Helper()
	dir := t.TempDir()
	change = append(change, `"127.0.0.1:4222"`, `"127.0.0.1:-1"`, `"127.0.0.1:4223"`, `"127.0.0.1:-1"`, `"127.0.0.1:7422"`, `"127.0.0.1:-1"`,
		`"/var/lib/nats"`, strconv.Quote(t.TempDir()), "sync_interval: always", "sync_interval: 1m")
	files, err := filepath.Glob(filepath.Join(samples, "*.conf"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text := strings.NewReplacer(change...).Replace(string(must(os.ReadFile(file))))
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, user := range []string{"DAEMON", "ADMIN", "DASHBOARD", "SCREEN", "POSTER", "ARCHIVE"} {
		t.Setenv(user+"_PASSWORD", "p")
	}
	return filepath.Join(dir, name)
}

func sampleServer(t *testing.T, name string, change ...string) *server.Server {
	t.Helper()
	return embeddedtest.Serve(t, must(server.ProcessConfigFile(sample(t, name, change...))))
}

func TestSampleOfOneServer(t *testing.T) {
	srv := sampleServer(t, "server.conf")
	s := &site{t: t, connect: map[string]func(...nats.Option) *nats.Conn{}}
	s.users(srv.ClientURL, "admin", "dashboard", "screen", "poster", "archive")
	s.daemon = func(set *bridge.Settings) { set.URL, set.User, set.Password = srv.ClientURL(), "daemon", "p" }
	s.works()
}

// The server inside natsgram, with the accounts of the sample.
func TestSampleOfTheServerInside(t *testing.T) {
	s := &site{t: t, connect: map[string]func(...nats.Option) *nats.Conn{}}
	s.users(func() string { return s.inside }, "admin", "dashboard", "screen", "poster", "archive")
	file := sample(t, "accounts.conf")
	s.daemon = func(set *bridge.Settings) {
		set.Port, set.Config, set.Account, set.Secret = -1, file, "NATSGRAM", ""
	}
	s.works()
}

// natsgram and two of the programs at the leaf node, the others and JetStream at the hub.
func TestSampleOfALeafNode(t *testing.T) {
	hub := sampleServer(t, "hub.conf")
	port := must(hub.Varz(nil)).LeafNode.Port
	leaf := sampleServer(t, "leaf.conf", "127.0.0.1:7422\"", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))+`"`)
	for end, look := time.After(20*time.Second), time.Tick(time.Millisecond); leaf.NumLeafNodes() < 2; {
		select {
		case <-look:
		case <-end:
			t.Fatal("the leaf does not reach the hub")
		}
	}
	s := &site{t: t, connect: map[string]func(...nats.Option) *nats.Conn{}}
	s.users(hub.ClientURL, "admin", "screen", "archive")
	s.users(leaf.ClientURL, "dashboard", "poster")
	s.daemon = func(set *bridge.Settings) {
		set.URL, set.User, set.Password, set.Domain = leaf.ClientURL(), "daemon", "p", "hub"
	}
	s.works()
}

// The same in operator mode: what nsc does with the printed commands is done here by the library that it uses.
func TestSampleInOperatorMode(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	type claims struct {
		Permissions jwt.Permissions `json:"permissions"`
		Exports     []*jwt.Export   `json:"exports"`
		Imports     []*jwt.Import   `json:"imports"`
	}
	users := map[string]claims{}
	for user, words := range map[string]string{
		"daemon": "daemon", "dashboard": "reader main --from NATSGRAM --to APP", "screen": "watcher main --from NATSGRAM --to APP",
		"poster": "writer main --method messages.sendMessage --from NATSGRAM --to APP", "archive": "consumer main --stream --to ARCHIVE",
	} {
		var c claims
		if err := json.Unmarshal([]byte(printed(t, append(strings.Fields(words), "--user", user, "--json")...)), &c); err != nil {
			t.Fatal(err)
		}
		users[user] = c
	}
	o := newOperator(t)
	home := o.account("NATSGRAM", func(c *jwt.AccountClaims, a *natsAccount) {
		a.role(c, users["daemon"].Permissions)
		c.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
		for _, u := range users {
			c.Exports.Add(u.Exports...)
		}
	})
	abroad := func(name string, members ...string) natsAccount {
		return o.account(name, func(c *jwt.AccountClaims, _ *natsAccount) {
			for _, m := range members {
				for _, i := range users[m].Imports {
					i.Account, i.Token = home.public, home.activation(t, i, c.Subject)
					c.Imports.Add(i)
				}
			}
		})
	}
	app, archive := abroad("APP", "dashboard", "screen", "poster"), abroad("ARCHIVE", "archive")
	srv := embeddedtest.Serve(t, o.options(t))
	s := &site{t: t, connect: map[string]func(...nats.Option) *nats.Conn{}}
	for user, where := range map[string]natsAccount{"admin": home, "daemon": home, "dashboard": app, "screen": app, "poster": app, "archive": archive} {
		creds := where.creds(t, users[user].Permissions)
		s.connect[user] = func(options ...nats.Option) *nats.Conn {
			nc, err := nats.Connect(srv.ClientURL(), append(options, nats.UserCredentials(creds))...)
			if err != nil {
				t.Fatalf("%s: %v", user, err)
			}
			t.Cleanup(nc.Close)
			return nc
		}
		if user == "daemon" {
			s.daemon = func(set *bridge.Settings) { set.URL, set.Creds = srv.ClientURL(), creds }
		}
	}
	s.works()
}

// creds is a file of a user's credentials.
func (a natsAccount) creds(t *testing.T, p jwt.Permissions) string {
	t.Helper()
	token, key := a.member(p)
	file := filepath.Join(t.TempDir(), "user.creds")
	if err := os.WriteFile(file, must(jwt.FormatUserConfig(token, must(key.Seed()))), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
