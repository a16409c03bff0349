package files_test

import (
	"bytes"
	"context"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/files"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// thin is a connection that takes so many bytes in a second each way, and holds a second's worth on the way.
type thin struct {
	net.Conn
	speed int

	mu       sync.Mutex
	free     time.Time // when the line is free again
	deadline time.Time
}

func (c *thin) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	return nil
}

func (c *thin) Write(b []byte) (n int, err error) {
	for n < len(b) {
		some := b[n:min(n+1024, len(b))]
		c.mu.Lock()
		c.free = latest(c.free, time.Now()).Add(time.Duration(len(some)) * time.Second / time.Duration(c.speed))
		wait, deadline := time.Until(c.free.Add(-time.Second)), c.deadline
		c.mu.Unlock()
		if !deadline.IsZero() && time.Now().Add(wait).After(deadline) {
			time.Sleep(time.Until(deadline))
			return n, os.ErrDeadlineExceeded
		}
		time.Sleep(wait)
		if _, err := c.Conn.Write(some); err != nil {
			return n, err
		}
		n += len(some)
	}
	return n, nil
}

func (c *thin) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b[:min(len(b), 1024)])
	time.Sleep(time.Duration(n) * time.Second / time.Duration(c.speed))
	return n, err
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// D8, D10: where files share the connection of calls, a thin line carries them too, no connection is given up for it, and whoever
// calls meanwhile waits for a few small parts and no more.
func TestThinLine(t *testing.T) {
	for _, tc := range []struct {
		name string
		move func(r *rig, data []byte) error
	}{
		{"upload", func(r *rig, data []byte) error {
			_, err := r.Upload(r.ctx, "a.bin", bytes.NewReader(data), int64(len(data)))
			return err
		}},
		{"download", func(r *rig, data []byte) error {
			f := r.s.AddFile(2, "a.bin", data)
			_, err := r.Copy(r.ctx, files.Source{Location: r.alice.Location(f), Size: int64(len(data))}, new(bytes.Buffer))
			return err
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const speed = 10 << 10
				r := startWith(t, func(o *mtproto.Options) {
					dial := o.Dial
					o.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
						c, err := dial(ctx, network, addr)
						if err != nil {
							return nil, err
						}
						return &thin{Conn: c, speed: speed}, nil
					}
				}, inMemory, func(c *mttest.Config) { c.Media = false })
				data := content(11 << 20) // a big file
				ended := make(chan error, 1)
				began := time.Now()
				go func() { ended <- tc.move(r, data) }()
				worst := time.Duration(0)
				for len(ended) == 0 {
					time.Sleep(5 * time.Second)
					called := time.Now()
					if _, err := r.c.Invoke(r.ctx, r.encode(M{"_": "help.getNearestDc"})); err != nil {
						t.Fatal(err)
					}
					worst = max(worst, time.Since(called))
				}
				if err := <-ended; err != nil {
					t.Error(err)
				}
				if took, line := time.Since(began), time.Duration(len(data)/speed)*time.Second; took > line+line/4 {
					t.Errorf("took %v, of which the line needs %v", took, line)
				}
				if most := time.Duration(3*(128<<10)/speed+3) * time.Second; worst > most {
					t.Errorf("a call waited %v", worst)
				}
				for _, e := range seen[mtproto.Disconnected](r) {
					t.Errorf("given up: %v", e.Err)
				}
			})
		})
	}
}
