package transport

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"time"
)

const answerMost = 64 << 10 // bytes of a proxy's answer that are waited for

// TLSClient is the client's end of a connection to an MTProxy that looks like TLS (A22 to A26): a stream of bytes below the
// framing. Like [Conn] it has no input and output of its own. Hello is to be sent first; once what was fed makes it Ready,
// Append wraps what is to be sent, and Next gives what was received, each independently of the other.
type TLSClient struct {
	key    []byte
	hello  []byte
	random [32]byte
	ready  bool
	records
}

// NewTLSClient begins a connection. Now has to be right within some minutes, or the proxy refuses us: it should come from
// the server's clock where that is known (A24).
func NewTLSClient(now time.Time, s Secret, rand io.Reader) (*TLSClient, error) {
	if s.Domain == "" || len(s.Key) != secretSize || len(s.Domain) > maxHostName {
		return nil, errSecret
	}
	if rand == nil {
		return nil, errors.New("transport: no source of randomness")
	}
	b, err := clientHello(s.Domain, rand)
	if err != nil {
		return nil, err
	}
	c := &TLSClient{key: s.Key, hello: b, random: signHello(b, s.Key, now)}
	c.greeting = tlsChange
	return c, nil
}

// Hello is what to send first.
func (c *TLSClient) Hello() []byte { return c.hello }

// Ready reports whether the proxy has answered, and proved that it knows the secret.
func (c *TLSClient) Ready() bool { return c.ready }

// Append appends to dst the bytes that carry data.
func (c *TLSClient) Append(dst, data []byte) ([]byte, error) {
	if !c.ready {
		return dst, errors.New("transport: the proxy has not answered yet")
	}
	return c.append(dst, data), nil
}

// Feed takes bytes read from the socket. They are copied.
func (c *TLSClient) Feed(b []byte) { c.in.add(b) }

// Next gives data that has arrived, as much as there is in one piece; none: feed more. It aliases the buffer until the
// next call of Feed. An error wraps [ErrProtocol] and stays.
func (c *TLSClient) Next() ([]byte, error) {
	if c.err == nil && !c.ready {
		c.err = c.answer()
	}
	if !c.ready {
		return nil, c.err
	}
	return c.next()
}

// answer looks whether the proxy's answer is complete, and checks it.
func (c *TLSClient) answer() error {
	b := c.in.rest()
	n, err := answerLen(b)
	switch {
	case err != nil:
		return err
	case n == 0 && len(b) > answerMost:
		return violation("the proxy's answer is larger than %d bytes", answerMost)
	case n == 0:
		return nil
	}
	if err := VerifyServerHello(c.key, &c.random, b[:n]); err != nil {
		return err
	}
	c.in.off += n
	c.hello, c.ready = nil, true
	return nil
}

// VerifyServerHello checks the answer of a proxy that pretends to be a TLS server (A25): a ServerHello, possibly more
// handshake records, a ChangeCipherSpec and one record of data, nothing else; and in it the proof that the proxy knows
// the secret, whose 16 bytes of key are given.
func VerifyServerHello(key []byte, clientRandom *[32]byte, records []byte) error {
	n, err := answerLen(records)
	if err != nil {
		return err
	}
	if n == 0 || n != len(records) {
		return violation("the proxy's answer does not look like TLS")
	}
	proof := serverProof(key, clientRandom, records)
	if !hmac.Equal(proof[:], records[helloRandomAt:helloRandomAt+32]) {
		return violation("the proxy does not know the secret")
	}
	return nil
}

// answerOrder is what may come after nothing, after a handshake record, and after the ChangeCipherSpec.
var answerOrder = [...][][]byte{{tlsHandshake}, {tlsHandshake, tlsChange}, {tlsData}}

// answerLen is how long the sequence of records of A25 is that b begins with. 0: it is not complete.
func answerLen(b []byte) (int, error) {
	rest := b
	for step := 0; ; {
		if !slices.ContainsFunc(answerOrder[step], func(want []byte) bool { return begins(rest, want) }) {
			return 0, violation("record %d of the proxy's answer begins with % x", step, rest[:min(len(rest), tlsHead+1)])
		}
		r, after := tlsRecord(rest, nil)
		switch {
		case r == nil:
			return 0, nil
		case step == 0 && len(r) < helloRandomAt+32:
			return 0, violation("the proxy's hello has %d bytes", len(r))
		case r[0] == tlsTypeHandshake:
			step = 1
		case r[0] == tlsTypeChange:
			step = 2
		default:
			return len(b) - len(after), nil
		}
		rest = after
	}
}

// begins reports whether b, as far as it goes, is the beginning of want or goes on after it.
func begins(b, want []byte) bool {
	n := min(len(b), len(want))
	return bytes.Equal(b[:n], want[:n])
}

// helloMAC is the HMAC over pieces, the last of which is a hello whose random counts as zero (A23, A25).
func helloMAC(key []byte, pieces ...[]byte) (sum [32]byte) {
	mac := hmac.New(sha256.New, key)
	last := pieces[len(pieces)-1]
	for _, p := range pieces[:len(pieces)-1] {
		mac.Write(p)
	}
	var zero [32]byte
	mac.Write(last[:helloRandomAt])
	mac.Write(zero[:])
	mac.Write(last[helloRandomAt+32:])
	mac.Sum(sum[:0])
	return sum
}

// serverProof is the random of a ServerHello by which a proxy proves that it knows the key (A25).
func serverProof(key []byte, clientRandom *[32]byte, records []byte) [32]byte {
	return helloMAC(key, clientRandom[:], records)
}
