package crypto

import (
	"bytes"
	"crypto/cipher"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/natsgram/natsgram/mtproto/crypto/aeslimit"
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

// TestIGEFast holds the loop over the processor's instructions against blocks through crypto/cipher: any key, any vector, from none
// to many blocks, in place and not.
func TestIGEFast(t *testing.T) {
	if !fastIGE {
		t.Skip("this processor has no instructions for AES")
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for n := range 200 {
		var key, iv [32]byte
		src, want, got := make([]byte, 16*n), make([]byte, 16*n), make([]byte, 16*n+1)
		for _, b := range [][]byte{key[:], iv[:], src} {
			for i := range b {
				b[i] = byte(rng.Uint32())
			}
		}
		for _, way := range []struct {
			name string
			fast func(dst, src []byte, key, iv *[32]byte)
			slow func(dst, src []byte, c cipher.Block, iv *[32]byte)
		}{{"encrypt", encryptFast, encryptBlocks}, {"decrypt", decryptFast, decryptBlocks}} {
			way.slow(want, src, newCipher(key[:]), &iv)
			got[16*n] = 0x55
			way.fast(got[:16*n], src, &key, &iv)
			if !bytes.Equal(got[:16*n], want) || got[16*n] != 0x55 {
				t.Fatalf("%s of %d blocks: got %x\nwant %x", way.name, n, got, want)
			}
			in := bytes.Clone(src)
			if way.fast(in, in, &key, &iv); !bytes.Equal(in, want) {
				t.Fatalf("%s of %d blocks in place: got %x\nwant %x", way.name, n, in, want)
			}
		}
	}
}

// C2: a key of 16 bytes and processors without the instructions are served as well.
func TestIGEBlocks(t *testing.T) {
	var iv [32]byte
	for _, size := range []int{16, 32} {
		plain := seq(64)
		out := make([]byte, 64)
		encryptBlocks(out, plain, newCipher(seq(size)), &iv)
		whole := make([]byte, 64)
		EncryptIGE(whole, plain, seq(size), &iv)
		if !bytes.Equal(out, whole) {
			t.Errorf("a key of %d bytes: by blocks %x\nEncryptIGE %x", size, out, whole)
		}
		if decryptBlocks(out, out, newCipher(seq(size)), &iv); !bytes.Equal(out, plain) {
			t.Errorf("a key of %d bytes: round trip differs", size)
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
	for _, n := range []int{112, 16384, 1 << 20} {
		buf, key := seq(n), seq(32)
		for name, f := range map[string]func(){
			"encrypt":       func() { EncryptIGE(buf, buf, key, &iv) },
			"decrypt":       func() { DecryptIGE(buf, buf, key, &iv) },
			"encryptBlocks": func() { encryptBlocks(buf, buf, newCipher(key), &iv) },
			"limit":         func() { aeslimit.Chain(n / 16) },
		} {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					f()
				}
			})
		}
	}
}
