package torture

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/mtproto/mttest"
)

// rig is everything that runs.
type rig struct {
	t        *testing.T
	dir      string
	keep     string // where logs and the stream are kept when something is wrong; empty: nowhere
	telegram *mttest.Server
	servers  []*server
	daemons  []*daemon
	nc       *nats.Conn
	js       jetstream.JetStream
	traffic  *traffic
	archive  []entry // what stood in streams that were deleted since
	calls    *callers
	senders  *senders // nil: there are none
}

type server struct {
	*process
	addr  string
	store string // folder
}

type daemon struct {
	*process
	http     string // where its metrics are
	telegram *relay
	nats     []*relay // one to each server
}

const (
	loginCode = "54321"
	secret    = "not a secret at all" // seals the sessions
)

func newRig(t *testing.T, o options) *rig {
	t.Helper()
	g := &rig{t: t, dir: t.TempDir(), keep: o.keep}
	g.build(o.overlay)
	g.startServers(o.servers, o.storage)
	g.connect()
	g.telegram = mttest.NewServer(t, func(c *mttest.Config) {
		c.Code, c.Updates.ChannelTooLong, c.Updates.Keep = loginCode, o.tooLong, 5_000_000
		c.Wire.OneConnection = o.strict
	})
	g.people(o.accounts)
	for i := range o.daemons {
		g.addDaemon(i, o)
	}
	for _, name := range g.traffic.names {
		g.login(name)
	}
	for _, d := range g.daemons {
		must(t, d.start())
	}
	return g
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// build makes the daemon, with some files in place of others, and the nats-server of the version that the daemon embeds, a tool of e2e.
func (g *rig) build(overlay string) {
	root, err := filepath.Abs("../..")
	must(g.t, err)
	g.command(root, nil, "go", "build", "-overlay", overlay, "-o", filepath.Join(g.dir, "natsgram"), "./cmd/natsgram")
	g.command("..", nil, "go", "build", "-o", g.dir, "github.com/nats-io/nats-server/v2")
}

func (g *rig) command(dir string, env []string, name string, args ...string) string {
	g.t.Helper()
	c := exec.Command(name, args...)
	c.Dir, c.Env = dir, env
	out, err := c.CombinedOutput()
	if err != nil {
		g.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// freeAddr is one that nobody listens on. A server that is killed has to come back to the same.
func (g *rig) freeAddr() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(g.t, err)
	defer l.Close()
	return l.Addr().String()
}

func (g *rig) startServers(n int, storage string) {
	routes := make([]string, n)
	for i := range routes {
		routes[i] = g.freeAddr()
	}
	for i := range n {
		name := fmt.Sprintf("nats%d", i+1)
		s := &server{addr: g.freeAddr()}
		limit := ""
		if storage != "" {
			limit = ", max_file_store: " + storage
		}
		config := fmt.Sprintf("server_name: %s\nlisten: %q\nmax_payload: 8MB\njetstream { store_dir: %q, sync_interval: always%s }\n",
			name, s.addr, filepath.Join(g.dir, name), limit)
		if n > 1 { // no_advertise: or clients would learn the way around the cable that is cut
			config += fmt.Sprintf("cluster { name: torture, listen: %q, no_advertise: true, routes: [%s] }\n", routes[i], "\"nats://"+strings.Join(routes, "\", \"nats://")+"\"")
		}
		file := filepath.Join(g.dir, name+".conf")
		must(g.t, os.WriteFile(file, []byte(config), 0o600))
		s.process = &process{name: name, path: filepath.Join(g.dir, "nats-server"), args: []string{"-c", file}, env: os.Environ(), log: filepath.Join(g.dir, name+".log")}
		must(g.t, s.start())
		g.t.Cleanup(s.end)
		s.store = filepath.Join(g.dir, name)
		g.servers = append(g.servers, s)
	}
}

// dial connects to NATS past the cables.
func (g *rig) dial() (*nats.Conn, jetstream.JetStream) {
	var urls []string
	for _, s := range g.servers {
		urls = append(urls, "nats://"+s.addr)
	}
	nc, err := nats.Connect(strings.Join(urls, ","), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond), nats.RetryOnFailedConnect(true))
	must(g.t, err)
	g.t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	must(g.t, err)
	return nc, js
}

// connect is the way of the test itself.
func (g *rig) connect() {
	g.nc, g.js = g.dial()
	g.wait("JetStream", 30*time.Second, func(ctx context.Context) error {
		_, err := g.js.AccountInfo(ctx)
		return err
	})
}

// people are one friend, and the accounts that natsgram runs.
func (g *rig) people(n int) {
	s := g.telegram
	t := &traffic{
		server: s, friend: s.AddUser(mttest.User{First: "Friend"}), accounts: map[string]*mttest.Account{},
		pushes: map[string][]push{}, sessions: map[string]*sessions{},
	}
	var all []*mttest.Account
	for i := range n {
		name := fmt.Sprintf("acc%d", i+1)
		a := s.AddUser(mttest.User{First: name, Phone: fmt.Sprintf("+49170000%03d", i+1)})
		t.names, t.accounts[name] = append(t.names, name), a
		t.sessions[name] = &sessions{before: map[int64]bool{}}
		all = append(all, a)
	}
	t.group = s.AddGroup("group", t.friend, all...)
	for i := range 3 {
		t.channels = append(t.channels, s.AddChannel(mttest.ChannelConfig{Title: fmt.Sprintf("channel %d", i), Megagroup: i > 0, Creator: t.friend, Members: all}))
	}
	g.traffic = t
	g.calls = &callers{nc: g.nc, peers: map[string][]mttest.M{}, arrived: map[string]int{}}
	for name, a := range t.accounts {
		ch := t.channels[1]
		g.calls.peers[name] = []mttest.M{
			{"_": "inputPeerUser", "user_id": t.friend.ID(), "access_hash": fmt.Sprint(a.AccessHash(t.friend))},
			{"_": "inputPeerChat", "chat_id": t.group.ID()},
			{"_": "inputPeerChannel", "channel_id": ch.ID(), "access_hash": fmt.Sprint(a.AccessHash(ch))},
		}
	}
	s.Intercept(t.observe)
	s.Intercept(g.calls.observe)
}

// addDaemon makes a daemon whose every connection goes by a cable of its own.
func (g *rig) addDaemon(i int, o options) {
	d, name := &daemon{http: g.freeAddr()}, fmt.Sprintf("natsgram%d", i+1)
	var urls []string
	for _, s := range g.servers {
		r := g.cable(name+" to "+s.name, s.addr)
		d.nats = append(d.nats, r)
		urls = append(urls, "nats://"+r.addr())
	}
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + g.dir, "NATSGRAM_STATE_DIR=" + filepath.Join(g.dir, name), "NATSGRAM_SECRET=" + secret,
		"NATSGRAM_API_ID=12345", "NATSGRAM_API_HASH=0123456789abcdef0123456789abcdef", fmt.Sprintf("NATSGRAM_REPLICAS=%d", o.servers),
		"NATS_URL=" + strings.Join(urls, ","), "NATSGRAM_NAME=" + name, "NATSGRAM_LOG_LEVEL=" + o.logLevel,
		"NATSGRAM_HTTP=" + d.http,
	}
	if !o.strict {
		d.telegram = g.cable(name+" to Telegram", "")
		env = append(env, "NATSGRAM_WAYS=socks5://"+d.telegram.addr())
	}
	d.process = &process{
		name: name, path: filepath.Join(g.dir, "natsgram"), args: []string{"serve"}, env: append(env, g.centres()...), log: filepath.Join(g.dir, name+".log"),
	}
	g.t.Cleanup(d.end)
	g.daemons = append(g.daemons, d)
}

func (g *rig) cable(name, target string) *relay {
	r, err := newRelay(name, target)
	must(g.t, err)
	g.t.Cleanup(r.close)
	return r
}

// centres are the data centres, for the environment.
func (g *rig) centres() []string {
	env := g.telegram.Env()
	var pem []byte
	for _, k := range env.Keys {
		pem = k.AppendPEM(pem)
	}
	keys := filepath.Join(g.dir, "keys.pem")
	must(g.t, os.WriteFile(keys, pem, 0o600))
	var all []string
	for _, option := range env.Options {
		all = append(all, fmt.Sprintf("%d=%s", option.ID, option.Addr))
	}
	return []string{"NATSGRAM_DCS=" + strings.Join(all, " "), "NATSGRAM_DC_KEYS=" + keys}
}

func (g *rig) login(name string) {
	d := g.daemons[0]
	c := exec.Command(d.path, "login", name, "--phone", "+"+g.traffic.accounts[name].Phone())
	c.Env, c.Stdin = d.env, strings.NewReader(loginCode+"\n")
	if out, err := c.CombinedOutput(); err != nil {
		g.t.Fatalf("login: %v\n%s", err, out)
	}
}

// wait tries until it works.
func (g *rig) wait(what string, limit time.Duration, try func(context.Context) error) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), limit)
	defer cancel()
	for {
		once, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := try(once)
		cancel()
		if err == nil {
			return
		}
		if ctx.Err() != nil {
			g.t.Fatalf("%s: not within %v: %v", what, limit, err)
		}
		pause(ctx, 100*time.Millisecond)
	}
}

// settle waits, after a server of a cluster was harmed, until JetStream is whole again: another one would be too many.
func (g *rig) settle(ctx context.Context, p *process) {
	if len(g.servers) == 1 || !strings.HasPrefix(p.name, "nats") {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for ctx.Err() == nil && !g.whole(ctx) {
		pause(ctx, 200*time.Millisecond)
	}
}

func (g *rig) whole(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	st, err := g.js.Stream(ctx, "TG_UPDATES")
	if err != nil {
		return false
	}
	c := st.CachedInfo().Cluster
	if c == nil || c.Leader == "" || len(c.Replicas) < len(g.servers)-1 {
		return false
	}
	for _, r := range c.Replicas {
		if !r.Current || r.Offline {
			return false
		}
	}
	return true
}
