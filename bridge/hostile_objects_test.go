package bridge

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// describe writes what describes an object, as whoever may write into the bucket can: nothing of it has to be true.
func (d *daemon) describe(bucket, name string, info jetstream.ObjectInfo) {
	d.t.Helper()
	info.Bucket, info.Name = bucket, name
	body, err := json.Marshal(info)
	if err != nil {
		d.t.Fatal(err)
	}
	if _, err := d.js.Publish(d.t.Context(), "$O."+bucket+".M."+base64.URLEncoding.EncodeToString([]byte(name)), body); err != nil {
		d.t.Fatal(err)
	}
}

// Whoever may write objects names and describes them as he likes: what is sent has a name without folders, and what is no object is refused, before
// anything of it is sent, or as soon as that is seen.
func TestHostileObjects(t *testing.T) {
	w, d := newServed(t)
	data := noise(3000)
	for name, want := range map[string]string{
		"../../etc/passwd": "passwd", "a*b>": "a*b>", "dir/..": "file", "a/b\nTg-Sent: yes": "file", strings.Repeat("x", 512): strings.Repeat("x", 512),
	} {
		d.put("TG_FILES", name, data)
		body, _ := json.Marshal("object:TG_FILES/" + name)
		m := d.ask("tg.rpc.main.messages.sendMedia", `{"peer":"me","message":"","media":{"_":"inputMediaUploadedDocument","file":`+string(body)+`}}`)
		if files := d.sentFiles(m.Data); len(files) != 1 || files[0].Name != want || !bytes.Equal(files[0].Data, data) {
			t.Errorf("%.40q: %v %.200s", name, m.Header, m.Data)
		}
	}
	d.put("TG_FILES", "huge", data, "name", strings.Repeat("y", 900_000), "mime_type", strings.Repeat("z", 40_000))
	m := d.ask("tg.rpc.main.messages.sendMedia", fmt.Sprintf(documentOf, "", "object:TG_FILES/huge"))
	if files := d.sentFiles(m.Data); len(files) != 1 || files[0].Name != "huge" || files[0].MimeType != "application/octet-stream" {
		t.Errorf("huge metadata: %v %.200s", m.Header, m.Data)
	}
	st, err := d.js.ObjectStore(t.Context(), "TG_FILES")
	if err != nil {
		t.Fatal(err)
	}
	there, err := st.GetInfo(t.Context(), "huge")
	if err != nil {
		t.Fatal(err)
	}
	d.describe("TG_FILES", "vast", jetstream.ObjectInfo{NUID: there.NUID, Size: 1 << 62, Digest: there.Digest})
	d.describe("TG_FILES", "more", jetstream.ObjectInfo{NUID: there.NUID, Size: 1 << 63, Digest: there.Digest})
	d.describe("TG_FILES", "hollow", jetstream.ObjectInfo{NUID: there.NUID, Size: 1 << 20, Digest: there.Digest})
	d.describe("TG_FILES", "everything", jetstream.ObjectInfo{NUID: ">", Size: 3000, Digest: there.Digest})
	sent := w.Executed("upload.saveBigFilePart")
	for name, code := range map[string]string{"vast": "413", "more": "400", "hollow": "400", "everything": "400"} {
		if h := d.ask("tg.file.main.put", `{"object":"TG_FILES/`+name+`"}`).Header; h.Get("Nats-Service-Error-Code") != code || h.Get("Tg-Sent") != "no" {
			t.Errorf("%s: %v", name, h)
		}
	}
	if n := w.Executed("upload.saveBigFilePart") - sent; n != 0 {
		t.Errorf("%d parts of what is no file were sent", n)
	}
	for _, bucket := range []string{"KV_TG_SESSIONS", "TG_SESSIONS", "TG_UPDATES", "OBJ_TG_FILES", "TG_SCHEMA", "$KV", "TG_FILES.C"} {
		h := d.ask("tg.file.main.put", `{"object":"`+bucket+`/x"}`).Header
		if code := h.Get("Nats-Service-Error-Code"); code != "403" && code != "400" {
			t.Errorf("%s: %v", bucket, h)
		}
	}
}
