//go:build (amd64 || arm64) && !purego

package crypto

// schedule holds the round keys of AES-256, those of decryption in the order of their use: 0 to 14, then the exclusive or of the
// first and the last, with which one instruction ends a block and begins the next.
type schedule [16][16]byte

func encryptFast(dst, src []byte, key *[32]byte, iv *[32]byte) {
	if len(src) == 0 {
		return
	}
	var s schedule
	expandKey(&s, key)
	s.join()
	encryptChain(&s, &dst[0], &src[0], len(src)/16, (*[16]byte)(iv[:16]), (*[16]byte)(iv[16:]))
	clear(s[:])
}

func decryptFast(dst, src []byte, key *[32]byte, iv *[32]byte) {
	if len(src) == 0 {
		return
	}
	var s schedule
	expandKey(&s, key)
	invertKeys(&s)
	s.join()
	decryptChain(&s, &dst[0], &src[0], len(src)/16, (*[16]byte)(iv[16:]), (*[16]byte)(iv[:16]))
	clear(s[:])
}

func (s *schedule) join() {
	loadBlock(s[0][:]).xor(loadBlock(s[14][:])).store(s[15][:])
}

// expandKey makes the round keys of encryption, 0 to 14.
//
//go:noescape
func expandKey(s *schedule, key *[32]byte)

// invertKeys makes the round keys of decryption of those of encryption, in place.
//
//go:noescape
func invertKeys(s *schedule)

// encryptChain encrypts n blocks, at least one. prevOut and prevIn are what stands before the first.
//
//go:noescape
func encryptChain(s *schedule, dst, src *byte, n int, prevOut, prevIn *[16]byte)

// decryptChain decrypts n blocks, at least one.
//
//go:noescape
func decryptChain(s *schedule, dst, src *byte, n int, prevOut, prevIn *[16]byte)
