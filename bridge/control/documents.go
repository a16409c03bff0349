package control

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/catalog"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl"
)

// documents serves tg.ctl._.schema: the API as documents for programs in any language. One that is too large for a message
// lies in an object store, written once by the first who asks and again only when it has changed.
type documents struct {
	nc      *nats.Conn
	js      jetstream.JetStream
	scheme  subjects.Scheme
	decl    *tl.Schema
	storage *storage.Storage

	mu   sync.Mutex
	made map[string]Document // by format: what is known of it; without the text
}

// Document is what is answered about one.
type Document struct {
	Format      string `json:"format"`
	ContentType string `json:"content_type"`
	Layer       int    `json:"layer"`
	Size        int    `json:"size"`   // bytes
	Digest      string `json:"digest"` // SHA-256, as object stores write it
	Document    string `json:"document,omitempty"`
	Bucket      string `json:"bucket,omitempty"` // where it is, when it is not in the answer
	Object      string `json:"object,omitempty"`
}

// Format is what is answered to who does not say which.
type Format struct {
	Format      string `json:"format"`
	About       string `json:"about"`
	ContentType string `json:"content_type"`
	Bucket      string `json:"bucket"` // where it is once somebody has asked for it, if it is large
	Object      string `json:"object"`
}

// documentTime is how long making and storing one may take.
const documentTime = 30 * time.Second

// inlineMost is how large a document may be that comes in the answer, in bytes: a server's max_payload may be larger, but
// messages of megabytes hold up all others on a connection.
const inlineMost = 512 << 10

// answerRoom is what an answer's headers and the protocol may take of max_payload, in bytes.
const answerRoom = 4096

func (c *Control) schema(ctx context.Context, r *answer.Request) (any, error) {
	var in struct {
		Format string `json:"format"`
	}
	if err := answer.ReadJSON(r.Data(), &in); err != nil {
		return nil, answer.Refuse(400, `schema: want {"format": "asyncapi"}, or nothing: `+err.Error())
	}
	if in.Format == "" {
		return c.documents.list(), nil
	}
	f, err := catalog.Find(in.Format)
	if err != nil {
		return nil, answer.Refuse(404, "schema: "+err.Error())
	}
	ctx, cancel := context.WithTimeout(ctx, documentTime)
	defer cancel()
	text, err := c.documents.answer(ctx, f)
	if err != nil {
		return nil, answer.Refuse(503, "schema: "+err.Error())
	}
	return &nats.Msg{Header: answer.JSON.Header(), Data: text}, nil
}

func (d *documents) list() map[string]any {
	var all []Format
	for _, f := range catalog.Formats() {
		all = append(all, Format{f.Name, f.About, f.ContentType, d.bucket(), d.object(f)})
	}
	return map[string]any{"layer": d.decl.Layer, "methods": len(d.decl.Functions), "formats": all}
}

func (d *documents) bucket() string { return d.scheme.StreamName(storage.Schema) }

func (d *documents) object(f catalog.Format) string {
	return fmt.Sprintf("layer-%d/%s", d.decl.Layer, f.File)
}

// answer is the document, or where it is.
func (d *documents) answer(ctx context.Context, f catalog.Format) ([]byte, error) {
	d.mu.Lock() // making one costs a core for a moment; one at a time
	defer d.mu.Unlock()
	if doc, ok := d.made[f.Name]; ok {
		if stored, err := d.stored(ctx, doc); err != nil || stored {
			return answerOf(doc, err)
		}
	}
	text, err := f.Write(d.decl, d.scheme)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	doc := Document{
		Format: f.Name, ContentType: f.ContentType, Layer: d.decl.Layer, Size: len(text),
		Digest: "SHA-256=" + base64.URLEncoding.EncodeToString(sum[:]), Document: string(text),
	}
	if whole, err := answerOf(doc, nil); err != nil || int64(len(whole)) <= min(inlineMost, d.nc.MaxPayload()-answerRoom) {
		return whole, err
	}
	doc.Document, doc.Bucket, doc.Object = "", d.bucket(), d.object(f)
	if err := d.store(ctx, doc, f.About, text); err != nil {
		return nil, err
	}
	d.made[f.Name] = doc
	return answerOf(doc, nil)
}

func answerOf(doc Document, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // Vector<long> is to be read
	err = e.Encode(doc)
	return []byte(b.String()), err
}

// stored tells whether a document is in its place as it should be.
func (d *documents) stored(ctx context.Context, doc Document) (bool, error) {
	store, err := d.js.ObjectStore(ctx, doc.Bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	info, err := store.GetInfo(ctx, doc.Object)
	if errors.Is(err, jetstream.ErrObjectNotFound) {
		return false, nil
	}
	return err == nil && info.Digest == doc.Digest, err
}

// store writes a document unless it is there: another daemon's, or one of an earlier start.
func (d *documents) store(ctx context.Context, doc Document, about string, text []byte) error {
	store, err := d.storage.Objects(ctx, storage.Schema)
	if err != nil {
		return err
	}
	if there, err := d.stored(ctx, doc); err != nil || there {
		return err
	}
	_, err = store.Put(ctx, jetstream.ObjectMeta{
		Name: doc.Object, Description: about, Headers: nats.Header{"Content-Type": {doc.ContentType}},
	}, bytes.NewReader(text))
	return err
}
