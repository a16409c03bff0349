package handshake

import (
	"bytes"
	"crypto/rand"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"math/big"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

var (
	noon   = time.Date(2026, 7, 17, 12, 0, 0, 123456789, time.UTC)
	rsaKey = sync.OnceValues(func() (*crypto.PrivateKey, error) { return crypto.GeneratePrivateKey(rand.Reader) })
)

func serverKey(t testing.TB) *crypto.PrivateKey {
	t.Helper()
	k, err := rsaKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// pair is a client and a server that talk over nothing.
type pair struct {
	t      testing.TB
	client *Client
	server *Server
	now    time.Time
	lag    time.Duration // of the server's clock

	padding int // bytes behind each message
}

func newPair(t testing.TB, c Config, s ServerConfig) *pair {
	k := serverKey(t)
	if c.Keys == nil {
		c.Keys = []crypto.PublicKey{k.Public()}
	}
	if s.Keys == nil {
		s.Keys = []*crypto.PrivateKey{k}
	}
	if c.DC == 0 {
		c.DC = 2
	}
	c.Rand, s.Rand = rand.Reader, rand.Reader
	return &pair{t: t, client: NewClient(c), server: NewServer(s), now: noon}
}

// run carries packets to and fro until the client has a result or either side an error.
func (p *pair) run() (client, server *Result, err error) {
	p.t.Helper()
	packet, err := p.client.Start(p.now)
	for err == nil && client == nil {
		var done *Result
		if packet, done, err = p.server.Receive(p.now.Add(p.lag), p.padded(packet)); err != nil {
			break
		}
		if done != nil {
			server = done
		}
		packet, client, err = p.client.Receive(p.now, p.padded(packet))
	}
	return client, server, err
}

// padded puts padding behind a message, within its length.
func (p *pair) padded(packet []byte) []byte {
	packet = append(slices.Clone(packet), make([]byte, p.padding)...)
	n := binary.LittleEndian.Uint32(packet[plainHead-4:])
	binary.LittleEndian.PutUint32(packet[plainHead-4:], n+uint32(p.padding))
	return packet
}

// B1 to B15: both sides arrive at the same key and salt. B16: the client learns how far its clock is off.
func TestExchange(t *testing.T) {
	p := newPair(t, Config{DC: 10002}, ServerConfig{})
	p.lag = -90 * time.Second
	client, server, err := p.run()
	if err != nil {
		t.Fatal(err)
	}
	if client.Key.Zero() || !client.Key.Equal(server.Key) || client.Salt != server.Salt || client.Salt == 0 {
		t.Errorf("client %v %x, server %v %x", client.Key, client.Salt, server.Key, server.Salt)
	}
	if d := client.TimeOffset - p.lag; d > 0 || d < -time.Second { // B16: the server says whole seconds
		t.Errorf("time offset %v", client.TimeOffset)
	}
	if !client.ExpiresAt.IsZero() || !server.ExpiresAt.IsZero() || p.server.DC() != 10002 { // B6
		t.Errorf("expires %v and %v, DC %d", client.ExpiresAt, server.ExpiresAt, p.server.DC())
	}
	if p.client.Resend() != nil {
		t.Error("a finished client asks again")
	}
}

// B1: TDLib pads its plain messages, and is ready for a server that does.
func TestExchangePadded(t *testing.T) {
	for padding := 0; padding <= 256; padding += 4 {
		p := newPair(t, Config{}, ServerConfig{})
		p.padding = padding
		if client, server, err := p.run(); err != nil || !client.Key.Equal(server.Key) {
			t.Errorf("%d bytes: %v", padding, err)
		}
	}
}

// B6: Telethon and GramJS send the inner data without a data centre.
func TestExchangeWithoutCentre(t *testing.T) {
	asked := 0
	server := NewServer(ServerConfig{AcceptDC: func(int) bool { asked++; return false }})
	for id, temporary := range map[uint32]bool{pqInnerData: false, pqInnerDataTemp: true} {
		var w bin.Writer
		w.Uint32(id)
		w.Bytes([]byte{1})
		w.Bytes([]byte{2})
		w.Bytes([]byte{3})
		w.Raw(make([]byte, 16+16+32))
		if temporary {
			w.Int32(86400)
		}
		d, _, err := decodeInnerData(append(w.Buf, make([]byte, 20)...))
		if err != nil || d.Dc != 0 || len(d.Q) != 1 || (d.ExpiresIn == 86400) != temporary {
			t.Errorf("%08x: %+v %v", id, d, err)
		}
		server.dc = int(d.Dc)
		if !server.accepts() || asked > 0 {
			t.Errorf("%08x: refused, asked %d times", id, asked)
		}
	}
}

// B19, B6: a temporary key, at a media data centre.
func TestExchangeTemporaryKey(t *testing.T) {
	p := newPair(t, Config{DC: -4, ExpiresIn: 24 * time.Hour}, ServerConfig{})
	client, server, err := p.run()
	if err != nil {
		t.Fatal(err)
	}
	want := noon.Add(24 * time.Hour)
	if !client.ExpiresAt.Equal(want) || !server.ExpiresAt.Equal(want) || p.server.DC() != -4 {
		t.Errorf("expires %v and %v, DC %d", client.ExpiresAt, server.ExpiresAt, p.server.DC())
	}
}

// B15: each retry brings a new b, with the aux hash of the key that failed as retry_id, which the Server checks.
func TestExchangeRetries(t *testing.T) {
	var tries [][16]byte // hashes of the keys that failed
	alter := altering(func(x *mt.DhGenRetry) { tries = append(tries, x.NewNonceHash2) })
	client, server, err := newPair(t, Config{}, ServerConfig{Retries: 2, Alter: alter}).run()
	if err != nil || !client.Key.Equal(server.Key) {
		t.Fatalf("%v", err)
	}
	if len(tries) != 2 || tries[0] == tries[1] {
		t.Errorf("the same key twice: %x", tries)
	}
	if _, _, err := newPair(t, Config{}, ServerConfig{Retries: 100}).run(); !errors.Is(err, ErrRefused) {
		t.Errorf("retries for ever: %v", err)
	}
}

// B15
func TestExchangeRefused(t *testing.T) {
	for name, c := range map[string]ServerConfig{"params": {RefuseParams: true}, "key": {Refuse: true}} {
		p := newPair(t, Config{}, c)
		if _, _, err := p.run(); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
		if _, _, err := p.client.Receive(noon, nil); !errors.Is(err, ErrRefused) {
			t.Errorf("%s: afterwards %v", name, err)
		}
	}
}

// B3: no key in common. The error names what the server offers.
func TestExchangeUnknownKey(t *testing.T) {
	other, err := crypto.GeneratePrivateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = newPair(t, Config{Keys: []crypto.PublicKey{other.Public()}}, ServerConfig{}).run()
	var no *NoKeyError
	if !errors.As(err, &no) || len(no.Offered) != 1 || no.Offered[0] != serverKey(t).Public().Fingerprint() {
		t.Errorf("%v", err)
	}
	// The second key of both lists is the one.
	p := newPair(t, Config{Keys: []crypto.PublicKey{other.Public(), serverKey(t).Public()}}, ServerConfig{})
	if _, _, err := p.run(); err != nil {
		t.Error(err)
	}
}

// B6
func TestExchangeWrongDC(t *testing.T) {
	p := newPair(t, Config{DC: 2}, ServerConfig{AcceptDC: func(dc int) bool { return dc == 10002 }})
	if _, _, err := p.run(); !errors.Is(err, ErrWrongDC) {
		t.Errorf("%v", err)
	}
}

// B9: up to 15 bytes of padding inside the encrypted answer, not 16, though its hash fits.
func TestInnerPadding(t *testing.T) {
	var key, iv [32]byte
	for extra, ok := range map[int]bool{0: true, 16: false, 32: false} {
		var w bin.Writer
		object := mt.DhGenOk{} // 52 bytes: 20+52 leaves 8 of padding
		object.Encode(&w)
		sum := sha1.Sum(w.Buf)
		plain := append(sum[:], w.Buf...)
		plain = append(plain, make([]byte, 8+extra)...)
		crypto.EncryptIGE(plain, plain, key[:], &iv)
		if err := openInner(plain, &key, &iv, object.Decode); (err == nil) != ok {
			t.Errorf("%d bytes more: %v", extra, err)
		}
	}
}

// B17: a lost answer is asked for again with the same bytes; the server answers the same; late repeats do not disturb.
func TestResend(t *testing.T) {
	p := newPair(t, Config{}, ServerConfig{})
	query, err := p.client.Start(noon)
	var answers [][]byte
	for err == nil {
		if again := p.client.Resend(); string(again) != string(query) {
			t.Fatal("another packet the second time")
		}
		answer, _, e := p.server.Receive(noon, query)
		again, done, e2 := p.server.Receive(noon.Add(time.Minute), p.client.Resend())
		if e != nil || e2 != nil || string(again) != string(answer) || done != nil {
			t.Fatalf("%v, %v: another answer the second time", e, e2)
		}
		for _, old := range answers { // repeats of earlier answers
			if send, done, err := p.client.Receive(noon, old); send != nil || done != nil || err != nil {
				t.Fatalf("late repeat: %x, %v, %v", send, done, err)
			}
		}
		answers = append(answers, answer)
		var result *Result
		if query, result, err = p.client.Receive(noon, answer); result != nil {
			return
		}
	}
	t.Fatal(err)
}

// B17: after ten minutes an exchange is over, on both sides.
func TestExpiry(t *testing.T) {
	p := newPair(t, Config{}, ServerConfig{})
	query, err := p.client.Start(noon)
	if err != nil {
		t.Fatal(err)
	}
	answer, _, err := p.server.Receive(noon, query)
	if err != nil {
		t.Fatal(err)
	}
	other := newPair(t, Config{}, ServerConfig{})
	if _, err := other.client.Start(noon); err != nil {
		t.Fatal(err)
	}
	if _, _, err := other.client.Receive(noon.Add(10*time.Minute+1), answer); !errors.Is(err, ErrExpired) {
		t.Errorf("client: %v", err)
	}
	next, _, err := p.client.Receive(noon.Add(10*time.Minute), answer)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.server.Receive(noon.Add(10*time.Minute+1), next); !errors.Is(err, ErrExpired) {
		t.Errorf("server: %v", err)
	}
}

// B1, A4: what is no unencrypted message, and what padded framing leaves behind one.
func TestPlainMessages(t *testing.T) {
	good, err := plainPacket(4, (&mt.ReqPqMulti{}).Encode)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := parsePlain(append(good, make([]byte, 15)...)); err != nil || len(body) != 20 {
		t.Errorf("15 bytes after it: %v", err)
	}
	length := func(n uint32) []byte {
		b := append([]byte(nil), good...)
		binary.LittleEndian.PutUint32(b[16:], n)
		return b
	}
	encrypted := append([]byte(nil), good...)
	encrypted[0] = 1
	huge, err := plainPacket(4, (&mt.ResPQ{ServerPublicKeyFingerprints: make([]int64, 1<<20)}).Encode)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"empty": nil, "head": good[:20], "cut": good[:39], "16 bytes after": append(good, make([]byte, 16)...),
		"encrypted": encrypted, "too long": length(24), "negative": length(1 << 31), "0": length(0), "odd": length(18),
		"huge": huge,
	} {
		if _, err := parsePlain(b); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// C6, C10: msg_ids of a client are divisible by 4, those of a server leave 1, and both always grow.
func TestMessageIDs(t *testing.T) {
	for _, low := range []int64{0, 1} {
		var c clock
		last := int64(0)
		for i, now := range []time.Time{noon, noon, noon.Add(1), noon.Add(-time.Hour), noon.Add(time.Second)} {
			id := c.next(now, low)
			if id&3 != low || id <= last {
				t.Errorf("%d: %x after %x", i, id, last)
			}
			last = id
		}
		if last>>32 != noon.Unix()+1 {
			t.Errorf("%x is not of the time", last)
		}
	}
}

func TestConfigErrors(t *testing.T) {
	keys := []crypto.PublicKey{serverKey(t).Public()}
	for name, c := range map[string]Config{
		"no rand":     {Keys: keys, DC: 2},
		"no keys":     {Rand: rand.Reader, DC: 2},
		"half second": {Keys: keys, Rand: rand.Reader, ExpiresIn: time.Second / 2},
		"negative":    {Keys: keys, Rand: rand.Reader, ExpiresIn: -time.Second},
		"for ever":    {Keys: keys, Rand: rand.Reader, ExpiresIn: 1 << 62 / time.Second * time.Second},
		"huge DC":     {Keys: keys, Rand: rand.Reader, DC: 1 << 40},
	} {
		if _, err := NewClient(c).Start(noon); err == nil {
			t.Errorf("%s: started", name)
		}
	}
	c := NewClient(Config{Keys: keys, Rand: rand.Reader})
	if _, _, err := c.Receive(noon, make([]byte, 40)); err == nil {
		t.Error("received before the start")
	}
	d := NewClient(Config{Keys: keys, Rand: rand.Reader})
	if _, err := d.Start(noon); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Start(noon); err == nil {
		t.Error("started twice")
	}
}

// B7: inner data sealed as before RSA_PAD are taken where that is wanted, and only with the right hash.
func TestOldRSA(t *testing.T) {
	k := serverKey(t)
	var w bin.Writer
	w.Uint32(pqInnerData)
	for _, part := range [][]byte{{1}, {2}, {3}} {
		w.Bytes(part)
	}
	w.Raw(make([]byte, 16+16+32))
	sum := sha1.Sum(w.Buf)
	text := append(append(sum[:], w.Buf...), bytes.Repeat([]byte{7}, 255-20-len(w.Buf))...)
	seal := func(text []byte) []byte {
		c := new(big.Int).SetBytes(text)
		return c.Exp(c, big.NewInt(int64(k.Public().Exponent())), k.Public().Modulus()).FillBytes(make([]byte, dhSize))
	}
	if d, err := openOld(k, seal(text)); err != nil || len(d.Q) != 1 || d.Q[0] != 3 {
		t.Errorf("%+v, %v", d, err)
	}
	text[0] ^= 1
	if _, err := openOld(k, seal(text)); !errors.Is(err, ErrInvalid) {
		t.Errorf("with another hash: %v", err)
	}
	if _, err := openOld(k, make([]byte, 3)); !errors.Is(err, ErrInvalid) {
		t.Errorf("three bytes: %v", err)
	}
}
