// Package handshake makes authorization keys: the exchange of MTProto in which a client and a data centre agree on a
// 2048-bit key. Numbers in comments (B2, B15 ...) name the items of the MTProto checklist that a rule comes from.
//
// [Client] and [Server] are machines without input and output of their own. Each packet they return is an unencrypted
// MTProto message, ready for a transport's framing. The Server is for tests and demos.
package handshake

import (
	"crypto/sha1"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/tl/bin"
)

// Result is a key and what else an exchange yields.
type Result struct {
	Key crypto.Key

	// Salt is the first server salt to use with the key (B16).
	Salt int64

	// TimeOffset is the server's clock minus ours, good to a second or so (B16). A server's own is 0.
	TimeOffset time.Duration

	// ExpiresAt is when a temporary key ends, by our clock; zero for a permanent one.
	ExpiresAt time.Time
}

// How an exchange can fail. None of these errors holds a secret.
var (
	// ErrInvalid is wrapped by errors about what the other side sent: it breaks a rule of the exchange, is no part of
	// this one, or was tampered with. The connection is to be closed and the exchange to begin anew.
	ErrInvalid = errors.New("handshake: invalid message")

	// ErrRefused says that the server ended the exchange, provably itself (B15). It may be begun anew.
	ErrRefused = errors.New("handshake: the server refused the exchange")

	// ErrExpired says that the exchange took longer than 10 minutes (B17). It may be begun anew.
	ErrExpired = errors.New("handshake: expired")

	// ErrWrongDC says that a client asked a Server for another data centre; it would answer with the transport's -444.
	ErrWrongDC = errors.New("handshake: wrong data centre")
)

// NoKeyError says that none of our public keys is among those the server offers: a wrong environment, or the server's
// keys were changed and ours have to be (B3).
type NoKeyError struct{ Offered []int64 }

func (e *NoKeyError) Error() string {
	return fmt.Sprintf("handshake: no public key for any fingerprint that the server offers (%016x)", asUint(e.Offered))
}

func asUint(v []int64) []uint64 {
	out := make([]uint64, len(v))
	for i, x := range v {
		out[i] = uint64(x)
	}
	return out
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, args...)...)
}

const (
	plainHead  = 8 + 8 + 4        // auth_key_id 0, msg_id, length (B1)
	maxBody    = 8 << 10          // bytes; real ones stay below 1 KB, and anybody on the way can make one
	maxTail    = 15               // bytes that padded framing may leave behind a message (A4)
	dhSize     = 256              // bytes of the prime and of everything modulo it
	lifetime   = 10 * time.Minute // of an exchange (B17)
	dhAttempts = 8                // draws of an exponent whose power is out of range (p < 2^-60 each), or retries
)

// plainPacket makes an unencrypted message (B1).
func plainPacket(msgID int64, encode func(*bin.Writer)) ([]byte, error) {
	var w bin.Writer
	w.Uint64(0)
	w.Int64(msgID)
	w.Uint32(0)
	start := len(w.Buf)
	encode(&w)
	if err := w.Err(); err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	binary.LittleEndian.PutUint32(w.Buf[start-4:], uint32(len(w.Buf)-start))
	return w.Buf, nil
}

// parsePlain takes the body out of an unencrypted message (B1).
func parsePlain(packet []byte) ([]byte, error) {
	if len(packet) < plainHead || binary.LittleEndian.Uint64(packet) != 0 {
		return nil, invalid("not an unencrypted message")
	}
	n := uint64(binary.LittleEndian.Uint32(packet[plainHead-4:]))
	body := packet[plainHead:]
	if n < 4 || n > maxBody || n%4 != 0 || n > uint64(len(body)) || uint64(len(body))-n > maxTail {
		return nil, invalid("body of %d bytes in %d", n, len(body))
	}
	return body[:n], nil
}

// decode reads the object at the start of a message's body. What stands behind it is padding: TDLib puts up to 255 random bytes
// behind its own plain messages (td/mtproto/NoCryptoStorer.h), and reads the server's without looking at their end
// (td/mtproto/Handshake.cpp, fetch_result with check_end false).
func decode(body []byte, into func(*bin.Reader)) error {
	r := bin.NewReader(body)
	into(r)
	if err := r.Err(); err != nil {
		return invalid("%w", err)
	}
	return nil
}

// clock makes the msg_ids of one end: server time in units of 2^-32 s, ever increasing, with the low bits that the end
// has to set.
type clock struct{ last int64 }

func (c *clock) next(now time.Time, low int64) int64 {
	id := now.Unix()<<32 | int64(now.Nanosecond())<<32/int64(time.Second)
	id = id&^3 | low
	if id <= c.last {
		id = c.last + 4
	}
	c.last = id
	return id
}

// sealInner encrypts an object of the Diffie-Hellman step: its SHA1, itself, and random padding to whole blocks (B9).
func sealInner(encode func(*bin.Writer), key, iv *[32]byte, rand io.Reader) ([]byte, error) {
	w := bin.Writer{Buf: make([]byte, sha1.Size, 640)}
	encode(&w)
	if err := w.Err(); err != nil {
		return nil, fmt.Errorf("handshake: %w", err)
	}
	sum := sha1.Sum(w.Buf[sha1.Size:])
	copy(w.Buf, sum[:])
	var pad [maxTail]byte
	n := -len(w.Buf) & maxTail
	if _, err := io.ReadFull(rand, pad[:n]); err != nil {
		return nil, fmt.Errorf("handshake: random padding: %w", err)
	}
	w.Raw(pad[:n])
	crypto.EncryptIGE(w.Buf, w.Buf, key[:], iv)
	return w.Buf, nil
}

// openInner decrypts what sealInner made and checks length, hash and padding (B9). The object aliases new memory.
func openInner(data []byte, key, iv *[32]byte, into func(*bin.Reader)) error {
	if len(data) < sha1.Size || len(data)%16 != 0 {
		return invalid("%d encrypted bytes", len(data))
	}
	plain := make([]byte, len(data))
	crypto.DecryptIGE(plain, data, key[:], iv)
	r := bin.NewReader(plain[sha1.Size:])
	into(r)
	object, padding := plain[sha1.Size:sha1.Size+r.Offset()], r.Remaining()
	sum := sha1.Sum(object)
	if r.Err() != nil || padding > maxTail || subtle.ConstantTimeCompare(sum[:], plain[:sha1.Size]) != 1 {
		return invalid("the encrypted part is damaged")
	}
	return nil
}

// firstSalt is the salt that an exchange begins with (B16).
func firstSalt(newNonce *[32]byte, serverNonce *[16]byte) int64 {
	return int64(binary.LittleEndian.Uint64(newNonce[:8]) ^ binary.LittleEndian.Uint64(serverNonce[:8]))
}

func same(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

func random(rand io.Reader, b []byte) error {
	if _, err := io.ReadFull(rand, b); err != nil {
		return fmt.Errorf("handshake: randomness: %w", err)
	}
	return nil
}
