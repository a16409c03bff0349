package handshake

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/crypto/vectors"
	"github.com/natsgram/natsgram/mtproto/mt"
)

// sample is a "name = value" file.
type sample map[string]string

func readSample(t testing.TB) sample {
	t.Helper()
	b, err := os.ReadFile("testdata/auth_key_sample.txt")
	if err != nil {
		t.Fatal(err)
	}
	return parseSample(b)
}

func parseSample(b []byte) sample {
	s := sample{}
	for line := range strings.Lines(string(b)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " = "); ok && name[0] != '#' {
			s[name] = value
		}
	}
	return s
}

func (s sample) bytes(t testing.TB, name string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s[name], " ", ""))
	if err != nil || len(b) == 0 {
		t.Fatalf("sample %s: %v", name, err)
	}
	return b
}

// production is the server's key in the sample (B4).
const production = `-----BEGIN RSA PUBLIC KEY-----
MIIBCgKCAQEA6LszBcC1LGzyr992NzE0ieY+BSaOW622Aa9Bd4ZHLl+TuFQ4lo4g
5nKaMBwK/BIb9xUfg0Q29/2mgIR6Zr9krM7HjuIcCzFvDtr+L0GQjae9H0pRB2OO
62cECs5HKhT5DZ98K33vmWiLowc621dQuwKWSQKjWf50XYFw42h21P2KXUGyp2y/
+aEyZ+uVgLLQbRA1dEjSDZ2iGRy12Mk5gpYc397aYp438fsJoHIgJ2lgMv5h7WY9
t6N/byY9Nw9p21Og3AoXSL2q/2IJ1WRUhebgAdGVMlV1fkuOQoEzR7EdpqtQD9Cs
5+bfo3Nhmcyvk5ftB0WkJ9z6bNZ7yxrP8wIDAQAB
-----END RSA PUBLIC KEY-----
`

// sampleClient is a client that draws the random numbers of the sample. The page does not tell the temporary key under
// RSA_PAD: any will do, since nothing later depends on it.
func sampleClient(t testing.TB, s sample) *Client {
	keys, err := crypto.ParsePublicKeys([]byte(production))
	if err != nil {
		t.Fatal(err)
	}
	var script []byte
	for _, name := range []string{"nonce", "new_nonce", "random_padding_bytes"} {
		script = append(script, s.bytes(t, name)...)
	}
	script = append(script, make([]byte, 32)...)
	for _, name := range []string{"b", "client_DH_inner_data_padding"} {
		script = append(script, s.bytes(t, name)...)
	}
	return NewClient(Config{Keys: keys, DC: 2, Rand: bytes.NewReader(script)})
}

// message puts together an answer that the sample shows in parts.
func (s sample) message(t testing.TB, header string, parts ...any) []byte {
	b := s.bytes(t, header)
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			b = append(b, s.bytes(t, p)...)
		case []byte:
			b = append(b, p...)
		}
	}
	return b
}

// sameQuery compares packets but for the msg_id, which is finer than the clock of a test.
func sameQuery(t testing.TB, name string, got, want []byte) {
	t.Helper()
	if !bytes.Equal(got[:8], want[:8]) || !bytes.Equal(got[16:], want[16:]) {
		t.Errorf("%s:\n     %x\nwant %x", name, got, want)
	}
	if id := binary.LittleEndian.Uint64(got[8:]); id%4 != 0 || id>>32 != 1735910891 {
		t.Errorf("%s: msg_id %x", name, id)
	}
}

// long is the TL head of a value of 254 bytes and more.
func long(n int) []byte { return []byte{254, byte(n), byte(n >> 8), byte(n >> 16)} }

// B18: the documentation's exchange, message by message, from its random numbers to its key.
func TestDocumentationSample(t *testing.T) {
	s := readSample(t)
	c := sampleClient(t, s)
	now := time.Unix(1735910891, 85000)
	first, err := c.Start(now)
	if err != nil {
		t.Fatal(err)
	}
	sameQuery(t, "req_pq_multi", first, s.bytes(t, "msg1_req_pq_multi"))

	second, _, err := c.Receive(now, s.bytes(t, "msg2_resPQ"))
	if err != nil {
		t.Fatal(err)
	}
	checkDHParams(t, s, c, second)

	answer := s.bytes(t, "encrypted_answer")
	third, _, err := c.Receive(now, s.message(t, "msg4_server_DH_params_ok_header", "nonce", "server_nonce", long(len(answer)), answer))
	if err != nil {
		t.Fatal(err)
	}
	data := s.bytes(t, "client_DH_encrypted_data")
	sameQuery(t, "set_client_DH_params", third,
		s.message(t, "msg5_set_client_DH_params_header", "nonce", "server_nonce", long(len(data)), data))

	_, done, err := c.Receive(now, s.bytes(t, "msg6_dh_gen_ok"))
	if err != nil {
		t.Fatal(err)
	}
	if got := done.Key.AppendBytes(nil); !bytes.Equal(got, s.bytes(t, "auth_key")) {
		t.Errorf("auth_key %x", got)
	}
	if got := binary.LittleEndian.AppendUint64(nil, uint64(done.Salt)); hex.EncodeToString(got) != "a658f6f8e4c40d89" { // B16
		t.Errorf("salt %x", got)
	}
	if done.TimeOffset != -85*time.Microsecond {
		t.Errorf("time offset %v", done.TimeOffset)
	}
}

// checkDHParams checks what can be known of req_DH_params: all but the RSA ciphertext, and what is under it.
func checkDHParams(t *testing.T, s sample, c *Client, packet []byte) {
	t.Helper()
	var q mt.ReqDHParams
	body, err := parsePlain(packet)
	if err == nil {
		err = decode(body, q.Decode)
	}
	if err != nil {
		t.Fatal(err)
	}
	if header := s.bytes(t, "msg3_req_DH_params_header"); !bytes.Equal(packet[16:24], header[16:24]) {
		t.Errorf("req_DH_params: %x, want %x", packet[16:24], header[16:24])
	}
	if !bytes.Equal(q.P, []byte{0x44, 0x09, 0x5e, 0x05}) || !bytes.Equal(q.Q, []byte{0x47, 0xa8, 0xc8, 0x4f}) || len(q.EncryptedData) != 256 {
		t.Errorf("p %x, q %x, %d bytes", q.P, q.Q, len(q.EncryptedData))
	}
	if got := binary.LittleEndian.AppendUint64(nil, uint64(q.PublicKeyFingerprint)); !bytes.Equal(got, s.bytes(t, "fingerprint_le")) {
		t.Errorf("fingerprint %x", got)
	}
	inner := c.innerData([]byte{0x13, 0x0B, 0x74, 0x75, 0x66, 0x9F, 0xEB, 0x8B}, q.P, q.Q)
	if want := s.bytes(t, "p_q_inner_data_dc"); !bytes.Equal(inner, want) {
		t.Errorf("p_q_inner_data_dc:\n     %x\nwant %x", inner, want)
	}
	if !bytes.Equal(c.key[:], s.bytes(t, "tmp_aes_key")) || !bytes.Equal(c.iv[:], s.bytes(t, "tmp_aes_iv")) { // B9
		t.Errorf("tmp_aes_key %x, iv %x", c.key, c.iv)
	}
}

// B9: the answer of the sample, decrypted.
func TestSampleAnswer(t *testing.T) {
	s := readSample(t)
	key, iv := [32]byte(s.bytes(t, "tmp_aes_key")), [32]byte(s.bytes(t, "tmp_aes_iv"))
	var inner mt.ServerDHInnerData
	if err := openInner(s.bytes(t, "encrypted_answer"), &key, &iv, inner.Decode); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(inner.DhPrime, crypto.PublishedPrime()) || !bytes.Equal(inner.GA, s.bytes(t, "g_a")) ||
		inner.G != 3 || inner.ServerTime != 1735910891 {
		t.Errorf("%+v", inner)
	}
}

// The copy of the sample in this folder is the one among the published figures.
func TestSampleIsThePublishedOne(t *testing.T) {
	want := parseSample(vectors.File(t, "auth_key_sample.txt"))
	got := readSample(t)
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s differs", name)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d values, want %d", len(got), len(want))
	}
}
