package crypto

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

// IGE is AES in the Infinite Garble Extension mode. Each block depends on the one before in both directions, so it can
// neither be run in parallel nor be expressed by the modes of crypto/cipher; what counts is the latency of one block. Where
// the processor has instructions for AES, a loop in assembly has nothing else between two blocks (see ige_amd64.s); blocks
// through crypto/cipher are tested against it and serve everywhere else.

// EncryptIGE encrypts src into dst. key has 16 or 32 bytes and iv 32; src is a multiple of 16 long and dst at least as
// long. dst may be src, but must not overlap it otherwise. It panics where the caller breaks these rules: they are not
// up to the other side.
func EncryptIGE(dst, src, key []byte, iv *[32]byte) {
	checkIGELength(dst, src)
	if fastIGE && len(key) == 32 {
		encryptFast(dst, src, (*[32]byte)(key), iv)
		return
	}
	encryptBlocks(dst, src, newCipher(key), iv)
}

// DecryptIGE is the inverse of [EncryptIGE], with the same rules.
func DecryptIGE(dst, src, key []byte, iv *[32]byte) {
	checkIGELength(dst, src)
	if fastIGE && len(key) == 32 {
		decryptFast(dst, src, (*[32]byte)(key), iv)
		return
	}
	decryptBlocks(dst, src, newCipher(key), iv)
}

func checkIGELength(dst, src []byte) {
	if len(src)%aes.BlockSize != 0 || len(dst) < len(src) {
		panic("crypto: IGE of a length that is no multiple of 16, or into too small a buffer")
	}
}

func newCipher(key []byte) cipher.Block {
	c, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	return c
}

// block is 16 bytes as two words, the unit that IGE chains by.
type block struct{ a, b uint64 }

func loadBlock(p []byte) block {
	_ = p[15]
	return block{binary.LittleEndian.Uint64(p), binary.LittleEndian.Uint64(p[8:])}
}

func (x block) xor(y block) block { return block{x.a ^ y.a, x.b ^ y.b} }

func (x block) store(p []byte) {
	_ = p[15]
	binary.LittleEndian.PutUint64(p, x.a)
	binary.LittleEndian.PutUint64(p[8:], x.b)
}

// encryptBlocks is EncryptIGE for any processor.
func encryptBlocks(dst, src []byte, c cipher.Block, iv *[32]byte) {
	prevOut, prevIn := loadBlock(iv[:16]), loadBlock(iv[16:])
	for i := 0; i < len(src); i += aes.BlockSize {
		d := dst[i : i+aes.BlockSize : i+aes.BlockSize]
		in := loadBlock(src[i:])
		in.xor(prevOut).store(d)
		c.Encrypt(d, d)
		prevOut = loadBlock(d).xor(prevIn)
		prevOut.store(d)
		prevIn = in
	}
}

// decryptBlocks is DecryptIGE for any processor.
func decryptBlocks(dst, src []byte, c cipher.Block, iv *[32]byte) {
	prevIn, prevOut := loadBlock(iv[:16]), loadBlock(iv[16:])
	for i := 0; i < len(src); i += aes.BlockSize {
		d := dst[i : i+aes.BlockSize : i+aes.BlockSize]
		in := loadBlock(src[i:])
		in.xor(prevOut).store(d)
		c.Decrypt(d, d)
		prevOut = loadBlock(d).xor(prevIn)
		prevOut.store(d)
		prevIn = in
	}
}
