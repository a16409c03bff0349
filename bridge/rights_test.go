package bridge

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/bridge/history"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/world"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/subjects/rights"
)

// violations is a server's log, of which it keeps what was refused.
type violations struct {
	mu   sync.Mutex
	said []string
}

func (v *violations) Errorf(format string, a ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if line := fmt.Sprintf(format, a...); strings.Contains(line, "iolation") {
		v.said = append(v.said, line)
	}
}
func (v *violations) Noticef(string, ...any)        {}
func (v *violations) Warnf(format string, a ...any) { v.Errorf(format, a...) }
func (v *violations) Fatalf(format string, a ...any) {
	v.Errorf(format, a...)
}
func (v *violations) Debugf(string, ...any) {}
func (v *violations) Tracef(string, ...any) {}

func (v *violations) all() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.said)
}

// leafURL is where leaf nodes reach a server with JetStream in the domain hub.
func leafURL(t *testing.T) string {
	t.Helper()
	hub := node(t, "hub", func(o *server.Options) { o.LeafNode.Host, o.LeafNode.Port = "127.0.0.1", server.RANDOM_PORT })
	varz, err := hub.Varz(nil)
	if err != nil {
		t.Fatal(err)
	}
	return "nats-leaf://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(varz.LeafNode.Port))
}

// leastRights starts a server whose user daemon has the rights of that role and no others, as they are printed. Who does not
// sign in may do everything.
func leastRights(t *testing.T, api string, owns ...string) (srv *server.Server, daemon rights.Permissions, refused *violations) {
	t.Helper()
	daemon, err := rights.Of(subjects.Scheme{}, rights.Grant{Role: rights.Runner, Inbox: "_INBOX_.daemon", API: api, Owns: owns})
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("DAEMON_PASSWORD", "d")
	user := rights.User{Name: "daemon", Permissions: daemon}
	file := filepath.Join(t.TempDir(), "nats.conf")
	storage := fmt.Sprintf("jetstream: { store_dir: %q }", t.TempDir())
	if api != "" {
		storage = fmt.Sprintf("leafnodes: { remotes: [ { url: %q } ] }", leafURL(t))
	}
	conf := fmt.Sprintf("listen: 127.0.0.1:-1\n%s\nno_auth_user: anybody\nauthorization: { users: [\n{ user: anybody, password: a }\n%s] }\n", storage, user.Config())
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatal(err)
	}
	o.NoSigs = true
	srv, err = server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	refused = &violations{}
	srv.SetLogger(refused, false, false)
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	if !srv.ReadyForConnections(20 * time.Second) {
		t.Fatal("no server")
	}
	for end, look := soon(t).Done(), time.Tick(time.Millisecond); api != "" && srv.NumLeafNodes() == 0; {
		select {
		case <-look:
		case <-end:
			t.Fatal("the leaf does not reach the hub")
		}
	}
	return srv, daemon, refused
}

// matches reports whether a subject is among those that a pattern names.
func matches(pattern, subject string) bool {
	want, have := strings.Split(pattern, "."), strings.Split(subject, ".")
	for i, token := range want {
		switch {
		case token == ">":
			return len(have) > i
		case i >= len(have), token != "*" && token != have[i]:
			return false
		}
	}
	return len(want) == len(have)
}

// A push consumer's heartbeats go where it delivers to, with JetStream's rights: who may make consumers of one stream could sign an
// account out by them, since a logout needs no body.
func TestHeartbeatsAskForNothing(t *testing.T) {
	w, d := newServed(t)
	const logout = "tg.ctl.main.logout"
	beats, err := d.nc.SubscribeSync(logout)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	w.alice.Send(w.dora, "hello")
	d.updates("tg.upd.main.updateNewMessage.>", 1)
	_, err = d.js.CreatePushConsumer(soon(t), "TG_UPDATES", jetstream.ConsumerConfig{
		Name: "evil", DeliverSubject: logout, FilterSubject: "tg.upd.main.updateNewMessage.>", IdleHeartbeat: 100 * time.Millisecond, FlowControl: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 { // the update, and heartbeats
		if _, err := beats.NextMsgWithContext(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.nc.Publish(logout, nil); err != nil {
		t.Fatal(err)
	}
	if st := d.status("main"); st.State != account.Connected || w.Executed("auth.logOut") != 0 {
		t.Errorf("%+v; signed out %d times", st, w.Executed("auth.logOut"))
	}
}

// seldom are the rights that one run need not use.
var seldom = map[string]string{
	"tg.rpc.>": "requests that came during a hand-over are passed on", "tg.ro.>": "the same", "tg.file.>": "the same",
	"$JS.API.STREAM.MSG.*.KV_TG_JOBS":     "jobs at which a daemon died",
	"$JS.API.STREAM.MSG.GET.KV_TG_LEASES": "a renewal of which nobody knows what became", "$JS.FC.>": "what JetStream asks in the middle of a long answer", "_R_.>": "answers to another NATS account",
}

// What is at work when the daemon's connection to NATS is lost is answered all the same, at the inboxes that users are printed: the server
// forgets with the connection which requests came by it. As reported: each restart of a server lost the answers of all calls at work.
func TestAnswersOutliveAConnection(t *testing.T) {
	srv, _, refused := leastRights(t, "")
	w := newTown(t, oneConnection)
	d := newDaemon(t, w, func(s *Settings) {
		s.URL, s.User, s.Password, s.Inbox, s.Secret = srv.ClientURL(), "daemon", "d", rights.DefaultInbox("daemon"), "sixteen characters"
	})
	d.signIn("main", w.dora)
	reached, proceed := make(chan struct{}, 1), make(chan struct{})
	w.InterceptMethod("help.getNearestDc", func(*mttest.Request) mttest.Action {
		reached <- struct{}{}
		<-proceed
		return mttest.Pass()
	})
	answers, err := d.nc.SubscribeSync(rights.DefaultInbox("caller") + ".1")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.nc.PublishRequest("tg.ro.main.help.getNearestDc", answers.Subject, nil); err != nil {
		t.Fatal(err)
	}
	<-reached
	lost := d.connections(srv)
	for id := range lost {
		if err := srv.DisconnectClientByID(id); err != nil {
			t.Fatal(err)
		}
	}
	for ctx, back := soon(t), false; !back; time.Sleep(5 * time.Millisecond) {
		if ctx.Err() != nil {
			t.Fatal("the daemon does not come back")
		}
		for id := range d.connections(srv) {
			back = back || !lost[id]
		}
	}
	close(proceed)
	if m, err := answers.NextMsgWithContext(soon(t)); err != nil || refusedWith(m) != "" {
		t.Errorf("%v %+v", err, m)
	}
	for _, one := range refused.all() {
		if strings.Contains(one, "_INBOX") {
			t.Error(one)
		}
	}
}

// connections are those of the daemon's user, by their ids.
func (d *daemon) connections(srv *server.Server) map[uint64]bool {
	d.t.Helper()
	all, err := srv.Connz(&server.ConnzOptions{Username: true})
	if err != nil {
		d.t.Fatal(err)
	}
	ids := map[uint64]bool{}
	for _, one := range all.Conns {
		if one.AuthorizedUser == "daemon" {
			ids[one.Cid] = true
		}
	}
	return ids
}

// The rights of the role daemon are enough for all that daemons do, and no more than that: nothing was refused, and whatever is
// allowed was done.
func TestLeastRights(t *testing.T) {
	t.Run("here", func(t *testing.T) { enough(t, "") })
	t.Run("by a leaf node", func(t *testing.T) { enough(t, "$JS.hub.API") })
}

func enough(t *testing.T, api string) {
	t.Helper()
	srv, rights, refused := leastRights(t, api, "bob")
	where := srv.ClientURL()
	tap, err := nats.Connect(where)
	if err != nil {
		t.Fatal(err)
	}
	defer tap.Close()
	done := make(map[string]bool) // what of the list was done
	var mu sync.Mutex
	_, err = tap.Subscribe(">", func(m *nats.Msg) {
		mu.Lock()
		defer mu.Unlock()
		for _, p := range rights.Publish {
			if !done[p] && matches(p, m.Subject) {
				done[p] = true
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := tap.Flush(); err != nil {
		t.Fatal(err)
	}
	w := newTown(t, oneConnection)
	with := func(name string) func(*Settings) {
		return func(s *Settings) {
			s.URL, s.User, s.Password, s.Inbox, s.Secret, s.Name = where, "daemon", "d", "_INBOX_.daemon", "sixteen characters", name
			s.APIPrefix, s.State = api, []string{"all"}
		}
	}
	one := newDaemon(t, w, with("one"))
	if api != "" {
		one.js, _ = jetstream.NewWithAPIPrefix(one.nc, api)
	}
	one.signInBob(w)
	one.listed("bob", connected)
	if _, err := storage.AddOwn(soon(t), one.js, subjects.Scheme{}, "bob", storage.OwnLimits{}); err != nil {
		t.Fatal(err)
	}
	two := newDaemon(t, w, with("two"))
	w.alice.Typing(w.bob)
	w.alice.Send(w.bob, "kept")
	one.updates("tg.upd.bob.updateNewMessage.>", 1)
	if code := one.ask("tg.ro.bob.help.getConfig", "").Header.Get("Nats-Service-Error-Code"); code != "" {
		t.Errorf("a call: %s", code)
	}
	for range 2 {
		if code := one.ask("tg.rpc.bob.account.updateStatus", `{"offline":true}`, "Nats-Msg-Id", "1").Header.Get("Nats-Service-Error-Code"); code != "" {
			t.Errorf("a call with an id: %s", code)
		}
	}
	w.FailNext("help.getInviteText", 1, 420, "FLOOD_WAIT_3600")
	one.ask("tg.ro.bob.help.getInviteText", "")
	for _, verb := range []string{"freeze", "unfreeze"} {
		if code := one.ask("tg.ctl.bob."+verb, "").Header.Get("Nats-Service-Error-Code"); code != "" {
			t.Errorf("%s: %s", verb, code)
		}
	}
	one.jobOf("bob", "none.0", "account.updateStatus", `{"offline":true}`, "Nats-Msg-Id", "later")
	if m := one.became("bob", "none.0", "later"); m.Header.Get("Tg-Job-State") != "done" {
		t.Errorf("a job: %v", m.Header)
	}
	one.put("TG_FILES", "a", noise(11<<20))
	if m := one.ask("tg.rpc.bob.messages.sendMedia", fmt.Sprintf(documentOf, "", "object:TG_FILES/a")); m.Header.Get("Nats-Service-Error-Code") != "" {
		t.Errorf("a file: %v", m.Header)
	}
	held, err := one.js.Stream(soon(t), "TG_STATE")
	if err != nil {
		t.Fatal(err)
	}
	for ctx := soon(t); ; time.Sleep(20 * time.Millisecond) { // until the dialogs are there
		if m, err := held.GetLastMsgForSubject(ctx, fmt.Sprintf("tg.state.bob.dialog.user.%d", w.alice.ID())); err == nil || ctx.Err() != nil {
			if m == nil {
				t.Fatal(err)
			}
			break
		}
	}
	for ctx, state := soon(t), ""; state != "done"; time.Sleep(20 * time.Millisecond) {
		var f history.Fetched
		m := one.ask("tg.ctl.bob.history.fetch", `{"peer":"@alice"}`)
		if _ = json.Unmarshal(m.Data, &f); f.Job.ID == "" || ctx.Err() != nil {
			t.Fatalf("history: %v %s", m.Header, m.Data)
		}
		var all history.Jobs
		_ = json.Unmarshal(one.ask("tg.ctl.bob.history.list", "").Data, &all)
		state = string(all.Jobs[len(all.Jobs)-1].State)
	}
	w.alice.SendDraft(w.bob, world.Draft{Text: "a file", Media: w.World().AddFile(world.File{DC: 2, Name: "b.bin", MimeType: "a/b", Data: noise(300_000)})})
	sent := one.updates(fmt.Sprintf("tg.upd.bob.updateNewMessage.user.%d", w.alice.ID()), 2)[1].Headers().Get("Tg-Msg-Id")
	if m := one.ask("tg.file.bob.get", `{"to":"object","message":{"peer":"@alice","id":`+sent+`}}`); m.Header.Get("Nats-Service-Error-Code") != "" {
		t.Errorf("a file of a message: %v", m.Header)
	}
	if m := one.ask("tg.ctl.bob.erase", fmt.Sprintf(`{"peer":"user.%d"}`, w.alice.ID())); !strings.Contains(string(m.Data), `"TG_UPDATES_bob":{`) || strings.Contains(string(m.Data), "left") {
		t.Errorf("an erasure: %v %s", m.Header, m.Data)
	}
	if m := one.ask("tg.file.bob.get", `{"to":"object","location":`+inJSON(t, w.bob.Location(w.AddFile(2, "a.bin", noise(300_000))))+`}`); m.Header.Get("Nats-Service-Error-Code") != "" {
		t.Errorf("a file into an object store: %v", m.Header)
	}
	if refusal := one.verb("move", `{"account":"bob"}`, nil); refusal != "" {
		t.Errorf("a move: %s", refusal)
	}
	one.ask("tg.ctl.bob.watch.add", `{"channels":["5"]}`)
	one.document("asyncapi")
	one.ask("$SRV.PING", "")
	if err := two.stop(); err != nil {
		t.Fatal(err)
	}
	one.listed("bob", connected)
	if refusal := one.verb("remove", `{"account":"bob","logout":true,"purge":true}`, nil); refusal != "" {
		t.Errorf("a removal: %s", refusal)
	}
	if err := one.stop(); err != nil {
		t.Fatal(err)
	}
	if err := tap.Flush(); err != nil {
		t.Fatal(err)
	}
	if said := refused.all(); len(said) > 0 {
		t.Errorf("refused:\n%s", strings.Join(said, "\n"))
	}
	mu.Lock()
	defer mu.Unlock()
	for _, p := range rights.Publish {
		if !done[p] && seldom[strings.Replace(p, "$JS.hub.", "$JS.", 1)] == "" {
			t.Errorf("nobody needed %s", p)
		}
	}
}
