package crypto

import (
	"bytes"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

const (
	outerSize  = 8 + 16             // auth_key_id, msg_key
	innerSize  = 8 + 8 + 8 + 4 + 4  // salt, session_id, msg_id, seq_no, length
	minPadding = 12                 // C1
	maxPadding = 1024               // C1
	minCipher  = innerSize + 16     // the least multiple of 16 that holds an inner header and its padding
	lengthAt   = innerSize - 4      // where the length of the body stands in the plaintext
	quickAck   = uint32(1) << 31    // set in every quick-ack token (A7)
	maxPlain   = 16<<20 - outerSize // no transport carries more (A34)
)

// ErrOpen is the one result of every failed [Open], so that nobody who sends us bytes learns which check refused them.
var ErrOpen = errors.New("crypto: message refused")

// PacketKeyID is the auth_key_id that a packet begins with, 0 for a message that is not encrypted. False: too short.
func PacketKeyID(packet []byte) (uint64, bool) {
	if len(packet) < 8 {
		return 0, false
	}
	return binary.LittleEndian.Uint64(packet), true
}

// Seal appends the encrypted packet of a plaintext message to dst: auth_key_id, msg_key and ciphertext (C1, C2). plain is
// salt, session_id, msg_id, seq_no, length and body; it must not overlap dst's spare capacity. Random padding is added
// here: the 12 bytes that are prescribed and as many more, up to 15, as make a whole block.
//
// ack is the token by which a quick acknowledgement of this packet would name it (A7). Seal fails only where rand does
// or plain is over 16 MiB.
func Seal(dst []byte, k *Key, from Side, plain []byte, rand io.Reader) (packet []byte, ack uint32, err error) {
	return SealText(dst, k, from, Text{Plain: plain}, rand)
}

// Text is a plaintext to be sealed, in two parts: what ends it may be too large to be moved behind the rest.
type Text struct{ Plain, Tail []byte }

// SealText is [Seal] of a plaintext in two parts.
func SealText(dst []byte, k *Key, from Side, t Text, rand io.Reader) (packet []byte, ack uint32, err error) {
	u, err := prepare(dst, k, t, rand)
	if err != nil {
		return dst, 0, err
	}
	u.seal(k, from)
	return u.packet, u.ack, nil
}

// SealPair seals two plaintexts, each into the packet of its own, with less time for both than for one after the other where the processor can
// and both are large.
func SealPair(dst [2][]byte, k *Key, from Side, t [2]Text, rand io.Reader) (packets [2][]byte, acks [2]uint32, err error) {
	a, err := prepare(dst[0], k, t[0], rand)
	if err != nil {
		return dst, acks, err
	}
	b, err := prepare(dst[1], k, t[1], rand)
	if err != nil {
		clear(a.out)
		return dst, acks, err
	}
	if fastSum && a.pairs() && b.pairs() {
		sealFastPair(&a, &b, k, from)
	} else {
		a.seal(k, from)
		b.seal(k, from)
	}
	return [2][]byte{a.packet, b.packet}, [2]uint32{a.ack, b.ack}, nil
}

// unsealed is a packet that is laid out.
type unsealed struct {
	packet []byte    // with what stood before
	out    []byte    // the packet alone
	parts  [4][]byte // see lay
	ack    uint32
}

// prepare lays a packet out.
func prepare(dst []byte, k *Key, t Text, rand io.Reader) (u unsealed, err error) {
	size := len(t.Plain) + len(t.Tail)
	if k.Zero() || size > maxPlain {
		return u, fmt.Errorf("crypto: cannot seal %d bytes with %v", size, k)
	}
	padding := minPadding + -(size+minPadding)&15
	start := len(dst)
	dst = slices.Grow(dst, outerSize+size+padding)
	u.packet = dst[:start+outerSize+size+padding]
	u.out = u.packet[start:]
	parts, missing := lay(u.out[outerSize:], t.Plain, t.Tail)
	u.parts = parts
	if _, err := io.ReadFull(rand, missing); err != nil {
		clear(u.out)
		return u, fmt.Errorf("crypto: random padding: %w", err)
	}
	return u, nil
}

const (
	body = 2 // which of the parts it is, see lay
	end  = 3

	pairLead  = 256     // bytes before the bodies of packets that are sealed two at once, with the part of the key before them,
	pairLeast = 1 << 10 // and of the bodies
)

// pairs reports whether a packet is one of those: it carries a part of a file, and little before it.
func (u *unsealed) pairs() bool {
	return len(u.parts[0]) > 0 && 32+len(u.parts[0])+len(u.parts[1]) <= pairLead && len(u.parts[body]) >= pairLeast
}

// lay divides a plaintext into parts of whole blocks, which are encrypted from where they are. What makes no block by itself stands where its
// ciphertext will: the block that begins in plain and ends in tail, and the last bytes, behind which the padding is missing.
func lay(text, plain, tail []byte) (parts [4][]byte, missing []byte) {
	whole := len(plain) &^ 15
	n := copy(text[whole:], plain[whole:])
	if n > 0 {
		k := copy(text[whole+n:whole+16], tail)
		n, tail = n+k, tail[k:]
	}
	joint := n &^ 15 // without it, there is no more tail
	blocks := tail[:len(tail)&^15]
	last := text[whole+joint+len(blocks):]
	n -= joint
	n += copy(last[n:], tail[len(blocks):])
	return [4][]byte{plain[:whole], text[whole : whole+joint], body: blocks, end: last}, last[n:]
}

// seal encrypts a packet.
func (u *unsealed) seal(k *Key, from Side) {
	summed := [5][]byte{k.get().bytes[88+from : 120+from]}
	copy(summed[1:], u.parts[:])
	large := sha256Of(summed[:]...)
	msgKey := [16]byte(large[8:24])
	u.head(k, &msgKey, large)
	aes := kdf2(k, from, &msgKey)
	text := u.out[outerSize:]
	for _, p := range u.parts {
		n := len(p)
		if n == 0 {
			continue
		}
		last := [16]byte(p[n-16:])
		EncryptIGE(text, p, aes.key[:], &aes.iv)
		copy(aes.iv[:16], text[n-16:]) // the chain goes on
		copy(aes.iv[16:], last[:])
		text = text[n:]
	}
}

// head writes what stands before the ciphertext.
func (u *unsealed) head(k *Key, msgKey *[16]byte, sum [32]byte) {
	binary.LittleEndian.PutUint64(u.out, k.get().id)
	copy(u.out[8:], msgKey[:])
	u.ack = binary.LittleEndian.Uint32(sum[:4]) | quickAck
}

// Open decrypts a packet that the given side wrote and appends its plaintext, padding included, to dst: salt,
// session_id, msg_id, seq_no, length, body, padding. All that can be said about the packet by itself is checked, in the
// order of C3 and C4: key id, length, msg_key, and then the length of the body (not negative, a multiple of 4, 12 to
// 1024 bytes of padding after it). Whether session_id and msg_id fit is for the session to say.
//
// Up to 15 bytes after the last whole block are not part of the message (A4) and ignored. On failure dst comes back as
// it was, with [ErrOpen].
func Open(dst []byte, k *Key, from Side, packet []byte) ([]byte, error) {
	dst, _, err := OpenAck(dst, k, from, packet)
	return dst, err
}

// OpenAck is [Open] for a server, which also learns the token of the packet's quick acknowledgement (A7).
func OpenAck(dst []byte, k *Key, from Side, packet []byte) ([]byte, uint32, error) {
	start := len(dst)
	dst, ack, ok := decrypt(dst, k, from, packet)
	if !ok || !plausible(dst[start:]) {
		clear(dst[start:])
		return dst[:start], 0, ErrOpen
	}
	return dst, ack, nil
}

// OpenInPlace is [Open] into the packet's own bytes, which are spent then, whether it fails or not: a part of a file needs no second
// buffer.
func OpenInPlace(k *Key, from Side, packet []byte) ([]byte, error) {
	if len(packet) < outerSize {
		return nil, ErrOpen
	}
	return Open(packet[outerSize:outerSize], k, from, packet)
}

// decrypt appends the plaintext of a packet after comparing key id and msg_key. Nothing may look at the plaintext of a
// packet for which it is not ok.
func decrypt(dst []byte, k *Key, from Side, packet []byte) (text []byte, ack uint32, ok bool) {
	if len(packet) < outerSize+minCipher || k.Zero() || binary.LittleEndian.Uint64(packet) != k.get().id {
		return dst, 0, false
	}
	msgKey := [16]byte(packet[8:outerSize])
	data := packet[outerSize:]
	data = data[:len(data)&^15]
	start := len(dst)
	dst = slices.Grow(dst, len(data))[:start+len(data)]
	out := dst[start:]
	aes := kdf2(k, from, &msgKey)
	large := decryptSummed(out, data, &aes, (*[32]byte)(k.get().bytes[88+from:]))
	ok = subtle.ConstantTimeCompare(msgKey[:], large[8:24]) == 1
	return dst, binary.LittleEndian.Uint32(large[:4]) | quickAck, ok
}

// decryptSummed decrypts, and returns the SHA-256 of prefix and the plaintext: at the same time where the processor can.
func decryptSummed(dst, src []byte, k *aesKey, prefix *[32]byte) [32]byte {
	if fastSum && len(src) >= sumLeast {
		return decryptFastSum(dst, src, k, prefix)
	}
	DecryptIGE(dst, src, k.key[:], &k.iv)
	return sha256Of(prefix[:], dst)
}

// plausible reports whether the length that a plaintext declares leaves a legal padding (C4).
func plausible(plain []byte) bool {
	if len(plain) < innerSize {
		return false
	}
	n := int64(int32(binary.LittleEndian.Uint32(plain[lengthAt:])))
	padding := int64(len(plain)-innerSize) - n
	return n >= 0 && n%4 == 0 && padding >= minPadding && padding <= maxPadding
}

// SealV1 appends a message encrypted the MTProto 1.0 way, as the encrypted_message of auth.bindTempAuthKey has to be
// (B21): under the permanent key k, with 16 random bytes in place of salt and session, the msg_id of the very call that
// carries it, seq_no 0, and body, a bind_auth_key_inner of 40 bytes.
func SealV1(dst []byte, k *Key, msgID int64, body []byte, rand io.Reader) ([]byte, error) {
	if k.Zero() || len(body)%4 != 0 || len(body) > maxPadding {
		return dst, fmt.Errorf("crypto: cannot bind %d bytes with %v", len(body), k)
	}
	n := innerSize + len(body)
	text := make([]byte, n+-n&15)
	if _, err := io.ReadFull(rand, text[:16]); err != nil {
		return dst, fmt.Errorf("crypto: random prefix: %w", err)
	}
	if _, err := io.ReadFull(rand, text[n:]); err != nil {
		return dst, fmt.Errorf("crypto: random padding: %w", err)
	}
	binary.LittleEndian.PutUint64(text[16:], uint64(msgID))
	binary.LittleEndian.PutUint32(text[lengthAt:], uint32(len(body)))
	copy(text[innerSize:], body)
	msgKey := msgKeyV1(text[:n])
	aes := kdf1(k, Client, &msgKey)
	EncryptIGE(text, text, aes.key[:], &aes.iv)
	dst = binary.LittleEndian.AppendUint64(dst, k.get().id)
	dst = append(dst, msgKey[:]...)
	return append(dst, text...), nil
}

// OpenV1 is the inverse of [SealV1], for a server: it returns the msg_id and the body. Every failure is [ErrOpen].
func OpenV1(k *Key, packet []byte) (msgID int64, body []byte, err error) {
	if len(packet) < outerSize+innerSize || len(packet)%16 != outerSize%16 || k.Zero() ||
		binary.LittleEndian.Uint64(packet) != k.get().id {
		return 0, nil, ErrOpen
	}
	msgKey := [16]byte(packet[8:outerSize])
	text := bytes.Clone(packet[outerSize:])
	aes := kdf1(k, Client, &msgKey)
	DecryptIGE(text, text, aes.key[:], &aes.iv)
	n := int64(int32(binary.LittleEndian.Uint32(text[lengthAt:])))
	if n < 0 || n%4 != 0 || innerSize+n > int64(len(text)) || int64(len(text))-innerSize-n > 15 {
		return 0, nil, ErrOpen
	}
	text = text[:innerSize+n]
	if want := msgKeyV1(text); subtle.ConstantTimeCompare(msgKey[:], want[:]) != 1 {
		return 0, nil, ErrOpen
	}
	return int64(binary.LittleEndian.Uint64(text[16:])), text[innerSize:], nil
}

// msgKeyV1 is the msg_key of MTProto 1.0: of the plaintext without its padding.
func msgKeyV1(plain []byte) [16]byte {
	sum := sha1Of(plain)
	return [16]byte(sum[4:20])
}
