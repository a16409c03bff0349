package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/vmihailenco/msgpack/v5"
	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/bridge/bus"
	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// town is a Telegram in a box with three people.
type town struct {
	*mttest.Server
	dora, alice, bob *mttest.Account
	news             *mttest.Channel
}

func newTown(t *testing.T, o ...mttest.Option) *town {
	t.Helper()
	s := mttest.NewServer(t, o...)
	w := &town{
		Server: s,
		dora:   s.AddUser(mttest.User{First: "Dora", Username: "dora", Phone: "+99966 2 0001"}),
		alice:  s.AddUser(mttest.User{First: "Alice", Username: "alice", Phone: "+99966 2 0002"}),
		bob:    s.AddUser(mttest.User{First: "Bob", Username: "bob", Phone: "+99966 2 0003", Password: "correct horse"}),
	}
	w.news = s.AddChannel(mttest.ChannelConfig{Title: "News", Creator: w.alice, Members: []*mttest.Account{w.dora, w.bob}})
	return w
}

// daemon is a bridge that runs.
type daemon struct {
	t    *testing.T
	w    *town
	s    Settings
	o    Options
	b    *Bridge
	nc   *nats.Conn
	js   jetstream.JetStream
	stop func() error
}

func newDaemon(t *testing.T, w *town, change ...func(*Settings)) *daemon {
	t.Helper()
	d := &daemon{t: t, w: w, s: DefaultSettings()}
	d.s.StateDir, d.s.Port, d.s.APIID, d.s.APIHash, d.s.Timeout = t.TempDir(), -1, 1, "hash", 20*time.Second
	env := w.Env()
	d.o = Options{Env: &env, NoSync: true, Open: true, Version: "test", Log: slog.New(slog.NewTextHandler(testWriter{t}, nil))}
	for _, c := range change {
		c(&d.s)
	}
	d.start()
	return d
}

// newServed is a town with a daemon that serves Dora's account.
func newServed(t *testing.T, change ...func(*Settings)) (*town, *daemon) {
	t.Helper()
	w := newTown(t)
	d := newDaemon(t, w, change...)
	d.login("main", w.dora)
	return w, d
}

// newPair is a town with two daemons on one NATS, of which the first serves Dora's account.
func newPair(t *testing.T, change ...func(*Settings)) (w *town, one, two *daemon) {
	t.Helper()
	w = newTown(t)
	srv := embeddedtest.Start(t)
	change = append(change, func(s *Settings) { s.URL, s.Secret = srv.ClientURL(), "sixteen characters" })
	one = newDaemon(t, w, change...)
	one.login("main", w.dora)
	return w, one, newDaemon(t, w, change...)
}

// connect connects as a program does, or as a command where everybody is asked who they are.
func (d *daemon) connect() (*nats.Conn, error) {
	if !d.o.Open {
		return bus.Connect(d.s, "test")
	}
	return nats.Connect(d.b.ClientURL(), nats.MaxReconnects(-1))
}

// testWriter writes the daemon's log where a failing test shows it.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(b []byte) (int, error) {
	if os.Getenv("NATSGRAM_TEST_LOG") != "" {
		fmt.Fprint(os.Stderr, string(b))
	}
	return len(b), nil
}

func (d *daemon) start() {
	d.t.Helper()
	var err error
	if d.b, err = New(d.s, d.o); err != nil {
		d.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.b.Run(ctx) }()
	select {
	case <-d.b.Ready():
	case err := <-ended:
		d.t.Fatalf("did not start: %v", err)
	}
	if d.nc, err = d.connect(); err != nil {
		d.t.Fatal(err)
	}
	d.js, _ = jetstream.New(d.nc)
	stopped := false
	d.stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		err := <-ended
		d.nc.Close()
		return err
	}
	d.t.Cleanup(func() { _ = d.stop() })
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// login signs an account in as a person would.
func (d *daemon) login(name string, who *mttest.Account) {
	d.t.Helper()
	ctx := soon(d.t)
	got, err := Login(ctx, d.s, d.o, SignIn{Account: name, Phone: who.Phone(), Prompt: d.prompt(who)})
	if err != nil || got.UserID != who.ID() {
		d.t.Fatalf("login: %v %v", got, err)
	}
	if err := d.b.WaitServing(ctx, name); err != nil {
		d.t.Fatal(err)
	}
}

// await waits until this daemon's account is in a state.
func (d *daemon) await(name string, want account.Phase) {
	d.t.Helper()
	ctx := soon(d.t)
	for {
		changed := d.b.accounts.Changed()
		var moved <-chan struct{}
		if r := d.b.accounts.Runner(name); r != nil {
			if moved = r.Changed(); r.Status().State == want {
				return
			}
		}
		select {
		case <-changed:
		case <-moved:
		case <-ctx.Done():
			d.t.Fatalf("%s is not %s", name, want)
		}
	}
}

func (d *daemon) prompt(who *mttest.Account) func(context.Context, mtproto.LoginState, error) (string, error) {
	return func(_ context.Context, st mtproto.LoginState, wrong error) (string, error) {
		switch {
		case st.Step == mtproto.WaitCode && wrong == nil:
			return "00000", nil // and be asked again
		case st.Step == mtproto.WaitCode:
			return d.w.Code(who.Phone()), nil
		case st.Step == mtproto.WaitPassword:
			return "correct horse", nil
		}
		return "", fmt.Errorf("asked for %s: %w", st.Step, wrong)
	}
}

func (d *daemon) ask(subject, body string, headers ...string) *nats.Msg {
	d.t.Helper()
	msg := nats.NewMsg(subject)
	msg.Data = []byte(body)
	for i := 0; i < len(headers); i += 2 {
		msg.Header.Set(headers[i], headers[i+1])
	}
	reply, err := d.nc.RequestMsg(msg, 20*time.Second)
	if err != nil {
		d.t.Fatalf("%s: %v", subject, err)
	}
	return reply
}

func (d *daemon) peer(p mttest.Peer) string {
	return fmt.Sprintf(`{"_":"inputPeerUser","user_id":%d,"access_hash":"%d"}`, p.Peer().ID, d.w.dora.AccessHash(p))
}

// updates reads n messages of the stream.
func (d *daemon) updates(filter string, n int) []jetstream.Msg {
	d.t.Helper()
	c, err := d.js.OrderedConsumer(soon(d.t), "TG_UPDATES", jetstream.OrderedConsumerConfig{FilterSubjects: []string{filter}})
	if err != nil {
		d.t.Fatal(err)
	}
	messages, err := c.Messages()
	if err != nil {
		d.t.Fatal(err)
	}
	defer messages.Stop()
	var all []jetstream.Msg
	for len(all) < n {
		m, err := messages.Next(jetstream.NextMaxWait(15 * time.Second))
		if err != nil {
			d.t.Fatalf("%d of %d messages on %s: %v", len(all), n, filter, err)
		}
		all = append(all, m)
	}
	return all
}

func (d *daemon) held(filter string) int {
	d.t.Helper()
	c, err := d.js.OrderedConsumer(soon(d.t), "TG_UPDATES", jetstream.OrderedConsumerConfig{FilterSubjects: []string{filter}})
	if err != nil {
		d.t.Fatal(err)
	}
	info, err := c.Info(soon(d.t))
	if err != nil {
		d.t.Fatal(err)
	}
	return int(info.NumPending)
}

// The main street in both directions: calls in three encodings, and what others write in the stream, once.
func TestCallsAndUpdates(t *testing.T) {
	w, d := newServed(t)

	reply := d.ask("tg.rpc.main.messages.sendMessage", `{"peer":`+d.peer(w.alice)+`,"message":"hello"}`, "Nats-Msg-Id", "m1")
	if reply.Header.Get("Nats-Service-Error") != "" || !strings.Contains(string(reply.Data), `"_":"update`) {
		t.Fatalf("%v %s", reply.Header, reply.Data)
	}
	again := d.ask("tg.rpc.main.messages.sendMessage", `{"peer":`+d.peer(w.alice)+`,"message":"hello"}`, "Nats-Msg-Id", "m1")
	if string(again.Data) != string(reply.Data) || again.Header.Get("Tg-Replayed") == "" {
		t.Errorf("%v %s", again.Header, again.Data)
	}
	packed := d.ask("tg.rpc.main.help.getNearestDc", "", "Accept", "application/msgpack")
	var m map[string]any
	if err := msgpack.Unmarshal(packed.Data, &m); err != nil || m["_"] != "nearestDc" {
		t.Errorf("%v %v", m, err)
	}
	raw := d.ask("tg.ro.main.help.getNearestDc", "", "Accept", "application/x-tl")
	if raw.Header.Get("Tg-Layer") != strconv.Itoa(d.b.layer.Schema.Layer()) || len(raw.Data)%4 != 0 || len(raw.Data) == 0 {
		t.Errorf("%v %x", raw.Header, raw.Data)
	}

	w.alice.Send(w.dora, "hi dora")
	got := d.updates(fmt.Sprintf("tg.upd.main.updateNewMessage.user.%d", w.alice.ID()), 2) // our own one comes back too (D19)
	h := got[1].Headers()
	var body struct {
		Update struct {
			Type    string `json:"_"`
			Message struct{ Message string }
			Pts     int
		}
		Users, Chats []map[string]any
	}
	if err := json.Unmarshal(got[1].Data(), &body); err != nil {
		t.Fatal(err)
	}
	if body.Update.Type != "updateNewMessage" || body.Update.Message.Message != "hi dora" || len(body.Users) == 0 {
		t.Errorf("%s", got[1].Data())
	}
	pts := strconv.Itoa(body.Update.Pts)
	for name, want := range map[string]string{
		"Tg-Type": "updateNewMessage", "Tg-Box": "common", "Tg-Pts": pts, "Tg-Layer": raw.Header.Get("Tg-Layer"),
		"Content-Type": "application/json",
	} {
		if h.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, h.Get(name), want)
		}
	}
	if id := fmt.Sprintf("main/%d/", w.dora.ID()); !strings.HasPrefix(h.Get("Nats-Msg-Id"), id) || !strings.Contains(h.Get("Nats-Msg-Id"), "/common/"+pts+"/") {
		t.Errorf("Nats-Msg-Id is %q", h.Get("Nats-Msg-Id"))
	}
	if !strings.Contains(h.Get("Tg-State"), "pts="+pts) || h.Get("Tg-Date") == "" {
		t.Errorf("%v", h)
	}
	if id := got[0].Headers().Get("Tg-Request-Id"); id != "m1" {
		t.Errorf("our own update says it was caused by %q", id)
	}
}

// What one program deletes stands in the stream for all others, under the chats and with the request's id: Telegram tells the session that
// asked no more than a number (D19). As reported: an archive never learned of it.
func TestOwnDeletions(t *testing.T) {
	w := newTown(t)
	own := w.AddChannel(mttest.ChannelConfig{Title: "Dora's", Megagroup: true, Creator: w.dora, Members: []*mttest.Account{w.alice}})
	d := newDaemon(t, w)
	d.login("main", w.dora)
	w.alice.Send(w.dora, "one")
	w.alice.Send(own, "first")
	w.alice.Send(w.dora, "two")
	var ids []string
	for _, m := range d.updates("tg.upd.main.updateNewMessage.>", 2) {
		ids = append(ids, m.Headers().Get("Tg-Msg-Id"))
	}
	post := d.updates("tg.upd.main.updateNewChannelMessage.>", 1)[0].Headers().Get("Tg-Msg-Id")
	for _, answer := range []*nats.Msg{
		d.ask("tg.rpc.main.messages.deleteMessages", `{"id":[`+strings.Join(ids, ",")+`],"revoke":true}`, "Nats-Msg-Id", "both"),
		d.ask("tg.rpc.main.channels.deleteMessages", fmt.Sprintf(`{"channel":"channel.%d","id":[`, own.ID())+post+`]}`, "Nats-Msg-Id", "post"),
	} {
		if code := refusedWith(answer); code != "" {
			t.Fatal(code, string(answer.Data))
		}
	}
	for subject, want := range map[string][2]string{
		fmt.Sprintf("tg.upd.main.updateDeleteMessages.user.%d", w.alice.ID()):       {strings.Join(ids, ","), "both"},
		fmt.Sprintf("tg.upd.main.updateDeleteChannelMessages.channel.%d", own.ID()): {post, "post"},
	} {
		h := d.updates(subject, 1)[0].Headers()
		if got := [2]string{h.Get("Tg-Msg-Id"), h.Get("Tg-Request-Id")}; got != want {
			t.Errorf("%s: %q, want %q", subject, got, want)
		}
	}
	w.alice.Send(w.dora, "three") // counted on from there, without a gap
	d.updates("tg.upd.main.updateNewMessage.>", 3)
	if n := d.held("tg.upd.main.gap.>"); n != 1 { // the beginning
		t.Errorf("%d gaps", n)
	}
}

// A planned stop and start: what was said meanwhile is there, and nothing twice.
func TestRestartGoesOn(t *testing.T) {
	w, d := newServed(t)
	w.alice.Send(w.dora, "one")
	w.alice.Send(w.news, "first news")
	d.updates("tg.upd.main.>", 2)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	w.alice.Send(w.dora, "two")
	w.alice.Send(w.news, "second news")
	d.start()
	if err := d.b.WaitServing(soon(t), "main"); err != nil {
		t.Fatal(err)
	}
	d.updates("tg.upd.main.updateNewMessage.>", 2)
	d.updates("tg.upd.main.updateNewChannelMessage.>", 2)
	w.alice.Send(w.dora, "three")
	var texts []string
	for _, m := range d.updates("tg.upd.main.updateNewMessage.>", 3) {
		var body struct {
			Update struct{ Message struct{ Message string } }
		}
		_ = json.Unmarshal(m.Data(), &body)
		texts = append(texts, body.Update.Message.Message)
	}
	if got := strings.Join(texts, " "); got != "one two three" {
		t.Error(got)
	}
}

// E3, C17: however often the line is cut, every message is in the stream once and in order.
func TestCutsLoseNothing(t *testing.T) {
	w, d := newServed(t)
	const n = 60
	for i := range n {
		w.alice.Send(w.dora, strconv.Itoa(i))
		if i%10 == 5 {
			w.Cut()
		}
	}
	for i, m := range d.updates("tg.upd.main.updateNewMessage.>", n) {
		if !strings.Contains(string(m.Data()), fmt.Sprintf(`"message":"%d"`, i)) {
			t.Fatalf("at %d: %s", i, m.Data())
		}
	}
	if got := d.held("tg.upd.main.updateNewMessage.>"); got != n {
		t.Errorf("%d messages, want %d", got, n)
	}
}

// Design §5: of two daemons one runs the account; when it stops the other goes on, and nothing is lost or doubled.
func TestHandOver(t *testing.T) {
	w, one, two := newPair(t)
	for i := range 5 {
		w.alice.Send(w.dora, strconv.Itoa(i))
	}
	one.updates("tg.upd.main.updateNewMessage.>", 5)
	if r := two.b.accounts.Runner("main"); r != nil {
		t.Errorf("two daemons run the account: %+v", r.Status())
	}
	before := one.status("main")
	if err := one.stop(); err != nil {
		t.Fatal(err)
	}
	w.alice.Send(w.dora, "5")
	if err := two.b.WaitServing(soon(t), "main"); err != nil {
		t.Fatal(err)
	}
	w.alice.Send(w.dora, "6")
	for i, m := range two.updates("tg.upd.main.updateNewMessage.>", 7) {
		if !strings.Contains(string(m.Data()), fmt.Sprintf(`"message":"%d"`, i)) {
			t.Errorf("at %d: %s", i, m.Data())
		}
	}
	if got := two.held("tg.upd.main.updateNewMessage.>"); got != 7 {
		t.Errorf("%d messages", got)
	}
	if after := two.status("main"); after.Epoch <= before.Epoch || after.Owner == before.Owner {
		t.Errorf("%+v then %+v", before, after)
	}
}

func TestSignedOutAccountIsRefusedClearly(t *testing.T) {
	w := newTown(t)
	d := newDaemon(t, w, func(s *Settings) { s.Accounts = []string{"main"} })
	d.await("main", account.WaitingForLogin)
	reply := d.ask("tg.rpc.main.help.getConfig", "")
	if reply.Header.Get("Nats-Service-Error-Code") != "401" || !strings.Contains(reply.Header.Get("Nats-Service-Error"), "natsgram login main") {
		t.Errorf("%v", reply.Header)
	}
	d.login("main", w.dora)
	if reply := d.ask("tg.rpc.main.help.getNearestDc", ""); reply.Header.Get("Nats-Service-Error") != "" {
		t.Errorf("%v", reply.Header)
	}
	w.SignOutAll(w.dora) // from another device (D17)
	ctx := soon(t)
	for d.status("main").State != account.SignedOut {
		reply := d.ask("tg.rpc.main.users.getUsers", `{"id":[{"_":"inputUserSelf"}]}`)
		if ctx.Err() != nil {
			t.Fatalf("%v %s", d.status("main"), reply.Header)
		}
	}
	until(t, "calls that Telegram answers to everybody", func() error { // the account is let go of a moment after it is told
		if reply := d.ask("tg.rpc.main.help.getNearestDc", ""); reply.Header.Get("Nats-Service-Error-Code") != "401" {
			return fmt.Errorf("%v", reply.Header)
		}
		return nil
	})
	d.login("main", w.dora)
	if st := d.status("main"); st.State != account.Connected || st.UserID != w.dora.ID() || st.Epoch == 0 {
		t.Errorf("%+v", st)
	}
}

func (d *daemon) status(name string) (st account.Status) {
	d.t.Helper()
	if err := json.Unmarshal(d.ask("tg.ctl."+name+".status", "").Data, &st); err != nil {
		d.t.Fatal(err)
	}
	return st
}

// Design §2: signing in over NATS, step by step, with a password.
func TestLoginOverNATS(t *testing.T) {
	w := newTown(t)
	d := newDaemon(t, w)
	step := func(verb, body, want string) {
		t.Helper()
		reply := d.ask("tg.ctl.bob.login."+verb, body)
		if got := reply.Header.Get("Nats-Service-Error-Code") + string(reply.Data); !strings.Contains(got, want) {
			t.Fatalf("%s: %v %s", verb, reply.Header, reply.Data)
		}
	}
	step("code", `{"code":"1"}`, "409")
	step("start", `{}`, "400")
	step("start", `{"phone":"`+w.bob.Phone()+`"}`, `wait_code`)
	step("code", `{"code":"000"}`, "400")
	step("code", `{"code":"`+w.Code(w.bob.Phone())+`"}`, "wait_password")
	step("password", `{"password":"wrong"}`, "400")
	step("status", ``, "wait_password")
	step("password", `{"password":"correct horse"}`, "ready")
	if err := d.b.WaitServing(soon(t), "bob"); err != nil {
		t.Fatal(err)
	}
	step("start", `{"phone":"`+w.bob.Phone()+`"}`, "409")
	list := d.ask("tg.ctl._.accounts.list", "")
	if !strings.Contains(string(list.Data), `"account":"bob","state":"connected"`) {
		t.Errorf("%s", list.Data)
	}
}

// F7: signing in over NATS by a QR code, which whoever asks shows, and waits for.
func TestLoginByQR(t *testing.T) {
	w := newTown(t)
	d := newDaemon(t, w)
	var shown struct {
		Step string
		QR   mtproto.QRCode
	}
	reply := d.ask("tg.ctl.main.login.start", `{"qr":true}`)
	if err := json.Unmarshal(reply.Data, &shown); err != nil || shown.Step != "wait_qr" {
		t.Fatalf("%v %s", reply.Header, reply.Data)
	}
	if err := w.bob.Scan(shown.QR.URL); err != nil {
		t.Fatal(err)
	}
	if reply = d.ask("tg.ctl.main.login.await", ""); !strings.Contains(string(reply.Data), "wait_password") {
		t.Fatalf("%v %s", reply.Header, reply.Data)
	}
	if reply = d.ask("tg.ctl.main.login.await", ""); reply.Header.Get("Nats-Service-Error-Code") == "" {
		t.Errorf("waiting for nothing: %s", reply.Data)
	}
	if reply = d.ask("tg.ctl.main.login.password", `{"password":"correct horse"}`); !strings.Contains(string(reply.Data), "ready") {
		t.Fatalf("%v %s", reply.Header, reply.Data)
	}
}

// F7, F4: the same without a daemon, and by an e-mail address that has to be set up.
func TestLoginByQROrEmail(t *testing.T) {
	w := newTown(t)
	d := newDaemon(t, w)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	got, err := Login(soon(t), d.s, d.o, SignIn{Account: "qr", QR: true, Prompt: d.prompt(w.bob), Progress: func(st mtproto.LoginState) {
		if st.Step == mtproto.WaitQR {
			if err := w.bob.Scan(st.QR.URL); err != nil {
				t.Error(err)
			}
		}
	}})
	if err != nil || got.UserID != w.bob.ID() {
		t.Fatal(got, err)
	}
	w.RequireEmail(w.bob.Phone())
	got, err = Login(soon(t), d.s, d.o, SignIn{Account: "mail", Phone: w.bob.Phone(), Prompt: func(ctx context.Context, st mtproto.LoginState, wrong error) (string, error) {
		switch st.Step {
		case mtproto.WaitEmail:
			return "bob@b.example", nil
		case mtproto.WaitEmailCode, mtproto.WaitCode:
			return w.EmailCode("bob@b.example"), nil
		}
		return d.prompt(w.bob)(ctx, st, wrong)
	}})
	if err != nil || got.UserID != w.bob.ID() {
		t.Fatal(got, err)
	}
}

// A bot signs in with its token, without a daemon running; the daemon finds it when it starts.
func TestLoginWithoutDaemon(t *testing.T) {
	w := newTown(t)
	bot := w.AddBot("Helper", "helper_bot")
	d := newDaemon(t, w)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	token := fmt.Sprintf("%d:%s", bot.ID(), bot.Token())
	if strings.Contains(bot.Token(), ":") {
		token = bot.Token()
	}
	got, err := Login(soon(t), d.s, d.o, SignIn{Account: "bot", BotToken: token})
	if err != nil || !got.Bot || got.UserID != bot.ID() {
		t.Fatal(got, err)
	}
	d.start()
	if err := d.b.WaitServing(soon(t), "bot"); err != nil {
		t.Fatal(err)
	}
}

// Design §6: nothing secret is readable in NATS's store.
func TestSessionIsSealed(t *testing.T) {
	_, d := newServed(t)
	session, err := d.b.services.Vault.Load(soon(t), "main")
	if err != nil {
		t.Fatal(err)
	}
	st, err := mtproto.ParseState(session.State)
	if err != nil || len(st.DCs) == 0 {
		t.Fatal(err)
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(d.s.StateDir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		for _, c := range st.DCs {
			if len(c.Key) > 0 && strings.Contains(string(text), string(c.Key[:16])) || strings.Contains(string(text), `"Key"`) {
				t.Errorf("%s holds a key", path)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestEventsAreKept(t *testing.T) {
	_, d := newServed(t)
	st, err := d.js.Stream(soon(t), "TG_EVENTS")
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range []string{"connected", "owner.gained"} {
		for ctx := soon(t); ; time.Sleep(10 * time.Millisecond) { // it is told beside whatever else is done
			_, err := st.GetLastMsgForSubject(ctx, "tg.evt.main."+event)
			if err == nil {
				break
			}
			if ctx.Err() != nil {
				t.Fatalf("%s: %v", event, err)
			}
		}
	}
}

func TestWrongStartsAreExplained(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Settings)
		want   string
	}{
		"prefix":  {func(s *Settings) { s.Prefix = "a b" }, "NATSGRAM_PREFIX"},
		"schema":  {func(s *Settings) { s.Schema = "/does/not/exist" }, "NATSGRAM_SCHEMA"},
		"dcs":     {func(s *Settings) { s.DCs = "x" }, "NATSGRAM_DCS"},
		"dc keys": {func(s *Settings) { s.DCKeys = "/does/not/exist" }, "NATSGRAM_DC_KEYS"},
		"allowed": {func(s *Settings) { s.Allow, s.DCs = []string{"auth.logOut", "account.*", "*"}, "x" }, "NATSGRAM_DCS"},
		"allow":   {func(s *Settings) { s.Allow = []string{"auth.logout"} }, "NATSGRAM_ALLOW: layer"},
	} {
		s := DefaultSettings()
		s.StateDir = t.TempDir()
		c.change(&s)
		if _, err := New(s, Options{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := DefaultSettings()
	s.StateDir, s.Port = t.TempDir(), -1
	if _, err := bus.Connect(s, "test"); !errors.Is(err, bus.ErrNotRunning) {
		t.Error(err)
	}
	if _, err := Login(soon(t), s, Options{NoSync: true}, SignIn{Account: "main", Phone: "1"}); err == nil || !strings.Contains(err.Error(), "NATSGRAM_API_ID") {
		t.Error(err)
	}
}

func TestSemver(t *testing.T) {
	for in, want := range map[string]string{
		"": "0.0.0", "dev": "0.0.0-dev", "v1.2.3": "1.2.3", "v1.2.3-4-gabc-dirty": "1.2.3-4-gabc-dirty", "7f49744": "0.0.0-7f49744", "a/b c": "0.0.0-a-b-c",
	} {
		if got := semver(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// The line is cut again and again under load: each call is answered once, none is executed twice, and the updates that the
// calls caused are in the stream once each.
func TestCutsUnderLoad(t *testing.T) {
	calls, cuts := 10_000, 100
	if testing.Short() {
		calls, cuts = 1000, 10
	}
	w, d := newServed(t, func(s *Settings) { s.Timeout = 60 * time.Second })
	body := []byte(`{"peer":` + d.peer(w.alice) + `,"message":"x"}`)
	var answered, failed atomic.Int64
	var work sync.WaitGroup
	next := make(chan int)
	for range 32 {
		work.Go(func() {
			for range next {
				reply, err := d.nc.Request("tg.rpc.main.messages.sendMessage", body, 60*time.Second)
				switch {
				case err != nil:
					t.Errorf("no answer: %v", err)
				case reply.Header.Get("Nats-Service-Error") != "":
					failed.Add(1)
					t.Errorf("%v", reply.Header)
				default:
					answered.Add(1)
				}
			}
		})
	}
	for i := range calls {
		next <- i
		if i%(calls/cuts) == calls/cuts/2 {
			w.Cut()
		}
	}
	close(next)
	work.Wait()
	if got := w.Executed("messages.sendMessage"); got != calls || answered.Load() != int64(calls) {
		t.Errorf("%d calls: %d executed, %d answered, %d failed", calls, got, answered.Load(), failed.Load())
	}
	if twice := w.Repeated("messages.sendMessage"); len(twice) != 0 {
		t.Errorf("%d executed twice", len(twice))
	}
	filter := fmt.Sprintf("tg.upd.main.updateNewMessage.user.%d", w.alice.ID())
	d.updates(filter, calls)
	if got := d.held(filter); got != calls {
		t.Errorf("%d updates in the stream", got)
	}
}
