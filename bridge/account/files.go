package account

import (
	"context"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/attach"
	"github.com/natsgram/natsgram/bridge/files"
	"github.com/natsgram/natsgram/bridge/gate"
	"github.com/natsgram/natsgram/bridge/rpc"
	"github.com/natsgram/natsgram/bridge/uploads"
	"github.com/natsgram/natsgram/bridge/withhold"
	"github.com/natsgram/natsgram/mtproto"
	tgfiles "github.com/natsgram/natsgram/mtproto/files"
)

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
	c.Others = append(c.Others, rpc.Other{Subject: c.Scheme.Files(c.Account), Verbs: f.Verbs(), Accept: f.Accept})
}

// gated is a client whose calls are made as far as the gate lets them pass, whose answers lack what is withheld, and whose files are counted.
type gated struct {
	tgfiles.Client
	gate     *gate.Gate     // nil: all pass
	withheld *withhold.Rule // of messages whose files are asked for; what a file is called, and who wrote of it, is told and stored
	moved    func(up bool, n int)
}

func (g gated) through(ctx context.Context, query []byte, invoke gate.Invoke) ([]byte, error) {
	if g.gate == nil {
		return invoke(ctx, query)
	}
	return g.gate.Through(ctx, query, invoke)
}

// Invoke makes a call.
func (g gated) Invoke(ctx context.Context, query []byte) ([]byte, error) {
	result, err := g.through(ctx, query, g.Client.Invoke)
	if err != nil {
		return nil, err
	}
	t, err := g.Schema().ResultOf(query)
	if err == nil {
		result, _, err = g.withheld.Redact(nil, result, t)
	}
	if err != nil {
		return nil, answer.Done(502, "reading Telegram's answer: "+err.Error())
	}
	return result, nil
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
