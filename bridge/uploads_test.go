package bridge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/world"
)

// put writes an object, as any program on the bus does.
func (d *daemon) put(bucket, name string, data []byte, meta ...string) {
	d.t.Helper()
	store, err := d.js.CreateOrUpdateObjectStore(d.t.Context(), jetstream.ObjectStoreConfig{Bucket: bucket})
	if err != nil {
		d.t.Fatal(err)
	}
	m := jetstream.ObjectMeta{Name: name, Metadata: map[string]string{}}
	for i := 0; i < len(meta); i += 2 {
		m.Metadata[meta[i]] = meta[i+1]
	}
	if _, err := store.Put(d.t.Context(), m, bytes.NewReader(data)); err != nil {
		d.t.Fatal(err)
	}
}

// sentFiles are the files of the messages that an answer tells of.
func (d *daemon) sentFiles(answer []byte) (all []*world.File) {
	d.t.Helper()
	var got struct {
		Updates []struct {
			Message struct {
				Media struct {
					Photo, Document struct {
						ID int64 `json:"id,string"`
					}
				}
			}
		}
	}
	if err := json.Unmarshal(answer, &got); err != nil {
		d.t.Fatalf("%v: %s", err, answer)
	}
	for _, u := range got.Updates {
		if f, ok := d.w.World().File(max(u.Message.Media.Photo.ID, u.Message.Media.Document.ID)); ok {
			all = append(all, f)
		}
	}
	return all
}

const (
	photoOf    = `{"peer":"me","message":%q,"media":{"_":"inputMediaUploadedPhoto","file":%q}}`
	documentOf = `{"peer":"me","message":%q,"media":{"_":"inputMediaUploadedDocument","file":%q}}`
)

// Design §13, D11: an object's name stands for an InputFile, small or big; what is sent is what the object holds, and is brought up
// once however often it is sent; a part that Telegram has lost is sent again.
func TestSendObjects(t *testing.T) {
	w, d := newServed(t)
	small, big := noise(300_001), noise(10<<20+5)
	d.put("TG_FILES", "dir/photo.jpg", small)
	d.put("TG_FILES", "film", big, "name", "film.mp4", "mime_type", "video/mp4")
	send := func(body string, of ...any) *world.File {
		t.Helper()
		m := d.ask("tg.rpc.main.messages.sendMedia", fmt.Sprintf(body, of...))
		files := d.sentFiles(m.Data)
		if len(files) != 1 {
			t.Fatalf("%v %s", m.Header, m.Data)
		}
		return files[0]
	}
	f := send(photoOf, "a photo", "object:TG_FILES/dir/photo.jpg")
	if !f.Photo || !bytes.Equal(f.Data, small) || f.Name != "photo.jpg" {
		t.Errorf("%q, %d bytes", f.Name, len(f.Data))
	}
	if f = send(documentOf, "a film", "object:TG_FILES/film"); f.Photo || !bytes.Equal(f.Data, big) || f.Name != "film.mp4" || f.MimeType != "video/mp4" {
		t.Errorf("%q %s, %d bytes", f.Name, f.MimeType, len(f.Data))
	}
	parts := w.Executed("upload.saveFilePart") + w.Executed("upload.saveBigFilePart")
	send(photoOf, "again", "object:TG_FILES/dir/photo.jpg")
	w.FailNext("messages.sendMedia", 1, 400, "FILE_PART_3_MISSING")
	if f = send(documentOf, "again", "object:TG_FILES/film"); !bytes.Equal(f.Data, big) {
		t.Errorf("mended: %d bytes", len(f.Data))
	}
	if n := w.Executed("upload.saveFilePart") + w.Executed("upload.saveBigFilePart") - parts; n != 1 {
		t.Errorf("%d parts were sent again", n)
	}
	w.FailNext("messages.sendMedia", 1, 400, "FILE_PARTS_INVALID")
	if f = send(photoOf, "anew", "object:TG_FILES/dir/photo.jpg"); !bytes.Equal(f.Data, small) {
		t.Errorf("anew: %d bytes", len(f.Data))
	}
	d.put("TG_FILES", "dir/photo.jpg", big[:1000]) // other contents are another file
	if f = send(photoOf, "other", "object:TG_FILES/dir/photo.jpg"); !bytes.Equal(f.Data, big[:1000]) {
		t.Errorf("written again: %d bytes", len(f.Data))
	}
	m := d.ask("tg.rpc.main.messages.sendMultiMedia", `{"peer":"@alice","multi_media":[
		{"message":"one","media":{"_":"inputMediaUploadedPhoto","file":"object:TG_FILES/dir/photo.jpg"}},
		{"message":"two","media":{"_":"inputMediaUploadedDocument","file":"object:TG_FILES/film"}}]}`)
	if files := d.sentFiles(m.Data); len(files) != 2 || !bytes.Equal(files[0].Data, big[:1000]) || !bytes.Equal(files[1].Data, big) {
		t.Errorf("an album: %d files, %v", len(files), m.Header)
	}
	seq := d.job("user."+fmt.Sprint(w.alice.ID()), "messages.sendMedia", `{"message":"later","media":{"_":"inputMediaUploadedDocument","file":"object:TG_FILES/film"}}`)
	if r := d.became("main", "user."+fmt.Sprint(w.alice.ID()), seq); r.Header.Get("Tg-Job-State") != "done" || !bytes.Equal(d.sentFiles(r.Data)[0].Data, big) {
		t.Errorf("a job: %v", r.Header)
	}
}

// Design §13: tg.file.X.put brings an object up for a call that is made by other means; it is there once. The object store for files is
// made when somebody names an object of it.
func TestPutObject(t *testing.T) {
	w, d := newServed(t)
	h := d.ask("tg.file.main.put", `{"object":"TG_FILES/none"}`).Header
	if h.Get("Nats-Service-Error-Code") != "404" || h.Get("Tg-Sent") != "no" {
		t.Error(h)
	}
	if _, err := d.js.ObjectStore(t.Context(), "TG_FILES"); err != nil {
		t.Error("the store was not made:", err)
	}
	data := noise(10<<20 + 1)
	d.put("TG_FILES", "a/b.bin", data)
	for _, object := range []string{"TG_FILES/a/b.bin", "object:TG_FILES/a/b.bin"} {
		m := d.ask("tg.file.main.put", `{"object":"`+object+`"}`)
		var got struct{ File json.RawMessage }
		if err := json.Unmarshal(m.Data, &got); err != nil || !strings.HasPrefix(string(got.File), `{"_":"inputFileBig","id":"`) {
			t.Fatalf("%v %s", m.Header, m.Data)
		}
		m = d.ask("tg.rpc.main.messages.sendMedia", `{"peer":"me","message":"","media":{"_":"inputMediaUploadedPhoto","file":`+string(got.File)+`}}`)
		if files := d.sentFiles(m.Data); len(files) != 1 || !bytes.Equal(files[0].Data, data) {
			t.Errorf("%v", m.Header)
		}
	}
	if n := w.Executed("upload.saveBigFilePart"); n != 81 {
		t.Errorf("%d parts", n)
	}
	for body, code := range map[string]string{`{}`: "400", `{"object":"x"}`: "400", `{"object":"TG_SCHEMA/x"}`: "403", `[`: "400", `{"thing":1}`: "400"} {
		if h := d.ask("tg.file.main.put", body).Header; h.Get("Nats-Service-Error-Code") != code || h.Get("Tg-Sent") != "no" {
			t.Errorf("%s: %v", body, h)
		}
	}
	d.ask("tg.ctl._.accounts.add", `{"account":"empty"}`)
	if h := d.ask("tg.file.empty.put", `{"object":"TG_FILES/a"}`).Header; h.Get("Nats-Service-Error-Code") != "401" {
		t.Error(h)
	}
}

// What cannot be sent is refused with what is wrong, and nothing of it is.
func TestSendObjectsRefused(t *testing.T) {
	w, d := newServed(t, func(s *Settings) { s.FilesBuckets = []string{"MINE"} })
	d.put("TG_FILES", "a", noise(1000))
	d.put("TG_FILES", "empty", nil)
	d.put("MINE", "a", noise(1000))
	d.put("OTHERS", "a", noise(1000))
	d.put("TG_FILES", "damaged", noise(200_000))
	damage(t, d.js, "TG_FILES", "damaged")
	store, _ := d.js.ObjectStore(t.Context(), "TG_FILES")
	others, _ := d.js.ObjectStore(t.Context(), "OTHERS")
	secret, _ := others.GetInfo(t.Context(), "a")
	if _, err := store.AddLink(t.Context(), "link", secret); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ text, code, want string }{
		{"object:TG_FILES/none", "404", "media.file: object:TG_FILES/none: there is no such object"},
		{"object:TG_FILES/empty", "400", "empty"},
		{"object:TG_FILES/damaged", "400", "digest"},
		{"object:TG_FILES/link", "400", "link"},
		{"object:OTHERS/a", "403", "NATSGRAM_FILES_BUCKETS"},
		{"object:TG_SCHEMA/asyncapi", "403", "TG_SCHEMA"},
		{"object:*/a", "400", "bucket"},
		{"object:TG_FILES", "400", "BUCKET/NAME"},
		{"photo.jpg", "400", "want InputFile"},
	} {
		h := d.ask("tg.rpc.main.messages.sendMedia", fmt.Sprintf(photoOf, "", c.text)).Header
		if h.Get("Nats-Service-Error-Code") != c.code || h.Get("Tg-Sent") != "no" || !strings.Contains(h.Get("Nats-Service-Error"), c.want) {
			t.Errorf("%s: %v", c.text, h)
		}
	}
	h := d.ask("tg.rpc.main.messages.uploadEncryptedFile", `{"peer":{"_":"inputEncryptedChat","chat_id":1,"access_hash":"2"},"file":"object:TG_FILES/a"}`).Header
	if h.Get("Nats-Service-Error-Code") != "400" || !strings.Contains(h.Get("Nats-Service-Error"), "file: files of secret chats") {
		t.Error(h)
	}
	h = d.ask("tg.rpc.main.messages.sendMedia", fmt.Sprintf(photoOf, "", "object:MINE/a")).Header
	if h.Get("Nats-Service-Error-Code") != "" {
		t.Error(h)
	}
	d.ask("tg.ctl.main.freeze", `{"reason":"test"}`)
	sent := w.Executed("upload.saveFilePart")
	h = d.ask("tg.rpc.main.messages.sendMedia", fmt.Sprintf(photoOf, "", "object:TG_FILES/a")).Header
	if h.Get("Nats-Service-Error-Code") != "423" || h.Get("Tg-Sent") != "no" || w.Executed("upload.saveFilePart") != sent {
		t.Errorf("frozen: %v", h)
	}
}

// Whoever may make calls of one account sends himself no file of another: neither one that its daemon fetched, under whichever name, nor one that
// was put there for it, nor is he told whether there is one. In an object store that the operator allows, accounts share.
func TestObjectsOfAnotherAccount(t *testing.T) {
	w, d := newServed(t, func(s *Settings) { s.FilesBuckets = []string{"SHARED"} })
	d.login("other", w.alice)
	d.put("SHARED", "mine", noise(1000))
	_, id := w.post(w.news, world.File{Name: "a.bin", MimeType: "a/b", Data: noise(3000)})
	in := fmt.Sprintf(`"message":{"peer":"channel.%d","id":%d}`, w.news.Peer().ID, id)
	unnamed, _ := d.store(`{` + in + `,"to":"object"}`)
	d.store(`{` + in + `,"to":"object:TG_FILES/film.bin"}`)
	d.store(`{` + in + `,"to":"object:SHARED/film.bin"}`)
	d.put("TG_FILES", "main/up/abc/a.jpg", noise(1000))
	d.put("TG_FILES", "anybodys", noise(1000))
	sent := w.Executed("upload.saveFilePart")
	for _, name := range []string{unnamed.File.Object, "film.bin", "main/up/abc/a.jpg", "main/up/none/a.jpg", "main/document/1.mp4", "main/profile/1_big.jpg"} {
		for _, m := range []*nats.Msg{
			d.ask("tg.rpc.other.messages.sendMedia", fmt.Sprintf(documentOf, "", "object:TG_FILES/"+name)),
			d.ask("tg.file.other.put", `{"object":"TG_FILES/`+name+`"}`),
		} {
			if h := m.Header; h.Get("Nats-Service-Error-Code") != "403" || h.Get("Tg-Sent") != "no" || !strings.Contains(h.Get("Nats-Service-Error"), "another account") {
				t.Errorf("%s: %v %s", name, h, m.Data)
			}
		}
		if h := d.ask("tg.file.other.get", `{`+in+`,"to":"object:TG_FILES/main/up/x/a"}`).Header; h.Get("Nats-Service-Error-Code") != "403" {
			t.Errorf("a name of another's: %v", h)
		}
	}
	if n := w.Executed("upload.saveFilePart") - sent; n != 0 {
		t.Errorf("%d parts were sent", n)
	}
	for account, object := range map[string]string{"other": "TG_FILES/anybodys", "main": "TG_FILES/film.bin"} {
		if m := d.ask("tg.file."+account+".put", `{"object":"`+object+`"}`); m.Header.Get("Nats-Service-Error") != "" {
			t.Errorf("%s %s: %v", account, object, m.Header)
		}
	}
	if m := d.ask("tg.file.other.put", `{"object":"SHARED/film.bin"}`); m.Header.Get("Nats-Service-Error") != "" {
		t.Error(m.Header)
	}
}

// damage changes a chunk of an object.
func damage(t *testing.T, js jetstream.JetStream, bucket, name string) {
	t.Helper()
	store, err := js.ObjectStore(t.Context(), bucket)
	if err != nil {
		t.Fatal(err)
	}
	info, err := store.GetInfo(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), "OBJ_"+bucket)
	if err != nil {
		t.Fatal(err)
	}
	subject := "$O." + bucket + ".C." + info.NUID
	last, err := stream.GetLastMsgForSubject(t.Context(), subject)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.DeleteMsg(t.Context(), last.Sequence); err != nil {
		t.Fatal(err)
	}
	last.Data[0]++
	if _, err := js.Publish(t.Context(), subject, last.Data); err != nil {
		t.Fatal(err)
	}
}

// An upload goes on with the next owner, and after a daemon was killed: the parts that are up are not sent again. A caller whose time
// is over is told how far it is.
func TestUploadGoesOn(t *testing.T) {
	w, d := newServed(t)
	data := noise(16 << 20)
	const parts = 128 // there are no addresses for media, so that they are small
	d.put("TG_FILES", "big", data)
	var mu sync.Mutex
	up, twice := map[int64]bool{}, 0
	loose, once, reached := false, sync.Once{}, make(chan struct{})
	w.InterceptMethod("upload.saveBigFilePart", func(r *mttest.Request) mttest.Action {
		mu.Lock()
		n := r.Args.Int("file_part")
		if up[n] {
			twice++
		}
		up[n] = true
		at := len(up)
		stuck := !loose
		mu.Unlock()
		if at == parts/2 && stuck {
			once.Do(func() { close(reached) })
		}
		if stuck && at >= parts/2 {
			return mttest.Drop()
		}
		return mttest.Pass()
	})
	h := d.ask("tg.rpc.main.messages.sendMedia", fmt.Sprintf(documentOf, "", "object:TG_FILES/big"), "Tg-Timeout", "2").Header
	if h.Get("Nats-Service-Error-Code") != "504" || h.Get("Tg-Sent") != "no" || !strings.Contains(h.Get("Nats-Service-Error"), "of 16.0 MiB") {
		t.Fatal(h)
	}
	select {
	case <-reached:
	case <-soon(t).Done():
		t.Fatal("half of it did not come up")
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	loose = true
	mu.Unlock()
	d.start()
	if err := d.b.WaitServing(soon(t), "main"); err != nil {
		t.Fatal(err)
	}
	m := d.ask("tg.rpc.main.messages.sendMedia", fmt.Sprintf(documentOf, "", "object:TG_FILES/big"))
	if files := d.sentFiles(m.Data); len(files) != 1 || !bytes.Equal(files[0].Data, data) {
		t.Errorf("%v", m.Header)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(up) != parts || twice > 12 { // what was on its way, and what came up since the last record
		t.Errorf("%d parts, %d of them twice", len(up), twice)
	}
}

// outside is a daemon on a NATS server that stays when it is stopped, and a program beside it.
func outside(t *testing.T, w *town) (d, program *daemon) {
	t.Helper()
	srv := embeddedtest.Start(t)
	d = newDaemon(t, w, func(s *Settings) { s.URL, s.Secret = srv.ClientURL(), "sixteen characters" })
	program = &daemon{t: t, w: w}
	program.nc = embeddedtest.Connect(t, srv)
	program.js, _ = jetstream.New(program.nc)
	return d, program
}

// tg.file.X.put is a job as get's are: it has an id, is listed, tells how far it is, can be cancelled, and goes on at the account's next owner though
// nobody asks again.
func TestPutJobs(t *testing.T) {
	w := newTown(t)
	d, out := outside(t, w)
	d.login("main", w.dora)
	data := noise(16 << 20)
	const parts = 128
	out.put("TG_FILES", "big", data)
	events, err := out.nc.SubscribeSync("tg.evt.main.file.>")
	if err != nil {
		t.Fatal(err)
	}
	var loose atomic.Bool
	var up atomic.Int64
	w.InterceptMethod("upload.saveBigFilePart", func(*mttest.Request) mttest.Action {
		if up.Add(1) > parts/2 && !loose.Load() {
			return mttest.Drop()
		}
		return mttest.Pass()
	})
	put := func(body string, headers ...string) (a fileAnswer, m *nats.Msg) {
		m = d.ask("tg.file.main.put", body, headers...)
		_ = json.Unmarshal(m.Data, &a)
		return a, m
	}
	first, m := put(`{"object":"TG_FILES/big","job":true}`)
	if first.Job.ID == "" || first.Job.To != "telegram" || first.Job.Object != "big" || first.Job.Size != int64(len(data)) {
		t.Fatalf("%v %s", m.Header, m.Data)
	}
	if again, m := put(`{"object":"object:TG_FILES/big"}`, "Tg-Timeout", "0.2"); again.Job.ID != first.Job.ID {
		t.Errorf("another job: %v %s", m.Header, m.Data)
	}
	d.reached(4 << 20)
	out.event(events, "file.progress", func(e map[string]any) bool {
		return e["job"] == first.Job.ID && e["to"] == "telegram" && e["done"].(float64) > 0
	})
	if m := d.ask("tg.file.main.cancel", `{"job":"`+first.Job.ID+`"}`); m.Header.Get("Nats-Service-Error") != "" {
		t.Error(m.Header)
	}
	out.event(events, "file.failed", func(e map[string]any) bool { return e["job"] == first.Job.ID && e["code"] == 410.0 })
	if left := out.transfers(); len(left) != 0 {
		t.Errorf("of what was cancelled there is %q", left)
	}
	if m := d.ask("tg.file.main.list", ""); !strings.Contains(string(m.Data), `"jobs":[]`) {
		t.Errorf("%s", m.Data)
	}
	// Again, and the daemon is stopped in the middle. The next one goes on by itself.
	up.Store(0)
	second, _ := put(`{"object":"TG_FILES/big","job":true}`)
	d.reached(4 << 20)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	if left := out.transfers(); len(left) != 2 {
		t.Errorf("a job and how far it is: %q", left)
	}
	before := up.Load()
	loose.Store(true)
	d.start()
	out.event(events, "file.done", func(e map[string]any) bool {
		return e["job"] == second.Job.ID && e["to"] == "telegram" && e["size"] == float64(len(data))
	})
	if again := before + up.Load(); up.Load()-before > parts-4<<20/(128<<10) {
		t.Errorf("%d parts were sent after the start, %d in all", up.Load()-before, again)
	}
	_, m = put(`{"object":"TG_FILES/big"}`)
	var got struct{ File json.RawMessage }
	if err := json.Unmarshal(m.Data, &got); err != nil || !strings.Contains(string(got.File), `"inputFileBig"`) {
		t.Fatalf("%v %s", m.Header, m.Data)
	}
	m = d.ask("tg.rpc.main.messages.sendMedia", `{"peer":"me","message":"","media":{"_":"inputMediaUploadedDocument","mime_type":"a/b","attributes":[],"file":`+string(got.File)+`}}`)
	if files := d.sentFiles(m.Data); len(files) != 1 || !bytes.Equal(files[0].Data, data) {
		t.Errorf("%v", m.Header)
	}
}

// A put job that goes on with the next owner does not send what was written under the name since: the job was about other contents.
func TestPutJobOfOtherContents(t *testing.T) {
	w := newTown(t)
	d, out := outside(t, w)
	d.login("main", w.dora)
	out.put("TG_FILES", "big", noise(12<<20))
	remove := w.InterceptMethod("upload.saveBigFilePart", func(*mttest.Request) mttest.Action { return mttest.Drop() })
	events, err := out.nc.SubscribeSync("tg.evt.main.file.failed")
	if err != nil {
		t.Fatal(err)
	}
	d.ask("tg.file.main.put", `{"object":"TG_FILES/big","job":true}`)
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	out.put("TG_FILES", "big", noise(12<<20+1))
	remove()
	sent := w.Executed("upload.saveBigFilePart")
	d.start()
	out.event(events, "file.failed", func(e map[string]any) bool { return e["code"] == 410.0 })
	if n := w.Executed("upload.saveBigFilePart") - sent; n != 0 {
		t.Errorf("%d parts were sent", n)
	}
}

// However many name an object at the same time, it is brought up once.
func TestUploadOnceForMany(t *testing.T) {
	w, d := newServed(t)
	data := noise(400_000)
	d.put("TG_FILES", "a", data)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			m := d.ask("tg.rpc.main.messages.sendMedia", fmt.Sprintf(documentOf, fmt.Sprint(i), "object:TG_FILES/a"), "Tg-Order", "free")
			if files := d.sentFiles(m.Data); len(files) != 1 || !bytes.Equal(files[0].Data, data) {
				t.Errorf("%v", m.Header)
			}
		})
	}
	all.Wait()
	if n := w.Executed("upload.saveFilePart"); n != 4 {
		t.Errorf("%d parts", n)
	}
}
