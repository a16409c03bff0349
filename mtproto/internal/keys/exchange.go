package keys

import (
	"crypto/rand"
	"encoding/binary"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/handshake"
	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

// Carrier carries packets over a connection.
type Carrier interface {
	Send(packet []byte) error

	// Receive returns the next packet. It belongs to the caller.
	Receive() (packet []byte, err error)
}

// Exchange makes a key over a fresh connection: a permanent one, or one that lives for c.ExpiresIn. Any failure, also -404,
// means a new connection and a new exchange (B17).
func Exchange(over Carrier, c handshake.Config) (*handshake.Result, error) {
	c.Rand = rand.Reader
	h := handshake.NewClient(c)
	packet, err := h.Start(time.Now())
	for err == nil {
		if packet != nil {
			err = over.Send(packet)
		}
		if err == nil {
			packet, err = over.Receive()
		}
		var done *handshake.Result
		if err == nil {
			packet, done, err = h.Receive(time.Now(), packet)
		}
		if done != nil {
			return done, nil
		}
	}
	return nil, err
}

// Binding is what auth.bindTempAuthKey carries.
type Binding struct {
	PermKeyID int64
	Nonce     int64
	ExpiresAt int32
	Message   []byte // encrypted_message
}

// Bind makes what binds a temporary key to a permanent one. What is encrypted in it names the message that carries it and its
// session, so that it is made anew each time it is sent (B21, B22).
func Bind(permanent crypto.Key, t *Temporary, sessionID, msgID int64) (Binding, error) {
	var nonce [8]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return Binding{}, err
	}
	inner := mt.BindAuthKeyInner{
		Nonce: int64(binary.LittleEndian.Uint64(nonce[:])), TempAuthKeyID: int64(t.key.ID()), PermAuthKeyID: int64(permanent.ID()),
		TempSessionID: sessionID, ExpiresAt: t.expires,
	}
	var w bin.Writer
	inner.Encode(&w)
	sealed, err := crypto.SealV1(nil, &permanent, msgID, w.Buf, rand.Reader)
	return Binding{PermKeyID: inner.PermAuthKeyID, Nonce: inner.Nonce, ExpiresAt: inner.ExpiresAt, Message: sealed}, err
}
