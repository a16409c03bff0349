package bridge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/natsgram/natsgram/bridge/account"
)

// Design §10: the embedded server asks everybody who they are. The commands of who can read the state folder sign in by
// themselves, users of the operator's file as it says, and all others are refused; also after a restart.
func TestEmbeddedServerAsksWhoYouAre(t *testing.T) {
	w := newTown(t)
	d := newDaemon(t, w)
	if err := d.stop(); err != nil { // its state folder is now one that asked nobody, as earlier versions did
		t.Fatal(err)
	}
	d.s.Config = filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(d.s.Config, []byte(`authorization { users = [ { user: reader, password: hush, permissions: { publish: "tg.ro.>" } } ] }`), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	d.o.Open, d.o.Log = false, slog.New(slog.NewTextHandler(&log, nil))
	for range 2 {
		d.start()
		if nc, err := nats.Connect(d.b.ClientURL()); !errors.Is(err, nats.ErrAuthorization) {
			nc.Close()
			t.Fatalf("a stranger may enter: %v", err)
		}
		reader, err := nats.Connect(d.b.ClientURL(), nats.UserInfo("reader", "hush"))
		if err != nil {
			t.Fatal(err)
		}
		reader.Close()
		d.login("main", w.dora)
		d.ask("tg.rpc.main.users.getUsers", `{"id":["me"]}`)
		if err := d.stop(); err != nil {
			t.Fatal(err)
		}
	}
	password, err := os.ReadFile(filepath.Join(d.s.StateDir, "nats.password"))
	if err != nil || strings.Contains(log.String(), strings.TrimSpace(string(password))) || strings.Contains(log.String(), "hush") {
		t.Errorf("%v; the log: %s", err, log.String())
	}
}

// A login without a daemon stores the session in the state folder, or fails; never in whatever NATS server listens on the usual
// port.
func TestLoginTrustsNoOtherServer(t *testing.T) {
	w := newTown(t)
	decoy := node(t, "decoy", func(*server.Options) {})
	addr, ok := decoy.Addr().(*net.TCPAddr)
	if !ok {
		t.Fatal(decoy.Addr())
	}
	env := w.Env()
	s := DefaultSettings()
	s.StateDir, s.Port, s.APIID, s.APIHash = t.TempDir(), addr.Port, 1, "hash"
	d := &daemon{t: t, w: w, s: s, o: Options{Env: &env, NoSync: true}}
	_, err := Login(soon(t), s, d.o, SignIn{Account: "main", Phone: w.dora.Phone(), Prompt: d.prompt(w.dora)})
	if err == nil || !strings.Contains(err.Error(), strconv.Itoa(addr.Port)) {
		t.Errorf("signed in: %v", err)
	}
	if got := stored(t, decoy); len(got) > 0 {
		t.Errorf("the other server has %v", got)
	}
	d.s.Port = -1
	if _, err := Login(soon(t), d.s, d.o, SignIn{Account: "main", Phone: w.dora.Phone(), Prompt: d.prompt(w.dora)}); err != nil {
		t.Fatal(err)
	}
	d.start()
	d.await("main", account.Connected)
}

// In operator mode natsgram signs in by the credentials that it is given, also in its own process; and a state folder of another
// account is not begun anew without a word.
func TestConfigurationInOperatorMode(t *testing.T) {
	_, d := newServed(t)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	d.s.Config, d.o.Open = filepath.Join(dir, "nats.conf"), false
	text, account, creds := operatorMode(t)
	for name, content := range map[string]string{"nats.conf": text, "natsgram.creds": creds} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func() error {
		b, err := New(d.s, d.o)
		if err != nil {
			t.Fatal(err)
		}
		return b.Run(soon(t))
	}
	if err := run(); err == nil || !strings.Contains(err.Error(), "NATS_CREDS") {
		t.Error(err)
	}
	d.s.Creds = filepath.Join(dir, "natsgram.creds")
	store := filepath.Join(d.s.StateDir, "jetstream")
	if err := run(); err == nil || !strings.Contains(err.Error(), "rename the folder "+filepath.Join(store, "$G")+" to "+filepath.Join(store, account)) {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(store, account)); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(store, "$G"), filepath.Join(store, account)); err != nil {
		t.Fatal(err)
	}
	d.start()
	if err := d.b.WaitServing(soon(t), "main"); err != nil {
		t.Fatal(err)
	}
	d.ask("tg.rpc.main.users.getUsers", `{"id":["me"]}`)
}

// operatorMode is a configuration of nats-server with one account, the account's name, and credentials of a user of it.
func operatorMode(t *testing.T) (config, name, creds string) {
	t.Helper()
	op, _ := nkeys.CreateOperator()
	acc, _ := nkeys.CreateAccount()
	sys, _ := nkeys.CreateAccount()
	user, _ := nkeys.CreateUser()
	public := func(k nkeys.KeyPair) string {
		text, err := k.PublicKey()
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	encode := func(c jwt.Claims, by nkeys.KeyPair) string {
		text, err := c.Encode(by)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	operator := jwt.NewOperatorClaims(public(op))
	operator.SystemAccount = public(sys)
	claims := jwt.NewAccountClaims(public(acc))
	claims.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
	seed, _ := user.Seed()
	formatted, err := jwt.FormatUserConfig(encode(jwt.NewUserClaims(public(user)), acc), seed)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("operator: %s\nresolver: MEMORY\nsystem_account: %s\nresolver_preload: { %s: %s, %s: %s }\n", encode(operator, op), public(sys),
		public(acc), encode(claims, op), public(sys), encode(jwt.NewAccountClaims(public(sys)), op)), public(acc), string(formatted)
}

// In operator mode users are made by the operator: natsgram says that it has to be given one.
func TestConfigurationNeedsCredentials(t *testing.T) {
	s := DefaultSettings()
	s.StateDir, s.Port, s.Config = t.TempDir(), -1, filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(s.Config, []byte(`authorization { token: hush-hush }`), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func() error {
		b, err := New(s, Options{NoSync: true})
		if err != nil {
			return err
		}
		ctx, cancel := context.WithCancel(soon(t))
		defer cancel()
		go func() {
			select {
			case <-b.Ready():
			case <-ctx.Done():
			}
			cancel()
		}()
		return b.Run(ctx)
	}
	if err := run(); err == nil || !strings.Contains(err.Error(), "NATS_TOKEN") {
		t.Error(err)
	}
	s.Token = "wrong"
	if err := run(); !errors.Is(err, nats.ErrAuthorization) || strings.Contains(err.Error(), "hush") {
		t.Error(err)
	}
	s.Token = "hush-hush"
	if err := run(); err != nil {
		t.Error(err)
	}
	s.URL = "nats://x"
	if _, err := New(s, Options{}); err == nil || !strings.Contains(err.Error(), "NATS_URL") {
		t.Error(err)
	}
}
