package bridge

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/world"
)

// fileAnswer is an answer of tg.file.get with to: object.
type fileAnswer struct {
	File struct {
		Bucket, Object, Name, Digest string
		Size                         int64
		Mime                         string `json:"mime_type"`
	}
	Job struct {
		ID, State, To, Bucket, Object string
		Size, Done                    int64
	}
}

func (d *daemon) store(body string, headers ...string) (s fileAnswer, m *nats.Msg) {
	d.t.Helper()
	m = d.ask("tg.file.main.get", body, headers...)
	if m.Header.Get("Nats-Service-Error") == "" {
		if err := json.Unmarshal(m.Data, &s); err != nil {
			d.t.Fatalf("%v: %s", err, m.Data)
		}
	}
	return s, m
}

// bytesOf reads an object as any program does: its bytes have the digest that it says.
func (d *daemon) bytesOf(bucket, name string) ([]byte, *jetstream.ObjectInfo) {
	d.t.Helper()
	st, err := d.js.ObjectStore(soon(d.t), bucket)
	if err != nil {
		d.t.Fatal(err)
	}
	data, err := st.GetBytes(soon(d.t), name)
	if err != nil {
		d.t.Fatalf("%s/%s: %v", bucket, name, err)
	}
	info, err := st.GetInfo(soon(d.t), name)
	if err != nil {
		d.t.Fatal(err)
	}
	return data, info
}

// chunks are how many messages of objects there are: chunks, and what describes an object.
func (d *daemon) chunks(bucket string) (chunks, metas int) {
	d.t.Helper()
	st, err := d.js.Stream(soon(d.t), "OBJ_"+bucket)
	if err != nil {
		d.t.Fatal(err)
	}
	info, err := st.Info(soon(d.t), jetstream.WithSubjectFilter("$O."+bucket+".>"))
	if err != nil {
		d.t.Fatal(err)
	}
	for subject, n := range info.State.Subjects {
		if strings.HasPrefix(subject, "$O."+bucket+".C.") {
			chunks += int(n)
		} else {
			metas++
		}
	}
	return chunks, metas
}

// records are how many downloads are written down.
func (d *daemon) records() (n int) {
	d.t.Helper()
	for _, key := range d.transfers() {
		if strings.HasPrefix(key, "main.get.") {
			n++
		}
	}
	return n
}

// transfers are the keys of what is written down of files on their way.
func (d *daemon) transfers() (keys []string) {
	d.t.Helper()
	st, err := d.js.Stream(soon(d.t), "KV_TG_TRANSFERS")
	if err != nil {
		d.t.Fatal(err)
	}
	info, err := st.Info(soon(d.t), jetstream.WithSubjectFilter("$KV.TG_TRANSFERS.>"))
	if err != nil {
		d.t.Fatal(err)
	}
	for subject := range info.State.Subjects {
		if m, err := st.GetLastMsgForSubject(soon(d.t), subject); err == nil && m.Header.Get("KV-Operation") == "" {
			keys = append(keys, strings.TrimPrefix(subject, "$KV.TG_TRANSFERS."))
		}
	}
	return keys
}

// A file becomes an object that every program reads; the same file is fetched once; nobody's object is written over.
func TestFilesIntoObjects(t *testing.T) {
	w, d := newServed(t, func(s *Settings) { s.FilesBuckets = []string{"MINE"} })
	data := noise(700_001)
	_, id := w.post(w.news, world.File{Name: "clip.mp4", MimeType: "video/mp4", Data: data})
	in := fmt.Sprintf(`"message":{"peer":"channel.%d","id":%d}`, w.news.Peer().ID, id)
	s, m := d.store(`{` + in + `,"to":"object"}`)
	got, info := d.bytesOf("TG_FILES", s.File.Object)
	if !bytes.Equal(got, data) || s.File.Size != int64(len(data)) || s.File.Name != "clip.mp4" || s.File.Mime != "video/mp4" || s.File.Digest != info.Digest || s.File.Bucket != "TG_FILES" {
		t.Errorf("%+v %v", s, m.Header)
	}
	if info.Headers.Get("Content-Type") != "video/mp4" || info.Metadata["name"] != "clip.mp4" || !strings.HasPrefix(info.Name, "main/document/") || !strings.HasSuffix(info.Name, ".mp4") {
		t.Errorf("%+v", info)
	}
	fetched := w.Executed("upload.getFile")
	if again, _ := d.store(`{` + in + `,"to":"object:TG_FILES"}`); again != s || w.Executed("upload.getFile") != fetched {
		t.Errorf("%+v, fetched again", again)
	}
	if s, m := d.store(`{` + in + `,"to":"object","offset":100,"limit":50}`); s.File.Size != 50 || s.File.Object == info.Name {
		t.Errorf("a range: %+v %v", s, m.Header)
	} else if got, _ := d.bytesOf("TG_FILES", s.File.Object); !bytes.Equal(got, data[100:150]) {
		t.Error("a range has other bytes")
	}
	if _, err := d.js.CreateObjectStore(soon(t), jetstream.ObjectStoreConfig{Bucket: "MINE"}); err != nil {
		t.Fatal(err)
	}
	if s, m := d.store(`{` + in + `,"to":"object:MINE/a/b c.mp4"}`); s.File.Object != "a/b c.mp4" {
		t.Errorf("%+v %v", s, m.Header)
	} else if got, _ := d.bytesOf("MINE", "a/b c.mp4"); !bytes.Equal(got, data) {
		t.Error("an object by name has other bytes")
	}
	// An object that was deleted, or of which a part has aged away, is made again.
	st, _ := d.js.ObjectStore(soon(t), "MINE")
	if err := st.Delete(soon(t), "a/b c.mp4"); err != nil {
		t.Fatal(err)
	}
	d.store(`{` + in + `,"to":"object:MINE/a/b c.mp4"}`)
	d.bytesOf("MINE", "a/b c.mp4")
	raw, _ := d.js.Stream(soon(t), "OBJ_TG_FILES")
	if err := raw.Purge(soon(t), jetstream.WithPurgeSubject("$O.TG_FILES.C."+info.NUID), jetstream.WithPurgeKeep(2)); err != nil {
		t.Fatal(err)
	}
	d.store(`{` + in + `,"to":"object"}`)
	if got, _ := d.bytesOf("TG_FILES", info.Name); !bytes.Equal(got, data) {
		t.Error("an object that was not whole stayed so")
	}
	for _, name := range []string{"theirs", "linked"} {
		if _, err := st.PutString(soon(t), name, "precious"); err != nil {
			t.Fatal(err)
		}
	}
	other, _ := st.GetInfo(soon(t), "theirs")
	if _, err := st.AddLink(soon(t), "link", other); err != nil {
		t.Fatal(err)
	}
	for to, want := range map[string]string{
		"object:MINE/theirs":                          "409 is not this file",
		"object:MINE/link":                            "409 is not this file",
		"object:TG_SCHEMA/x":                          "403 TG_SCHEMA",
		"object:TG_SESSIONS/x":                        "403 TG_SESSIONS",
		"object:TG_FILES/other/document/5.mp4":        "403 another account",
		"object:TG_FILES/other/photo/5_x.jpg":         "403 another account",
		"object:TG_FILES/other/location/ab":           "403 another account",
		"object:OTHER/x":                              "403 OTHER",
		"object:TG_FILES.C.x/y":                       "400 no name",
		"object:*/y":                                  "400 no name",
		"object:/y":                                   "400 no name",
		"object:TG_FILES/":                            "400 want a name",
		`object:TG_FILES/a\u0000b`:                    "400 want a name",
		"object:TG_FILES/" + strings.Repeat("x", 600): "400 want a name",
		"objects":                                     "400 to: want",
	} {
		code, says, _ := strings.Cut(want, " ")
		_, m := d.store(`{` + in + `,"to":"` + to + `"}`)
		if h := m.Header; h.Get("Nats-Service-Error-Code") != code || h.Get("Tg-Sent") != "no" || !strings.Contains(h.Get("Nats-Service-Error"), says) {
			t.Errorf("%s: %v, want %s", to, h, want)
		}
	}
	for _, name := range []string{info.Name, "other/5.mp4", "other/film/5.mp4", "a b/photo/5.jpg"} {
		if s, m := d.store(`{` + in + `,"to":"object:TG_FILES/` + name + `"}`); s.File.Object != name {
			t.Errorf("%s: %+v %v", name, s, m.Header)
		}
	}
	for ask, says := range map[string]string{
		`{"message":{"peer":"me","id":99999999999}}`: "get: id: want",
		`{"message":{"peer":"me"}}`:                  "get: id: want",
		`{"story":{"peer":"me","id":-1}}`:            "get: id: want",
		`{"message":{"peer":"me","id":1.5}}`:         "get: message.id: want a whole number, got number 1.5",
		`{` + in + `,"offset":"1"}`:                  "get: offset: want a whole number, got string",
		`{` + in + `,"offset":99999999999999999999}`: "get: offset: want a whole number, got number 99999999999999999999",
	} {
		if _, m := d.store(ask); m.Header.Get("Nats-Service-Error-Code") != "400" || !strings.HasPrefix(m.Header.Get("Nats-Service-Error"), says) {
			t.Errorf("%s: %v", ask, m.Header)
		}
	}
	if text, err := st.GetString(soon(t), "theirs"); text != "precious" {
		t.Errorf("somebody's object is %q now: %v", text, err)
	}
	if n := d.records(); n != 0 {
		t.Errorf("%d records of jobs are left", n)
	}
}

// Many ask for one file at the same time, into their answers and into an object: it is fetched once.
func TestFilesOnceForMany(t *testing.T) {
	w, d := newServed(t)
	data := noise(100_000)
	_, id := w.post(w.news, world.File{Name: "a.bin", MimeType: "a/b", Data: data})
	in := fmt.Sprintf(`"message":{"peer":"channel.%d","id":%d}`, w.news.Peer().ID, id)
	const many = 1000
	for name, to := range map[string]string{"parts": "parts", "object": "object"} {
		t.Run(name, func(t *testing.T) {
			hold := make(chan struct{})
			var asked, found atomic.Int64
			defer w.Intercept(func(r *mttest.Request) mttest.Action {
				switch r.Method {
				case "channels.getMessages":
					found.Add(1)
				case "upload.getFile":
					asked.Add(1)
					<-hold // until all have asked
				}
				return mttest.Pass()
			})()
			inbox := d.nc.NewRespInbox()
			sub, err := d.nc.SubscribeSync(inbox)
			if err != nil {
				t.Fatal(err)
			}
			if err := sub.SetPendingLimits(-1, -1); err != nil {
				t.Fatal(err)
			}
			for range many {
				if err := d.nc.PublishMsg(&nats.Msg{Subject: "tg.file.main.get", Reply: inbox, Data: []byte(`{` + in + `,"to":"` + to + `"}`)}); err != nil {
					t.Fatal(err)
				}
			}
			d.ask("tg.file.main.list", "") // all are taken: it came behind them
			close(hold)
			for range many {
				m, err := sub.NextMsgWithContext(soon(t))
				if err != nil || m.Header.Get("Nats-Service-Error") != "" || to == "parts" && !bytes.Equal(m.Data, data) || to == "object" && !strings.Contains(string(m.Data), `"object":"main/document/`) {
					t.Fatalf("%v %v", err, m)
				}
			}
			if asked.Load() != 1 || found.Load() > 1 {
				t.Errorf("the file was asked for %d times, and looked for %d times", asked.Load(), found.Load())
			}
		})
	}
}

// A file that takes longer than its asker waits is a job: it is listed, tells how far it is, can be cancelled, and goes on where it was
// at the account's next owner.
func TestFilesJobs(t *testing.T) {
	w, d := newServed(t)
	data := noise(20 << 20)
	_, id := w.post(w.news, world.File{Name: "film.mp4", MimeType: "video/mp4", Data: data})
	in := fmt.Sprintf(`"message":{"peer":"channel.%d","id":%d}`, w.news.Peer().ID, id)
	events, err := d.nc.SubscribeSync("tg.evt.main.file.>")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var asked int64
	remove := w.InterceptMethod("upload.getFile", func(r *mttest.Request) mttest.Action {
		if r.Args.Int("offset") >= 6<<20 {
			return mttest.Drop()
		}
		return mttest.Pass()
	})
	s, _ := d.store(`{` + in + `,"to":"object","job":true}`)
	id1 := s.Job.ID
	if again, _ := d.store(`{`+in+`,"to":"object"}`, "Tg-Timeout", "0.2"); id1 == "" || again.Job.ID != id1 || again.Job.Size != int64(len(data)) {
		t.Errorf("%+v %+v", s, again)
	}
	d.reached(2 << 20)
	if m := d.ask("tg.file.main.cancel", `{"job":"`+id1+`"}`); m.Header.Get("Nats-Service-Error") != "" {
		t.Error(m.Header)
	}
	d.event(events, "file.failed", func(e map[string]any) bool { return e["job"] == id1 && e["code"] == 410.0 })
	if chunks, metas := d.chunks("TG_FILES"); chunks != 0 || metas != 0 || d.records() != 0 {
		t.Errorf("of what was cancelled there are %d chunks, %d objects, %d records", chunks, metas, d.records())
	}
	if m := d.ask("tg.file.main.cancel", `{"job":"`+id1+`"}`); m.Header.Get("Nats-Service-Error-Code") != "404" {
		t.Error(m.Header)
	}
	// Again, and the daemon is stopped in the middle.
	d.store(`{` + in + `,"to":"object","job":true}`)
	d.reached(2 << 20)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	remove()
	w.ExpireFileReferences()
	w.InterceptMethod("upload.getFile", func(r *mttest.Request) mttest.Action {
		mu.Lock()
		defer mu.Unlock()
		asked += r.Args.Int("limit")
		return mttest.Pass()
	})
	d.start()
	if err := d.b.WaitServing(soon(t), "main"); err != nil {
		t.Fatal(err)
	}
	s, m := d.store(`{` + in + `,"to":"object"}`)
	if s.File.Object == "" {
		t.Fatalf("%+v %v", s, m.Header)
	}
	got, _ := d.bytesOf("TG_FILES", s.File.Object)
	mu.Lock()
	defer mu.Unlock()
	if !bytes.Equal(got, data) || asked > 19<<20 {
		t.Errorf("%d bytes, for which %d were fetched after the start", len(got), asked)
	}
	if chunks, _ := d.chunks("TG_FILES"); chunks != 160 || d.records() != 0 {
		t.Errorf("%d chunks, %d records", chunks, d.records())
	}
}

// reached waits until the one job that there is has so many bytes.
func (d *daemon) reached(n int64) {
	d.t.Helper()
	for ctx := soon(d.t); ; {
		var l struct{ Jobs []struct{ Done int64 } }
		if err := json.Unmarshal(d.ask("tg.file.main.list", "").Data, &l); err != nil {
			d.t.Fatal(err)
		}
		if len(l.Jobs) == 1 && l.Jobs[0].Done >= n {
			return
		}
		if ctx.Err() != nil {
			d.t.Fatalf("%+v", l)
		}
	}
}

// event waits for one.
func (d *daemon) event(sub *nats.Subscription, name string, is func(map[string]any) bool) {
	d.t.Helper()
	ctx := soon(d.t)
	for {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			d.t.Fatalf("no event %s: %v", name, err)
		}
		var e map[string]any
		if err := json.Unmarshal(m.Data, &e); err != nil {
			d.t.Fatal(err)
		}
		if e["event"] == name && is(e) {
			return
		}
	}
}

// Where there is no room the asker is told so, and nothing is left of the attempt: whether the size is known before or not.
func TestFilesWithoutRoom(t *testing.T) {
	w, d := newServed(t, func(s *Settings) { s.Limits = []string{"files=1MB"} })
	f, id := w.post(w.news, world.File{Name: "a.bin", MimeType: "a/b", Data: noise(2 << 20)})
	for _, source := range []string{
		fmt.Sprintf(`"message":{"peer":"channel.%d","id":%d}`, w.news.Peer().ID, id),
		`"location":` + inJSON(t, w.dora.Location(f)),
	} {
		_, m := d.store(`{` + source + `,"to":"object"}`)
		if h := m.Header; h.Get("Nats-Service-Error-Code") != "507" || h.Get("Tg-Sent") != "no" || !strings.Contains(h.Get("Nats-Service-Error"), "TG_FILES") {
			t.Errorf("%v", h)
		}
		if chunks, metas := d.chunks("TG_FILES"); chunks != 0 || metas != 0 || d.records() != 0 {
			t.Errorf("%d chunks, %d objects, %d records are left", chunks, metas, d.records())
		}
	}
}

// The storage is emptied in the middle of a download: it begins anew, and is whole.
func TestFilesStorageLost(t *testing.T) {
	w, d := newServed(t)
	data := noise(9 << 20)
	_, id := w.post(w.news, world.File{Name: "a.bin", MimeType: "a/b", Data: data})
	in := fmt.Sprintf(`"message":{"peer":"channel.%d","id":%d}`, w.news.Peer().ID, id)
	hold := make(chan struct{})
	w.InterceptMethod("upload.getFile", func(r *mttest.Request) mttest.Action {
		if r.Args.Int("offset") >= 4<<20 {
			<-hold
		}
		return mttest.Pass()
	})
	d.store(`{` + in + `,"to":"object","job":true}`)
	d.reached(1 << 20)
	st, err := d.js.Stream(context.Background(), "OBJ_TG_FILES")
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Purge(soon(t)); err != nil {
		t.Fatal(err)
	}
	close(hold)
	s, m := d.store(`{` + in + `,"to":"object"}`)
	if s.File.Object == "" {
		t.Fatalf("%+v %v", s, m.Header)
	}
	if got, _ := d.bytesOf("TG_FILES", s.File.Object); !bytes.Equal(got, data) {
		t.Error("it has other bytes")
	}
}

// A file is on its way when its account is handed over: the next owner goes on with it, and whoever waits for it is answered by that one.
func TestFilesThroughAHandOver(t *testing.T) {
	w, one, two := newPair(t, func(s *Settings) { s.Timeout = 25 * time.Second })
	data := noise(12 << 20)
	_, id := w.post(w.news, world.File{Name: "film.mp4", MimeType: "video/mp4", Data: data})
	body := fmt.Sprintf(`{"message":{"peer":"channel.%d","id":%d},"to":"object"}`, w.news.Peer().ID, id)
	var held atomic.Bool
	held.Store(true)
	w.InterceptMethod("upload.getFile", func(r *mttest.Request) mttest.Action {
		if held.Load() && r.Args.Int("offset") >= 8<<20 {
			return mttest.Drop()
		}
		return mttest.Pass()
	})
	inbox := two.nc.NewRespInbox()
	answers, err := two.nc.SubscribeSync(inbox)
	if err != nil {
		t.Fatal(err)
	}
	if err := two.nc.PublishMsg(&nats.Msg{Subject: "tg.file.main.get", Reply: inbox, Data: []byte(body)}); err != nil {
		t.Fatal(err)
	}
	two.reached(4 << 20)
	held.Store(false)
	if err := one.stop(); err != nil {
		t.Fatal(err)
	}
	m, err := answers.NextMsgWithContext(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	var s fileAnswer
	if err := json.Unmarshal(m.Data, &s); err != nil || s.File.Object == "" {
		t.Fatalf("%v %v %s", err, m.Header, m.Data)
	}
	if got, _ := two.bytesOf("TG_FILES", s.File.Object); !bytes.Equal(got, data) {
		t.Error("it has other bytes")
	}
	if chunks, _ := two.chunks("TG_FILES"); chunks != 96 || two.records() != 0 {
		t.Errorf("%d chunks, %d records", chunks, two.records())
	}
}

// With --purge go an account's objects, and nothing that somebody else put there.
func TestFilesPurged(t *testing.T) {
	w, d := newServed(t)
	_, id := w.post(w.news, world.File{Name: "a.bin", MimeType: "a/b", Data: noise(300_000)})
	in := fmt.Sprintf(`"message":{"peer":"channel.%d","id":%d}`, w.news.Peer().ID, id)
	d.store(`{` + in + `,"to":"object"}`)
	d.store(`{` + in + `,"to":"object:TG_FILES/kept.bin"}`)
	st, err := d.js.ObjectStore(soon(t), "TG_FILES")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.PutString(soon(t), "main/mine", "precious"); err != nil {
		t.Fatal(err)
	}
	if refusal := d.verb("remove", `{"account":"main","purge":true}`, nil); refusal != "" {
		t.Fatal(refusal)
	}
	all, err := st.List(soon(t))
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, o := range all {
		names[o.Name] = true
	}
	if chunks, _ := d.chunks("TG_FILES"); len(names) != 2 || !names["kept.bin"] || !names["main/mine"] || chunks != 4 {
		t.Errorf("%v, %d chunks", names, chunks)
	}
}
