package bridge

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/bus"
	"github.com/natsgram/natsgram/bridge/control"
	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/health"
)

// healthOf is the answer of tg.ctl._.health.
func (d *daemon) healthOf() (h control.AllHealth) {
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

// The stream is gone, or NATS is: not ready, with the reason, and alive all the same; nobody blames NATSGRAM_ACCOUNTS.
func TestNotReadyWithoutNATS(t *testing.T) {
	w := newTown(t)
	o := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir()}
	srv := embeddedtest.Serve(t, o)
	d := newDaemon(t, w, func(s *Settings) { s.URL, s.Secret = srv.ClientURL(), "sixteen characters" })
	d.login("main", w.dora)
	d.ready()
	port := srv.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it is one
	srv.Shutdown()
	srv.WaitForShutdown()
	d.unready(health.NATS, "not connected to NATS")
	d.unready(health.Lease, "this daemon has no lease")
	if err := d.b.alive(); err != nil {
		t.Error(err)
	}
	if d.b.figures() != nil && d.b.figures()[0].Epoch != 0 {
		t.Errorf("the lease is lost, and the epoch stays: %+v", d.b.figures())
	}
	o.Port = port
	embeddedtest.Serve(t, o)
	d.ready()
	if err := d.stop(); err != nil { // before its server
		t.Error(err)
	}
}

// A daemon whose NATS user may not do what it has to says which right it lacks, in the log and by its readiness, instead of starting
// for ever without a word.
func TestNotReadyWithoutRights(t *testing.T) {
	for name, c := range map[string]struct{ permissions, inbox, want string }{
		"JetStream":                {`publish: { deny: ["$JS.API.>"] }`, "", `may not publish to "$JS.API.`},
		"answers":                  {`subscribe: { deny: ["_INBOX.>"] }`, "", `no answer of JetStream's reaches the daemon: allow it "_INBOX.>", or set NATS_INBOX_PREFIX`},
		"answers below the prefix": {`subscribe: { allow: ["tg.>", "_INBOX.>"] }`, "_INBOX_.main", `no answer of JetStream's reaches the daemon: allow it "_INBOX_.main.>"`},
	} {
		t.Run(name, func(t *testing.T) {
			text := `listen: "127.0.0.1:-1"
jetstream { store_dir: "` + t.TempDir() + `" }
authorization { users = [ { user: u, password: p, permissions: { ` + c.permissions + ` } } ] }`
			srv := embeddedtest.Configure(t, text)
			s := DefaultSettings()
			s.APIID, s.URL, s.User, s.Password, s.Secret, s.Inbox = 1, srv.ClientURL(), "u", "p", "sixteen characters", c.inbox
			s.Wait = time.Second
			var said safeBuffer
			b, err := New(s, Options{Log: slog.New(slog.NewJSONHandler(&said, &slog.HandlerOptions{Level: slog.LevelError}))})
			if err != nil {
				t.Fatal(err)
			}
			d := &daemon{t: t, b: b}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- b.Run(ctx) }()
			d.unready(health.Rights, c.want)
			d.unready(health.Starting, "starting")
			cancel()
			if err := <-ended; err != nil && !errors.Is(err, ctx.Err()) {
				t.Log(err)
			}
			if text := strings.ReplaceAll(said.String(), `\"`, `"`); !strings.Contains(text, c.want) {
				t.Errorf("the log has no %s: %s", c.want, text)
			}
		})
	}
}

// An account that nobody runs because it fails wherever it is begun says why, to whoever asks for the list and for the daemon's health.
func TestWhyFree(t *testing.T) {
	_, d := newServed(t)
	sessions, err := d.js.KeyValue(soon(t), "TG_SESSIONS")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := sessions.Put(soon(t), "broken", []byte("rubbish")); err != nil {
		t.Fatal(err)
	}
	const why = "cannot open the sealed session"
	d.listed("broken", func(a Account) bool { return strings.Contains(a.Error, why) })
	d.unready(health.Account, "broken: it cannot be run here: ")
	for _, p := range d.b.problems() {
		if p.Account != "broken" || !strings.Contains(p.Text, why) {
			t.Errorf("%+v", p)
		}
	}
	if a := d.listed("main", connected); a.Error != "" {
		t.Errorf("%+v", a)
	}
}

// A caller who wants its answer where this daemon may not send it makes nobody believe that the daemon lacks rights.
func TestRefusals(t *testing.T) {
	for text, want := range map[string]string{
		`Permissions Violation for Publish to "$JS.API.STREAM.INFO.TG_UPDATES"`:      `may not publish to "$JS.API.STREAM.INFO.TG_UPDATES"; natsgram permissions daemon`,
		`Permissions Violation for Publish to "tg.upd.main.updateNewMessage.user.5"`: `may not publish to "tg.upd.main.`,
		`Permissions Violation for Subscription to "_INBOX.abc.*"`:                   `may not subscribe to "_INBOX.abc.*", so that no answer`,
		`Permissions Violation for Subscription to "tg.rpc.*.>" using queue "q"`:     `may not subscribe to "tg.rpc.*.>"; natsgram`,
		`Permissions Violation for Publish to "_INBOX_.evil.1"`:                      "",
		`Permissions Violation for Publish to "answers.here"`:                        "",
		`Permissions Violation for Publish to "tgother.here"`:                        "",
	} {
		r, ok := bus.RefusalOf(fmt.Errorf("%w: %s", nats.ErrPermissionViolation, text))
		switch {
		case !ok:
			t.Errorf("%s is no refusal", text)
		case matters(r, "tg") != (want != ""):
			t.Errorf("%s matters: %v", text, matters(r, "tg"))
		case !strings.Contains(words(r, "_INBOX"), want):
			t.Errorf("%s: %s", text, words(r, "_INBOX"))
		}
	}
	if _, ok := bus.RefusalOf(nats.ErrSlowConsumer); ok {
		t.Error("a slow consumer is no refusal")
	}
	if r, ok := bus.RefusalOf(nats.ErrPermissionViolation); !ok || !matters(r, "tg") || !strings.Contains(words(r, "_INBOX"), "lacks a right") {
		t.Errorf("in words that are not known: %+v", r)
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
