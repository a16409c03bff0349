package bridge

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/parts"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/world"
)

// noise is bytes that differ from file to file.
func noise(n int) []byte {
	data := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	_, _ = r.Read(data) // never fails
	return data
}

// inJSON writes an object of mttest as a caller does.
func inJSON(t *testing.T, m mttest.M) string {
	t.Helper()
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// inParts asks for an answer in parts, and joins it.
func (d *daemon) inParts(subject, body string) *nats.Msg {
	d.t.Helper()
	inbox := d.nc.NewRespInbox()
	sub, err := d.nc.SubscribeSync(inbox)
	if err != nil {
		d.t.Fatal(err)
	}
	defer sub.Unsubscribe() //nolint:errcheck // the connection may be closed
	m := &nats.Msg{Subject: subject, Reply: inbox, Data: []byte(body), Header: nats.Header{"Tg-Reply": {"parts"}}}
	if err := d.nc.PublishMsg(m); err != nil {
		d.t.Fatal(err)
	}
	var j parts.Joiner
	for ctx := soon(d.t); ; {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			d.t.Fatalf("%s: %v", subject, err)
		}
		whole, err := j.Add(m)
		if err != nil {
			d.t.Fatal(err)
		}
		if whole != nil {
			return whole
		}
	}
}

// A file by its location, whole and in ranges, in one message and in parts; and what is refused.
func TestFilesByLocation(t *testing.T) {
	w, d := newServed(t)
	small, large := noise(1000), noise(8<<20)
	first := w.AddFile(2, "a.bin", small)
	here, there, notHers := inJSON(t, w.dora.Location(first)), inJSON(t, w.dora.Location(w.AddFile(2, "b.bin", large))), inJSON(t, w.alice.Location(first))
	m := d.ask("tg.file.main.get", `{"location":`+here+`}`)
	if !bytes.Equal(m.Data, small) || m.Header.Get("Content-Type") != "application/octet-stream" || !json.Valid([]byte(m.Header.Get("Tg-File"))) {
		t.Errorf("%v, %d bytes", m.Header, len(m.Data))
	}
	m = d.inParts("tg.file.main.get", `{"location":`+there+`}`)
	if !bytes.Equal(m.Data, large) {
		t.Errorf("%v, %d bytes", m.Header, len(m.Data))
	}
	m = d.ask("tg.file.main.get", `{"location":`+there+`,"offset":1234567,"limit":4321}`)
	if !bytes.Equal(m.Data, large[1234567:1234567+4321]) {
		t.Errorf("a range: %v, %d bytes", m.Header, len(m.Data))
	}
	m = d.ask("tg.file.main.get", `{"location":`+there+`,"offset":8388000}`)
	if !bytes.Equal(m.Data, large[8388000:]) {
		t.Errorf("the end: %v, %d bytes", m.Header, len(m.Data))
	}
	for _, c := range []struct{ subject, body, code, want string }{
		{"get", `{"location":` + there + `}`, "413", "take it in parts"},
		{"get", `{"location":` + there + `,"limit":99999999}`, "413", "one range after another"},
		{"get", `{}`, "400", "want"},
		{"get", `{"place":1}`, "400", "place"},
		{"get", `[]`, "400", ""},
		{"get", `{"location":{"_":"inputPeerSelf"}}`, "400", "location"},
		{"get", `{"location":{"_":"inputDocumentFileLocation","id":"x"}}`, "400", "id"},
		{"get", `{"location":` + here + `,"offset":-1}`, "400", "offset"},
		{"get", `{"location":` + here + `,"to":"moon"}`, "400", "moon"},
		{"get", `{"location":` + notHers + `}`, "400", "FILE_ID_INVALID"},
		{"steal", `{}`, "404", "steal"},
	} {
		m := d.ask("tg.file.main."+c.subject, c.body)
		if h := m.Header; h.Get("Nats-Service-Error-Code") != c.code || h.Get("Tg-Sent") != "no" || !strings.Contains(h.Get("Nats-Service-Error"), c.want) {
			t.Errorf("%s %s: %v", c.subject, c.body, h)
		}
	}
	if m := d.ask("tg.file.main.get", `{"location":`+here+`}`, "Tg-Timeout", "never"); m.Header.Get("Nats-Service-Error-Code") != "400" {
		t.Errorf("%v", m.Header)
	}
	if n := w.Executed("upload.getFile"); n < 3 {
		t.Error(n)
	}
	d.ask("tg.ctl._.accounts.add", `{"account":"empty"}`)
	if m := d.ask("tg.file.empty.get", `{"location":`+here+`}`); m.Header.Get("Nats-Service-Error-Code") != "401" {
		t.Errorf("%v", m.Header)
	}
	if text := string(d.ask("$SRV.INFO.natsgram-main", "").Data); !strings.Contains(text, `"subject":"tg.file.main.get"`) {
		t.Error(text)
	}
}

// post has alice put a file into a chat.
func (w *town) post(to mttest.Peer, f world.File) (*world.File, int) {
	f.DC = 2
	kept := w.World().AddFile(f)
	return kept, w.alice.SendDraft(to, world.Draft{Media: kept}).ID
}

// A file by the message that it is in, as people write that: a link or a peer and an id, in a channel or a chat; and what is no file.
func TestFilesOfMessages(t *testing.T) {
	w, d := newServed(t)
	video, photo, note := noise(300_000), noise(40_000), noise(500)
	_, inNews := w.post(w.news, world.File{Name: "clip.mp4", MimeType: "video/mp4", Data: video})
	_, pictured := w.post(w.news, world.File{Photo: true, Data: photo})
	private, _ := w.post(w.dora, world.File{Name: "note.txt", MimeType: "text/plain", Data: note})
	text := w.alice.Send(w.news, "no file").ID
	channel := w.news.Peer().ID
	var last int
	for _, m := range d.updates("tg.upd.main.updateNewMessage.>", 1) {
		var body struct {
			Update struct{ Message struct{ ID int } }
		}
		_ = json.Unmarshal(m.Data(), &body)
		last = body.Update.Message.ID
	}
	for _, c := range []struct {
		body string
		want []byte
		name string
		mime string
	}{
		{fmt.Sprintf(`{"link":"https://t.me/c/%d/%d"}`, channel, inNews), video, "clip.mp4", "video/mp4"},
		{fmt.Sprintf(`{"link":"https://t.me/c/%d/77/%d?single"}`, channel, inNews), video, "clip.mp4", "video/mp4"},
		{fmt.Sprintf(`{"message":{"peer":"channel.%d","id":%d}}`, channel, pictured), photo, "photo_20", "image/jpeg"},
		{fmt.Sprintf(`{"message":{"peer":"channel.%d","id":%d},"size":"x","offset":5,"limit":7}`, channel, pictured), photo[5:12], "photo_20", "image/jpeg"},
		{fmt.Sprintf(`{"message":{"peer":"@alice","id":%d}}`, last), note, "note.txt", "text/plain"},
	} {
		m := d.inParts("tg.file.main.get", c.body)
		var f struct {
			Name string
			Size int64
			Mime string `json:"mime_type"`
		}
		if err := json.Unmarshal([]byte(m.Header.Get("Tg-File")), &f); err != nil {
			t.Errorf("%s: %v %v", c.body, err, m.Header)
		}
		if !bytes.Equal(m.Data, c.want) || !strings.HasPrefix(f.Name, c.name) || f.Mime != c.mime || m.Header.Get("Content-Type") != c.mime || f.Size < int64(len(c.want)) {
			t.Errorf("%s: %d bytes, %+v %v", c.body, len(m.Data), f, m.Header)
		}
	}
	for body, want := range map[string]string{
		fmt.Sprintf(`{"message":{"peer":"channel.%d","id":%d}}`, channel, text):                "404 has no file",
		fmt.Sprintf(`{"message":{"peer":"channel.%d","id":9999}}`, channel):                    "404 there is no message",
		fmt.Sprintf(`{"message":{"peer":"@bob","id":%d}}`, last):                               "404 another chat",
		fmt.Sprintf(`{"message":{"peer":"channel.%d","id":%d},"size":"m"}`, channel, pictured): "404 but in x",
		fmt.Sprintf(`{"message":{"peer":"channel.%d","id":%d},"size":"m"}`, channel, inNews):   "404 no other size",
		`{"link":"https://t.me/nobody_there/5"}`:                                               "400 nobody_there",
		`{"link":"https://example.com/5"}`:                                                     "400 link: want",
		`{"message":{"peer":"@alice","id":1},"link":"t.me/a/5"}`:                               "400 want one of",
		`{"message":{"id":1}}`:                        "400 message.peer: missing",
		`{"photo_of":"@alice"}`:                       "404 no photo",
		`{"emoji":"x"}`:                               "400 emoji",
		`{"document":{"_":"documentEmpty","id":"1"}}`: "400 without a file",
	} {
		code, says, _ := strings.Cut(want, " ")
		m := d.ask("tg.file.main.get", body)
		if h := m.Header; h.Get("Nats-Service-Error-Code") != code || h.Get("Tg-Sent") != "no" || !strings.Contains(h.Get("Nats-Service-Error"), says) {
			t.Errorf("%s: %v, want %s", body, h, want)
		}
	}
	// D15: what came in an update long ago is found again, if it is told where it came from.
	w.ExpireFileReferences()
	if m := d.ask("tg.file.main.get", fmt.Sprintf(`{"message":{"peer":"@alice","id":%d}}`, last)); !bytes.Equal(m.Data, note) {
		t.Errorf("%v", m.Header)
	}
	if m := d.ask("tg.file.main.get", `{"location":`+inJSON(t, w.dora.Location(private))+`}`); !bytes.Equal(m.Data, note) {
		t.Errorf("%v", m.Header)
	}
}

// What the box has no calls for: stories, photos of peers, custom emoji, comments, files on the web. The calls are those that Telegram wants.
func TestFilesOfAllKinds(t *testing.T) {
	w, d := newServed(t)
	data := noise(9000)
	f := w.AddFile(2, "x.webp", data)
	location := w.dora.Location(f)
	document := mttest.M{
		"_": "document", "id": f.ID, "access_hash": location["access_hash"], "file_reference": location["file_reference"], "date": 1, "dc_id": 2, "mime_type": "image/webp",
		"size": len(data), "attributes": []mttest.M{},
	}
	var asked []string
	w.Intercept(func(r *mttest.Request) mttest.Action {
		note := func(result any) mttest.Action { asked = append(asked, r.Method); return mttest.Answer(result) }
		piece := func() []byte {
			from := min(r.Args.Int("offset"), int64(len(data)))
			return data[from:min(from+r.Args.Int("limit"), int64(len(data)))]
		}
		in, _ := r.Args.Object("location")
		switch {
		case r.Method == "stories.getStoriesByID":
			story := mttest.M{"_": "storyItem", "id": 3, "date": 1, "expire_date": 2, "media": mttest.M{"_": "messageMediaDocument", "document": document}}
			return note(mttest.M{"_": "stories.stories", "count": 1, "stories": []mttest.M{story}, "chats": []mttest.M{}, "users": []mttest.M{}})
		case r.Method == "messages.getCustomEmojiDocuments":
			return note([]mttest.M{document})
		case r.Method == "users.getUsers":
			return note([]mttest.M{{"_": "user", "id": w.alice.ID(), "photo": mttest.M{"_": "userProfilePhoto", "photo_id": 55, "dc_id": 2}}})
		case r.Method == "upload.getWebFile":
			return note(mttest.M{"_": "upload.webFile", "size": len(data), "mime_type": "image/png", "file_type": mttest.M{"_": "storage.filePng"}, "mtime": 0, "bytes": piece()})
		case r.Method == "upload.getFile" && in.Name() == "inputPeerPhotoFileLocation" && in.Int("photo_id") == 55 && in.Bool("big"):
			return note(mttest.M{"_": "upload.file", "type": mttest.M{"_": "storage.fileJpeg"}, "mtime": 0, "bytes": piece()})
		case r.Method == "messages.getDiscussionMessage":
			in := mttest.M{"_": "message", "id": 1, "peer_id": mttest.M{"_": "peerChannel", "channel_id": w.news.Peer().ID}, "date": 1, "message": ""}
			group := mttest.M{"_": "channel", "id": w.news.Peer().ID, "access_hash": w.dora.AccessHash(w.news), "title": "", "photo": mttest.M{"_": "chatPhotoEmpty"}, "date": 1}
			return note(mttest.M{"_": "messages.discussionMessage", "messages": []mttest.M{in}, "unread_count": 0, "chats": []mttest.M{group}, "users": []mttest.M{}})
		}
		return mttest.Pass()
	})
	_, comment := w.post(w.news, world.File{Name: "c.bin", MimeType: "a/b", Data: data})
	for body, calls := range map[string]string{
		`{"link":"t.me/alice/s/3"}`:                                "stories.getStoriesByID",
		`{"story":{"peer":"@alice","id":3}}`:                       "stories.getStoriesByID",
		`{"emoji":"123"}`:                                          "messages.getCustomEmojiDocuments",
		`{"photo_of":"@alice"}`:                                    "users.getUsers upload.getFile",
		`{"document":` + inJSON(t, document) + `}`:                 "",
		fmt.Sprintf(`{"link":"t.me/alice/1?comment=%d"}`, comment): "messages.getDiscussionMessage",
		`{"location":{"_":"inputWebFileLocation","url":"https://example.com/a.png","access_hash":"1"}}`: "upload.getWebFile",
	} {
		asked = nil
		m := d.ask("tg.file.main.get", body)
		if !bytes.Equal(m.Data, data) || strings.Join(asked, " ") != calls {
			t.Errorf("%s: %v, %d bytes, by %v", body, m.Header, len(m.Data), asked)
		}
	}
}
