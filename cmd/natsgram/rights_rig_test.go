package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/subjects/rights"
)

// rightsRig is a server that holds what `natsgram permissions` printed, with a connection as that user and one as whoever may do
// everything in natsgram's account.
type rightsRig struct {
	t           *testing.T
	admin, user *nats.Conn
	js          jetstream.JetStream
	tap         *nats.Subscription // all that reaches natsgram's account
	inbox       string
	sent        int
}

const rightsUser = "somebody"

// printed is what the command prints for some words.
func printed(t *testing.T, words ...string) string {
	t.Helper()
	out, status := command(t, append([]string{"permissions"}, words...)...)
	if status != 0 {
		t.Fatalf("permissions %v: %s", words, out)
	}
	return out
}

// byConfig starts a server with the printed text in its configuration file.
func byConfig(t *testing.T, words ...string) *rightsRig {
	t.Helper()
	t.Setenv("SOMEBODY_PASSWORD", "s")
	text := printed(t, append(words, "--user", rightsUser)...)
	home, abroad := "users: [\n{ user: admin, password: a }\n"+text+"]\n", ""
	if exports, ok := strings.CutPrefix(text, "# to account NATSGRAM:\n"); ok {
		exports, imports, found := strings.Cut(exports, "# to account SOMEBODY:\n")
		if !found {
			t.Fatalf("no imports in\n%s", text)
		}
		home, abroad = "users: [ { user: admin, password: a } ]\n"+exports, "SOMEBODY: {\n"+imports+"}\n"
	}
	file := filepath.Join(t.TempDir(), "nats.conf")
	conf := fmt.Sprintf("listen: 127.0.0.1:-1\njetstream: { store_dir: %q }\naccounts: {\nNATSGRAM: {\njetstream: enabled\n%s}\n%s}\n", t.TempDir(), home, abroad)
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatalf("%v in\n%s", err, conf)
	}
	return newRights(t, o, nats.UserInfo("admin", "a"), nats.UserInfo(rightsUser, "s"))
}

func newRights(t *testing.T, o *server.Options, admin, user nats.Option) *rightsRig {
	t.Helper()
	srv := embeddedtest.Serve(t, o)
	var err error
	quiet := nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})
	r := &rightsRig{t: t, inbox: rights.DefaultInbox(rightsUser)}
	r.admin = r.connect(srv, admin, quiet)
	r.user = r.connect(srv, user, quiet, nats.CustomInboxPrefix(r.inbox))
	if r.js, err = jetstream.New(r.admin); err != nil {
		t.Fatal(err)
	}
	r.furnish()
	if r.tap, err = r.admin.SubscribeSync(">"); err == nil {
		err = r.admin.Flush() // in force from now on
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rightsRig) connect(srv *server.Server, o ...nats.Option) *nats.Conn {
	r.t.Helper()
	nc, err := nats.Connect(srv.ClientURL(), o...)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(nc.Close)
	return nc
}

// furnish makes what a daemon makes, with durables of main and of another account, and a stream of main's own.
func (r *rightsRig) furnish() {
	r.t.Helper()
	ctx := r.t.Context()
	_, err := r.js.CreateStream(ctx, jetstream.StreamConfig{Name: "TG_UPDATES", Subjects: []string{"tg.upd.>", "tg.own.*"}, AllowDirect: true})
	for _, name := range []string{"TG_UPDATES_main", "TG_UPDATES_other"} {
		_, e := r.js.CreateStream(ctx, jetstream.StreamConfig{Name: name, Sources: []*jetstream.StreamSource{{Name: "TG_UPDATES"}}})
		err = errors.Join(err, e)
	}
	for _, name := range []string{"main=archive", "other=archive"} {
		_, e := r.js.CreateConsumer(ctx, "TG_UPDATES", jetstream.ConsumerConfig{Durable: name, AckPolicy: jetstream.AckExplicitPolicy})
		err = errors.Join(err, e)
	}
	_, e := r.js.CreateConsumer(ctx, "TG_UPDATES_main", jetstream.ConsumerConfig{Durable: "any", AckPolicy: jetstream.AckExplicitPolicy})
	err = errors.Join(err, e)
	for name, subjects := range map[string][]string{"TG_QUEUE": {"tg.queue.*.*.*.*.*"}, "TG_DONE": {"tg.done.>"}} {
		_, e := r.js.CreateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: subjects})
		err = errors.Join(err, e)
	}
	_, e = r.js.CreateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: "TG_FILES"})
	err = errors.Join(err, e)
	kv, e := r.js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "TG_SESSIONS"})
	if err = errors.Join(err, e); err != nil {
		r.t.Fatal(err)
	}
	if _, err := kv.Put(ctx, "main", []byte("sealed")); err != nil {
		r.t.Fatal(err)
	}
}

// names are how the user may call a subject of natsgram's account: JetStream of another account has a domain's name.
func names(subject string) []string {
	if rest, ok := strings.CutPrefix(subject, "$JS.API."); ok {
		return []string{subject, "$JS." + rights.ImportedDomain + ".API." + rest}
	}
	return []string{subject}
}

// publishes tells whether what the user publishes on a subject reaches natsgram's account there.
func (r *rightsRig) publishes(subject string) (reached bool) {
	r.t.Helper()
	r.sent++
	mark := fmt.Sprintf("mark %d", r.sent)
	for _, name := range names(subject) {
		if err := r.user.Publish(name, []byte(mark)); err != nil {
			r.t.Fatalf("%s: %v", name, err)
		}
	}
	r.settle()
	for {
		m, err := r.tap.NextMsg(0)
		if err != nil {
			return reached
		}
		reached = reached || m.Subject == subject && string(m.Data) == mark
	}
}

// settle waits until the server has dealt with all that both have sent, and what it sent the two has come.
func (r *rightsRig) settle() {
	r.t.Helper()
	if err := errors.Join(r.user.Flush(), r.admin.Flush(), r.user.Flush()); err != nil {
		r.t.Fatal(err)
	}
}

// hears reports whether the user, subscribed to a pattern, gets what is published in natsgram's account on a subject.
func (r *rightsRig) hears(pattern, queue, subject string) bool {
	r.t.Helper()
	sub, err := r.user.QueueSubscribeSync(pattern, queue)
	if err != nil {
		r.t.Fatal(err)
	}
	defer sub.Unsubscribe() //nolint:errcheck // refused ones are gone
	r.settle()
	if r.refused(pattern) {
		return false
	}
	r.sent++
	mark := fmt.Sprintf("mark %d", r.sent)
	if err := r.admin.Publish(subject, []byte(mark)); err != nil {
		r.t.Fatal(err)
	}
	r.settle()
	for {
		m, err := sub.NextMsg(0)
		if err != nil {
			return false
		}
		if string(m.Data) == mark {
			return true
		}
	}
}

// listens reports whether the user may subscribe to the inboxes that it was given.
func (r *rightsRig) listens() bool {
	r.t.Helper()
	sub, err := r.user.SubscribeSync(r.inbox + ".>")
	if err != nil {
		r.t.Fatal(err)
	}
	defer sub.Unsubscribe() //nolint:errcheck // a refused one is gone
	r.settle()
	return !r.refused(r.inbox + ".>")
}

// refused reports whether the last thing that was refused was to subscribe to a pattern.
func (r *rightsRig) refused(pattern string) bool {
	last := r.user.LastError()
	return last != nil && strings.Contains(last.Error(), `Subscription to "`+pattern+`"`)
}

// turnsJetStream reports whether the user can have JetStream write the session of an account: JetStream answers to whatever
// subject a request names, with rights of its own.
func (r *rightsRig) turnsJetStream() bool {
	r.t.Helper()
	const target = "$KV.TG_SESSIONS.main"
	for _, c := range []string{"TG_UPDATES.main=archive", "TG_UPDATES_main.any"} {
		stream, _, _ := strings.Cut(c, ".")
		requests := []string{"$JS.API.CONSUMER.INFO." + c, "$JS.API.STREAM.INFO." + stream, "$JS.ACK." + c + ".1.1.1.1.0", "$JS.API.CONSUMER.MSG.NEXT." + c}
		for _, subject := range requests {
			for _, name := range names(subject) {
				m := &nats.Msg{Subject: name, Reply: target}
				if strings.Contains(subject, "NEXT") {
					m.Data = []byte(`{"no_wait":true,"batch":1}`)
				}
				if err := r.user.PublishMsg(m); err != nil {
					r.t.Fatal(err)
				}
			}
		}
		r.settle()
		r.await("$JS.API.CONSUMER.MSG.NEXT."+c, `{"no_wait":true,"batch":1}`) // answered after those before it
		r.await("$JS.API.CONSUMER.INFO."+c, "")
	}
	for _, subject := range []string{"$JS.API.STREAM.INFO.OBJ_TG_FILES", "$JS.API.DIRECT.GET.OBJ_TG_FILES.$O.TG_FILES.M.x", "$O.TG_FILES.C.x", "$O.TG_FILES.M.x"} {
		for _, name := range names(subject) {
			if err := r.user.PublishMsg(&nats.Msg{Subject: name, Reply: target}); err != nil {
				r.t.Fatal(err)
			}
		}
		r.settle()
		r.await("$JS.API.STREAM.INFO.OBJ_TG_FILES", "") // answered after those before it
	}
	if err := r.user.PublishMsg(&nats.Msg{Subject: "tg.queue.main.channel.1.messages.sendMessage", Reply: target}); err != nil {
		r.t.Fatal(err)
	}
	r.settle()
	r.await("tg.queue.main.channel.1.messages.sendMessage", "")
	kv, err := r.js.KeyValue(r.t.Context(), "TG_SESSIONS")
	if err != nil {
		r.t.Fatal(err)
	}
	e, err := kv.Get(r.t.Context(), "main")
	return err != nil || string(e.Value()) != "sealed"
}

func (r *rightsRig) await(subject, body string) {
	r.t.Helper()
	if _, err := r.admin.Request(subject, []byte(body), 20*time.Second); err != nil {
		r.t.Fatalf("%s: %v", subject, err)
	}
}

// byJWT starts a server in operator mode whose JWTs say what the command printed as JSON.
func byJWT(t *testing.T, words ...string) *rightsRig {
	t.Helper()
	var said struct {
		Permissions jwt.Permissions `json:"permissions"`
		Exports     []*jwt.Export   `json:"exports"`
		Imports     []*jwt.Import   `json:"imports"`
		InboxPrefix string          `json:"inbox_prefix"`
	}
	if err := json.Unmarshal([]byte(printed(t, append(words, "--user", rightsUser, "--json")...)), &said); err != nil {
		t.Fatal(err)
	}
	o := newOperator(t)
	home := o.account("NATSGRAM", func(c *jwt.AccountClaims, a *natsAccount) {
		a.role(c, said.Permissions)
		c.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
		for _, e := range said.Exports {
			c.Exports.Add(e)
		}
	})
	where := home
	if len(said.Imports) > 0 {
		where = o.account("SOMEBODY", func(c *jwt.AccountClaims, _ *natsAccount) {
			for _, i := range said.Imports {
				i.Account, i.Token = home.public, home.activation(t, i, c.Subject)
				c.Imports.Add(i)
			}
		})
	}
	admin := home.user(jwt.Permissions{})
	user := where.user(said.Permissions)
	return newRights(t, o.options(t), admin, user)
}

// operator makes JWTs as nsc does.
type operator struct {
	t      *testing.T
	key    nkeys.KeyPair
	jwt    *jwt.OperatorClaims
	system string
	all    map[string]string // account: JWT
}

type natsAccount struct {
	key     nkeys.KeyPair
	signing nkeys.KeyPair // of users whose permissions do not fit into their JWTs; nil: there are none
	public  string
}

// large reports whether permissions do not fit into a user's JWT.
func large(p jwt.Permissions) bool { return len(must(json.Marshal(p))) > 2048 }

// role gives the account a signing key with permissions that are too large.
func (a *natsAccount) role(c *jwt.AccountClaims, p jwt.Permissions) {
	if !large(p) {
		return
	}
	a.signing = must(nkeys.CreateAccount())
	scope := jwt.NewUserScope()
	scope.Key, scope.Role, scope.Template.Permissions = must(a.signing.PublicKey()), "daemon", p
	c.SigningKeys.AddScopedSigner(scope)
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func newOperator(t *testing.T) *operator {
	t.Helper()
	o := &operator{t: t, key: must(nkeys.CreateOperator()), all: map[string]string{}}
	system := o.account("SYS", func(*jwt.AccountClaims, *natsAccount) {})
	o.system = system.public
	o.jwt = jwt.NewOperatorClaims(must(o.key.PublicKey()))
	o.jwt.SystemAccount = system.public
	must(o.jwt.Encode(o.key))
	return o
}

func (o *operator) account(name string, change func(*jwt.AccountClaims, *natsAccount)) natsAccount {
	o.t.Helper()
	a := natsAccount{key: must(nkeys.CreateAccount())}
	a.public = must(a.key.PublicKey())
	c := jwt.NewAccountClaims(a.public)
	c.Name = name
	change(c, &a)
	var wrong jwt.ValidationResults
	c.Validate(&wrong)
	if errs := wrong.Errors(); len(errs) > 0 {
		o.t.Fatalf("account %s: %v", name, errs)
	}
	o.all[a.public] = must(c.Encode(o.key))
	return a
}

// activation lets another account import what is exported to those alone who have a token.
func (a natsAccount) activation(t *testing.T, i *jwt.Import, target string) string {
	t.Helper()
	c := jwt.NewActivationClaims(target)
	c.Name, c.ImportSubject, c.ImportType = i.Name, i.Subject, i.Type
	return must(c.Encode(a.key))
}

// member is a user's JWT, and the key that goes with it.
func (a natsAccount) member(p jwt.Permissions) (token string, key nkeys.KeyPair) {
	key = must(nkeys.CreateUser())
	c := jwt.NewUserClaims(must(key.PublicKey()))
	if large(p) {
		c.IssuerAccount, c.UserPermissionLimits = a.public, jwt.UserPermissionLimits{}
		return must(c.Encode(a.signing)), key
	}
	c.Permissions = p
	return must(c.Encode(a.key)), key
}

func (a natsAccount) user(p jwt.Permissions) nats.Option {
	token, key := a.member(p)
	return nats.UserJWT(func() (string, error) { return token, nil }, key.Sign)
}

func (o *operator) options(t *testing.T) *server.Options {
	t.Helper()
	resolver := &server.MemAccResolver{}
	for public, token := range o.all {
		if err := resolver.Store(public, token); err != nil {
			t.Fatal(err)
		}
	}
	return &server.Options{
		Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), TrustedOperators: []*jwt.OperatorClaims{o.jwt},
		SystemAccount: o.system, AccountResolver: resolver,
	}
}
