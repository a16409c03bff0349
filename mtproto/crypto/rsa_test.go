package crypto

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"strings"
	"sync"
	"testing"

	"github.com/natsgram/natsgram/mtproto/crypto/vectors"
)

var testPrivateKey = sync.OnceValues(func() (*PrivateKey, error) { return GeneratePrivateKey(rand.Reader) })

func privateKey(t testing.TB) *PrivateKey {
	t.Helper()
	k, err := testPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// Telegram's keys (B3, B4), as its own documentation and client publish them: test servers, then production.
const telegramKeys = `
-----BEGIN RSA PUBLIC KEY-----
MIIBCgKCAQEAyMEdY1aR+sCR3ZSJrtztKTKqigvO/vBfqACJLZtS7QMgCGXJ6XIR
yy7mx66W0/sOFa7/1mAZtEoIokDP3ShoqF4fVNb6XeqgQfaUHd8wJpDWHcR2OFwv
plUUI1PLTktZ9uW2WE23b+ixNwJjJGwBDJPQEQFBE+vfmH0JP503wr5INS1poWg/
j25sIWeYPHYeOrFp/eXaqhISP6G+q2IeTaWTXpwZj4LzXq5YOpk4bYEQ6mvRq7D1
aHWfYmlEGepfaYR8Q0YqvvhYtMte3ITnuSJs171+GDqpdKcSwHnd6FudwGO4pcCO
j4WcDuXc2CTHgH8gFTNhp/Y8/SpDOhvn9QIDAQAB
-----END RSA PUBLIC KEY-----
between the keys anything may stand
-----BEGIN RSA PUBLIC KEY-----
MIIBCgKCAQEA6LszBcC1LGzyr992NzE0ieY+BSaOW622Aa9Bd4ZHLl+TuFQ4lo4g
5nKaMBwK/BIb9xUfg0Q29/2mgIR6Zr9krM7HjuIcCzFvDtr+L0GQjae9H0pRB2OO
62cECs5HKhT5DZ98K33vmWiLowc621dQuwKWSQKjWf50XYFw42h21P2KXUGyp2y/
+aEyZ+uVgLLQbRA1dEjSDZ2iGRy12Mk5gpYc397aYp438fsJoHIgJ2lgMv5h7WY9
t6N/byY9Nw9p21Og3AoXSL2q/2IJ1WRUhebgAdGVMlV1fkuOQoEzR7EdpqtQD9Cs
5+bfo3Nhmcyvk5ftB0WkJ9z6bNZ7yxrP8wIDAQAB
-----END RSA PUBLIC KEY-----
`

// B3, B4
func TestFingerprints(t *testing.T) {
	keys, err := ParsePublicKeys([]byte(telegramKeys))
	if err != nil || len(keys) != 2 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	for i, want := range []uint64{0xb25898df208d2603, 0xd09d1d85de64fd85} {
		if got := uint64(keys[i].Fingerprint()); got != want {
			t.Errorf("%016x, want %016x", got, want)
		}
	}
	if s := keys[1].String(); s != "RSA key d09d1d85de64fd85" {
		t.Error(s)
	}
}

// B4: the file of published keys names the same two.
func TestPublishedKeysFile(t *testing.T) {
	text := vectors.File(t, "rsa_keys.txt")
	keys, err := ParsePublicKeys(text)
	if err != nil || len(keys) != 2 {
		t.Fatalf("%d keys, %v", len(keys), err)
	}
	for _, k := range keys {
		if !bytes.Contains(text, fmt.Appendf(nil, "uint64=%#016x", uint64(k.Fingerprint()))) {
			t.Errorf("%v is not in the file", k)
		}
	}
}

// B7
func TestRSAPadVector(t *testing.T) {
	v := vectors.Get(t, "rsa_pad_zero_random")
	keys, err := ParsePublicKeys([]byte(v.In(t, "public_key_pem")))
	if err != nil {
		t.Fatal(err)
	}
	got, err := RSAPad(&keys[0], v.InBytes(t, "data"), zeros{})
	if err != nil || !bytes.Equal(got, v.OutBytes(t, "encrypted")) {
		t.Errorf("%x, %v", got, err)
	}
}

// B7: what the client pads, the server reads, and always 256 bytes go over.
func TestRSAPadRoundTrip(t *testing.T) {
	k := privateKey(t)
	public := k.Public()
	for _, n := range []int{0, 1, 96, 144} {
		for range 4 {
			encrypted, err := RSAPad(&public, seq(n), rand.Reader)
			if err != nil || len(encrypted) != 256 {
				t.Fatalf("%d bytes, %v", len(encrypted), err)
			}
			got, err := RSAUnpad(k, encrypted)
			if err != nil || len(got) != 192 || !bytes.Equal(got[:n], seq(n)) {
				t.Errorf("%x, %v", got, err)
			}
		}
	}
	if _, err := RSAPad(&public, seq(145), rand.Reader); err == nil {
		t.Error("145 bytes were taken")
	}
}

// B7: a temporary key whose envelope is not below the modulus is thrown away. With this modulus, the smallest of 2048
// bits, nearly half of them are; each costs 32 more random bytes.
func TestRSAPadRetries(t *testing.T) {
	n := new(big.Int).Lsh(big.NewInt(1), 2047)
	public, err := NewPublicKey(n.SetBit(n, 0, 1), 65537)
	if err != nil {
		t.Fatal(err)
	}
	retried := 0
	for range 64 {
		src := &counter{r: rand.Reader}
		out, err := RSAPad(&public, seq(144), src)
		if err != nil || len(out) != 256 {
			t.Fatalf("%d bytes, %v", len(out), err)
		}
		if tries := (src.n - 48) / 32; tries > 1 {
			retried++
		}
	}
	if retried == 0 || retried == 64 {
		t.Errorf("%d of 64 were tried again", retried)
	}
}

type counter struct {
	r io.Reader
	n int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

// B7: all ends of randomness are errors; a source that is not random does not hang.
func TestRSAPadNeedsRandomness(t *testing.T) {
	public := privateKey(t).Public()
	for _, n := range []int{0, 40, 60} {
		if _, err := RSAPad(&public, seq(144), bytes.NewReader(make([]byte, n))); err == nil {
			t.Errorf("%d random bytes were enough", n)
		}
	}
	if _, err := RSAPad(&PublicKey{}, nil, rand.Reader); err == nil {
		t.Error("the zero key encrypts")
	}
}

func TestRSAUnpadRejects(t *testing.T) {
	k := privateKey(t)
	public := k.Public()
	good, err := RSAPad(&public, seq(100), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.Clone(good)
	changed[200] ^= 1
	for name, b := range map[string][]byte{
		"nothing": nil, "255 bytes": good[1:], "257 bytes": append([]byte{0}, good...), "changed": changed,
		"modulus": public.Modulus().Bytes(), "ones": bytes.Repeat([]byte{255}, 256), "zeros": make([]byte, 256),
	} {
		if got, err := RSAUnpad(k, b); err == nil {
			t.Errorf("%s: %x", name, got)
		}
	}
}

// B3: every form of a public key, and what is none.
func TestParsePublicKeys(t *testing.T) {
	public := privateKey(t).Public()
	std := &rsa.PublicKey{N: public.Modulus(), E: public.Exponent()}
	pkix, err := x509.MarshalPKIXPublicKey(std)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	for name, text := range map[string][]byte{"PKIX": block("PUBLIC KEY", pkix), "PKCS 1": public.AppendPEM(nil)} {
		if got, err := ParsePublicKeys(text); err != nil || len(got) != 1 || got[0].Fingerprint() != public.Fingerprint() {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	small := new(big.Int).Lsh(big.NewInt(1), 1023)
	small.SetBit(small, 0, 1)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecDER, err := x509.MarshalPKIXPublicKey(&ec.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{
		"nothing":     nil,
		"text":        []byte("no key here"),
		"garbage":     block("RSA PUBLIC KEY", []byte{1, 2, 3}),
		"garbage 2":   block("PUBLIC KEY", []byte{1, 2, 3}),
		"1024 bits":   block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsa.PublicKey{N: small, E: 65537})),
		"even":        block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsa.PublicKey{N: new(big.Int).Lsh(small, 1024), E: 3})),
		"exponent 2":  block("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsa.PublicKey{N: std.N, E: 2})),
		"curve":       block("PUBLIC KEY", ecDER),
		"private key": block("RSA PRIVATE KEY", []byte{1}),
	} {
		if got, err := ParsePublicKeys(text); err == nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestPrivateKey(t *testing.T) {
	k := privateKey(t)
	der := x509.MarshalPKCS1PrivateKey(k.rsa)
	again, err := ParsePrivateKey(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: der}))
	if err != nil || again.Public().Fingerprint() != k.Public().Fingerprint() {
		t.Errorf("%v, %v", again, err)
	}
	for _, text := range []string{"", telegramKeys, "-----BEGIN RSA PRIVATE KEY-----\nAQID\n-----END RSA PRIVATE KEY-----\n"} {
		if _, err := ParsePrivateKey([]byte(text)); err == nil {
			t.Errorf("%q is a private key", text)
		}
	}
	text := fmt.Sprintf("%v %+v %#v %s %x %d", k, k, k, k, k, k)
	if strings.Contains(text, k.rsa.D.Text(16)[:20]) || strings.Contains(text, k.rsa.D.String()[:20]) {
		t.Error("the private exponent was printed")
	}
	if b, err := json.Marshal(k); err == nil {
		t.Errorf("marshalled as %s", b)
	}
}

func FuzzParsePublicKeys(f *testing.F) {
	f.Add([]byte(telegramKeys))
	f.Add([]byte("-----BEGIN PUBLIC KEY-----\nAQID\n-----END PUBLIC KEY-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := ParsePublicKeys(text)
		for _, k := range keys {
			again, err := ParsePublicKeys(k.AppendPEM(nil))
			if err != nil || again[0].Fingerprint() != k.Fingerprint() || k.Modulus().BitLen() != 2048 {
				t.Errorf("%v: %v", k, err)
			}
		}
		if (err == nil) != (len(keys) > 0) {
			t.Errorf("%d keys, %v", len(keys), err)
		}
	})
}

func BenchmarkRSAPad(b *testing.B) {
	public := privateKey(b).Public()
	b.ReportAllocs()
	for b.Loop() {
		_, _ = RSAPad(&public, seq(96), rand.Reader)
	}
}
