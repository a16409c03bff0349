package files

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"errors"
	"testing"
)

// D12: whatever is wanted, what is asked for keeps the rules.
func FuzzRequests(f *testing.F) {
	f.Add(int64(0), int64(1))
	f.Add(int64(mib-1), int64(2))
	f.Add(int64(4095), int64(window))
	f.Fuzz(func(t *testing.T, at, n int64) {
		if at < 0 || n <= 0 || at > 1<<40 || n > 4*mib {
			return
		}
		next := at
		for _, q := range requests(at, n) {
			limit := int64(q.limit)
			switch {
			case q.offset%step != 0, limit%step != 0, mib%limit != 0, q.offset/mib != (q.offset+limit-1)/mib:
				t.Errorf("at %d, %d bytes: offset %d, limit %d", at, n, q.offset, limit)
			case q.offset > next:
				t.Errorf("at %d, %d bytes: nothing asks for %d", at, n, next)
			}
			next = q.offset + limit
		}
		if next < at+n {
			t.Errorf("at %d, %d bytes: ends at %d", at, n, next)
		}
	})
}

// D14: the IV's last four bytes are the number of the block, big-endian.
func TestDecryptFromAnywhere(t *testing.T) {
	block, _ := aes.NewCipher(bytes.Repeat([]byte{7}, cdnKeySize))
	c := cdn{block: block, iv: [16]byte{0: 1, 11: 2, 12: 0xff, 15: 0xee}} // the last four are replaced
	first := c.iv
	first[12], first[15] = 0, 0
	want := make([]byte, 3*mib)
	cipher.NewCTR(block, first[:]).XORKeyStream(want, want)
	for _, at := range []int64{0, 16, 4096, mib, 2*mib + 4096} {
		got := make([]byte, 4096)
		c.decrypt(got, at)
		if !bytes.Equal(got, want[at:at+4096]) {
			t.Errorf("at %d: another key stream", at)
		}
	}
}

// D14: every byte needs a hash, a hash needs all its bytes, and both have to agree.
func TestVerify(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 64)
	of := func(from, to int64) fileHash {
		return fileHash{offset: 4096 + from, limit: to - from, sum: sha256.Sum256(data[from:to])}
	}
	bad := of(0, 512)
	bad.sum[0] ^= 1
	for _, c := range []struct {
		what   string
		ranges []fileHash
		all    bool
		ok     bool
	}{
		{"two ranges", []fileHash{of(0, 512), of(512, 1024)}, true, true},
		{"a gap", []fileHash{of(0, 512), of(600, 1024)}, true, false},
		{"the end has none", []fileHash{of(0, 512)}, true, false},
		{"the end needs none", []fileHash{of(0, 512)}, false, true},
		{"none at all", nil, true, false},
		{"another hash", []fileHash{bad, of(512, 1024)}, true, false},
		{"more than there is", []fileHash{{offset: 4096, limit: 1025}}, false, false},
		{"from before", []fileHash{{offset: 4095, limit: 10}}, false, false},
	} {
		if err := verify(data, 4096, c.ranges, c.all); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrHash) {
			t.Errorf("%s: %v", c.what, err)
		}
	}
}

// D14: ranges may lie as they like: what is read is widened to whole ones.
func TestSpan(t *testing.T) {
	h := newHashes(true)
	h.add([]fileHash{{offset: 100, limit: 100}, {offset: 0, limit: 100}, {offset: 200, limit: 300}, {offset: 0, limit: 7}})
	found, missing := h.covering(150, 100)
	if lo, hi := span(150, 100, found); len(found) != 2 || missing != 500 || lo != 100 || hi != 500 {
		t.Errorf("%d ranges, up to %d, to read from %d to %d", len(found), missing, lo, hi)
	}
	if found, missing = h.covering(450, 100); len(found) != 1 || missing != 500 {
		t.Errorf("beyond the last: %d ranges, up to %d", len(found), missing)
	}
}
