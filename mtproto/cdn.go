package mtproto

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/mtproto/handshake"
	"github.com/natsgram/natsgram/tl/codec"
)

// cdnMethod is the only call that is made at a CDN, beside initConnection around it (D13).
const cdnMethod = "upload.getCdnFile"

// cdnConfig is what is known of CDN data centres. Their keys live in memory alone: they protect nothing that is secret.
type cdnConfig struct {
	mu   sync.Mutex
	keys map[int][]crypto.PublicKey // by data centre, from help.getCdnConfig alone
}

// publicKeys returns the only ones that a CDN data centre may prove itself by (D13).
func (c *cdnConfig) publicKeys(id int) []crypto.PublicKey {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.keys[id]
}

// read takes a CdnConfig.
func (c *cdnConfig) read(v codec.View) {
	keys := map[int][]crypto.PublicKey{}
	for k := range v.Objects("public_keys") {
		if parsed, err := crypto.ParsePublicKeys(k.Bytes("public_key")); err == nil {
			id := int(k.Int("dc_id"))
			keys[id] = append(keys[id], parsed...)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keys = keys
}

// InvokeCDN makes the call upload.getCdnFile at a CDN data centre. Nothing of the account is told there: the key belongs to
// nobody, and initConnection says no more than which application this is (D13). Telegram's errors are the caller's, but
// for floods and what passes.
func (c *Client) InvokeCDN(ctx context.Context, id int, query []byte) ([]byte, error) {
	a := c.attempts(id, query)
	if a.m.name != cdnMethod {
		return nil, a.failed(SentNo, ErrNotFile)
	}
	if err := c.life.running(ctx); err != nil {
		return nil, a.failed(SentNo, err)
	}
	f := &c.files
	if err := f.knowCDN(ctx, id); err != nil {
		return nil, a.failed(SentNo, err)
	}
	for renewed := false; ; {
		body, e := f.do(ctx, dcPath{id, forCDN}, a)
		if e == nil {
			return body, nil
		}
		if unknown := new(*handshake.NoKeyError); errors.As(e, unknown) && !renewed {
			renewed = true
			if err := f.fetchCDN(ctx); err != nil {
				return nil, a.failed(SentNo, err)
			}
			continue
		}
		if err := f.mendCDN(ctx, a, e); err != nil {
			return nil, err
		}
	}
}

// mendCDN leaves alone what concerns authorizations and the home: a CDN knows nothing of them.
func (f *fileTraffic) mendCDN(ctx context.Context, a *attempts, e *Error) error {
	if e.Code != 0 {
		switch react(e.Code, e.Kind()) {
		case retry, retryIfSafe, retryNow:
		case waitAlike, waitCall, waitSpeed:
			return f.slowDown(ctx, a, e)
		default:
			return e
		}
	}
	return a.mend(ctx, e)
}

// knowCDN sees to it that the addresses and RSA keys of a CDN data centre are known.
func (f *fileTraffic) knowCDN(ctx context.Context, id int) error {
	if len(f.c.addresses(id, dc.Want{CDN: true})) == 0 {
		home := f.c.links.home.Load()
		home.config.refresh(home) // it may be new (D5)
		return fmt.Errorf("%w %d, of the CDN", ErrNoDC, id)
	}
	if len(f.cdn.publicKeys(id)) > 0 {
		return nil
	}
	return f.fetchCDN(ctx)
}

// fetchCDN asks for the RSA keys of all CDN data centres.
func (f *fileTraffic) fetchCDN(ctx context.Context) error {
	query, err := f.c.o.Schema.Encode(nil, codec.M{"_": "help.getCdnConfig"})
	if err != nil {
		return err
	}
	body, err := f.c.Invoke(ctx, query)
	if err != nil {
		return err
	}
	v, err := f.c.o.Schema.View(body)
	if err != nil {
		return fmt.Errorf("mtproto: help.getCdnConfig: %w", err)
	}
	f.cdn.read(v)
	return nil
}
