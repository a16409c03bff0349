package transport

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

const (
	tlsHead     = 5  // bytes of a TLS record before its content
	tlsRandomAt = 11 // where a hello's random stands in its record (A22, A25)
)

var (
	tlsHandshake = []byte{0x16, 0x03, 0x03}
	tlsChange    = []byte{0x14, 0x03, 0x03, 0x00, 0x01, 0x01}
	tlsData      = []byte{0x17, 0x03, 0x03}
)

// VerifyServerHello checks the answer of a proxy that pretends to be a TLS server (A25): a ServerHello, possibly more
// handshake records, a ChangeCipherSpec and one record of data, nothing else; and in it the proof that the proxy knows
// the secret, whose 16 bytes of key are given. It is the first piece of fake TLS, which clients cannot use yet.
func VerifyServerHello(key []byte, clientRandom *[32]byte, records []byte) error {
	if !tlsAnswer(records) {
		return violation("the proxy's answer does not look like TLS")
	}
	zeroed := bytes.Clone(records)
	random := zeroed[tlsRandomAt : tlsRandomAt+32]
	proof := [32]byte(random)
	clear(random)
	mac := hmac.New(sha256.New, key)
	mac.Write(clientRandom[:])
	mac.Write(zeroed)
	if !hmac.Equal(mac.Sum(nil), proof[:]) {
		return violation("the proxy does not know the secret")
	}
	return nil
}

// tlsAnswer says whether b is the sequence of records of A25.
func tlsAnswer(b []byte) bool {
	if first, _ := tlsRecord(b, tlsHandshake); len(first) < tlsRandomAt+32 {
		return false
	}
	for {
		r, rest := tlsRecord(b, tlsHandshake)
		if r == nil {
			break
		}
		b = rest
	}
	b, ok := bytes.CutPrefix(b, tlsChange)
	if !ok {
		return false
	}
	r, rest := tlsRecord(b, tlsData)
	return r != nil && len(rest) == 0
}

// tlsRecord cuts a whole record of that kind off b; nil: there is none.
func tlsRecord(b, kind []byte) (record, rest []byte) {
	if len(b) < tlsHead || !bytes.HasPrefix(b, kind) {
		return nil, b
	}
	n := tlsHead + int(binary.BigEndian.Uint16(b[3:]))
	if n > len(b) {
		return nil, b
	}
	return b[:n], b[n:]
}
