package crypto

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"testing"

	"github.com/natsgram/natsgram/mtproto/crypto/vectors"
)

// plainOf is a plaintext message with a body of n bytes.
func plainOf(n int) []byte {
	b := seq(innerSize + n)
	binary.LittleEndian.PutUint32(b[lengthAt:], uint32(n))
	return b
}

func testKey(t testing.TB) *Key { return mustKey(t, seq(KeySize)) }

// C2, A7: somebody else's whole message, with 19 bytes of padding, which is what Seal adds too.
func TestSealVector(t *testing.T) {
	v := vectors.Get(t, "encrypt_client_v2")
	k := mustKey(t, v.InBytes(t, "auth_key"))
	got, ack, err := Seal(nil, k, Client, v.InBytes(t, "plaintext"), zeros{})
	if err != nil || !bytes.Equal(got, v.OutBytes(t, "message")) {
		t.Errorf("%x, %v", got, err)
	}
	if !bytes.Equal(got[8:24], v.OutBytes(t, "msg_key")) {
		t.Errorf("msg_key %x", got[8:24])
	}
	want := binary.LittleEndian.Uint32(v.OutBytes(t, "quick_ack_token_hex_le")) | 1<<31
	if ack != want {
		t.Errorf("quick ack %08x, want %08x", ack, want)
	}
	if _, again, ok := decrypt(nil, k, Client, got); !ok || again != ack {
		t.Errorf("the receiver's quick ack is %08x", again)
	}
}

// C2: a message that a real server sent.
func TestOpenVector(t *testing.T) {
	v := vectors.Get(t, "decrypt_server_v2_real_message")
	k := mustKey(t, v.InBytes(t, "auth_key"))
	got, err := Open([]byte("before"), k, Server, v.InBytes(t, "message"))
	if err != nil || !bytes.Equal(got, append([]byte("before"), v.OutBytes(t, "plaintext")...)) {
		t.Errorf("%x, %v", got, err)
	}
	if _, err := Open(nil, k, Client, v.InBytes(t, "message")); !errors.Is(err, ErrOpen) {
		t.Errorf("taken for a message of the other side: %v", err)
	}
}

// C3, C4
func TestOpenRejectsVectors(t *testing.T) {
	for _, id := range []string{"must_reject_msg_key", "must_reject_messageUnaligned"} {
		v := vectors.Get(t, id)
		k := mustKey(t, v.InBytes(t, "auth_key"))
		if got, err := Open(nil, k, Server, v.InBytes(t, "message")); !errors.Is(err, ErrOpen) || len(got) != 0 {
			t.Errorf("%s: %x, %v", id, got, err)
		}
	}
}

// C5: this one is intact; it is for the session to see that it is another's. Its session_id is not the expected one.
func TestOpenLeavesSessionToCaller(t *testing.T) {
	v := vectors.Get(t, "must_reject_session_id")
	got, err := Open(nil, mustKey(t, v.InBytes(t, "auth_key")), Server, v.InBytes(t, "message"))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(got[8:16], v.InBytes(t, "expected_session_id")) {
		t.Errorf("session_id %x is the expected one", got[8:16])
	}
}

// C3, C4: whatever is wrong, the answer is the same, and nothing of the plaintext comes back.
func TestOpenRejects(t *testing.T) {
	k := testKey(t)
	good, _, err := Seal(nil, k, Server, plainOf(100), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	flip := func(i int) []byte {
		b := bytes.Clone(good)
		b[i] ^= 1
		return b
	}
	sealed := func(plain []byte, length uint32) []byte {
		binary.LittleEndian.PutUint32(plain[lengthAt:], length)
		out := append(make([]byte, outerSize), plain...)
		sealThere(out, k)
		return out
	}
	for name, packet := range map[string][]byte{
		"nothing":              nil,
		"7 bytes":              good[:7],
		"only a head":          good[:outerSize],
		"too little text":      good[:outerSize+minCipher-1],
		"another key id":       flip(0),
		"another msg_key":      flip(8),
		"first block changed":  flip(outerSize),
		"last block changed":   flip(len(good) - 1),
		"a block missing":      good[:len(good)-16],
		"16 bytes too many":    append(bytes.Clone(good), make([]byte, 16)...),
		"length negative":      sealed(make([]byte, 64), 1<<31),
		"length -4":            sealed(make([]byte, 64), 0xfffffffc),
		"length 1":             sealed(make([]byte, 64), 1),
		"length over the end":  sealed(make([]byte, 64), 36),
		"padding of 8":         sealed(make([]byte, 64), 24),
		"padding of 0":         sealed(make([]byte, 64), 32),
		"padding of 1028":      sealed(make([]byte, innerSize+1040), 12),
		"length beyond memory": sealed(make([]byte, 64), 0x7ffffffc),
	} {
		prefix := make([]byte, 3, 2000)
		got, err := Open(prefix, k, Server, packet)
		if err != ErrOpen || len(got) != 3 { //nolint:errorlint // the very same value, without detail
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
		if rest := prefix[:cap(prefix)]; !bytes.Equal(rest, make([]byte, cap(prefix))) {
			t.Errorf("%s: plaintext left in the buffer", name)
		}
		spent := bytes.Clone(packet)
		if got, err := OpenInPlace(k, Server, spent); err != ErrOpen || len(got) != 0 { //nolint:errorlint // see above
			t.Errorf("%s, in place: %d bytes, %v", name, len(got), err)
		}
	}
}

// C4: the bounds themselves are legal.
func TestOpenAcceptsBounds(t *testing.T) {
	k := testKey(t)
	for _, c := range []struct{ total, body int }{{48, 0}, {48, 4}, {innerSize + 1024, 0}, {innerSize + 1024 + 16, 16}} {
		out := make([]byte, outerSize+c.total)
		binary.LittleEndian.PutUint32(out[outerSize+lengthAt:], uint32(c.body))
		sealThere(out, k)
		if _, err := Open(nil, k, Server, out); err != nil {
			t.Errorf("%d bytes of text, %d of body: %v", c.total, c.body, err)
		}
	}
}

// A4: what padded framing leaves behind a message does not hurt.
func TestOpenToleratesTrailingBytes(t *testing.T) {
	k := testKey(t)
	packet, _, err := Seal(nil, k, Client, plainOf(20), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= 15; n++ {
		got, err := Open(nil, k, Client, append(bytes.Clone(packet), seq(n)...))
		if err != nil || !bytes.Equal(got[:52], plainOf(20)) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// A packet decrypted in place gives what it gives elsewhere, of its own memory, and what stands behind it is left alone.
func TestOpenInPlace(t *testing.T) {
	k := testKey(t)
	for _, n := range []int{0, 20, 100, 5000} {
		packet, _, err := Seal(nil, k, Server, plainOf(n), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		want, err := Open(nil, k, Server, packet)
		if err != nil {
			t.Fatal(err)
		}
		whole := append(bytes.Clone(packet), seq(7)...)
		got, err := OpenInPlace(k, Server, whole)
		if err != nil || !bytes.Equal(got, want) || &got[0] != &whole[outerSize] {
			t.Errorf("%d bytes: %x, %v", n, got, err)
		}
		if !bytes.Equal(whole[len(packet):], seq(7)) {
			t.Errorf("%d bytes: what stands behind is changed: %x", n, whole[len(packet):])
		}
	}
}

// sealThere seals a packet of the server's whose plaintext and padding stand where their ciphertext will.
func sealThere(out []byte, k *Key) (ack uint32) {
	u := unsealed{out: out, parts: [4][]byte{end: out[outerSize:]}}
	u.seal(k, Server)
	return u.ack
}

// What is encrypted from where it is, is the same as what is encrypted in place.
func TestSealInTwo(t *testing.T) {
	k := testKey(t)
	for n := 0; n < 200; n += 4 {
		plain := plainOf(n)
		got, ack, err := Seal(nil, k, Server, plain, zeros{})
		if err != nil || !bytes.Equal(plain, plainOf(n)) {
			t.Fatalf("%d: plaintext changed, or %v", n, err)
		}
		want := make([]byte, len(got))
		copy(want[outerSize:], plain)
		if again := sealThere(want, k); !bytes.Equal(got, want) || ack != again {
			t.Errorf("%d: %x, want %x", n, got, want)
		}
	}
}

// A tail that stands elsewhere is sealed as if it stood behind the rest.
func TestSealTail(t *testing.T) {
	k := testKey(t)
	whole := plainOf(300)
	for _, at := range []int{0, 4, 16, 28, 32, 36, 56, 300} {
		for n := at; n <= len(whole); n += 4 {
			want, token, err := Seal([]byte("x"), k, Client, whole[:n], zeros{})
			if err != nil {
				t.Fatal(err)
			}
			tail := bytes.Clone(whole[at:n])
			got, ack, err := SealText([]byte("x"), k, Client, Text{whole[:at:at], tail}, zeros{})
			if err != nil || ack != token || !bytes.Equal(got, want) || !bytes.Equal(tail, whole[at:n]) {
				t.Fatalf("%d bytes and %d: %v\n%x, want\n%x", at, n-at, err, got, want)
			}
		}
	}
}

// Two that are sealed together are what each is by itself: with bodies of the same length and of others, and where they do not pair.
func TestSealPair(t *testing.T) {
	k := testKey(t)
	rng := mrand.NewChaCha8([32]byte{5})
	paired := 0
	for i := range 400 {
		var texts [2]Text
		var want [2][]byte
		var tokens [2]uint32
		for j := range texts {
			head, n := 32, 1024+4*int(rng.Uint64()%64)
			switch i % 8 {
			case 1:
				head = 16 + 4*int(rng.Uint64()%70)
			case 2:
				n = 4 * int(rng.Uint64()%400)
			case 3:
				n += 1000 * j
			}
			texts[j] = Text{make([]byte, head), make([]byte, n)}
			_, _ = rng.Read(texts[j].Plain)
			_, _ = rng.Read(texts[j].Tail)
			var err error
			if want[j], tokens[j], err = SealText([]byte("x"), k, Client, texts[j], zeros{}); err != nil {
				t.Fatal(err)
			}
		}
		got, acks, err := SealPair([2][]byte{[]byte("x"), []byte("x")}, k, Client, texts, zeros{})
		if err != nil || acks != tokens || !bytes.Equal(got[0], want[0]) || !bytes.Equal(got[1], want[1]) {
			t.Fatalf("%d: %v, acks %x, want %x; the packets are right: %v, %v", i, err, acks, tokens, bytes.Equal(got[0], want[0]), bytes.Equal(got[1], want[1]))
		}
		a, _ := prepare(nil, k, texts[0], zeros{})
		if b, _ := prepare(nil, k, texts[1], zeros{}); a.pairs() && b.pairs() {
			paired++
		}
	}
	if paired < 200 || paired == 400 {
		t.Errorf("%d of 400 pair", paired)
	}
	for _, texts := range [][2]Text{{{Plain: make([]byte, maxPlain+1)}, {}}, {{}, {Plain: make([]byte, maxPlain+1)}}} {
		if got, _, err := SealPair([2][]byte{{1}, {2}}, k, Client, texts, zeros{}); err == nil || len(got[0]) != 1 || len(got[1]) != 1 {
			t.Errorf("too long: %v, %d and %d bytes", err, len(got[0]), len(got[1]))
		}
	}
}

// one is one after the other.
func BenchmarkSealPair(b *testing.B) {
	const n = 512 << 10
	k := testKey(b)
	texts := [2]Text{{make([]byte, 32), make([]byte, n)}, {make([]byte, 32), make([]byte, n)}}
	var dst [2][]byte
	for name, f := range map[string]func(){
		"pair": func() {
			got, _, _ := SealPair([2][]byte{dst[0][:0], dst[1][:0]}, k, Client, texts, zeros{})
			dst = got
		},
		"one": func() {
			for i, t := range texts {
				dst[i], _, _ = SealText(dst[i][:0], k, Client, t, zeros{})
			}
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(2 * n)
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}

// C1: whole blocks, padding 12 to 27.
func TestSealRoundTrip(t *testing.T) {
	k := testKey(t)
	for n := 0; n < 200; n += 4 {
		plain := plainOf(n)
		packet, ack, err := Seal([]byte("x"), k, Client, plain, rand.Reader)
		if err != nil || ack>>31 != 1 {
			t.Fatalf("%d: ack %x, %v", n, ack, err)
		}
		if extra := len(packet) - 1 - outerSize - len(plain); extra < 12 || extra > 27 || (len(packet)-1-outerSize)%16 != 0 {
			t.Errorf("%d: padding of %d", n, extra)
		}
		got, again, err := OpenAck(nil, k, Client, packet[1:])
		if err != nil || again != ack || !bytes.Equal(got[:len(plain)], plain) {
			t.Errorf("%d: %x, %v", n, got, err)
		}
	}
}

// Without randomness nothing is sent, and no plaintext stays behind.
func TestSealNeedsRandomness(t *testing.T) {
	dst := make([]byte, 0, 500)
	got, _, err := Seal(dst, testKey(t), Client, plainOf(40), bytes.NewReader(seq(5)))
	if err == nil || len(got) != 0 || !bytes.Equal(dst[:500], make([]byte, 500)) {
		t.Errorf("%x, %v", got, err)
	}
	if _, _, err := Seal(nil, &Key{}, Client, plainOf(0), rand.Reader); err == nil {
		t.Error("sealed with no key")
	}
	if _, _, err := Seal(nil, testKey(t), Client, make([]byte, maxPlain+1), rand.Reader); err == nil {
		t.Error("sealed 16 MiB")
	}
	if _, err := Open(nil, &Key{}, Client, make([]byte, 100)); !errors.Is(err, ErrOpen) {
		t.Errorf("opened with no key: %v", err)
	}
}

// B21
func TestSealV1RoundTrip(t *testing.T) {
	k := testKey(t)
	body := seq(40)
	packet, err := SealV1([]byte("x"), k, 0x1122334455667788, body, rand.Reader)
	if err != nil || len(packet) != 1+24+80 {
		t.Fatalf("%d bytes, %v", len(packet), err)
	}
	packet = packet[1:]
	id, got, err := OpenV1(k, packet)
	if err != nil || id != 0x1122334455667788 || !bytes.Equal(got, body) {
		t.Errorf("%x, %x, %v", id, got, err)
	}
	for i := range packet[:96] { // what follows is padding, which msg_key does not cover
		bad := bytes.Clone(packet)
		bad[i] ^= 0x10
		if _, _, err := OpenV1(k, bad); !errors.Is(err, ErrOpen) {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
	for _, n := range []int{0, 24, 55, 72, 103} {
		if _, _, err := OpenV1(k, packet[:n]); !errors.Is(err, ErrOpen) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// B21: the layout before encryption, read with the key derivation alone.
func TestSealV1Layout(t *testing.T) {
	k := testKey(t)
	packet, err := SealV1(nil, k, -8, seq(40), zeros{})
	if err != nil {
		t.Fatal(err)
	}
	msgKey := [16]byte(packet[8:24])
	aes := kdf1(k, Client, &msgKey)
	text := make([]byte, 80)
	DecryptIGE(text, packet[24:], aes.key[:], &aes.iv)
	want := append(make([]byte, 16), 0xf8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 40, 0, 0, 0)
	if want = append(append(want, seq(40)...), make([]byte, 8)...); !bytes.Equal(text, want) {
		t.Errorf("%x\nwant %x", text, want)
	}
}

// A stream of short reads must not shorten the padding.
func TestSealReadsFull(t *testing.T) {
	k := testKey(t)
	a, _, err := Seal(nil, k, Client, plainOf(4), oneByte{bytes.NewReader(seq(100))})
	b, _, _ := Seal(nil, k, Client, plainOf(4), bytes.NewReader(seq(100)))
	if err != nil || !bytes.Equal(a, b) {
		t.Errorf("%x, %v", a, err)
	}
}

type oneByte struct{ r io.Reader }

func (o oneByte) Read(p []byte) (int, error) { return o.r.Read(p[:1]) }

// zeros is a source of "randomness" for figures that were made with none.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// C3: nothing from outside makes Open panic or pass.
func FuzzOpen(f *testing.F) {
	k := testKey(f)
	good, _, err := Seal(nil, k, Server, plainOf(60), zeros{})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(append(bytes.Clone(good), 1, 2, 3))
	f.Add(good[:47])
	long, _, err := Seal(nil, k, Server, plainOf(600), zeros{}) // decrypted and hashed at the same time
	if err != nil {
		f.Fatal(err)
	}
	f.Add(long)
	f.Add(append(bytes.Clone(long), 1, 2, 3))
	f.Add(long[:400])
	f.Fuzz(func(t *testing.T, packet []byte) {
		got, err := Open(nil, k, Server, packet)
		opens := func(whole []byte) bool { return bytes.HasPrefix(packet, whole) && len(got) == len(whole)-outerSize }
		if err == nil && !opens(good) && !opens(long) {
			t.Errorf("opened %x", packet)
		}
		if again, err2 := OpenInPlace(k, Server, bytes.Clone(packet)); !bytes.Equal(again, got) || (err == nil) != (err2 == nil) {
			t.Errorf("%x is %x in place, %v", packet, again, err2)
		}
		if _, _, err := OpenV1(k, packet); err == nil {
			t.Errorf("opened %x as MTProto 1", packet)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	k := testKey(b)
	rnd := mrand.NewChaCha8([32]byte{})
	for _, n := range []int{100, 16384} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			plain := plainOf(n)
			var dst []byte
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				dst, _, _ = Seal(dst[:0], k, Client, plain, rnd)
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	k := testKey(b)
	for _, n := range []int{100, 16384} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			packet, _, err := Seal(nil, k, Server, plainOf(n), rand.Reader)
			if err != nil {
				b.Fatal(err)
			}
			var dst []byte
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				if dst, err = Open(dst[:0], k, Server, packet); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
