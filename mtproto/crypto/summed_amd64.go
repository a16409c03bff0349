//go:build !purego

package crypto

import (
	"encoding/binary"

	"golang.org/x/sys/cpu"
)

// fastSum reports whether the processor has instructions for SHA-256 beside those for AES.
var fastSum = fastIGE && cpu.X86.HasSSSE3 && cpu.X86.HasSSE41 && hasSHA()

const (
	sumBlock = 64
	sumLead  = 96           // bytes decrypted first: with the prefix of 32, a block of SHA-256, and one that waits
	sumLeast = sumLead + 80 // bytes from which on there is a group to be decrypted while another is summed, and one block after it
)

// sumState is that of SHA-256, its words in the order f, e, b, a, h, g, d, c.
type sumState [8]uint32

// beginSum is the state before the first block.
var beginSum = sumState{0x9b05688c, 0x510e527f, 0xbb67ae85, 0x6a09e667, 0x5be0cd19, 0x1f83d9ab, 0xa54ff53a, 0x3c6ef372}

// newSum is the state after a first block, in two parts.
func newSum(begin, end []byte) sumState {
	var first [sumBlock]byte
	copy(first[copy(first[:], begin):], end)
	s := beginSum
	sumBlocks(&s, &first[0], 1)
	return s
}

// decryptFastSum is DecryptIGE, of sumLeast bytes at least, and the SHA-256 of prefix and what came out.
func decryptFastSum(dst, src []byte, k *aesKey, prefix *[32]byte) [32]byte {
	var s schedule
	expandKey(&s, &k.key)
	invertKeys(&s)
	s.join()
	prevIn, prevOut := [16]byte(k.iv[:16]), [16]byte(k.iv[16:])
	next := [16]byte(src[sumLead-16 : sumLead])
	decryptChain(&s, &dst[0], &src[0], sumLead/16, &prevOut, &prevIn)
	prevIn, prevOut = next, [16]byte(dst[sumLead-16:sumLead])

	state := newSum(prefix[:], dst)
	groups := (len(src) - sumLead - 1) / sumBlock
	at := sumLead + sumBlock*groups
	decryptSum(&s, &state, &dst[sumLead], &src[sumLead], groups, &prevOut, &prevIn)
	decryptChain(&s, &dst[at], &src[at], (len(src)-at)/16, &prevOut, &prevIn)
	clear(s[:])
	return state.finish(dst[at-sumBlock:len(src)], len(prefix)+len(src))
}

// finish takes what is left of n bytes, and returns their sum.
func (s *sumState) finish(rest []byte, n int) (sum [32]byte) {
	if whole := len(rest) / sumBlock; whole > 0 {
		sumBlocks(s, &rest[0], whole)
		rest = rest[whole*sumBlock:]
	}
	var end [2 * sumBlock]byte // with what SHA-256 puts behind a message
	end[copy(end[:], rest)] = 0x80
	blocks := (len(rest) + 1 + 8 + sumBlock - 1) / sumBlock
	binary.BigEndian.PutUint64(end[blocks*sumBlock-8:], uint64(n)*8)
	sumBlocks(s, &end[0], blocks)
	for i, word := range [8]int{3, 2, 7, 6, 1, 0, 5, 4} {
		binary.BigEndian.PutUint32(sum[4*i:], s[word])
	}
	return sum
}

// bigEndian turns the bytes of each word around.
var bigEndian = [16]byte{3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12}

// roundConstants are what the rounds of SHA-256 add: the first 32 bits of the fractions of the cube roots of the first 64 primes.
var roundConstants = [64]uint32{
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
}

// hasSHA asks the processor for the SHA extensions, which golang.org/x/sys/cpu does not tell of on amd64.
func hasSHA() bool

// sumBlocks takes n blocks, at least one.
//
//go:noescape
func sumBlocks(state *sumState, p *byte, n int)

// decryptSum decrypts n groups of four blocks, at least one, after which there is another block; and takes the group before each, which
// stands before dst. prevOut and prevIn are what stands before, and afterwards what stands before the block that follows.
//
//go:noescape
func decryptSum(s *schedule, state *sumState, dst, src *byte, n int, prevOut, prevIn *[16]byte)
