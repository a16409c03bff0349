package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/natsgram/natsgram/mtproto/mttest"
)

// asyncAPI is the daemon's own document, as a running daemon gives it.
type asyncAPI struct {
	Channels map[string]struct {
		Address  string
		Messages map[string]struct {
			Ref string `json:"$ref"`
		}
	}
	compiler *jsonschema.Compiler
}

const atRoot = "file:///asyncapi.json"

// readAsyncAPI takes the document the way a program would: it asks the daemon, and follows the answer to the object store.
func readAsyncAPI(t *testing.T, nc *nats.Conn) (*asyncAPI, []byte) {
	t.Helper()
	var where struct{ Bucket, Object string }
	reply, err := nc.Request("tg.ctl._.schema", []byte(`{"format":"asyncapi"}`), patience)
	must(t, err)
	must(t, json.Unmarshal(reply.Data, &where))
	js, err := jetstream.New(nc)
	must(t, err)
	store, err := js.ObjectStore(t.Context(), where.Bucket)
	must(t, err)
	text, err := store.GetBytes(t.Context(), where.Object)
	must(t, err)
	d := &asyncAPI{compiler: jsonschema.NewCompiler()}
	d.compiler.DefaultDraft(jsonschema.Draft7) // of which AsyncAPI's Schema Object is a superset
	must(t, json.Unmarshal(text, d))
	must(t, d.compiler.AddResource(atRoot, parsed(t, text)))
	return d, text
}

func parsed(t *testing.T, text []byte) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v: %.300s", err, text)
	}
	return v
}

// find is the channel of a subject; a wildcard in the subject stands for anything.
func (d *asyncAPI) find(subject string) (name string, ok bool) {
	tokens := strings.Split(subject, ".")
	for name, c := range d.Channels {
		address := strings.Split(c.Address, ".")
		fits := len(address) == len(tokens)
		for i := 0; fits && i < len(tokens); i++ {
			fits = address[i] == tokens[i] || strings.HasPrefix(address[i], "{") || tokens[i] == "*"
		}
		if fits {
			return name, true
		}
	}
	return "", false
}

// holds holds a message against a part, payload or headers, of the document's message.
func (d *asyncAPI) holds(t *testing.T, message, part string, v any) {
	t.Helper()
	s, err := d.compiler.Compile(atRoot + "#/components/messages/" + message + "/" + part)
	if err != nil {
		t.Errorf("%s: %v", message, err)
		return
	}
	if err := s.Validate(v); err != nil {
		t.Errorf("%s of %s: %v\n%v", part, message, err, v)
	}
}

func headersOf(h nats.Header) map[string]any {
	all := map[string]any{}
	for name, values := range h {
		all[name] = values[0]
	}
	return all
}

// The document is what the makers of AsyncAPI call one, by their own schema; and it is what the command writes.
func TestAsyncAPI(t *testing.T) {
	dir := needNode(t)
	d := startDemo(t)
	nc, err := nats.Connect(d.url)
	must(t, err)
	defer nc.Close()
	doc, text := readAsyncAPI(t, nc)

	official, err := os.ReadFile(filepath.Join(dir, "node_modules", "@asyncapi", "specs", "schemas", "3.0.0.json"))
	must(t, err)
	c := jsonschema.NewCompiler()
	must(t, c.AddResource("file:///official.json", parsed(t, official)))
	schema, err := c.Compile("file:///official.json")
	must(t, err)
	if err := schema.Validate(parsed(t, text)); err != nil {
		t.Errorf("%.5000v", err)
	}
	if err := schema.Validate(parsed(t, bytes.Replace(text, []byte(`"action":"receive"`), []byte(`"action":"take"`), 1))); err == nil {
		t.Error("the official schema refuses nothing")
	}
	out, err := d.sh(t, "natsgram schema export --asyncapi")
	if err != nil || out != string(text) {
		t.Errorf("natsgram schema export gives another document: %v, %d bytes, want %d", err, len(out), len(text))
	}
	doc.references(t, text)
}

// references wants what every reference means to be there, which the official schema does not look at.
func (d *asyncAPI) references(t *testing.T, text []byte) {
	t.Helper()
	root := parsed(t, text)
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if ref, ok := v["$ref"].(string); ok && !resolves(root, ref) {
				t.Errorf("%s leads nowhere", ref)
			}
			for _, inner := range v {
				walk(inner)
			}
		case []any:
			for _, inner := range v {
				walk(inner)
			}
		}
	}
	walk(root)
}

func resolves(v any, ref string) bool {
	for key := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		m, _ := v.(map[string]any)
		if v = m[key]; v == nil {
			return false
		}
	}
	return true
}

// What passes on the bus is what the document says: subjects, headers and payloads of updates, events, owner records, answers
// and errors; and every control subject that the daemon serves is in it.
func TestAsyncAPIHolds(t *testing.T) {
	d := startDemo(t)
	nc, err := nats.Connect(d.url)
	must(t, err)
	defer nc.Close()
	doc, _ := readAsyncAPI(t, nc)
	peer := fmt.Sprintf(`{"_":"inputPeerChat","chat_id":"%s"}`, groupOf(t, d.screen))
	for subject, body := range map[string]string{
		"tg.rpc.demo.help.getConfig":       `{}`,
		"tg.ro.demo.users.getUsers":        `{"id":[{"_":"inputUserSelf"}]}`,
		"tg.rpc.demo.messages.sendMessage": `{"peer":` + peer + `,"message":"described"}`,
		"tg.rpc.demo.messages.getHistory": `{"peer":` + peer + `,"offset_id":0,"offset_date":0,"add_offset":0,"limit":50,` +
			`"max_id":0,"min_id":0,"hash":"0"}`,
		"tg.rpc.demo.messages.getDialogs": `{"offset_date":0,"offset_id":0,"offset_peer":{"_":"inputPeerEmpty"},"limit":50,"hash":"0"}`,
		"tg.rpc.demo.auth.logOut":         `{}`,
		"tg.rpc.demo.help.getAppConfig":   `{"hash":"abc"}`,
		"tg.ctl.demo.status":              ``,
		"tg.ctl.demo.watch.list":          ``,
		"tg.ctl.demo.login.status":        ``,
		"tg.ctl._.accounts.list":          ``,
		"tg.ctl._.accounts.add":           `{"account":"other"}`,
		"tg.ctl._.accounts.move":          `{"account":"stranger"}`,
		"tg.ctl._.schema":                 ``,
	} {
		doc.answers(t, nc, subject, body)
	}
	js, err := jetstream.New(nc)
	must(t, err)
	seen := map[string]int{}
	for _, stream := range []string{"TG_UPDATES", "TG_EVENTS"} {
		doc.stored(t, js, stream, seen)
	}
	for _, want := range []string{"upd.updateNewMessage", "evt.connected", "evt.owner.gained", "own"} {
		if seen[want] == 0 {
			t.Errorf("nothing came on %s: %v", want, seen)
		}
	}
	t.Logf("messages by channel: %v", seen)
	doc.serves(t, nc)
}

// What is not kept is as the document says too, and so is an update whose contents are withheld.
func TestAsyncAPIHoldsOfWhatIsRare(t *testing.T) {
	must(t, buildNatsgram())
	s := mttest.NewServer(t, func(c *mttest.Config) { c.Code = "12345" })
	me := s.AddUser(mttest.User{First: "Me", Phone: "+15550001"})
	d := newDaemon(t, s)
	d.login(t, me)
	doc, _ := readAsyncAPI(t, d.nc)
	all, err := d.nc.SubscribeSync("tg.*." + account + ".>")
	must(t, err)
	must(t, d.nc.Flush())
	me.Push(mttest.M{"_": "updateUserTyping", "user_id": me.ID(), "action": mttest.M{"_": "sendMessageTypingAction"}})
	me.Push(mttest.M{"_": "updateServiceNotification", "type": "T", "message": "code 12345", "media": mttest.M{"_": "messageMediaEmpty"}, "entities": []mttest.M{}})
	me.Push(mttest.M{"_": "updateConfig"})
	for want := map[string]bool{"live.updateUserTyping": true, "upd.updateServiceNotification": true, "upd.updateConfig": true}; len(want) > 0; {
		m, err := all.NextMsg(patience)
		if err != nil {
			t.Fatalf("%v did not come: %v", want, err)
		}
		name, ok := doc.find(m.Subject)
		if !ok {
			t.Errorf("%s is not in the document", m.Subject)
		}
		delete(want, name)
		doc.message(t, name, m.Header, m.Data)
	}
}

// answers asks, and holds the answer against the document.
func (d *asyncAPI) answers(t *testing.T, nc *nats.Conn, subject, body string) {
	t.Helper()
	name, ok := d.find(subject)
	if !ok {
		t.Errorf("%s is not in the document", subject)
		return
	}
	reply, err := nc.Request(subject, []byte(body), patience)
	must(t, err)
	_, what, _ := strings.Cut(name, ".")
	message := what + ".answer"
	if strings.HasPrefix(name, "ctl.") {
		message = name + ".answer"
	}
	if reply.Header.Get("Nats-Service-Error-Code") != "" {
		if message = "fault"; strings.HasPrefix(name, "ctl.") {
			message = "service-error"
		}
		d.holds(t, message, "headers", headersOf(reply.Header))
	}
	if message != "service-error" {
		d.holds(t, message, "payload", parsed(t, reply.Data))
	}
}

// stored reads a stream from its beginning to its end.
func (d *asyncAPI) stored(t *testing.T, js jetstream.JetStream, stream string, seen map[string]int) {
	t.Helper()
	c, err := js.OrderedConsumer(t.Context(), stream, jetstream.OrderedConsumerConfig{})
	must(t, err)
	for {
		m, err := c.Next(jetstream.FetchMaxWait(2 * time.Second))
		must(t, err)
		name, ok := d.find(m.Subject())
		if !ok {
			t.Errorf("%s is not in the document", m.Subject())
			continue
		}
		seen[name]++
		d.message(t, name, m.Headers(), m.Data())
		if about, err := m.Metadata(); err != nil || about.NumPending == 0 {
			return
		}
	}
}

// message holds what came on a channel against the document.
func (d *asyncAPI) message(t *testing.T, channel string, h nats.Header, data []byte) {
	t.Helper()
	for message := range d.Channels[channel].Messages {
		d.holds(t, message, "payload", parsed(t, data))
		if strings.HasPrefix(channel, "upd.") || strings.HasPrefix(channel, "live.") {
			d.holds(t, message, "headers", headersOf(h))
		}
	}
}

// serves wants every control subject of the running services in the document.
func (d *asyncAPI) serves(t *testing.T, nc *nats.Conn) {
	t.Helper()
	infos, err := nc.SubscribeSync(nc.NewInbox())
	must(t, err)
	must(t, nc.PublishRequest("$SRV.INFO", infos.Subject, nil))
	known := 0
	for m, err := infos.NextMsg(patience); err == nil; m, err = infos.NextMsg(time.Second) {
		var info struct {
			Endpoints []struct{ Subject string }
		}
		must(t, json.Unmarshal(m.Data, &info))
		for _, e := range info.Endpoints {
			if !strings.HasPrefix(e.Subject, "tg.ctl.") {
				continue
			}
			known++
			if _, ok := d.find(e.Subject); !ok {
				t.Errorf("%s is served and not in the document: add it to bridge/catalog", e.Subject)
			}
		}
	}
	if known < 5 {
		t.Errorf("only %d control subjects are served", known)
	}
}
