package transport

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/mtproto/crypto/vectors"
)

// A17, A18: a whole header and both key streams.
func TestObfuscatedVector(t *testing.T) {
	v := vectors.Get(t, "obfuscated2_mtproxy_dd_gotd")
	c := newClient(t, ClientOptions{
		Kind: Padded, Secret: v.InBytes(t, "secret"), DC: 2, Rand: bytes.NewReader(v.InBytes(t, "random64")),
	})
	if !bytes.Equal(c.header, v.OutBytes(t, "header")) {
		t.Errorf("header %x", c.header)
	}
	up := ctr(t, v.OutBytes(t, "enc_key"), v.OutBytes(t, "enc_iv"), 64) // already 64 bytes ahead
	down := ctr(t, v.OutBytes(t, "dec_key"), v.OutBytes(t, "dec_iv"), 0)
	for name, s := range map[string]struct {
		got, want cipher.Stream
		abcd      string
	}{"up": {c.enc, up, "encrypt_abcd"}, "down": {c.dec, down, "decrypt_abcd"}} {
		got, want := []byte("abcd and more"), []byte("abcd and more")
		s.got.XORKeyStream(got, got)
		s.want.XORKeyStream(want, want)
		if !bytes.Equal(got, want) || !bytes.Equal(got[:4], v.OutBytes(t, s.abcd)) {
			t.Errorf("%s: %x, want %x", name, got, want)
		}
	}
}

func ctr(t *testing.T, key, iv []byte, ahead int) cipher.Stream {
	t.Helper()
	b, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	s := cipher.NewCTR(b, iv)
	s.XORKeyStream(make([]byte, ahead), make([]byte, ahead))
	return s
}

// A18: the data centre in the header.
func TestObfuscatedDCVectors(t *testing.T) {
	for _, id := range []string{"obfuscated2_mtproxy_dc1", "obfuscated2_mtproxy_dc1_test"} {
		v := vectors.Get(t, id)
		dc, err := strconv.ParseInt(v.In(t, "dc"), 10, 16)
		if err != nil {
			t.Fatal(err)
		}
		c := newClient(t, ClientOptions{
			Kind: Intermediate, Secret: v.InBytes(t, "secret"), DC: int16(dc), Rand: bytes.NewReader(v.InBytes(t, "random64")),
		})
		if got := c.header[56:]; !bytes.Equal(got, v.OutBytes(t, "last8")) {
			t.Errorf("%s: %x", id, got)
		}
	}
}

// A15: what begins like something else is drawn anew.
func TestObfuscatedRetriesVector(t *testing.T) {
	v := vectors.Get(t, "obfuscated2_must_retry_prefixes")
	list, ok := v.Input["first_bytes"].([]any)
	if !ok || len(list) == 0 {
		t.Fatalf("%v", v.Input)
	}
	for _, entry := range list {
		text := fmt.Sprint(entry)
		if _, after, ok := strings.Cut(text, "bytes "); ok {
			text = after
		}
		checkRetry(t, wire(t, text))
	}
}

// A15: the same, without the figures, and four zero bytes where the full framing has its packet number.
func TestObfuscatedRetries(t *testing.T) {
	for _, bad := range []string{
		"\xef", "HEAD", "POST", "GET ", "OPTI", "\x16\x03\x01\x02", "\xdd\xdd\xdd\xdd", "\xee\xee\xee\xee", "abcd\x00\x00\x00\x00",
	} {
		checkRetry(t, []byte(bad))
	}
	// Next to them is free.
	for _, good := range []string{"\xee\xef", "HEAB", "GET\t", "\x16\x03\x01\x01", "\xdd\xdd\xdd\xde", "abcd\x00\x00\x00\x01"} {
		first := bytes.Repeat([]byte{0x55}, 64)
		copy(first, good)
		c := newClient(t, ClientOptions{Kind: Abridged, Obfuscated: true, Rand: bytes.NewReader(first)})
		if !bytes.HasPrefix(c.header, []byte(good)) {
			t.Errorf("%q was refused", good)
		}
	}
	// A source that gives nothing else does not hang.
	if _, err := NewClient(ClientOptions{Kind: Abridged, Obfuscated: true, Rand: zeros{}}); err == nil {
		t.Error("began with zeros")
	}
	if _, err := NewClient(ClientOptions{Kind: Abridged, Obfuscated: true, Rand: bytes.NewReader(make([]byte, 63))}); err == nil {
		t.Error("63 random bytes were enough")
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func checkRetry(t *testing.T, prefix []byte) {
	t.Helper()
	bad, good := bytes.Repeat([]byte{0x77}, 64), bytes.Repeat([]byte{0x55}, 64)
	copy(bad, prefix)
	c := newClient(t, ClientOptions{Kind: Abridged, Obfuscated: true, Rand: bytes.NewReader(append(bad, good...))})
	if c.header[0] != 0x55 {
		t.Errorf("began with %x", c.header[:8])
	}
}

// A16, A17: nothing of the framing is seen on the wire: 64 bytes, whose last 8 are encrypted, and no tag.
func TestObfuscatedHidesFraming(t *testing.T) {
	for _, kind := range []Kind{Abridged, Intermediate, Padded} {
		random := bytes.Repeat([]byte{0x55}, 200)
		c := newClient(t, ClientOptions{Kind: kind, Obfuscated: true, Rand: bytes.NewReader(random)})
		b := mustAppend(t, c, make([]byte, 24), false)
		if !bytes.Equal(b[:56], random[:56]) || bytes.Equal(b[56:60], tags[kind][:]) || bytes.Contains(b, make([]byte, 6)) {
			t.Errorf("%v: %x", kind, b)
		}
		if again := mustAppend(t, c, make([]byte, 24), false); len(again) > 4+24+15 { // the header comes once
			t.Errorf("%v: %d bytes", kind, len(again))
		}
	}
	if _, err := NewClient(ClientOptions{Kind: Full, Obfuscated: true, Rand: rand.Reader}); err == nil {
		t.Error("the full framing was obfuscated")
	}
}

// A18, A21: a proxy with the secret understands, and learns the data centre; one with another secret, or none, does not.
func TestSecrets(t *testing.T) {
	secret := bytes.Repeat([]byte{7}, 16)
	for name, c := range map[string]struct {
		given, server []byte
		want          Kind
		ok            bool
	}{
		"simple":     {secret, secret, Abridged, true},
		"dd":         {append([]byte{0xdd}, secret...), secret, Padded, true},
		"any byte":   {append([]byte{0x01}, secret...), secret, Padded, true}, // A20
		"other":      {secret, bytes.Repeat([]byte{8}, 16), 0, false},
		"no secret":  {secret, nil, 0, false},
		"not wanted": {nil, secret, 0, false},
	} {
		client := newClient(t, ClientOptions{Kind: Abridged, Obfuscated: true, Secret: c.given, DC: -10002})
		server := NewServer(ServerOptions{Rand: rand.Reader, Secret: c.server})
		server.Feed(mustAppend(t, client, make([]byte, 24), false))
		_, ok, err := server.Next()
		if ok != c.ok || (err == nil) != c.ok {
			t.Errorf("%s: %v %v", name, ok, err)
		}
		if kind, _ := server.Kind(); c.ok && (kind != c.want || server.DC() != -10002) {
			t.Errorf("%s: %v, DC %d", name, kind, server.DC())
		}
	}
}

// A20: forms of a secret.
func TestParseSecret(t *testing.T) {
	key := strings.Repeat("5a", 16)
	raw := wire(t, key)
	name := hex.EncodeToString([]byte("example.org"))
	for text, want := range map[string]int{
		key: 16, "dd" + key: 17, "DD" + strings.ToUpper(key): 17, "ee" + key + name: 28, "01" + key: 17,
		base64.StdEncoding.EncodeToString(raw):                                    16,
		base64.RawURLEncoding.EncodeToString(append([]byte{0xdd}, raw...)):        17,
		base64.URLEncoding.EncodeToString(append([]byte{0xee, 0xff}, raw...)):     18,
		"ee" + key + strings.Repeat("61", 182):                                    199,
		base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xfb, 0xff}, 8)):    16,
		base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{0xfb, 0xff}, 8)): 16,
	} {
		if got, err := ParseSecret(text); err != nil || len(got) != want {
			t.Errorf("%s: %d bytes, %v", text, len(got), err)
		}
	}
	for _, text := range []string{
		"", "00", key[2:], "ee" + key, "aabb" + key, "ee" + key + strings.Repeat("61", 183), "not a secret!", key + "zz",
	} {
		if got, err := ParseSecret(text); err == nil {
			t.Errorf("%q: %x", text, got)
		} else if text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
	fake := append([]byte{0xee}, append(raw, "example.org"...)...)
	if _, err := NewClient(ClientOptions{Secret: fake, Rand: rand.Reader}); !errors.Is(err, ErrFakeTLS) {
		t.Errorf("fake TLS: %v", err)
	}
	if _, err := NewClient(ClientOptions{Secret: raw[:15], Rand: rand.Reader}); err == nil {
		t.Error("a secret of 15 bytes")
	}
}
