package bridge

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/control"
)

// document asks tg.ctl._.schema for one.
func (d *daemon) document(format string) (doc control.Document) {
	d.t.Helper()
	reply := d.ask("tg.ctl._.schema", `{"format":"`+format+`"}`)
	if text := reply.Header.Get("Nats-Service-Error"); text != "" {
		d.t.Fatalf("%s: %s", format, text)
	}
	if err := json.Unmarshal(reply.Data, &doc); err != nil {
		d.t.Fatal(err)
	}
	return doc
}

func TestSchemaIsListed(t *testing.T) {
	d := newDaemon(t, newTown(t))
	var got struct {
		Layer, Methods int
		Formats        []control.Format
	}
	if err := json.Unmarshal(d.ask("tg.ctl._.schema", "").Data, &got); err != nil {
		t.Fatal(err)
	}
	if got.Layer != d.b.layer.Schema.Layer() || got.Methods < 700 || len(got.Formats) != 4 || got.Formats[0].Bucket != "TG_SCHEMA" {
		t.Errorf("%+v", got)
	}
	for request, want := range map[string]string{`{"format":"openapi"}`: "404", `nonsense`: "400"} {
		if code := d.ask("tg.ctl._.schema", request).Header.Get("Nats-Service-Error-Code"); code != want {
			t.Errorf("%s: want %s, got %q", request, want, code)
		}
	}
}

// What fits into a message comes in the answer.
func TestSchemaInline(t *testing.T) {
	d := newDaemon(t, newTown(t))
	doc := d.document("tl")
	if doc.Bucket != "" || len(doc.Document) != doc.Size || !strings.Contains(doc.Document, "\nmessages.sendMessage#") {
		t.Errorf("%.300s", fmt.Sprintf("%+v", doc))
	}
	sum := sha256.Sum256([]byte(doc.Document))
	if want := "SHA-256=" + base64.URLEncoding.EncodeToString(sum[:]); doc.Digest != want {
		t.Errorf("want %s, got %s", want, doc.Digest)
	}
}

// What does not lies in the object store; it is written once, again after somebody has changed it, and not by a daemon that
// finds it there.
func TestSchemaInObjectStore(t *testing.T) {
	d := newDaemon(t, newTown(t))
	doc := d.document("asyncapi")
	if doc.Bucket != "TG_SCHEMA" || doc.Object != fmt.Sprintf("layer-%d/asyncapi.json", d.b.layer.Schema.Layer()) || doc.Document != "" {
		t.Fatalf("%.300s", fmt.Sprintf("%+v", doc))
	}
	first := d.object(doc)
	if text := d.content(doc); len(text) != doc.Size || !json.Valid(text) {
		t.Errorf("want JSON of %d bytes, got %d: %.100s", doc.Size, len(text), text)
	}
	if again := d.document("asyncapi"); again != doc || d.object(doc).NUID != first.NUID {
		t.Errorf("asked twice: %+v, was %+v", again, doc)
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	d.start()
	if again := d.document("asyncapi"); again != doc || d.object(doc).NUID != first.NUID {
		t.Errorf("after a restart: %+v, was %+v", again, doc)
	}
	if _, err := d.objects(doc).PutString(soon(t), doc.Object, "another daemon's"); err != nil {
		t.Fatal(err)
	}
	if d.document("asyncapi"); d.object(doc).Digest != doc.Digest {
		t.Error("what was changed is not written again")
	}
}

func (d *daemon) objects(doc control.Document) jetstream.ObjectStore {
	d.t.Helper()
	s, err := d.js.ObjectStore(soon(d.t), doc.Bucket)
	if err != nil {
		d.t.Fatal(err)
	}
	return s
}

func (d *daemon) object(doc control.Document) *jetstream.ObjectInfo {
	d.t.Helper()
	info, err := d.objects(doc).GetInfo(soon(d.t), doc.Object)
	if err != nil {
		d.t.Fatal(err)
	}
	return info
}

func (d *daemon) content(doc control.Document) []byte {
	d.t.Helper()
	text, err := d.objects(doc).GetBytes(soon(d.t), doc.Object)
	if err != nil {
		d.t.Fatal(err)
	}
	return text
}
