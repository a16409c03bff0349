package mtproto_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// parts is a client before a server that writes down over which session a part came.
type parts struct {
	*rig
	mu   sync.Mutex
	came []int64
}

func startParts(t *testing.T) *parts {
	s := mttest.NewServer(t, inMemory, func(c *mttest.Config) { c.Media = true })
	p := &parts{}
	s.InterceptMethod("upload.saveBigFilePart", func(q *mttest.Request) mttest.Action {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.came = append(p.came, q.SessionID)
		return mttest.Delay(time.Second, mttest.Pass())
	})
	p.rig = start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})))
	p.ready()
	// A session that is being begun takes what is there.
	if err := errors.Join(<-p.send(p.ctx, nil, 90), <-p.send(p.ctx, nil, 91)); err != nil {
		t.Fatal(err)
	}
	p.sessions()
	return p
}

// sessions are those of the parts that came since it was called last.
func (p *parts) sessions() []int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	came := p.came
	p.came = nil
	return came
}

func (p *parts) send(ctx context.Context, company *mtproto.Company, n int) chan error {
	done := make(chan error, 1)
	query := p.encode(M{"_": "upload.saveBigFilePart", "file_id": 7, "file_part": n, "file_total_parts": 100, "bytes": make([]byte, 128<<10)})
	go func() {
		_, err := p.InvokeFile(mtproto.WithCompany(ctx, company), 2, mtproto.Upload, query)
		done <- err
	}()
	return done
}

// Calls in company wait for each other, and go over the same session; again and again, beside others.
func TestCompany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startParts(t)
		for n := range 5 {
			began := time.Now()
			c := mtproto.NewCompany(2)
			first := p.send(p.ctx, c, 2*n)
			synctest.Wait()
			if came := p.sessions(); len(came) != 0 {
				t.Errorf("sent before the other was there: %v", came)
			}
			alone := p.send(p.ctx, nil, 50+n)
			synctest.Wait()
			p.sessions()
			second := p.send(p.ctx, c, 2*n+1)
			for _, done := range []chan error{first, second, alone} {
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
			if came := p.sessions(); len(came) != 2 || came[0] != came[1] || time.Since(began) > 3*time.Second/2 {
				t.Errorf("over the sessions %v, within %v", came, time.Since(began))
			}
		}
	})
}

// Whoever does not come keeps the others from nothing: one that is refused at once, one whose caller has gone.
func TestCompanyThatStaysAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := startParts(t)
		began := time.Now()
		c := mtproto.NewCompany(2)
		first := p.send(p.ctx, c, 1)
		synctest.Wait()
		if _, err := p.InvokeFile(mtproto.WithCompany(p.ctx, c), 2, mtproto.Upload, p.encode(getConfig)); !errors.Is(err, mtproto.ErrNotFile) {
			t.Error(err)
		}
		if err := <-first; err != nil || time.Since(began) > 3*time.Second/2 {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		c = mtproto.NewCompany(2)
		ctx, cancel := context.WithCancel(p.ctx)
		first = p.send(ctx, c, 2)
		synctest.Wait()
		cancel()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		began = time.Now()
		if err := <-p.send(p.ctx, c, 3); err != nil || time.Since(began) > 3*time.Second/2 {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}
