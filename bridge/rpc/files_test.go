package rpc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/natsgram/natsgram/bridge/attach"
	"github.com/natsgram/natsgram/bridge/methods"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
	"github.com/natsgram/natsgram/tl/codec/codectest"
)

// shelf is files that calls may name, by their texts.
type shelf struct {
	mu    sync.Mutex
	files map[string]*fakeFile
	found []string // what was looked for
}

// fakeFile is up at once, or when hold is closed.
type fakeFile struct {
	name, mime string
	object     codec.M
	hold       chan struct{}
	begun      chan struct{} // closed when it is to come up; nil: nobody looks
	ups, mends int
	lost       bool // the next error of a call says something of it
}

func (s *shelf) Find(_ context.Context, text string) (attach.File, *Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.found = append(s.found, text)
	if f := s.files[text]; f != nil {
		return f, nil
	}
	return nil, &Fault{Code: 404, Text: text + ": there is no such object", Sent: "no"}
}

func (f *fakeFile) Name() string     { return f.name }
func (f *fakeFile) MimeType() string { return f.mime }

func (f *fakeFile) Up(ctx context.Context) (codec.M, *Fault) {
	f.ups++
	if f.begun != nil {
		close(f.begun)
	}
	if f.hold != nil {
		select {
		case <-f.hold:
		case <-ctx.Done():
			return nil, &Fault{Code: 504, Text: "on its way", Sent: "no"}
		}
	}
	return f.object, nil
}

func (f *fakeFile) Mend(_ context.Context, err error) (bool, *Fault) {
	var r refusedBy
	if !f.lost || !errors.As(err, &r) || !strings.HasPrefix(r.Telegram, "FILE_PART") {
		return false, nil
	}
	f.lost = false
	f.mends++
	f.object = codec.M{"_": "inputFileBig", "id": 1000 + f.mends, "parts": 1, "name": f.name}
	return true, nil
}

func bigFile(id int) *fakeFile {
	return &fakeFile{name: "a.jpg", mime: "image/jpeg", object: codec.M{"_": "inputFileBig", "id": id, "parts": 1, "name": "a.jpg"}}
}

func fromShelf(s *shelf) func(*Config) { return func(c *Config) { c.Files = s } }

// An object's name will do wherever the schema wants an InputFile: in every method that can hold one, at any depth, in each encoding.
func TestFilesInEveryMethod(t *testing.T) {
	schema, decl := layer()
	const text = "object:TG_FILES/dir/a.jpg"
	marker := codec.M{"_": "inputFileBig", "id": 424242, "parts": 1, "name": "marker"}
	object, err := schema.Encode(nil, marker)
	if err != nil {
		t.Fatal(err)
	}
	shown, _ := schema.AppendJSON(nil, object, schema.AnyObject())
	var seen []byte
	album := false
	g := newRig(t, func(_ context.Context, call codec.View) ([]byte, error) {
		if album && call.Name() == "messages.uploadMedia" {
			return tlOf(photoMedia(7))
		}
		seen = bytes.Clone(call.Raw())
		return nil, refusedBy{Fault{Code: 400, Text: "SEEN", Telegram: "SEEN", Sent: "yes"}}
	}, fromShelf(&shelf{files: map[string]*fakeFile{text: {name: "a.jpg", mime: "image/jpeg", object: marker}}}), func(c *Config) {
		c.Methods = methods.New(schema, decl, []string{"*"})
		c.Methods.ShowServiceMessages()
	})
	gen := codectest.New(decl, 1)
	planter := gen.Planter("InputFile")
	methods, fields := 0, map[string]bool{}
	for _, fn := range decl.Functions {
		m := g.s.c.Methods.Get(fn.Name)
		for _, p := range fn.Params {
			if m.Wraps || !planter.Reaches(p.Type) {
				continue
			}
			methods++
			for depth := range 6 {
				body := planted(t, gen, planter, fn, p, object, depth)
				want, err := schema.AppendCallFromJSON(nil, body, m.Fn, nil)
				if err != nil {
					t.Fatalf("%s: %v\n%s", fn.Name, err, body)
				}
				named := bytes.ReplaceAll(body, shown, []byte(`"`+text+`"`))
				if bytes.Equal(named, body) {
					t.Fatalf("%s: nothing is planted in %s", fn.Name, body)
				}
				note(fields, fn.Name, "", decode1(t, named), text)
				for _, h := range []nats.Header{nil, {"Content-Type": {"application/msgpack"}}} {
					data := named
					if h != nil {
						data = packed(t, schema, m.Fn, body, object, text)
					}
					seen, album = nil, fn.Name == "messages.sendMultiMedia"
					r := g.s.Do(t.Context(), Call{Method: fn.Name, Body: data, Header: h})
					if r.Fault == nil || r.Fault.Telegram != "SEEN" {
						t.Fatalf("%s: %+v\n%s", fn.Name, r.Fault, named)
					}
					if !album && !bytes.Equal(seen, want) {
						t.Errorf("%s\n%s\nmade %x\nwant %x", fn.Name, named, seen, want)
					}
				}
			}
		}
	}
	// Every place that the schema has for one was among them.
	for _, c := range append(decl.Constructors, decl.Functions...) {
		for _, p := range c.Params {
			if p.Type.Name == "InputFile" && !fields[c.Name+"."+p.Name] {
				t.Errorf("%s.%s was not tried", c.Name, p.Name)
			}
		}
	}
	t.Logf("%d parameters of methods, %d fields", methods, len(fields))
}

// planted is a call in JSON, with object somewhere in the parameter p.
func planted(t *testing.T, gen *codectest.Generator, planter *codectest.Planter, fn *tl.Combinator, p tl.Param, object []byte, depth int) []byte {
	t.Helper()
	schema, _ := layer()
	call := map[string]json.RawMessage{}
	for _, q := range fn.Params {
		var value []byte
		switch {
		case q.Name == p.Name:
			value = planter.Value(nil, q.Type, object, depth)
		case q.Cond != nil || q.Type.Name == "#":
			continue
		default:
			value = gen.Value(nil, q.Type, 0)
		}
		of, ok := schema.Type(q.Type.String())
		if !ok {
			t.Fatalf("%s: no type %s", fn.Name, q.Type)
		}
		text, err := schema.AppendJSON(nil, value, of)
		if err != nil {
			t.Fatalf("%s.%s: %v", fn.Name, q.Name, err)
		}
		call[q.Name] = text
	}
	body, err := json.Marshal(call)
	if err != nil {
		t.Fatal(err)
	}
	return body
}

func decode1(t *testing.T, body []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// note notes in which fields a text stands.
func note(fields map[string]bool, of, field string, v any, text string) {
	switch v := v.(type) {
	case string:
		if v == text {
			fields[of+"."+field] = true
		}
	case []any:
		for _, item := range v {
			note(fields, of, field, item, text)
		}
	case map[string]any:
		if name, ok := v["_"].(string); ok {
			of = name
		}
		for name, item := range v {
			note(fields, of, name, item, text)
		}
	}
}

// packed is a call in MessagePack, with a text in the place of an object.
func packed(t *testing.T, schema *codec.Schema, fn *codec.Function, body, object []byte, text string) []byte {
	t.Helper()
	call, err := schema.AppendCallFromJSON(nil, body, fn, nil)
	if err != nil {
		t.Fatal(err)
	}
	pack, err := schema.AppendMsgpack(nil, call, schema.AnyObject())
	if err != nil {
		t.Fatal(err)
	}
	shown, _ := schema.AppendMsgpack(nil, object, schema.AnyObject())
	short, _ := msgpack.Marshal(text)
	return bytes.ReplaceAll(pack, shown, short)
}

func photoMedia(id int) codec.M {
	return codec.M{"_": "messageMediaPhoto", "photo": codec.M{
		"_": "photo", "id": id, "access_hash": 70 + id, "file_reference": []byte("ref"), "date": 1, "sizes": []codec.M{}, "dc_id": 2,
	}}
}

// What the schema demands beside a file is what the file says, unless the caller says otherwise; what the caller wrote stays.
func TestFilesSayWhatTheyAre(t *testing.T) {
	var seen codec.View
	s := &shelf{files: map[string]*fakeFile{"object:B/a": bigFile(5), "object:B/t": {name: "t.png", mime: "image/png", object: codec.M{"_": "inputFileBig", "id": 6, "parts": 1, "name": "t"}}}}
	g := newRig(t, func(_ context.Context, call codec.View) ([]byte, error) {
		seen = call
		return nil, refusedBy{Fault{Code: 400, Text: "SEEN", Telegram: "SEEN", Sent: "yes"}}
	}, fromShelf(s))
	for _, c := range []struct{ method, body, want string }{
		{"messages.sendMedia", `{"peer":{"_":"inputPeerSelf"},"message":"","media":{"_":"inputMediaUploadedDocument","thumb":"object:B/t","file":"object:B/a"}}`,
			`"thumb":{"_":"inputFileBig","id":"6","parts":1,"name":"t"},"mime_type":"image/jpeg","attributes":[{"_":"documentAttributeFilename","file_name":"a.jpg"}]`},
		{"messages.sendMedia", `{"peer":{"_":"inputPeerSelf"},"message":"","media":{"_":"inputMediaUploadedDocument","file":"object:B/a","mime_type":"x/y","attributes":[]}}`,
			`"mime_type":"x/y","attributes":[]`},
		{"account.uploadRingtone", `{"file":"object:B/a"}`, `"file_name":"a.jpg","mime_type":"image/jpeg"`},
		{"messages.sendMedia", `{"peer":{"_":"inputPeerSelf"},"message":"","media":{"_":"inputMediaUploadedDocument","file":{"_":"inputFile","id":1,"parts":1,"name":"x","md5_checksum":""}}}`,
			"400 messages.sendMedia: media.mime_type: missing, want string"},
		{"messages.sendMedia", `{"peer":{"_":"inputPeerSelf"},"message":"","media":{"_":"inputMediaDocument","id":{"_":"inputDocumentEmpty"}}}`, `"id":{"_":"inputDocumentEmpty"}`},
		{"messages.sendMedia", `{"peer":{"_":"inputPeerSelf"},"message":"","media":{"_":"inputMediaUploadedPhoto","file":"object:B/none"}}`,
			"404 messages.sendMedia: media.file: object:B/none: there is no such object"},
		{"messages.sendMedia", `{"peer":{"_":"inputPeerSelf"},"message":"","media":{"_":"inputMediaUploadedPhoto","file":"a.jpg"}}`,
			`400 messages.sendMedia: media.file: want InputFile, got "a.jpg"`},
		{"messages.sendMedia", `{"peer":{"_":"inputPeerSelf"},"message":"","media":{"_":"inputMediaUploadedPhoto","file":"object:B/a"},"schedule_date":"x"}`,
			`400 messages.sendMedia: schedule_date: want int`},
	} {
		seen = codec.View{}
		r := g.s.Do(t.Context(), Call{Method: c.method, Body: []byte(c.body)})
		got, _ := g.s.c.Methods.Schema().AppendJSON(nil, seen.Raw(), g.s.c.Methods.Schema().AnyObject())
		if !seen.Valid() {
			got = fmt.Append(nil, r.Fault.Code, " ", r.Fault.Text)
			if r.Fault.Sent != "no" {
				t.Errorf("%s: %+v", c.body, r.Fault)
			}
		}
		if !strings.Contains(string(got), c.want) {
			t.Errorf("%s:\n got %s\nwant %s", c.body, got, c.want)
		}
	}
	if s.files["object:B/a"].ups != 3 {
		t.Errorf("a call that is refused brings nothing up: %d", s.files["object:B/a"].ups)
	}
}

// D18, design §11: a call waits in its chat's lane while its file is brought up, and holds up nobody else; with the same id it
// is the same request.
func TestFilesKeepTheOrder(t *testing.T) {
	hold := make(chan struct{})
	slow := bigFile(5)
	slow.hold = hold
	var mu sync.Mutex
	var order []string
	g := newRig(t, func(_ context.Context, call codec.View) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, call.Str("message"))
		return tlOf(codec.M{"_": "updatesTooLong"})
	}, fromShelf(&shelf{files: map[string]*fakeFile{"object:B/a": slow}}), func(c *Config) {
		c.Concurrency = 2 // the first waits for its file, the second for the first
		c.Sequence = serially(c)
	})
	user := func(id int) string {
		return fmt.Sprintf(`"peer":{"_":"inputPeerUser","user_id":%d,"access_hash":1}`, id)
	}
	start := func(method, body string) func() Reply {
		return g.s.Start(context.Background(), Call{Method: method, Body: []byte(body)})
	}
	first := start("messages.sendMedia", `{`+user(1)+`,"message":"first","media":{"_":"inputMediaUploadedDocument","file":"object:B/a"}}`)
	second := start("messages.sendMessage", `{`+user(1)+`,"message":"second"}`)
	other := start("messages.sendMessage", `{`+user(2)+`,"message":"other"}`)
	if r := other(); r.Fault != nil {
		t.Fatal(r.Fault)
	}
	close(hold)
	for _, wait := range []func() Reply{first, second} {
		if r := wait(); r.Fault != nil {
			t.Fatal(r.Fault)
		}
	}
	if got := strings.Join(order, " "); got != "other first second" {
		t.Error(got)
	}
}

// Files of calls to one chat are brought up at the same time; the calls keep their order.
func TestFilesOfOneChatComeUpTogether(t *testing.T) {
	var mu sync.Mutex
	var order []string
	a, b := bigFile(5), bigFile(6)
	a.hold, a.begun, b.begun = make(chan struct{}), make(chan struct{}), make(chan struct{})
	g := newRig(t, func(_ context.Context, call codec.View) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, call.Str("message"))
		return tlOf(codec.M{"_": "updatesTooLong"})
	}, fromShelf(&shelf{files: map[string]*fakeFile{"object:B/a": a, "object:B/b": b}}), func(c *Config) { c.Sequence = serially(c) })
	send := func(name string) func() Reply {
		return g.s.Start(context.Background(), Call{Method: "messages.sendMedia", Body: []byte(`{"peer":{"_":"inputPeerSelf"},"message":"` + name +
			`","media":{"_":"inputMediaUploadedDocument","file":"object:B/` + name + `"}}`)})
	}
	first := send("a")
	<-a.begun // it has given its place away
	second := send("b")
	<-b.begun
	close(a.hold)
	for _, wait := range []func() Reply{first, second} {
		if r := wait(); r.Fault != nil {
			t.Fatal(r.Fault)
		}
	}
	if got := strings.Join(order, " "); got != "a b" {
		t.Error(got)
	}
}

// A caller who cannot wait for a file is told that nothing was sent.
func TestFilesThatTakeTooLong(t *testing.T) {
	slow := bigFile(5)
	slow.hold = make(chan struct{})
	g := newRig(t, nearestDC, fromShelf(&shelf{files: map[string]*fakeFile{"object:B/a": slow}}))
	reply := g.ask("tg.rpc.main.messages.sendMedia", `{"peer":{"_":"inputPeerSelf"},"message":"","media":{"_":"inputMediaUploadedPhoto","file":"object:B/a"}}`, "Tg-Timeout", "0.2")
	if h := http.Header(reply.Header); h.Get("Nats-Service-Error-Code") != "504" || h["Tg-Sent"][0] != "no" || !strings.Contains(h["Tg-Waited"][0], "upload") {
		t.Error(reply.Header)
	}
}

// D11: where Telegram has lost something of a file, the call is made again with the file as it is then, and with the same random_id.
func TestFilesAreMended(t *testing.T) {
	a, b := bigFile(5), bigFile(6)
	a.lost, b.lost = true, false
	var seen []string
	g := newRig(t, func(_ context.Context, call codec.View) ([]byte, error) {
		media, _ := call.Object("media")
		file, _ := media.Object("file")
		seen = append(seen, fmt.Sprint(call.Int("random_id"), " ", file.Int("id")))
		if len(seen) == 1 || call.Str("message") == "never" {
			return nil, refusedBy{Fault{Code: 400, Text: "FILE_PART_0_MISSING", Telegram: "FILE_PART_0_MISSING", Sent: "no"}}
		}
		return tlOf(codec.M{"_": "updatesTooLong"})
	}, fromShelf(&shelf{files: map[string]*fakeFile{"object:B/a": a, "object:B/b": b}}), func(c *Config) { c.Sequence = serially(c) })
	body := `{"peer":{"_":"inputPeerSelf"},"message":"%s","random_id":9,"media":{"_":"inputMediaUploadedDocument","file":"object:B/a","thumb":"object:B/b"}}`
	if r := g.s.Do(t.Context(), Call{Method: "messages.sendMedia", Body: fmt.Appendf(nil, body, "x")}); r.Fault != nil {
		t.Fatal(r.Fault)
	}
	if got := strings.Join(seen, ", "); got != "9 5, 9 1001" || b.mends != 0 {
		t.Error(got)
	}
	if r := g.s.Do(t.Context(), Call{Method: "messages.sendMedia", Body: fmt.Appendf(nil, body, "never")}); r.Fault == nil || r.Fault.Telegram != "FILE_PART_0_MISSING" {
		t.Errorf("%+v", r.Fault)
	}
}

// The files of an album are made photos and documents first, where they stand, and all else stays as it is.
func TestAlbum(t *testing.T) {
	a, b := bigFile(5), bigFile(6)
	var uploads []string
	var seen []byte
	schema, _ := layer()
	g := newRig(t, func(_ context.Context, call codec.View) ([]byte, error) {
		if call.Name() == "messages.uploadMedia" {
			media, _ := call.Object("media")
			file, _ := media.Object("file")
			peer, _ := call.Object("peer")
			if uploads = append(uploads, fmt.Sprint(peer.Name(), " ", file.Int("id"))); len(uploads) == 1 {
				a.lost = true
				return nil, refusedBy{Fault{Code: 400, Text: "FILE_PART_0_MISSING", Telegram: "FILE_PART_0_MISSING", Sent: "no"}}
			}
			if media.Name() == "inputMediaUploadedDocument" {
				return tlOf(codec.M{"_": "messageMediaDocument", "document": codec.M{
					"_": "document", "id": 8, "access_hash": 9, "file_reference": []byte("r"), "date": 1, "mime_type": "", "size": 1, "dc_id": 2, "attributes": []codec.M{},
				}})
			}
			return tlOf(photoMedia(int(file.Int("id"))))
		}
		seen = bytes.Clone(call.Raw())
		return tlOf(codec.M{"_": "updatesTooLong"})
	}, fromShelf(&shelf{files: map[string]*fakeFile{"object:B/a": a, "object:B/b": b}}))
	body := `{"peer":{"_":"inputPeerSelf"},"silent":true,"schedule_date":5,"multi_media":[
		{"random_id":1,"message":"one","media":{"_":"inputMediaUploadedPhoto","file":"object:B/a","spoiler":true,"ttl_seconds":7}},
		{"random_id":2,"message":"two","media":{"_":"inputMediaPhoto","id":{"_":"inputPhotoEmpty"}}},
		{"random_id":3,"message":"three","media":{"_":"inputMediaUploadedDocument","file":"object:B/b"}}]}`
	if r := g.s.Do(t.Context(), Call{Method: "messages.sendMultiMedia", Body: []byte(body)}); r.Fault != nil {
		t.Fatal(r.Fault)
	}
	want, err := schema.Encode(nil, codec.M{"_": "messages.sendMultiMedia", "peer": codec.M{"_": "inputPeerSelf"}, "silent": true, "schedule_date": 5, "multi_media": []codec.M{
		{"_": "inputSingleMedia", "random_id": 1, "message": "one", "media": codec.M{"_": "inputMediaPhoto", "spoiler": true, "ttl_seconds": 7,
			"id": codec.M{"_": "inputPhoto", "id": 1001, "access_hash": 1071, "file_reference": []byte("ref")}}},
		{"_": "inputSingleMedia", "random_id": 2, "message": "two", "media": codec.M{"_": "inputMediaPhoto", "id": codec.M{"_": "inputPhotoEmpty"}}},
		{"_": "inputSingleMedia", "random_id": 3, "message": "three", "media": codec.M{"_": "inputMediaDocument", "id": codec.M{"_": "inputDocument", "id": 8, "access_hash": 9, "file_reference": []byte("r")}}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(seen, want) {
		got, _ := schema.AppendJSON(nil, seen, schema.AnyObject())
		t.Errorf("%s", got)
	}
	if got := strings.Join(uploads, ", "); got != "inputPeerSelf 5, inputPeerSelf 1001, inputPeerSelf 6" {
		t.Error(got)
	}
}

// In raw TL an inputFile without parts is the object that its name says; a real one is what it is, whatever it is called.
func TestFilesInRawTL(t *testing.T) {
	schema, _ := layer()
	var seen []string
	g := newRig(t, func(_ context.Context, call codec.View) ([]byte, error) {
		media, _ := call.Object("media")
		file, _ := media.Object("file")
		seen = append(seen, fmt.Sprint(call.Str("message"), " ", file.Name(), " ", file.Int("id"), " ", call.Int("random_id")))
		return tlOf(codec.M{"_": "updatesTooLong"})
	}, fromShelf(&shelf{files: map[string]*fakeFile{"object:B/a": bigFile(5)}}))
	for _, file := range []codec.M{
		{"_": "inputFile", "id": 0, "parts": 0, "name": "object:B/a", "md5_checksum": ""},
		{"_": "inputFile", "id": 7, "parts": 1, "name": "object:B/a", "md5_checksum": ""},
		{"_": "inputFile", "id": 8, "parts": 0, "name": "a", "md5_checksum": ""},
	} {
		call, err := schema.Encode(nil, codec.M{"_": "messages.sendMedia", "peer": codec.M{"_": "inputPeerSelf"}, "message": "object:", "random_id": 9,
			"media": codec.M{"_": "inputMediaUploadedPhoto", "file": file}})
		if err != nil {
			t.Fatal(err)
		}
		h := nats.Header{"Content-Type": {"application/x-tl"}, "Tg-Layer": {fmt.Sprint(schema.Layer())}, "Nats-Msg-Id": {fmt.Sprint(file["id"])}}
		if r := g.s.Do(t.Context(), Call{Method: "messages.sendMedia", Body: call, Header: h}); r.Fault != nil {
			t.Fatal(r.Fault)
		}
	}
	if got := strings.Join(seen, ", "); got != "object: inputFileBig 5 9, object: inputFile 7 9, object: inputFile 8 9" {
		t.Error(got)
	}
}

// A request that names files is known again by its id without anybody looking for them.
func TestFilesOfTheSameRequest(t *testing.T) {
	s := &shelf{files: map[string]*fakeFile{"object:B/a": bigFile(5)}}
	var ids []int64
	g := newRig(t, func(_ context.Context, call codec.View) ([]byte, error) {
		ids = append(ids, call.Int("random_id"))
		return tlOf(codec.M{"_": "updatesTooLong"})
	}, fromShelf(s), func(c *Config) { c.Timeout = time.Minute })
	for range 2 {
		reply := g.ask("tg.rpc.main.messages.sendMedia", `{"peer":{"_":"inputPeerSelf"},"message":"","media":{"_":"inputMediaUploadedDocument","file":"object:B/a"}}`, "Nats-Msg-Id", "one")
		if code := reply.Header.Get("Nats-Service-Error-Code"); code != "" {
			t.Fatal(string(reply.Data))
		}
	}
	if len(ids) != 2 || ids[0] != ids[1] || ids[0] == 0 {
		t.Errorf("random_id %v", ids)
	}
}
