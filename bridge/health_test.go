package bridge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/natsgram/natsgram/bridge/account"
)

// healthOf is the answer of tg.ctl._.health.
func (d *daemon) healthOf() (h allHealth) {
	d.t.Helper()
	if err := json.Unmarshal(d.ask("tg.ctl._.health", "").Data, &h); err != nil {
		d.t.Fatal(err)
	}
	return h
}

// unready waits until a daemon is not ready for a reason with that text.
func (d *daemon) unready(kind, text string) {
	d.t.Helper()
	ctx := soon(d.t)
	for {
		for _, p := range d.b.problems() {
			if p.Kind == kind && strings.Contains(p.Account+": "+p.Text, text) {
				return
			}
		}
		select {
		case <-ctx.Done():
			d.t.Fatalf("no problem %s %q: %v", kind, text, d.b.problems())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// ready waits until nothing keeps a daemon from being ready.
func (d *daemon) ready() {
	d.t.Helper()
	ctx := soon(d.t)
	for d.b.fit() != nil {
		select {
		case <-ctx.Done():
			d.t.Fatal(d.b.fit())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Every daemon says how it does, to whoever asks any of them; one that does not answer is told as such.
func TestHealthOfAll(t *testing.T) {
	w := newTown(t)
	one, two := pair(t, w)
	one.signInMain(w)
	one.ready()
	two.ready()
	h := one.healthOf()
	if !h.Ready || !h.Healthy || len(h.Daemons) != 2 || h.Daemons[0].Daemon == "" || h.Daemons[0].ID == h.Daemons[1].ID {
		t.Errorf("%+v", h)
	}
	leases, err := one.js.KeyValue(soon(t), "TG_LEASES")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := leases.Put(soon(t), "member.dead", []byte(`{"owner":"dead","host":"dead","instance":"dead"}`)); err != nil {
		t.Fatal(err)
	}
	ctx := soon(t)
	for {
		h = one.healthOf()
		if len(h.Daemons) == 3 {
			break
		}
		if ctx.Err() != nil {
			t.Fatalf("%+v", h)
		}
	}
	if text := fmt.Sprint(h); h.Ready || !strings.Contains(text, "it does not answer") {
		t.Error(text)
	}
}

// signInMain signs Dora in as main, wherever the account is taken.
func (d *daemon) signInMain(w *town) {
	d.t.Helper()
	if _, err := Login(soon(d.t), d.s, d.o, SignIn{Account: "main", Phone: w.dora.Phone(), Prompt: d.prompt(w.dora)}); err != nil {
		d.t.Fatal(err)
	}
	d.listed("main", connected)
}

// What keeps an account from being served is told in words; what is nobody's fault here is not.
func TestProblemsOf(t *testing.T) {
	now := time.Now()
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for name, c := range map[string]struct {
		st   account.Status
		want string
	}{
		"connected":         {account.Status{State: account.Connected, Heard: ago(time.Second)}, ""},
		"silent for long":   {account.Status{State: account.Connected, Heard: ago(time.Hour)}, "telegram main: Telegram has said nothing for 1h0m0s, and the connection still stands"},
		"no sign-in":        {account.Status{State: account.WaitingForLogin}, ""},
		"signed out":        {account.Status{State: account.SignedOut}, ""},
		"starting":          {account.Status{State: account.Starting}, "starting main: starting"},
		"behind":            {account.Status{State: account.Behind, Error: "500 AUTH_RESTART"}, "telegram main: Telegram gives no difference: 500 AUTH_RESTART"},
		"all fail":          {account.Status{State: account.Connected, Held: &account.Held{Since: ago(time.Minute), Reason: "no responders"}}, "updates main: updates cannot be stored since " + clock(ago(time.Minute)) + ": no responders"},
		"waits for long":    {account.Status{State: account.Connected, WaitingSince: ago(time.Minute)}, "updates main: updates wait for JetStream since " + clock(ago(time.Minute))},
		"waits for a while": {account.Status{State: account.Connected, WaitingSince: ago(time.Second)}, ""},
	} {
		c.st.Account = "main"
		got := ""
		if all := problemsOf(c.st, 5*time.Second, now); len(all) > 0 {
			got = all[0].Kind + " " + told(all).Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// The stream is gone, or NATS is: not ready, with the reason, and alive all the same; nobody blames NATSGRAM_ACCOUNTS.
func TestNotReadyWithoutNATS(t *testing.T) {
	w := newTown(t)
	o := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true}
	srv := serverOf(t, o)
	d := newDaemon(t, w, func(s *Settings) { s.URL, s.Secret = srv.ClientURL(), "sixteen characters" })
	d.login("main", w.dora)
	d.ready()
	port := srv.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it is one
	srv.Shutdown()
	srv.WaitForShutdown()
	d.unready(kindNATS, "not connected to NATS")
	d.unready(kindLease, "this daemon has no lease")
	if err := d.b.alive(); err != nil {
		t.Error(err)
	}
	if why := d.b.shift.whyFree("main", d.b.shift.census(time.Now())); !strings.Contains(why, "has no lease") {
		t.Error(why)
	}
	if d.b.figures() != nil && d.b.figures()[0].Epoch != 0 {
		t.Errorf("the lease is lost, and the epoch stays: %+v", d.b.figures())
	}
	o.Port = port
	serverOf(t, o)
	d.ready()
	if err := d.stop(); err != nil { // before its server
		t.Error(err)
	}
}

func serverOf(t *testing.T, o *server.Options) *server.Server {
	t.Helper()
	srv, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	if !srv.ReadyForConnections(20 * time.Second) {
		t.Fatal("no server")
	}
	return srv
}

// A daemon whose NATS user may not do what it has to says what it lacks, instead of starting for ever without a word.
func TestNotReadyWithoutRights(t *testing.T) {
	file := filepath.Join(t.TempDir(), "nats.conf")
	text := `listen: "127.0.0.1:-1"
jetstream { store_dir: "` + t.TempDir() + `" }
authorization { users = [ { user: u, password: p, permissions: { publish: { deny: ["$JS.API.>"] } } } ] }`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatal(err)
	}
	o.NoSigs, o.NoLog = true, true
	srv := serverOf(t, o)
	s := DefaultSettings()
	s.APIID, s.URL, s.User, s.Password, s.Secret = 1, srv.ClientURL(), "u", "p", "sixteen characters"
	s.Wait = time.Second
	b, err := New(s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{t: t, b: b}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	d.unready(kindRights, `"$JS.API.`)
	d.unready(kindStarting, "starting")
	cancel()
	if err := <-ended; err != nil && !errors.Is(err, ctx.Err()) {
		t.Log(err)
	}
}

// An account that nobody runs because it fails wherever it is begun says why.
func TestWhyFree(t *testing.T) {
	w := newTown(t)
	d := newDaemon(t, w)
	d.login("main", w.dora)
	s := d.b.shift
	s.mu.Lock()
	s.known["main"].err = errors.New("cannot open the sealed session")
	s.mu.Unlock()
	if got := d.b.statesOf([]string{"other"}); got[0].State != stateFree {
		t.Errorf("%+v", got)
	}
	if why := s.whyFree("main", s.census(time.Now())); why != "cannot open the sealed session" {
		t.Error(why)
	}
	if all := s.failures(); len(all) != 0 {
		t.Errorf("it runs: %v", all)
	}
	d.b.drop(d.b.running("main"))
	if text := fmt.Sprint(s.failures()); !strings.Contains(text, "it cannot be run here: cannot open the sealed session") {
		t.Error(text)
	}
	if short(strings.Repeat("ü", 200)) != strings.Repeat("ü", 100) {
		t.Error("a reason is cut within a letter")
	}
}

// A caller who wants its answer where this daemon may not send it makes nobody believe that the daemon lacks rights.
func TestNeeds(t *testing.T) {
	b := &Bridge{settings: DefaultSettings()}
	for refusal, want := range map[string]bool{
		`nats: permissions violation: Permissions Violation for Publish to "$JS.API.STREAM.INFO.TG_UPDATES"`: true,
		`nats: Permissions Violation for Publish to "tg.upd.main.updateNewMessage.user.5"`:                   true,
		`nats: Permissions Violation for Subscription to "_INBOX.abc.*"`:                                     true,
		`nats: permissions violation: Permissions Violation for Publish to "_INBOX_evil.1"`:                  false,
		`nats: Permissions Violation for Publish to "answers.here"`:                                          false,
	} {
		if got := b.needs(refusal); got != want {
			t.Errorf("%s: %v", refusal, got)
		}
	}
}

// An alert on ERROR must not cry wolf: signing in, and signing in anew, is nothing that went wrong.
func TestSigningInIsNoError(t *testing.T) {
	w := newTown(t)
	d := newDaemon(t, w)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	var said safeBuffer
	d.o.Log = slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelError}))
	d.start()
	for _, name := range d.crowd(8) {
		if err := d.b.WaitServing(soon(t), name); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		d.login("main", w.dora)
	}
	if text := said.String(); text != "" {
		t.Error(text)
	}
}

// safeBuffer is written by one goroutine and read by another.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
