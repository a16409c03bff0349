package bus

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/bridge/embedded"
	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/settings"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// guarded is a server that asks for credentials.
func guarded(t *testing.T, change func(*server.Options)) string {
	t.Helper()
	o := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true}
	change(o)
	srv := embeddedtest.Serve(t, o)
	return srv.ClientURL()
}

// The ways to sign in that the nats CLI has.
func TestExternal(t *testing.T) {
	user := guarded(t, func(o *server.Options) { o.Username, o.Password = "u", "p" })
	token := guarded(t, func(o *server.Options) { o.Authorization = "hush" })
	dir := t.TempDir()
	contexts := filepath.Join(dir, "nats", "context")
	if err := os.MkdirAll(contexts, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_CONFIG_HOME", dir)
	text, _ := json.Marshal(map[string]string{"url": user, "user": "u", "password": "p"})
	if err := os.WriteFile(filepath.Join(contexts, "mine.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(contexts, "bad.json"), []byte(`{"url":"nats://u:hush@127.0.0.1:none"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, n := range map[string]settings.NATS{
		"user and password": {URL: user, User: "u", Password: "p"},
		"token":             {URL: token, Token: "hush"},
		"token as user":     {URL: token, User: "hush"},
		"in the URL":        {URL: strings.Replace(user, "nats://", "nats://u:p@", 1)},
		"context":           {Context: "mine"},
		"context by file":   {Context: filepath.Join(contexts, "mine.json")},
	} {
		nc, err := External(n, "test")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		nc.Close()
	}
	for name, n := range map[string]settings.NATS{
		"wrong password": {URL: strings.Replace(user, "nats://", "nats://u:hush@", 1)},
		"no address":     {URL: "nats://u:hush@127.0.0.1:none"},
		"no escape":      {URL: "nats://u:hush%ss@127.0.0.1"},
		"slash":          {URL: "nats://u:hush/x@127.0.0.1"},
		"several":        {URL: strings.Replace(user, "nats://", "nats://u:hush@", 1) + "," + strings.Replace(user, "nats://", "nats://hush@", 1)},
		"no context":     {Context: "none"},
		"bad context":    {Context: filepath.Join(contexts, "bad.json")},
		"no seed":        {URL: user, NKey: "/does/not/exist"},
		"bad proxy":      {URL: user, Socks: "ftp://hush@x"},
	} {
		if nc, err := External(n, "test"); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", name, err)
			if nc != nil {
				nc.Close()
			}
		}
	}
}

func TestCommandsFindTheDaemon(t *testing.T) {
	s := settings.Defaults()
	s.StateDir, s.Port = t.TempDir(), -1
	if _, err := Connect(s, "test"); !errors.Is(err, ErrNotRunning) {
		t.Error(err)
	}
	srv, err := embedded.Start(embedded.Config{Dir: s.StateDir, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	nc, err := Connect(s, "test")
	if err != nil {
		t.Fatal(err)
	}
	nc.Close()
	if nc, err = InProcess(srv, s.NATS, "test"); err != nil {
		t.Fatal(err)
	}
	nc.Close()
}

// A daemon that is started before its servers waits for them, says so, and ends when it is told to; what waiting does not mend
// is an error at once.
func TestAwait(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	where := l.Addr().(*net.TCPAddr) //nolint:forcetypeassert // it is one
	l.Close()
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	type outcome struct {
		nc  *nats.Conn
		err error
	}
	got := make(chan outcome, 1)
	go func() {
		nc, err := Await(t.Context(), settings.NATS{URL: "nats://" + where.String()}, "test", log)
		got <- outcome{nc, err}
	}()
	select {
	case o := <-got:
		t.Fatalf("did not wait: %v", o.err)
	case <-time.After(2 * backoff.Min):
	}
	guarded(t, func(o *server.Options) { o.Port = where.Port })
	o := <-got
	if o.err != nil || !o.nc.IsConnected() {
		t.Fatal(o.err)
	}
	o.nc.Close()
	if !strings.Contains(said.String(), "trying again") || strings.Count(said.String(), "\n") != 1 {
		t.Errorf("the log: %s", said.String())
	}

	ctx, cancel := context.WithTimeout(t.Context(), 2*backoff.Min)
	defer cancel()
	if _, err := Await(ctx, settings.NATS{URL: "nats://127.0.0.1:1"}, "test", log); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, nats.ErrNoServers) {
		t.Errorf("not to be told to end: %v", err)
	}
}

func TestAwaitGivesUpAtOnce(t *testing.T) {
	user := guarded(t, func(o *server.Options) { o.Username, o.Password = "u", "p" })
	for name, n := range map[string]settings.NATS{
		"wrong password":    {URL: user, User: "u", Password: "hush"},
		"no credentials":    {URL: user},
		"no URL":            {URL: "nats://[::1"},
		"no port":           {URL: "nats://127.0.0.1:99999"},
		"no such context":   {Context: "none"},
		"no such creds":     {URL: user, Creds: "/does/not/exist"},
		"TLS where is none": {URL: strings.Replace(user, "nats://", "tls://", 1)},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		_, err := Await(ctx, n, "test", slog.New(slog.DiscardHandler))
		if err == nil || ctx.Err() != nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", name, err)
		}
		cancel()
	}
}

func TestPassing(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nats.ErrAuthorization, false},
		{nats.ErrNoServers, true},
		{fmt.Errorf("connecting: %w", &net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}), true},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Name: "nats", IsNotFound: true}}, true},
		{&net.OpError{Op: "remote error", Err: errors.New("tls: bad certificate")}, false},
		{x509.UnknownAuthorityError{}, false},
		{context.DeadlineExceeded, true},
		{context.Canceled, false},
		{jetstream.ErrJetStreamNotEnabled, false},
		{jetstream.ErrJetStreamNotEnabledForAccount, false},
		{fmt.Errorf("bucket: %w", &jetstream.APIError{Code: 503, ErrorCode: 10008, Description: "JetStream system temporarily unavailable"}), true},
		{&jetstream.APIError{Code: 400, ErrorCode: 10005, Description: "no suitable peers for placement"}, true},
		{&jetstream.APIError{Code: 500, ErrorCode: 10074, Description: "replicas > 1 not supported in non-clustered mode"}, false},
	} {
		if got := Passing(c.err); got != c.want {
			t.Errorf("%v: %v", c.err, got)
		}
	}
}
