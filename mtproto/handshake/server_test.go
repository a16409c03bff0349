package handshake

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"math/big"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

// atStep runs an exchange up to the client's query of a step, 0 to 2, without giving it to the server.
func atStep(t *testing.T, n int) (*pair, []byte) {
	t.Helper()
	p := newPair(t, Config{}, ServerConfig{})
	query, err := p.client.Start(noon)
	for range n {
		var answer []byte
		if answer, _, err = p.server.Receive(noon, query); err != nil {
			break
		}
		if query, _, err = p.client.Receive(noon, answer); err != nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return p, query
}

// altered decodes a query, lets f change it, and encodes it again.
func altered[P mt.Object](t *testing.T, packet []byte, into P, f func(P)) []byte {
	t.Helper()
	body, err := parsePlain(packet)
	if err == nil {
		err = decode(body, into.Decode)
	}
	if err != nil {
		t.Fatal(err)
	}
	f(into)
	out, err := plainPacket(4, into.Encode)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// B2, B3, B7: what a client may get wrong in req_DH_params.
func TestServerRefusesDHParams(t *testing.T) {
	public := serverKey(t).Public()
	seal := func(o mt.Object) []byte {
		var w bin.Writer
		o.Encode(&w)
		out, err := crypto.RSAPad(&public, w.Buf, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for name, f := range map[string]func(*mt.ReqDHParams, *Client){
		"nonce":        func(q *mt.ReqDHParams, _ *Client) { q.Nonce[0] ^= 1 },
		"server_nonce": func(q *mt.ReqDHParams, _ *Client) { q.ServerNonce[0] ^= 1 },
		"p":            func(q *mt.ReqDHParams, _ *Client) { q.P[0] ^= 1 },
		"p and q":      func(q *mt.ReqDHParams, _ *Client) { q.P, q.Q = q.Q, q.P },
		"fingerprint":  func(q *mt.ReqDHParams, _ *Client) { q.PublicKeyFingerprint ^= 1 },
		"ciphertext":   func(q *mt.ReqDHParams, _ *Client) { q.EncryptedData[99] ^= 1 },
		"short":        func(q *mt.ReqDHParams, _ *Client) { q.EncryptedData = q.EncryptedData[1:] },
		"other object": func(q *mt.ReqDHParams, _ *Client) { q.EncryptedData = seal(&mt.ReqPqMulti{}) },
		"inner nonce": func(q *mt.ReqDHParams, c *Client) {
			q.EncryptedData = seal(&mt.PQInnerDataDc{P: q.P, Q: q.Q, ServerNonce: c.serverNonce})
		},
		"inner pq": func(q *mt.ReqDHParams, c *Client) {
			q.EncryptedData = seal(&mt.PQInnerDataDc{P: q.P, Q: q.Q, Nonce: c.nonce, ServerNonce: c.serverNonce})
		},
	} {
		p, query := atStep(t, 1)
		query = altered(t, query, &mt.ReqDHParams{}, func(q *mt.ReqDHParams) {
			q.P, q.Q, q.EncryptedData = bytes.Clone(q.P), bytes.Clone(q.Q), bytes.Clone(q.EncryptedData)
			f(q, p.client)
		})
		if send, done, err := p.server.Receive(noon, query); !errors.Is(err, ErrInvalid) || send != nil || done != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// B12, B13: what a client may get wrong in set_client_DH_params.
func TestServerRefusesClientDH(t *testing.T) {
	ones := bytes.Repeat([]byte{0xff}, 256)
	for name, f := range map[string]func(*mt.SetClientDHParams, *mt.ClientDHInnerData){
		"nonce":              func(q *mt.SetClientDHParams, _ *mt.ClientDHInnerData) { q.Nonce[0] ^= 1 },
		"server_nonce":       func(q *mt.SetClientDHParams, _ *mt.ClientDHInnerData) { q.ServerNonce[0] ^= 1 },
		"inner nonce":        func(_ *mt.SetClientDHParams, d *mt.ClientDHInnerData) { d.Nonce[0] ^= 1 },
		"inner server_nonce": func(_ *mt.SetClientDHParams, d *mt.ClientDHInnerData) { d.ServerNonce[0] ^= 1 },
		"retry_id":           func(_ *mt.SetClientDHParams, d *mt.ClientDHInnerData) { d.RetryID = 1 },
		"g_b 1":              func(_ *mt.SetClientDHParams, d *mt.ClientDHInnerData) { d.GB = []byte{1} },
		"g_b none":           func(_ *mt.SetClientDHParams, d *mt.ClientDHInnerData) { d.GB = nil },
		"g_b over p":         func(_ *mt.SetClientDHParams, d *mt.ClientDHInnerData) { d.GB = ones },
		"g_b long":           func(_ *mt.SetClientDHParams, d *mt.ClientDHInnerData) { d.GB = make([]byte, 257) },
	} {
		p, query := atStep(t, 2)
		query = altered(t, query, &mt.SetClientDHParams{}, func(q *mt.SetClientDHParams) {
			var d mt.ClientDHInnerData
			if err := openInner(q.EncryptedData, &p.client.key, &p.client.iv, d.Decode); err != nil {
				t.Fatal(err)
			}
			f(q, &d)
			var err error
			if q.EncryptedData, err = sealInner(d.Encode, &p.client.key, &p.client.iv, rand.Reader); err != nil {
				t.Fatal(err)
			}
		})
		if send, done, err := p.server.Receive(noon, query); !errors.Is(err, ErrInvalid) || send != nil || done != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Queries out of turn are refused, and a new exchange may begin at any time, also after an error.
func TestServerOrder(t *testing.T) {
	_, second := atStep(t, 1)
	_, third := atStep(t, 2)
	for name, query := range map[string][]byte{"second": second, "third": third, "other": plain(t, &mt.MsgsAck{}), "none": nil} {
		p := newPair(t, Config{}, ServerConfig{})
		if _, _, err := p.server.Receive(noon, query); err == nil {
			t.Errorf("%s query first", name)
		}
		if _, _, err := p.run(); err != nil {
			t.Errorf("after the %s query: %v", name, err)
		}
		if _, _, err := p.server.Receive(noon, query); err == nil {
			t.Errorf("%s query last", name)
		}
	}
	// A second exchange on the same connection, for a temporary key.
	p := newPair(t, Config{}, ServerConfig{})
	first, _, err := p.run()
	if err != nil {
		t.Fatal(err)
	}
	p.client = NewClient(Config{Keys: p.client.config.Keys, DC: 2, ExpiresIn: time.Hour, Rand: rand.Reader})
	again, _, err := p.run()
	if err != nil || again.Key.Equal(first.Key) || again.ExpiresAt.IsZero() {
		t.Errorf("%v", err)
	}
}

func plain(t *testing.T, o mt.Object) []byte {
	t.Helper()
	b, err := plainPacket(4, o.Encode)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// B5: the server's own pq is what a client has to expect: two different primes of 31 bits.
func TestServerPrimes(t *testing.T) {
	for _, start := range []uint32{0, 0xffffffff, 0x7fffffff, 0x40000001, 0x12345678} {
		raw := big.NewInt(int64(start)).FillBytes(make([]byte, 4))
		n, err := prime31(bytes.NewReader(raw))
		if err != nil || n.BitLen() != 31 || !n.ProbablyPrime(20) {
			t.Errorf("%x: %v, %v", start, n, err)
		}
	}
	s := NewServer(ServerConfig{Rand: bytes.NewReader(make([]byte, 100))})
	if _, _, err := s.Receive(noon, plain(t, &mt.ReqPqMulti{})); err == nil {
		t.Error("the same prime twice")
	}
}

// Without randomness nothing is sent, in any step on either side.
func TestNoRandomness(t *testing.T) {
	// nonce, new_nonce, RSA padding and key, b; then at most 15 bytes of padding.
	for _, n := range []int{0, 15, 16, 47, 48, 100, 150, 180, 300, 420} {
		p := newPair(t, Config{}, ServerConfig{})
		p.client.config.Rand = io.LimitReader(rand.Reader, int64(n))
		if client, _, err := p.run(); err == nil || client != nil {
			t.Errorf("%d random bytes were enough for a client", n)
		}
	}
	// server_nonce, p, q, a.
	for _, n := range []int{0, 15, 16, 20, 24, 200, 279} {
		p := newPair(t, Config{}, ServerConfig{})
		p.server.config.Rand = io.LimitReader(rand.Reader, int64(n))
		if client, _, err := p.run(); err == nil || client != nil {
			t.Errorf("%d random bytes were enough for a server", n)
		}
	}
}
