package transport

import (
	"crypto/ecdh"
	"crypto/mlkem"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

// Where things stand in the record of a hello, either side's (A22, A25).
const (
	helloRandomAt  = 11
	helloSessionAt = 44 // after its length, which is 32
	helloLeast     = helloSessionAt + 32
)

// helloSigned is how many bytes of a client's random prove the secret; the last four also carry the time (A23).
const helloSigned = 28

// greases is how many different meaningless values a hello needs (RFC 8701).
const greases = 7

// hello is a ClientHello under construction: what a current browser sends, since that is what it has to be taken for.
type hello struct {
	b      []byte
	rand   io.Reader
	grease [greases]byte
	err    error // of rand
}

// clientHello is the record that begins a connection that looks like TLS (A22). Its random is filled in by sign.
func clientHello(domain string, rand io.Reader) ([]byte, error) {
	h := &hello{b: make([]byte, 0, 2048), rand: rand}
	h.drawGrease()
	h.put(tlsTypeHandshake, 3, 1)
	h.sized(func() {
		h.put(1, 0) // ClientHello; its length has 24 bits
		h.sized(func() {
			h.put(3, 3)
			h.put(make([]byte, 32)...) // the random
			h.put(32)
			h.random(32)
			h.suites()
			h.put(1, 0) // no compression
			h.sized(func() { h.extensions(domain) })
		})
	})
	return h.b, h.err
}

func (h *hello) put(b ...byte) { h.b = append(h.b, b...) }

// put16 appends numbers of 16 bits.
func (h *hello) put16(v ...uint16) {
	for _, x := range v {
		h.b = binary.BigEndian.AppendUint16(h.b, x)
	}
}

// sized appends what f appends, and its length before it.
func (h *hello) sized(f func()) {
	at := len(h.b)
	h.put16(0)
	f()
	binary.BigEndian.PutUint16(h.b[at:], uint16(len(h.b)-at-2))
}

// random appends n random bytes.
func (h *hello) random(n int) {
	at := len(h.b)
	h.put(make([]byte, n)...)
	h.draw(h.b[at:])
}

func (h *hello) draw(b []byte) {
	if h.err != nil {
		return
	}
	if _, err := io.ReadFull(h.rand, b); err != nil {
		h.err = fmt.Errorf("transport: random hello: %w", err)
	}
}

// below draws a number under n, which is small.
func (h *hello) below(n int) int {
	var b [4]byte
	h.draw(b[:])
	return int(binary.LittleEndian.Uint32(b[:]) % uint32(n))
}

// drawGrease draws meaningless values of the form 0a0a, 1a1a ... of which the neighbours that stand in one list differ.
func (h *hello) drawGrease() {
	h.draw(h.grease[:])
	for i := range h.grease {
		h.grease[i] = h.grease[i]&0xf0 | 0x0a
		if i%2 == 1 && h.grease[i] == h.grease[i-1] {
			h.grease[i] ^= 0x10
		}
	}
}

func (h *hello) putGrease(i int) { h.put(h.grease[i], h.grease[i]) }

func (h *hello) suites() {
	h.sized(func() {
		h.putGrease(0)
		h.put16(0x1301, 0x1302, 0x1303) // those of TLS 1.3
		h.put16(0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013, 0xc014, 0x009c, 0x009d, 0x002f, 0x0035)
	})
}

// extension appends one extension.
func (h *hello) extension(id uint16, content func()) {
	h.put16(id)
	h.sized(content)
}

func (h *hello) extensions(domain string) {
	h.putGrease(2)
	h.put16(0)
	for _, f := range h.shuffled(h.ordinary(domain)) {
		f()
	}
	h.putGrease(3)
	h.put(0, 1, 0)
}

// ordinary are the extensions that browsers send, in an order that they draw anew each time.
func (h *hello) ordinary(domain string) []func() {
	one := func(id uint16, content ...byte) func() {
		return func() { h.extension(id, func() { h.put(content...) }) }
	}
	return []func(){
		func() { h.serverName(domain) },
		one(5, 1, 0, 0, 0, 0), // status_request
		func() { // supported_groups
			h.extension(10, func() { h.sized(func() { h.putGrease(4); h.put16(groupHybrid, groupX25519, 0x17, 0x18) }) })
		},
		one(11, 1, 0), // ec_point_formats
		one(13, 0, 16, 4, 3, 8, 4, 4, 1, 5, 3, 8, 5, 5, 1, 8, 6, 6, 1), // signature_algorithms
		one(16, append([]byte{0, 12, 2, 'h', '2', 8}, "http/1.1"...)...),
		one(18),          // signed_certificate_timestamp
		one(23),          // extended_master_secret
		one(27, 2, 0, 2), // compress_certificate
		one(35),          // session_ticket
		func() { // supported_versions
			h.extension(43, func() { h.put(6); h.putGrease(6); h.put16(0x0304, 0x0303) })
		},
		one(45, 1, 1), // psk_key_exchange_modes
		h.keyShare,
		one(0x44cd, 0, 3, 2, 'h', '2'), // application_settings
		h.encryptedHello,
		one(0xff01, 0), // renegotiation_info
	}
}

func (h *hello) serverName(domain string) {
	h.extension(0, func() {
		h.sized(func() {
			h.put(0)
			h.sized(func() { h.put([]byte(domain)...) })
		})
	})
}

// Groups of key shares.
const (
	groupX25519 = 0x001d
	groupHybrid = 0x11ec // X25519 and ML-KEM-768
)

// keyShare offers keys that are sound, though nobody will use them: onlookers check that a point lies on its curve (A22).
func (h *hello) keyShare() {
	h.extension(51, func() {
		h.sized(func() {
			h.putGrease(4)
			h.put(0, 1, 0)
			h.put16(groupHybrid)
			h.sized(func() { h.kemKey(); h.curveKey() })
			h.put16(groupX25519)
			h.sized(h.curveKey)
		})
	})
}

func (h *hello) curveKey() {
	var b [32]byte
	h.draw(b[:])
	key, err := curvePoint(b[:])
	if err != nil {
		h.err = errors.Join(h.err, err)
		return
	}
	h.put(key...)
}

// curvePoint is the public key of a private one.
func curvePoint(private []byte) ([]byte, error) {
	key, err := ecdh.X25519().NewPrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("transport: key share: %w", err)
	}
	return key.PublicKey().Bytes(), nil
}

func (h *hello) kemKey() {
	var seed [mlkem.SeedSize]byte
	h.draw(seed[:])
	key, err := mlkem.NewDecapsulationKey768(seed[:])
	if err != nil {
		h.err = errors.Join(h.err, err)
		return
	}
	h.put(key.EncapsulationKey().Bytes()...)
}

// encryptedHello is an encrypted_client_hello that no server can decrypt, as browsers send where they know no key.
func (h *hello) encryptedHello() {
	h.extension(0xfe0d, func() {
		h.put(0, 0, 1, 0, 1)
		h.random(1)
		h.sized(func() { h.random(32) })
		h.sized(func() { h.random(144 + 32*h.below(4)) })
	})
}

// shuffled puts the extensions into a random order.
func (h *hello) shuffled(list []func()) []func() {
	for i := len(list) - 1; i > 0; i-- {
		j := h.below(i + 1)
		list[i], list[j] = list[j], list[i]
	}
	return list
}

// signHello fills in a client's random: a proof that it knows the key, with the time in its last bytes (A23).
func signHello(b, key []byte, now time.Time) (random [32]byte) {
	mac := helloMAC(key, b)
	copy(b[helloRandomAt:], mac[:])
	last := b[helloRandomAt+helloSigned : helloRandomAt+32]
	binary.LittleEndian.PutUint32(last, binary.LittleEndian.Uint32(last)^uint32(now.Unix()))
	return [32]byte(b[helloRandomAt:])
}
