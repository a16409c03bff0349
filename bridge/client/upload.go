package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"path"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/tg"
)

// filesName is the object store for files, behind the prefix.
const filesName = "FILES"

// Object is a file that calls can name: "object:BUCKET/NAME", as it stands in JSON.
type Object string

// InputFile is the object as the functions of package tg want it: the daemon brings it to Telegram when a call names it.
func (o Object) InputFile() *tg.InputFile { return &tg.InputFile{Name: string(o)} }

// Upload puts a file into the object store TG_FILES, so that calls can name it: wherever an InputFile is wanted. It takes rights to
// that store (natsgram permissions files --bucket TG_FILES). The object stays there for some days, whoever reads it.
func (c *Client) Upload(ctx context.Context, name string, r io.Reader) (Object, error) {
	if c.err != nil {
		return "", c.err
	}
	bucket := c.o.scheme.StreamName(filesName)
	key := c.account + "/up/" + nuid.Next() + "/" + path.Base(name)
	store, err := c.files(ctx, bucket, key)
	if err != nil {
		return "", fmt.Errorf("natsgram: %s: upload: %w", c.account, err)
	}
	meta := jetstream.ObjectMeta{Name: key, Metadata: map[string]string{"name": path.Base(name)}}
	if kind, _, err := mime.ParseMediaType(mime.TypeByExtension(path.Ext(name))); err == nil {
		meta.Metadata["mime_type"] = kind
	}
	if _, err := store.Put(ctx, meta, r); err != nil {
		return "", fmt.Errorf("natsgram: %s: upload: %w", c.account, err)
	}
	return Object("object:" + bucket + "/" + key), nil
}

// files opens the object store for files. Where it is missing, the daemon makes it when it is asked for an object there.
func (c *Client) files(ctx context.Context, bucket, key string) (jetstream.ObjectStore, error) {
	js, err := c.jetStream()
	if err != nil {
		return nil, err
	}
	store, err := js.ObjectStore(ctx, bucket)
	if !errors.Is(err, jetstream.ErrBucketNotFound) {
		return store, err
	}
	m := nats.NewMsg(c.o.scheme.File(c.account, subjects.FilePut))
	m.Data, _ = json.Marshal(map[string]string{"object": bucket + "/" + key})
	asking, cancel := context.WithTimeout(ctx, c.o.timeout)
	defer cancel()
	if _, err := c.inbox.request(asking, c.nc, m); err != nil { // that there is no such object yet is no error here
		return nil, err
	}
	return js.ObjectStore(ctx, bucket)
}
