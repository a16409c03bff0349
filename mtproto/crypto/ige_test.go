package crypto

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/natsgram/natsgram/mtproto/crypto/vectors"
)

// C2: one block after another, held against other people's implementations.
func TestIGEVectors(t *testing.T) {
	for _, id := range []string{"aes256_ige_enc_grammers", "aes128_ige_openssl_1"} {
		t.Run(id, func(t *testing.T) {
			v := vectors.Get(t, id)
			in, out := "data", "result"
			if _, ok := v.Input[in]; !ok {
				in, out = "plaintext", "ciphertext"
			}
			checkIGE(t, v.InBytes(t, "key"), v.InBytes(t, "iv"), v.InBytes(t, in), v.OutBytes(t, out))
		})
	}
	t.Run("aes256_ige_dec_grammers", func(t *testing.T) {
		v := vectors.Get(t, "aes256_ige_dec_grammers")
		checkIGE(t, v.InBytes(t, "key"), v.InBytes(t, "iv"), v.OutBytes(t, "result"), v.InBytes(t, "data"))
	})
}

func checkIGE(t *testing.T, key, iv, plain, cipher []byte) {
	t.Helper()
	got := make([]byte, len(plain))
	EncryptIGE(got, plain, key, (*[32]byte)(iv))
	if !bytes.Equal(got, cipher) {
		t.Errorf("encrypted %x\nwant      %x", got, cipher)
	}
	DecryptIGE(got, got, key, (*[32]byte)(iv)) // in place
	if !bytes.Equal(got, plain) {
		t.Errorf("decrypted %x\nwant      %x", got, plain)
	}
}

func TestIGERoundTrip(t *testing.T) {
	var iv [32]byte
	key := seq(32)
	for n := 0; n <= 1024; n += 16 {
		plain := seq(n)
		out := make([]byte, n)
		EncryptIGE(out, plain, key, &iv)
		if n > 0 && bytes.Equal(out, plain) {
			t.Fatalf("%d bytes: not encrypted", n)
		}
		DecryptIGE(out, out, key, &iv)
		if !bytes.Equal(out, plain) {
			t.Fatalf("%d bytes: round trip differs", n)
		}
	}
}

// seq is n bytes 0, 1, 2 ...
func seq(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func BenchmarkIGE(b *testing.B) {
	var iv [32]byte
	for _, n := range []int{112, 16384} {
		buf, key := seq(n), seq(32)
		for name, f := range map[string]func(dst, src, key []byte, iv *[32]byte){"encrypt": EncryptIGE, "decrypt": DecryptIGE} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					f(buf, buf, key, &iv)
				}
			})
		}
	}
}
