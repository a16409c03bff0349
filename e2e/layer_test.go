package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/schemas"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
)

// layerFiles are layer files that the daemon was not built with: an older one by somebody else, and one that does not
// exist yet.
func layerFiles(t *testing.T) map[string]string {
	t.Helper()
	older, err := gotdSchemaFile()
	must(t, err)
	newer := filepath.Join(t.TempDir(), "newer.tl")
	must(t, os.WriteFile(newer, newerLayer(t), 0o644))
	return map[string]string{"older": older, "newer": newer}
}

// newerLayer is the built-in layer as it may look one day: a class, constructors, methods and a namespace that are new,
// and a method and a constructor that have changed, and so their ids.
func newerLayer(t *testing.T) []byte {
	t.Helper()
	var lines []string
	for line := range strings.Lines(string(schemas.API())) {
		switch {
		case strings.HasPrefix(line, "// LAYER"):
			line = "// LAYER 999\n"
		case strings.HasPrefix(line, "messages.sendMessage#"):
			line = changed(t, line, " random_id:long", " mood:flags2.30?Mood random_id:long")
		case strings.HasPrefix(line, "nearestDc#"):
			line = changed(t, line, " country:string", " country:string mood:Mood")
		}
		lines = append(lines, line)
	}
	at := slices.Index(lines, "---functions---\n")
	if at < 0 {
		t.Fatal("the layer file has no functions")
	}
	added := []string{
		"moodGood = Mood;\n", "moodBad flags:# why:string since:flags.0?int moods:Vector<Mood> = Mood;\n",
		"updateMood user_id:long mood:Mood = Update;\n", "updateMoodSaved mood:Mood qts:int = Update;\n",
	}
	functions := []string{"moods.set#0badcafe mood:Mood peers:Vector<InputPeer> = Bool;\n", "moods.getAll hash:int256 = Vector<Mood>;\n"}
	return []byte(strings.Join(slices.Concat(lines[:at], added, lines[at:], functions), ""))
}

// changed is a line with a part replaced and without its id, which then follows from the rest.
func changed(t *testing.T, line, from, to string) string {
	t.Helper()
	if !strings.Contains(line, from) {
		t.Fatalf("%q has no %q", line, from)
	}
	head, rest, _ := strings.Cut(line, "#")
	_, rest, _ = strings.Cut(rest, " ")
	line = strings.Replace(head+" "+rest, from, to, 1)
	if !strings.Contains(line, "flags2:#") && strings.Contains(to, "flags2") {
		line = strings.Replace(line, " flags:#", " flags:# flags2:#", 1)
	}
	return line
}

// minimal makes the shortest parameters of every method.
type minimal struct {
	s      *tl.Schema
	packed bool // for MessagePack: bytes are bytes and longs numbers
	height map[*tl.Combinator]int
}

func newMinimal(s *tl.Schema, packed bool) *minimal {
	m := &minimal{s: s, packed: packed, height: map[*tl.Combinator]int{}}
	for again := true; again; {
		again = false
		for _, c := range s.Constructors {
			if _, known := m.height[c]; known {
				continue
			}
			if h, ok := m.heightOf(c); ok {
				m.height[c], again = h, true
			}
		}
	}
	return m
}

func (m *minimal) heightOf(c *tl.Combinator) (most int, ok bool) {
	for _, p := range c.Params {
		if p.Cond != nil || !m.isObject(p.Type) {
			continue
		}
		best := m.lowest(p.Type)
		if best == nil {
			return 0, false
		}
		most = max(most, m.height[best])
	}
	return most + 1, true
}

// isObject reports whether a value of the type is a map with a constructor's name.
func (m *minimal) isObject(t tl.Type) bool {
	return len(t.Args) == 0 && (m.s.Constructor(t.Name) != nil || len(m.s.Class(t.Name)) > 0) && t.Name != "Bool" && t.Name != "true"
}

// lowest is the constructor of a type that has the least in it; nil: none is known yet.
func (m *minimal) lowest(t tl.Type) (best *tl.Combinator) {
	all := m.s.Class(t.Name)
	if c := m.s.Constructor(t.Name); c != nil {
		all = []*tl.Combinator{c}
	}
	for _, c := range all {
		if h, known := m.height[c]; known && (best == nil || h < m.height[best]) {
			best = c
		}
	}
	return best
}

func (m *minimal) object(c *tl.Combinator) map[string]any {
	o := map[string]any{"_": c.Name}
	for _, p := range c.Params {
		if p.Cond == nil && p.Type.Name != "#" {
			o[p.Name] = m.value(p.Type)
		}
	}
	return o
}

func (m *minimal) value(t tl.Type) any {
	switch {
	case t.Bang:
		return map[string]any{"_": "help.getConfig"}
	case m.isObject(t):
		return m.object(m.lowest(t))
	}
	switch t.Name {
	case "int", "double":
		return 0
	case "long", "int53":
		return m.long()
	case "string":
		return ""
	case "bytes":
		return m.bytes(0)
	case "int128":
		return m.bytes(16)
	case "int256":
		return m.bytes(32)
	case "Bool":
		return false
	case "Object":
		return map[string]any{"_": "inputPeerSelf"}
	}
	return []any{}
}

func (m *minimal) long() any {
	if m.packed {
		return int64(0)
	}
	return "0"
}

func (m *minimal) bytes(n int) any {
	if m.packed {
		return make([]byte, n)
	}
	return base64.StdEncoding.EncodeToString(make([]byte, n))
}

// call is a method's parameters, encoded.
func (m *minimal) call(f *tl.Combinator) []byte {
	params := m.object(f)
	delete(params, "_")
	var b []byte
	var err error
	if m.packed {
		b, err = msgpack.Marshal(params)
	} else {
		b, err = json.Marshal(params)
	}
	if err != nil {
		panic(err)
	}
	return b
}

// H1 to H11: every method of a layer that was never seen is callable, from JSON and from MessagePack, to the same bytes.
func TestLayerCalls(t *testing.T) {
	for name, file := range layerFiles(t) {
		t.Run(name, func(t *testing.T) {
			decl, schema := readLayer(t, file)
			text, packed := newMinimal(decl, false), newMinimal(decl, true)
			for _, f := range decl.Functions {
				fn, ok := schema.Function(f.Name)
				if !ok {
					t.Errorf("%s is not known", f.Name)
					continue
				}
				call, err := schema.AppendCallFromJSON(nil, text.call(f), fn, nil)
				if err != nil {
					t.Errorf("%s: %s: %v", f.Name, text.call(f), err)
					continue
				}
				if err := schema.CheckCall(call, fn); err != nil {
					t.Errorf("%s: %x: %v", f.Name, call, err)
				}
				again, err := schema.AppendCallFromMsgpack(nil, packed.call(f), fn, nil)
				if err != nil || !bytes.Equal(again, call) {
					t.Errorf("%s by MessagePack: %x, by JSON %x: %v", f.Name, again, call, err)
				}
			}
		})
	}
}

func readLayer(t *testing.T, file string) (*tl.Schema, *codec.Schema) {
	t.Helper()
	src, err := os.ReadFile(file)
	must(t, err)
	decl, err := tl.Import(filepath.Base(file), src)
	must(t, err)
	schema, err := codec.Compile(decl)
	must(t, err)
	return decl, schema
}

// The daemon itself, with NATSGRAM_SCHEMA: every method of the layer, by NATS requests, arrives at a server of that layer
// as that method; and updates that the daemon has never heard of reach the stream.
func TestLayerDaemon(t *testing.T) {
	must(t, buildNatsgram())
	for name, file := range layerFiles(t) {
		t.Run(name, func(t *testing.T) {
			decl, _ := readLayer(t, file)
			s := mttest.NewServer(t, func(c *mttest.Config) { c.Schema, c.Code = decl, "12345" })
			me := s.AddUser(mttest.User{First: "Me", Phone: "+15550001"})
			d := newDaemon(t, s, "NATSGRAM_SCHEMA="+file, "NATSGRAM_ALLOW=*", "NATSGRAM_ALLOW_SERVICE_MESSAGES=true") // any chat may be meant
			d.login(t, me)
			if name == "newer" {
				d.receives(t, me)
			}
			d.callsAll(t, s, decl)
		})
	}
}

// daemon is the binary, serving a server in a box.
type daemon struct {
	env []string
	nc  *nats.Conn
}

const account = "main"

func newDaemon(t *testing.T, s *mttest.Server, settings ...string) *daemon {
	t.Helper()
	dir := t.TempDir()
	var keys []byte
	for _, k := range s.Env().Keys {
		keys = k.AppendPEM(keys)
	}
	must(t, os.WriteFile(filepath.Join(dir, "keys.pem"), keys, 0o600))
	d := &daemon{env: append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "NATSGRAM_STATE_DIR=" + filepath.Join(dir, "state"), "NATSGRAM_NATS_PORT=-1",
		"NATSGRAM_DCS=" + s.Env().Options[0].String(), "NATSGRAM_DC_KEYS=" + filepath.Join(dir, "keys.pem"),
		"NATSGRAM_API_ID=17349", "NATSGRAM_API_HASH=" + apiHash,
	}, settings...)}
	c := d.command("serve")
	logged := new(lockedBuffer)
	c.Stdout, c.Stderr = logged, logged
	must(t, c.Start())
	t.Cleanup(func() { stop(t, c, logged) })
	d.connect(t, filepath.Join(dir, "state", "nats.url"), logged)
	return d
}

func (d *daemon) command(args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(bin, "natsgram"), args...)
	c.Env = d.env
	return c
}

// connect waits for the daemon's NATS server.
func (d *daemon) connect(t *testing.T, file string, logged *lockedBuffer) {
	t.Helper()
	for limit := time.After(patience); ; {
		if url, err := os.ReadFile(file); err == nil {
			password, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "nats.password"))
			if d.nc, err = nats.Connect(strings.TrimSpace(string(url)), nats.UserInfo("natsgram", strings.TrimSpace(string(password)))); err == nil {
				t.Cleanup(d.nc.Close)
				return
			}
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-limit:
			t.Fatalf("the daemon does not serve NATS:\n%s", logged)
		}
	}
}

// login signs the account in by the command line, and waits until it is served.
func (d *daemon) login(t *testing.T, a *mttest.Account) {
	t.Helper()
	out, err := d.command("login", account, "--phone", a.Phone(), "--code", "12345").CombinedOutput()
	if err != nil {
		t.Fatalf("natsgram login: %v\n%s", err, out)
	}
	for limit := time.Now().Add(patience); ; {
		m, err := d.nc.Request("tg.rpc."+account+".help.getConfig", []byte("{}"), 5*time.Second)
		if err == nil && m.Header.Get("Nats-Service-Error") == "" {
			return
		}
		if time.Now().After(limit) {
			t.Fatalf("the account is not served: %v %v", err, m)
		}
	}
}

// callsAll requests every method. The server answers each with an error that names it.
func (d *daemon) callsAll(t *testing.T, s *mttest.Server, decl *tl.Schema) {
	s.Intercept(func(r *mttest.Request) mttest.Action { return mttest.Error(400, seen(r.Method)) })
	granted, err := d.nc.Request("tg.ctl."+account+".budget.set", []byte(`{"name":"all","methods":["*"],"any_price":true}`), patience)
	if err != nil || granted.Header.Get("Nats-Service-Error") != "" {
		t.Fatalf("%v %+v", err, granted)
	}
	text, packed := newMinimal(decl, false), newMinimal(decl, true)
	work := make(chan *nats.Msg)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for m := range work {
				if err := d.arrives(m); err != nil {
					t.Errorf("%s: %v", m.Subject, err)
				}
			}
		})
	}
	for i, f := range decl.Functions {
		subject := "tg.rpc." + account + "." + f.Name
		work <- &nats.Msg{Subject: subject, Data: text.call(f)}
		if i%8 == 0 {
			work <- &nats.Msg{Subject: subject, Data: packed.call(f), Header: nats.Header{"Content-Type": {"application/msgpack"}}}
		}
	}
	close(work)
	wg.Wait()
	t.Logf("%d methods of layer %d", len(decl.Functions), decl.Layer)
}

func seen(method string) string {
	return "SEEN_" + strings.ToUpper(strings.ReplaceAll(method, ".", "_"))
}

// arrives wants Telegram's own answer to a request: that it has seen the method, or the one inside a wrapper.
func (d *daemon) arrives(m *nats.Msg) error {
	reply, err := d.nc.RequestMsg(m, patience)
	if err != nil {
		return err
	}
	method := strings.TrimPrefix(m.Subject, "tg.rpc."+account+".")
	switch got := reply.Header.Get("Tg-Error"); got {
	case seen(method):
		return nil
	case seen("help.getConfig"), "MSG_WAIT_TIMEOUT", "MSG_WAIT_FAILED":
		if strings.HasPrefix(method, "invoke") || method == "initConnection" {
			return nil
		}
	}
	return fmt.Errorf("%v %.200s", reply.Header, reply.Data)
}

// receives wants updates of a constructor that is new to be in the stream: one that no difference brings back, and one
// that has its place by qts (E2).
func (d *daemon) receives(t *testing.T, a *mttest.Account) {
	t.Helper()
	js, err := jetstream.New(d.nc)
	must(t, err)
	mood := mttest.M{"_": "moodBad", "why": "e2e", "moods": []mttest.M{{"_": "moodGood"}}}
	a.Push(mttest.M{"_": "updateMood", "user_id": a.ID(), "mood": mood})
	a.PushQts(mttest.M{"_": "updateMoodSaved", "mood": mood})
	for _, name := range []string{"updateMood", "updateMoodSaved"} {
		c, err := js.CreateOrUpdateConsumer(t.Context(), "TG_UPDATES", jetstream.ConsumerConfig{FilterSubject: "tg.upd." + account + "." + name + ".>"})
		must(t, err)
		m, err := c.Next(jetstream.FetchMaxWait(20 * time.Second))
		if err != nil {
			t.Errorf("%s is not in the stream: %v", name, err)
			continue
		}
		if h := m.Headers(); h.Get("Tg-Type") != name || h.Get("Tg-Layer") != "999" || !bytes.Contains(m.Data(), []byte(`"why":"e2e"`)) {
			t.Errorf("%s: %v %s", name, h, m.Data())
		}
	}
}
