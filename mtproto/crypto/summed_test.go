package crypto

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"testing"
)

// Decrypting and summing at the same time gives what one after the other gives: any key, from a few to many blocks, in place and not.
func TestDecryptSummed(t *testing.T) {
	rng := rand.NewChaCha8([32]byte{3})
	for n := range 300 {
		var k aesKey
		var prefix [32]byte
		src, want, got := make([]byte, 16*n), make([]byte, 16*n), make([]byte, 16*n+1)
		for _, b := range [][]byte{k.key[:], k.iv[:], prefix[:], src} {
			_, _ = rng.Read(b)
		}
		decryptBlocks(want, src, newCipher(k.key[:]), &k.iv)
		sum := sha256.Sum256(append(prefix[:], want...))
		key := k
		got[16*n] = 0x55
		if s := decryptSummed(got[:16*n], src, &key, &prefix); s != sum || !bytes.Equal(got[:16*n], want) || got[16*n] != 0x55 {
			t.Fatalf("%d blocks: %x, sum %x\nwant %x, sum %x", n, got, s, want, sum)
		}
		key = k
		if s := decryptSummed(src, src, &key, &prefix); s != sum || !bytes.Equal(src, want) {
			t.Fatalf("%d blocks in place: %x, sum %x\nwant %x, sum %x", n, src, s, want, sum)
		}
	}
}

// apart is decrypting and summing one after the other.
func BenchmarkDecryptSummed(b *testing.B) {
	for _, n := range []int{1 << 10, 512 << 10} {
		buf, k, prefix := seq(n), &aesKey{}, &[32]byte{}
		for name, f := range map[string]func(){
			"together": func() { decryptSummed(buf, buf, k, prefix) },
			"apart": func() {
				DecryptIGE(buf, buf, k.key[:], &k.iv)
				sha256Of(prefix[:], buf)
			},
			"alone": func() { DecryptIGE(buf, buf, k.key[:], &k.iv) },
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
