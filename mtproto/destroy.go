package mtproto

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/mtproto/session"
	"github.com/natsgram/natsgram/mtproto/transport"
	"github.com/natsgram/natsgram/tl/bin"
)

// destroyMost is how long the end of Run may be put off to have keys destroyed.
const destroyMost = 10 * time.Second

// KeyDestroyed says that a data centre has forgotten a key of an account that signed out, or why not (B27). That costs
// nobody anything: such a key opens nothing any more.
type KeyDestroyed struct {
	DC  int
	Err error
}

// Name is "key.destroyed".
func (KeyDestroyed) Name() string { return "key.destroyed" }

// destroyKeys has the data centres forget the keys of an account that has signed out (F10, B27). All links are closed.
func (c *Client) destroyKeys(keys map[int]DCState) {
	ctx, cancel := context.WithTimeout(context.Background(), destroyMost)
	defer cancel()
	var wg sync.WaitGroup
	for id, d := range keys {
		if key, err := crypto.NewKey(d.Key); err == nil {
			wg.Go(func() { c.emit(KeyDestroyed{DC: id, Err: newLink(c, id).destroy(ctx, key, d)}) })
		}
	}
	wg.Wait()
}

// destroy speaks with a data centre in a session of its own, under the very key that is to be destroyed: nothing is left
// for which a temporary key would be of use.
func (l *link) destroy(ctx context.Context, key crypto.Key, d DCState) error {
	r, err := l.dial(ctx, 0)
	if err != nil {
		return err
	}
	defer r.Close()
	defer context.AfterFunc(ctx, func() { _ = r.Close() })()
	w, err := newWire(r, l.c.o.Limits)
	if err != nil {
		return err
	}
	cfg := session.Config{Key: &key, TimeOffset: d.Offset, Rand: rand.Reader}
	if len(d.Salts) > 0 {
		cfg.Salt = d.Salts[0].Salt
	}
	s, err := session.New(cfg)
	if err != nil {
		return err
	}
	return askToDestroy(w, s)
}

// askToDestroy asks until there is an answer.
func askToDestroy(w *wire, s *session.Session) error {
	var query bin.Writer
	(&mt.DestroyAuthKey{}).Encode(&query)
	s.Connected(time.Now())
	s.Call(time.Now(), query.Buf, session.CallOptions{Resendable: true})
	for {
		for packet, ok := s.Append(time.Now(), nil); ok; packet, ok = s.Append(time.Now(), nil) {
			if err := w.send(packet); err != nil {
				return err
			}
		}
		packet, err := w.receive()
		if t := new(transportError); errors.As(err, &t) && t.code == transport.CodeUnknownKey {
			return nil // it is gone
		}
		if err == nil {
			err = s.Receive(time.Now(), packet)
		}
		if err != nil {
			return err
		}
		if done, err := destroyed(s); done {
			return err
		}
	}
}

// destroyed looks for the answer among a session's events. It comes as the result of the query, or as a message by itself.
func destroyed(s *session.Session) (done bool, err error) {
	for e, ok := s.Event(); ok; e, ok = s.Event() {
		switch e := e.(type) {
		case session.Result:
			if e.Err != nil {
				return true, newError(e.Err, "destroy_auth_key", 0)
			}
			return verdict(e.Body)
		case session.Failed:
			return true, e.Err
		case session.Update:
			if done, err := verdict(e.Body); done {
				return done, err
			}
		}
	}
	return false, nil
}

func verdict(body []byte) (done bool, err error) {
	if len(body) < 4 {
		return false, nil
	}
	switch id := binary.LittleEndian.Uint32(body); id {
	case mt.DestroyAuthKeyOkID, mt.DestroyAuthKeyNoneID:
		return true, nil
	case mt.DestroyAuthKeyFailID:
		return true, fmt.Errorf("mtproto: %s", mt.Name(id))
	}
	return false, nil
}
