package answer

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/vmihailenco/msgpack/v5"
	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/subjects"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a server with a daemon's connection and another.
type rig struct {
	t       *testing.T
	answers *Answers
	nc      *nats.Conn
	log     bytes.Buffer
	dropped int
}

func newRig(t *testing.T, more ...string) *rig {
	t.Helper()
	srv := embeddedtest.Start(t, embeddedtest.MaxPayload(1<<20))
	connect := func() *nats.Conn {
		nc, err := nats.Connect(srv.ClientURL())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		return nc
	}
	replies, err := subjects.Scheme{}.Replies(more...)
	if err != nil {
		t.Fatal(err)
	}
	g := &rig{t: t, nc: connect()}
	g.answers = New(connect(), replies, func() { g.dropped++ }, slog.New(slog.NewTextHandler(&g.log, nil)))
	return g
}

func TestOnlyAllowedRepliesAreTaken(t *testing.T) {
	g := newRig(t, "replies")
	for reply, want := range map[string]bool{
		"": true, "_INBOX.x": true, "replies.x": true, "$KV.TG_SESSIONS.main": false, "tg.own.main": false, "other.x": false,
	} {
		before := g.dropped
		if _, ok := g.answers.Accept(&nats.Msg{Subject: "tg.ro.main.help.getConfig", Reply: reply, Data: []byte("{}")}); ok != want || (g.dropped == before) != want {
			t.Errorf("%q: taken %v, %d dropped", reply, ok, g.dropped-before)
		}
	}
}

// JetStream's own messages have neither a body nor a reply: they ask for nothing.
func TestNobodyAsks(t *testing.T) {
	g := newRig(t)
	heartbeat := nats.Header{"Status": {"100"}, "Description": {"Idle Heartbeat"}}
	for _, m := range []*nats.Msg{{}, {Header: heartbeat}, {Header: heartbeat, Reply: "$JS.FC.S.c.x"}, {Reply: "$JS.ACK.S.c.1.1.1.1.0", Data: []byte("{}")}} {
		m.Subject = "tg.ctl.main.logout"
		if _, ok := g.answers.Accept(m); ok {
			t.Errorf("%+v was taken for a request", m)
		}
	}
	if g.dropped != 4 {
		t.Errorf("%d dropped", g.dropped)
	}
}

// Whoever sends one such request sends many: they are counted, and the log has one line of them.
func TestDroppedRequestsAreLoggedOnce(t *testing.T) {
	g := newRig(t)
	for range 1000 {
		g.answers.Accept(&nats.Msg{Subject: "tg.ro.main." + strings.Repeat("x", 4000), Reply: "$KV.x\n" + strings.Repeat("y", 4000)})
	}
	if log := g.log.String(); g.dropped != 1000 || strings.Count(log, "\n") != 1 || len(log) > 600 || !strings.Contains(log, "NATSGRAM_REPLIES") {
		t.Errorf("%d dropped, log: %s", g.dropped, log)
	}
	g.answers.logged = time.Now().Add(-logEvery)
	g.answers.Accept(&nats.Msg{Subject: "tg.ro.main.a.b", Reply: "$KV.x"})
	if log := g.log.String(); !strings.Contains(log, "dropped=1000") {
		t.Errorf("what was not logged is not told: %s", log)
	}
}

func TestAnsweredOnce(t *testing.T) {
	g := newRig(t)
	inbox := g.nc.NewInbox()
	sub, _ := g.nc.SubscribeSync(inbox)
	_ = g.nc.Flush()
	r, _ := g.answers.Accept(&nats.Msg{Subject: "tg.ctl.main.status", Reply: inbox})
	r.JSON(1, nil)
	r.Fail(JSON, Refuse(500, "second"))
	r.Send(nil, nil)
	_ = g.answers.Conn().Flush()
	_ = g.nc.Flush()
	if n, _, _ := sub.Pending(); n != 1 || !r.Answered() {
		t.Errorf("%d answers", n)
	}
}

// Design §3: an error says the same in its headers and, in each encoding, in its body; also those of tg.ctl.
func TestFaultIsToldInFull(t *testing.T) {
	f := &Fault{Code: 420, Text: "FLOOD_WAIT_35\nx", Telegram: "FLOOD_WAIT_35", RetryAfter: 34500 * time.Millisecond, Sent: No, Path: "peer"}
	h := f.Header(JSON)
	if h.Get("Nats-Service-Error-Code") != "420" || h.Get("Nats-Service-Error") != "FLOOD_WAIT_35 x" || h.Get("Tg-Error") != "FLOOD_WAIT_35" ||
		h.Get("Tg-Retry-After") != "35" || h.Get("Tg-Sent") != "no" {
		t.Error(h)
	}
	want := body{420, "FLOOD_WAIT_35\nx", "FLOOD_WAIT_35", 34.5, "no", "peer", ""}
	var got body
	if err := json.Unmarshal(f.Body(JSON), &got); err != nil || got != want {
		t.Errorf("%+v %v", got, err)
	}
	got = body{}
	if err := msgpack.Unmarshal(f.Body(Msgpack), &got); err != nil || got != want {
		t.Errorf("%+v %v", got, err)
	}
}

func TestAnswerThatNoMessageHolds(t *testing.T) {
	g := newRig(t)
	inbox := g.nc.NewInbox()
	sub, _ := g.nc.SubscribeSync(inbox)
	_ = g.nc.Flush()
	r, _ := g.answers.Accept(&nats.Msg{Subject: "tg.ctl._.accounts.list", Reply: inbox})
	if f := r.JSON(strings.Repeat("x", 1<<20), nil); f == nil || f.Code != 413 || f.Sent != Yes {
		t.Errorf("%+v", f)
	}
	if m, err := sub.NextMsg(5 * time.Second); err != nil || m.Header.Get("Nats-Service-Error-Code") != "413" {
		t.Error(m, err)
	}
}

// Who calls is believed where a NATS server says it: by a reply that only servers can make.
func TestCaller(t *testing.T) {
	g := newRig(t)
	const alice = `{"acc":"APP","user":"alice","rtt":5}`
	for _, c := range []struct {
		reply string
		info  []string
		want  string
	}{
		{"_R_.x.y", []string{alice}, "APP/alice"},
		{"_R_.x.y", []string{`{"acc":"APP"}`}, "APP/"},
		{"_R_.x.y", []string{`{"acc":"FORGED"}`, alice}, "APP/alice"},
		{"_R_.x.y", []string{"nonsense"}, ""},
		{"_R_.x.y", nil, ""},
		{"_R_x.y", []string{alice}, ""},
		{"_INBOX.x", []string{alice}, ""},
		{"", []string{alice}, ""},
	} {
		r, ok := g.answers.Accept(&nats.Msg{Subject: "tg.ro.main.a.b", Reply: c.reply, Data: []byte("{}"), Header: nats.Header{"Nats-Request-Info": c.info}})
		if got := r.Caller(); !ok || got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

// A field that is given twice says two things; which of them was meant is not ours to guess.
func TestFieldsGivenTwice(t *testing.T) {
	type object struct {
		A any             `json:"a"`
		B json.RawMessage `json:"b"`
	}
	for body, want := range map[string]string{
		`{"a": 1, "b": {"c": 1, "d": [{"e": 1}, {"e": 2}]}}`:                           "",
		`{"a": [1, 1, "a", "a"], "b": "b"}`:                                            "",
		`{"a": 1, "b": 2, "a": 1}`:                                                     "a: given twice",
		`{"a": 1, "A": 2}`:                                                             "A: no such field, did you mean a?",
		`{"b": {"c": 1, "C": 2}}`:                                                      "b.C: given twice",
		`{"b": {"c": 1, "d": [{}, {"e": 1, "e": 2}]}}`:                                 "b.d[1].e: given twice",
		`{"b": ` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `, "b": 1}`: "b: given twice",
	} {
		got := ""
		if err := ReadJSON([]byte(body), new(object)); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%.80s: %q, want %q", body, got, want)
		}
	}
}

// A field is read by its name as it is written, however deep it stands; one that is not read is refused with the name that it may have had.
func TestFieldsAsTheyAreWritten(t *testing.T) {
	type inner struct {
		ID   int             `json:"id"`
		Text json.RawMessage `json:"text"`
		When time.Time       `json:"when"`
	}
	type object struct {
		inner
		One  *inner           `json:"one"`
		Many []inner          `json:"many"`
		By   map[string]inner `json:"by"`
		Any  any              `json:"any"`
		Left string           `json:"-"`
		Bare bool
	}
	for body, want := range map[string]string{
		`{"id": 1, "one": {"id": 2}, "many": [{"id": 3}], "by": {"ID": {"id": 4}}, "any": {"ID": 5}, "Bare": true, "text": {"Id": 6}, "when": "2026-01-31T00:00:00Z"}`: "",
		``: "", ` `: "", `null`: "", `{}`: "", `{"one": null, "many": null}`: "",
		`{"ID": 1}`: "ID: no such field, did you mean id?", `{"one": {"Id": 1}}`: "one.Id: no such field, did you mean id?",
		`{"many": [{}, {"idd": 1}]}`: "many[1].idd: no such field, did you mean id?", `{"by": {"x": {"I_D": 1}}}`: "by.x.I_D: no such field, did you mean id?",
		`{"bare": true}`: "bare: no such field, did you mean Bare?", `{"-": ""}`: "-: no such field, there are id, text, when, one, many, by, any, Bare",
		`{"Left": ""}`: "Left: no such field, there are id, text, when, one, many, by, any, Bare", `{"inner": {}}`: "inner: no such field, there are id, text, when, one, many, by, any, Bare",
		`{"one": []}`: "one: want an object, got array", `{"id": 1} 2`: "want one object, got more behind it", `[]`: "want an object, got array", `{"id"`: "unexpected EOF",
		`{"one": [{"ID": 1}]}`: "one: want an object, got array",
	} {
		got := ""
		if err := ReadJSON([]byte(body), new(object)); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", body, got, want)
		}
	}
	var in object
	if err := ReadJSON([]byte(`{"one": {}}`), &in, "id", "many"); err == nil || err.Error() != "one: no such field, there are id, many" {
		t.Errorf("a field that this request may not have: %v", err)
	}
	if err := ReadJSON([]byte(`{"x": 1}`), &struct{}{}); err == nil || err.Error() != "x: no such field, it takes none" {
		t.Error(err)
	}
}
