//go:build !purego

package crypto

// sealFastPair seals two packets at once.
func sealFastPair(a, b *unsealed, k *Key, from Side) {
	prefix := k.get().bytes[88+from : 120+from]
	x, i := a.leadIn(prefix)
	y, j := b.leadIn(prefix)
	p, q := a.parts[body], b.parts[body]
	n := min(len(p)-i, len(q)-j) / sumBlock
	sumPair(&x, &y, &p[i], &q[j], n)
	s, t := new(pairChain), new(pairChain)
	s.begin(a, k, from, x.ends(a, i+n*sumBlock))
	t.begin(b, k, from, y.ends(b, j+n*sumBlock))
	n = min(len(p), len(q))/16 - 1
	encryptPair(&s.keys, &t.keys, &s.text[0], &p[0], &t.text[0], &q[0], n, &s.iv, &t.iv)
	s.end(a, 16*n)
	t.end(b, 16*n)
}

// leadIn is the state of SHA-256 after what stands before a packet's body, and as much of that as makes a block with it.
func (u *unsealed) leadIn(prefix []byte) (s sumState, n int) {
	var lead [pairLead + sumBlock]byte
	b := append(append(append(lead[:0], prefix...), u.parts[0]...), u.parts[1]...)
	n = -len(b) & (sumBlock - 1)
	b = append(b, u.parts[body][:n]...)
	s = beginSum
	sumBlocks(&s, &b[0], len(b)/sumBlock)
	return s, n
}

// ends is the sum of a packet of whose body the first n bytes are taken.
func (s *sumState) ends(p *unsealed, n int) [32]byte {
	rest, size := p.parts[body][n:], 32+len(p.out)-outerSize
	if whole := len(rest) / sumBlock; whole > 0 {
		sumBlocks(s, &rest[0], whole)
		rest = rest[whole*sumBlock:]
	}
	var last [2 * sumBlock]byte
	return s.finish(append(append(last[:0], rest...), p.parts[end]...), size)
}

// pairChain is one of two chains of AES-IGE.
type pairChain struct {
	keys schedule
	iv   [32]byte
	text []byte // where the ciphertext of the body goes
}

// begin encrypts what stands before the body.
func (c *pairChain) begin(p *unsealed, k *Key, from Side, sum [32]byte) {
	msgKey := [16]byte(sum[8:24])
	p.head(k, &msgKey, sum)
	aes := kdf2(k, from, &msgKey)
	expandKey(&c.keys, &aes.key)
	c.keys.join()
	c.iv, c.text = aes.iv, p.out[outerSize:]
	c.chain(p.parts[0])
	c.chain(p.parts[1])
}

// end encrypts what is left of a packet, of whose body n bytes are.
func (c *pairChain) end(p *unsealed, n int) {
	c.text = c.text[n:]
	c.chain(p.parts[body][n:])
	c.chain(p.parts[end])
	clear(c.keys[:])
}

func (c *pairChain) chain(src []byte) {
	n := len(src)
	if n == 0 {
		return
	}
	last := [16]byte(src[n-16:])
	encryptChain(&c.keys, &c.text[0], &src[0], n/16, (*[16]byte)(c.iv[:16]), (*[16]byte)(c.iv[16:]))
	copy(c.iv[:16], c.text[n-16:])
	copy(c.iv[16:], last[:])
	c.text = c.text[n:]
}

// sumPair takes n blocks, at least one, of each of two messages.
//
//go:noescape
func sumPair(a, b *sumState, p, q *byte, n int)

// encryptPair encrypts n blocks, at least one, of each of two messages, in which another follows. The ivs are what stands before, and
// afterwards what stands before the block that follows.
//
//go:noescape
func encryptPair(s, t *schedule, dst, src, dst2, src2 *byte, n int, iv, iv2 *[32]byte)
