package mtproto

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/mtproto/handshake"
	"github.com/natsgram/natsgram/tl/codec"
)

// cdnMethod is the only call that is made at a CDN, beside initConnection around it (D13).
const cdnMethod = "upload.getCdnFile"

// cdnConfig is what is known of CDN data centres. Their keys live in memory alone: they protect nothing that is secret.
type cdnConfig struct {
	header []byte
	keys   map[int][]crypto.PublicKey // by data centre, from help.getCdnConfig alone; under the traffic's lock
}

// InvokeCDN makes the call upload.getCdnFile at a CDN data centre. Nothing of the account is told there: the key belongs to
// nobody, and initConnection says no more than which application this is (D13). Telegram's errors are the caller's, but
// for floods and what passes.
func (c *Client) InvokeCDN(ctx context.Context, id int, query []byte) ([]byte, error) {
	a := attempts{m: c.method(query), query: query, id: id}
	if a.m.name != cdnMethod {
		return nil, a.failed(SentNo, ErrNotFile)
	}
	if err := c.running(ctx); err != nil {
		return nil, a.failed(SentNo, err)
	}
	if err := c.knowCDN(ctx, id); err != nil {
		return nil, a.failed(SentNo, err)
	}
	for renewed := false; ; {
		body, e := c.doFile(ctx, id, forCDN, &a)
		if e == nil {
			return body, nil
		}
		if unknown := new(*handshake.NoKeyError); errors.As(e, unknown) && !renewed {
			renewed = true
			if err := c.fetchCDN(ctx); err != nil {
				return nil, a.failed(SentNo, err)
			}
			continue
		}
		if err := c.mendCDN(ctx, &a, e); err != nil {
			return nil, err
		}
	}
}

// mendCDN leaves alone what concerns authorizations and the home: a CDN knows nothing of them.
func (c *Client) mendCDN(ctx context.Context, a *attempts, e *Error) error {
	if e.Code != 0 {
		switch react(e.Code, e.Kind()) {
		case again, againIfSafe, againSoon:
		case waitAlike, waitCall, waitSpeed:
			return c.slowDown(ctx, a, e)
		default:
			return e
		}
	}
	return c.mend(ctx, a, e)
}

// knowCDN sees to it that the addresses and RSA keys of a CDN data centre are known.
func (c *Client) knowCDN(ctx context.Context, id int) error {
	if len(c.addressesFor(id, 0, dc.Want{CDN: true})) == 0 {
		c.home.Load().refreshConfig() // it may be new (D5)
		return fmt.Errorf("%w %d, of the CDN", ErrNoDC, id)
	}
	if len(c.cdnKeys(id)) > 0 {
		return nil
	}
	return c.fetchCDN(ctx)
}

func (c *Client) cdnKeys(id int) []crypto.PublicKey {
	c.files.mu.Lock()
	defer c.files.mu.Unlock()
	return c.files.cdn.keys[id]
}

// fetchCDN asks for the RSA keys of all CDN data centres, the only ones that they may prove themselves by (D13).
func (c *Client) fetchCDN(ctx context.Context) error {
	query, err := c.o.Schema.Encode(nil, codec.M{"_": "help.getCdnConfig"})
	if err != nil {
		return err
	}
	body, err := c.Invoke(ctx, query)
	if err != nil {
		return err
	}
	v, err := c.o.Schema.View(body)
	if err != nil {
		return fmt.Errorf("mtproto: help.getCdnConfig: %w", err)
	}
	keys := map[int][]crypto.PublicKey{}
	for k := range v.Objects("public_keys") {
		if parsed, err := crypto.ParsePublicKeys(k.Bytes("public_key")); err == nil {
			id := int(k.Int("dc_id"))
			keys[id] = append(keys[id], parsed...)
		}
	}
	c.files.mu.Lock()
	defer c.files.mu.Unlock()
	c.files.cdn.keys = keys
	return nil
}

// rsaKeys are those that the other end may prove itself by.
func (l *link) rsaKeys() []crypto.PublicKey {
	if l.use == forCDN {
		return l.c.cdnKeys(l.id)
	}
	return l.c.o.Env.Keys
}

// cdnKey is the key with a CDN data centre. It is a temporary one in all but its end: kept in memory, forgotten when the
// other side forgets it, and then made anew (D13).
func (l *link) cdnKey(w *wire) (*temporary, error) {
	at := place{id: l.id}
	if t := l.c.keys.get(at); t != nil {
		return t, nil
	}
	r, err := l.exchange(w, 0)
	if err != nil {
		return nil, err
	}
	t := &temporary{
		at: at, key: r.Key, until: time.Now().AddDate(10, 0, 0), expires: math.MaxInt32, offset: r.TimeOffset, salt: r.Salt,
		bound: true, // to nothing
	}
	l.c.keys.put(t)
	return t, nil
}

// cdnHeader wraps a call in an initConnection that tells nothing of device or user (D13).
func (c *Client) cdnHeader() ([]byte, error) {
	b, err := c.o.Schema.Encode(nil, codec.M{"_": "invokeWithLayer", "layer": c.o.Schema.Layer(), "query": codec.M{
		"_": "initConnection", "api_id": c.o.API.ID, "device_model": "n/a", "system_version": "n/a", "app_version": c.o.Device.App,
		"system_lang_code": "en", "lang_pack": "", "lang_code": "en", "query": codec.Raw(c.getConfig),
	}})
	if err != nil {
		return nil, fmt.Errorf("mtproto: schema: %w", err)
	}
	return b[:len(b)-len(c.getConfig)], nil
}

func (l *link) ensureCDN(w *wire) error {
	t, err := l.cdnKey(w)
	if err != nil {
		return err
	}
	return l.overTemporary(t)
}
