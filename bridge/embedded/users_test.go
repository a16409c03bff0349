package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// start runs a guarded server on a state folder, with a nats-server configuration unless it is empty.
func start(t *testing.T, dir, config string, change ...func(*Config)) *Server {
	t.Helper()
	c := guarded(t, dir, config)
	for _, f := range change {
		f(&c)
	}
	s, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func guarded(t *testing.T, dir, config string) Config {
	t.Helper()
	c := Config{Dir: dir, NoSync: true, Users: true}
	if config != "" {
		c.File = filepath.Join(t.TempDir(), "nats.conf")
		if err := os.WriteFile(c.File, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// enter connects and uses JetStream.
func enter(t *testing.T, url string, o ...nats.Option) error {
	t.Helper()
	nc, err := nats.Connect(url, o...)
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	_, err = js.AccountInfo(context.Background())
	return err
}

func inside(s *Server) []nats.Option {
	return []nats.Option{nats.InProcessServer(s), nats.UserInfo(s.daemon.Name, s.daemon.Password)}
}

// Design §10: the embedded server lets in the daemon and who can read the state folder, and nobody else; also after a restart.
func TestWhoMayEnter(t *testing.T) {
	dir := t.TempDir()
	var passwords []string
	var log bytes.Buffer
	for range 2 {
		s, err := Start(Config{Dir: dir, NoSync: true, Users: true, Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		if err != nil {
			t.Fatal(err)
		}
		own, err := UserOf(dir)
		if err != nil {
			t.Fatal(err)
		}
		passwords = append(passwords, own.Password)
		for name, o := range map[string][]nats.Option{
			"nobody":                  nil,
			"wrong password":          {nats.UserInfo(own.Name, "guess")},
			"no password":             {nats.UserInfo(own.Name, "")},
			"daemon without password": {nats.UserInfo(daemonName, "")},
			"daemon from outside":     {nats.UserInfo(daemonName, s.daemon.Password)},
			"a user of system":        {nats.UserInfo("sys", "")},
			"token":                   {nats.Token(own.Password)},
		} {
			if err := enter(t, s.ClientURL(), o...); !errors.Is(err, nats.ErrAuthorization) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := enter(t, s.ClientURL(), nats.UserInfo(own.Name, own.Password)); err != nil {
			t.Error(err)
		}
		if err := enter(t, "", inside(s)...); err != nil {
			t.Error(err)
		}
		if text := fmt.Sprintf("%v %+v %#v %s", own, s.daemon, own, s.ClientURL()); strings.Contains(text, own.Password) {
			t.Error(text)
		}
		s.Close()
		if strings.Contains(log.String(), own.Password) || strings.Contains(log.String(), s.daemon.Password) || strings.Contains(log.String(), "level=ERROR") || strings.Contains(log.String(), "lain") {
			t.Errorf("the log: %s", log.String())
		}
	}
	if passwords[0] != passwords[1] || len(passwords[0]) < 40 {
		t.Errorf("passwords %q", passwords)
	}
	if info, err := os.Stat(filepath.Join(dir, passwordFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	if other, err := MakeUser(t.TempDir()); err != nil || other.Password == passwords[0] {
		t.Error("two folders with one password", err)
	}
}

// What the server tells of itself to a system account is told to none of its users.
func TestSystemAccountIsClosed(t *testing.T) {
	s := start(t, t.TempDir(), "")
	own, _ := UserOf(s.dir)
	nc, err := nats.Connect(s.ClientURL(), nats.UserInfo(own.Name, own.Password))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	for _, subject := range []string{"$SYS.REQ.SERVER.PING", "$SYS.REQ.SERVER.PING.VARZ", "$SYS.REQ.SERVER." + nc.ConnectedServerId() + ".RELOAD", "$SYS.REQ.SERVER." + nc.ConnectedServerId() + ".SHUTDOWN"} {
		if m, err := nc.Request(subject, nil, 10*time.Second); !errors.Is(err, nats.ErrNoResponders) {
			t.Errorf("%s: %v %v", subject, m, err)
		}
	}
}

// A state folder of a version that asked nobody: its data is there, and the doors are shut.
func TestUpgrade(t *testing.T) {
	dir := t.TempDir()
	old, err := Start(Config{Dir: dir, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	nc, _ := nats.Connect(old.ClientURL())
	js, _ := jetstream.New(nc)
	if _, err := js.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "TG_SESSIONS"}); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, urlFile), []byte(old.ClientURL()), 0o600); err != nil {
		t.Fatal(err)
	}
	nc.Close()
	old.Close()
	s := start(t, dir, "")
	if err := bucket(t, s); err != nil {
		t.Error(err)
	}
	s.Close()

	// Into an account of its own: not silently without its data, but by the way that the error tells.
	config := `accounts { TG { jetstream: enabled } }`
	_, err = Start(guarded(t, dir, config))
	from, to := filepath.Join(dir, "jetstream", "$G"), filepath.Join(dir, "jetstream", "TG")
	if err == nil || !strings.Contains(err.Error(), "rename the folder "+from+" to "+to) {
		t.Fatal(err)
	}
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
	if err := bucket(t, start(t, dir, config)); err != nil {
		t.Error(err)
	}
}

func bucket(t *testing.T, s *Server) error {
	t.Helper()
	nc, err := nats.Connect("", inside(s)...)
	if err != nil {
		return err
	}
	defer nc.Close()
	js, _ := jetstream.New(nc)
	_, err = js.KeyValue(t.Context(), "TG_SESSIONS")
	return err
}

// An address that a killed daemon left behind is not given the password: somebody else may listen there by now.
func TestDeadServerIsNotRunning(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, urlFile), []byte("nats://127.0.0.1:4222"), 0o600); err != nil {
		t.Fatal(err)
	}
	if where := Running(dir); where != "" {
		t.Error(where)
	}
	if err := os.WriteFile(filepath.Join(dir, lockFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if where := Running(dir); where != "" {
		t.Error(where)
	}
	s := start(t, dir, "")
	if Running(dir) != s.ClientURL() {
		t.Error(Running(dir))
	}
}

func TestBadPasswordFile(t *testing.T) {
	for text, mode := range map[string]fs.FileMode{"": 0o600, "short": 0o600, strings.Repeat("a", 43): 0o644} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, passwordFile), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if s, err := Start(Config{Dir: dir, Users: true}); err == nil || !strings.Contains(err.Error(), passwordFile) {
			t.Errorf("%q %v: %v", text, mode, err)
			if s != nil {
				s.Close()
			}
		}
	}
}

// Where natsgram has been given a user, it makes none: a configuration without any would let everybody in.
func TestNobodyComesInWhereNatsgramHasAUserOfTheFile(t *testing.T) {
	for config, want := range map[string]string{
		`max_payload: 2MB`:                       "let everybody in",
		`accounts { TG { jetstream: enabled } }`: "let everybody in",
		`leafnodes { host: 127.0.0.1, port: -1, authorization { user: leaf, password: hush } }`:           "let everybody in",
		`authorization { user: app, password: hush }`:                                                     "",
		`authorization { token: hush }`:                                                                   "",
		`accounts { TG { jetstream: enabled, users: [ { user: app, password: hush } ] } }`:                "",
		`authorization { users: [ { nkey: UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4 } ] }`: "",
	} {
		c := guarded(t, t.TempDir(), config)
		c.Users = false
		s, err := Start(c)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v", config, err)
		}
		if s == nil {
			continue
		}
		if err := enter(t, s.ClientURL()); !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("%s: somebody without a name: %v", config, err)
		}
		s.Close()
	}
}
