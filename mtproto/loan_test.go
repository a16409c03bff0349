package mtproto_test

import (
	"bytes"
	"context"
	"sync"
	"testing"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// What is lent stays as it is until it is returned, however much else comes over the same connections; and what is returned, and
// spoiled at once, harms nobody.
func TestLoans(t *testing.T) {
	s := mttest.NewServer(t, func(c *mttest.Config) { c.InMemory, c.Media = true, true })
	alice := s.AddUser(mttest.User{First: "Alice"})
	r := start(t, s, as(s, alice))
	r.ready()
	const part = 256 << 10
	data := make([]byte, 16*part)
	for i := range data {
		data[i] = byte(i / part * 31)
	}
	location := alice.Location(s.AddFile(2, "a.bin", data))
	get := func(n int, loan *mtproto.Loan) []byte {
		body, err := r.InvokeFile(mtproto.WithLoan(r.ctx, loan), 2, mtproto.Download, r.encode(M{
			"_": "upload.getFile", "location": location, "offset": n * part, "limit": part,
		}))
		if err != nil {
			t.Error(err)
			return nil
		}
		v, err := s.Schema().View(body)
		if err != nil {
			t.Error(err)
		}
		return v.Bytes("bytes")
	}
	var all sync.WaitGroup
	for k := range 8 {
		all.Go(func() {
			var held mtproto.Loan
			kept := get(k, &held)
			for n := range 40 {
				n = (n*7 + k) % 16
				var loan mtproto.Loan
				if got := get(n, &loan); !bytes.Equal(got, data[n*part:(n+1)*part]) {
					t.Errorf("part %d has other bytes", n)
				} else {
					for i := range got {
						got[i] = 0xdb
					}
				}
				loan.Return()
				loan.Return() // of which the second does nothing
			}
			if !bytes.Equal(kept, data[k*part:(k+1)*part]) {
				t.Errorf("what was lent of part %d has changed", k)
			}
			held.Return()
		})
	}
	all.Wait()
}

// Without a Loan, the result is the caller's own; a Loan of which nothing came is nothing to return.
func TestNoLoan(t *testing.T) {
	var l mtproto.Loan
	l.Return()
	if mtproto.LoanOf(context.Background()) != nil {
		t.Error("a loan from nowhere")
	}
	back := 0
	mtproto.LoanOf(mtproto.WithLoan(context.Background(), &l)).Lend([]byte{1}, func([]byte) { back++ })
	l.Return()
	l.Return()
	if back != 1 {
		t.Errorf("given back %d times", back)
	}
}
