package account

import (
	"context"
	"slices"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/attach"
	"github.com/natsgram/natsgram/bridge/files"
	"github.com/natsgram/natsgram/bridge/gate"
	"github.com/natsgram/natsgram/bridge/rpc"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/bridge/uploads"
	"github.com/natsgram/natsgram/bridge/vault"
	"github.com/natsgram/natsgram/mtproto"
	tgfiles "github.com/natsgram/natsgram/mtproto/files"
)

// filesConfig is how the account's files are served; o is nil where nobody is signed in.
func (r *Runner) filesConfig(o *ownership, user int64) files.Config {
	s := r.c.Settings
	c := files.Config{
		Account: r.Name, Scheme: s.Scheme(), Explain: r.status.explain, Timeout: s.Timeout, MaxTimeout: s.TimeoutMax, Log: r.tell.log,
	}
	if o == nil {
		c.Explain = func(error) answer.Fault { return r.status.explain(vault.ErrNotFound) }
		return c
	}
	c.Resolve, c.Buckets, c.User, c.Sure, c.Tell = o.resolve, s.FilesBuckets, user, r.c.Sure, r.tell.event
	if box, err := r.c.Vault.Box("files"); err == nil {
		c.Store, c.Box = r.c.Files, box
	}
	if client, ok := o.client.(tgfiles.Client); ok {
		c.Client = o.gated(client)
	}
	c.Uploads = o.uploads
	c.Ended = func(to string, code int) { r.tell.metrics.File(r.Name, to, code) }
	return c
}

// newUploads are the account's, where its calls may name files; else nil.
func (o *ownership) newUploads(user int64) *uploads.Uploads {
	client, ok := o.client.(tgfiles.Client)
	if !ok || o.c.Storage == nil {
		return nil
	}
	own := o.c.Settings.Scheme().StreamName(storage.Files)
	buckets := append([]string{own}, o.c.Settings.FilesBuckets...)
	return uploads.New(uploads.Config{
		Account: o.c.Name, User: user, Client: o.gated(client), JetStream: o.c.Storage.JetStream(), Own: own, Records: o.c.Transfers,
		Make:    func(ctx context.Context) error { _, err := o.c.Storage.Objects(ctx, storage.Files); return err },
		Allowed: func(bucket string) bool { return slices.Contains(buckets, bucket) },
		Explain: o.status.explain, Log: o.tell.log, Ended: func(code int) { o.tell.metrics.File(o.c.Name, "telegram", code) },
		Progress: func(fields map[string]any) { o.tell.event("file.progress", fields) },
	})
}

// named is attach.Files.
type named struct{ *uploads.Uploads }

// Find finds a file that a call names.
func (n named) Find(ctx context.Context, text string) (attach.File, *answer.Fault) {
	f, fault := n.Uploads.Find(ctx, text)
	if fault != nil {
		return nil, fault
	}
	return f, nil
}

// takeFiles has a service serve files too.
func takeFiles(c *rpc.Config, f *files.Service) {
	c.Others = append(c.Others, rpc.Other{Subject: c.Scheme.Files(c.Account), Verbs: f.Verbs(), Take: f.Take})
}

// gated is a client whose calls are made as far as the gate lets them pass, and whose files are counted.
type gated struct {
	tgfiles.Client
	gate  *gate.Gate // nil: all pass
	moved func(up bool, n int)
}

func (o *ownership) gated(client tgfiles.Client) gated {
	return gated{client, o.calls.gate, func(up bool, n int) { o.tell.metrics.FileBytes(o.c.Name, up, n) }}
}

func (g gated) through(ctx context.Context, query []byte, invoke gate.Invoke) ([]byte, error) {
	if g.gate == nil {
		return invoke(ctx, query)
	}
	return g.gate.Through(ctx, query, invoke)
}

// Invoke makes a call.
func (g gated) Invoke(ctx context.Context, query []byte) ([]byte, error) {
	return g.through(ctx, query, g.Client.Invoke)
}

// InvokeFile makes a call of file traffic.
func (g gated) InvokeFile(ctx context.Context, dc int, t mtproto.Traffic, query []byte) ([]byte, error) {
	n := len(query)
	result, err := g.through(ctx, query, func(ctx context.Context, query []byte) ([]byte, error) {
		return g.Client.InvokeFile(ctx, dc, t, query)
	})
	switch {
	case err != nil:
	case t == mtproto.Upload:
		g.moved(true, n)
	default:
		g.moved(false, len(result))
	}
	return result, err
}

// InvokeCDN makes a call to a CDN.
func (g gated) InvokeCDN(ctx context.Context, dc int, query []byte) ([]byte, error) {
	result, err := g.through(ctx, query, func(ctx context.Context, query []byte) ([]byte, error) { return g.Client.InvokeCDN(ctx, dc, query) })
	if err == nil {
		g.moved(false, len(result))
	}
	return result, err
}

// HasMediaAddress is the client's.
func (g gated) HasMediaAddress(dc int) bool {
	c, ok := g.Client.(interface{ HasMediaAddress(dc int) bool })
	return !ok || c.HasMediaAddress(dc)
}

// Premium is the client's.
func (g gated) Premium() bool {
	c, ok := g.Client.(interface{ Premium() bool })
	return ok && c.Premium()
}
