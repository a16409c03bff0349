package keys

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/mtproto/session"
	"github.com/natsgram/natsgram/tl/bin"
)

// RefusedError is an error in answer to destroy_auth_key.
type RefusedError struct{ Answer *mt.RPCError }

func (e *RefusedError) Error() string {
	return fmt.Sprintf("mtproto: destroy_auth_key: %d %s", e.Answer.ErrorCode, e.Answer.ErrorMessage)
}

// Permanent is a permanent key and what a session under it begins with.
type Permanent struct {
	Key    crypto.Key
	Salt   int64
	Offset time.Duration
}

// Destroy has a data centre forget a permanent key (B27), in a session of its own under that very key: nothing is left for which
// a temporary key would be of use. It asks until there is an answer or the connection breaks. gone reports whether an error
// of the connection says that the data centre does not know the key.
func Destroy(over Carrier, p Permanent, gone func(error) bool) error {
	s, err := session.New(session.Config{Key: &p.Key, Salt: p.Salt, TimeOffset: p.Offset, Rand: rand.Reader})
	if err != nil {
		return err
	}
	var query bin.Writer
	(&mt.DestroyAuthKey{}).Encode(&query)
	s.Connected(time.Now())
	s.Call(time.Now(), query.Buf, session.CallOptions{Resendable: true})
	for {
		for packet, ok := s.Append(time.Now(), nil); ok; packet, ok = s.Append(time.Now(), nil) {
			if err := over.Send(packet); err != nil {
				return err
			}
		}
		packet, err := over.Receive()
		if err != nil && gone(err) {
			return nil
		}
		if err == nil {
			_, err = s.Receive(time.Now(), packet)
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
				return true, &RefusedError{e.Err}
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

// verdict reads one of the three answers to destroy_auth_key.
func verdict(body []byte) (done bool, err error) {
	if len(body) < 4 {
		return false, nil
	}
	switch id := binary.LittleEndian.Uint32(body); id {
	case mt.DestroyAuthKeyOkID, mt.DestroyAuthKeyNoneID:
		return true, nil
	case mt.DestroyAuthKeyFailID:
		return true, errors.New("mtproto: " + mt.Name(id))
	}
	return false, nil
}
