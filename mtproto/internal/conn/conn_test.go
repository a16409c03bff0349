package conn

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/session"
	"github.com/natsgram/natsgram/mtproto/transport"
	"github.com/natsgram/natsgram/tl/codec"
)

// owner writes down what it is told.
type owner struct {
	mu    sync.Mutex
	told  []string
	flush bool
	next  func(now time.Time) (time.Duration, error)
}

func (o *owner) note(what string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.told = append(o.told, what)
}

func (o *owner) heard(what string) (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.told {
		if s == what {
			n++
		}
	}
	return n
}

func (o *owner) Attached(time.Time) { o.note("attached") }
func (o *owner) Ended(_ time.Time, e session.Event) {
	if _, ok := e.(session.Result); ok {
		o.note("result")
	} else {
		o.note("failed")
	}
}
func (o *owner) Next(now time.Time) (time.Duration, error) {
	if o.next != nil {
		return o.next(now)
	}
	return time.Hour, nil
}
func (o *owner) Due() bool             { return false }
func (o *owner) Proved(time.Time) bool { o.note("proved"); return true }
func (o *owner) Resumed()              { o.note("resumed") }
func (o *owner) Event(_ time.Time, e session.Event) {
	if _, ok := e.(session.NewSession); ok {
		o.note("new session")
	}
}
func (o *owner) ClockLeaped(_ time.Time, by time.Duration) { o.note("leap " + by.String()) }
func (o *owner) Closing(bool, error) bool                  { o.note("closing"); return o.flush }
func (o *owner) Detached()                                 { o.note("detached") }

// bench is a Conn before a server.
type bench struct {
	*Conn
	o    *owner
	w    *Wire
	leap atomic.Int64
	done chan error
	cut  context.CancelFunc

	proved bool // after done
}

// serve begins to serve a session under a key that the server has, or has not.
func serve(t *testing.T, o *owner, known bool) *bench {
	t.Helper()
	s := mttest.NewServer(t, func(c *mttest.Config) { c.InMemory = true })
	key, salt, id := s.Authorize(s.AddUser(mttest.User{First: "Alice"}))
	if !known {
		key, _ = crypto.NewKey(bytes.Repeat([]byte{7}, crypto.KeySize))
	}
	var address string
	for _, o := range s.Env().Options {
		if o.ID == id && !o.MediaOnly {
			address = o.Addr
		}
	}
	nc, err := s.Dial(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWire(nc, transport.ClientOptions{Rand: rand.Reader}, Patience{Write: time.Second, Receive: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	sess, err := session.New(session.Config{Key: &key, Salt: salt, Rand: rand.Reader})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{o: o, w: w, done: make(chan error, 1)}
	b.Conn = New(Options{Owner: o, Wall: func() time.Time { return time.Now().Round(0).Add(time.Duration(b.leap.Load())) }})
	b.Lock()
	b.SetSession(sess)
	query, err := s.Schema().Encode(nil, codec.M{"_": "help.getNearestDc"})
	if err != nil {
		t.Fatal(err)
	}
	sess.Call(time.Now(), query, session.CallOptions{})
	b.Unlock()
	ctx, cut := context.WithCancel(t.Context())
	b.cut = cut
	go func() {
		var err error
		b.proved, err = b.Serve(ctx, w)
		b.done <- err
	}()
	return b
}

// A call is sent, and its end comes before the Owner hears that the connection goes on; then the context ends it.
func TestServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &owner{flush: true}
		b := serve(t, o, true)
		synctest.Wait()
		deferred := false
		b.Lock()
		b.Defer(func() { deferred = true })
		b.Unlock()
		b.cut()
		if err := <-b.done; !errors.Is(err, context.Canceled) || !b.proved || !deferred {
			t.Errorf("ended by %v, proved %v, deferred %v", err, b.proved, deferred)
		}
		// The server may send the result by itself, behind the new session, or both in one message.
		apart := []string{"attached", "proved", "new session", "resumed", "result", "closing", "detached"}
		together := []string{"attached", "result", "proved", "new session", "resumed", "closing", "detached"}
		if !slices.Equal(o.told, apart) && !slices.Equal(o.told, together) {
			t.Errorf("told %v, want %v or %v", o.told, together, apart)
		}
	})
}

// A10: a key that the server does not know is answered by -404, which proves nothing.
func TestUnknownKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &owner{}
		b := serve(t, o, false)
		var code *TransportError
		if err := <-b.done; !errors.As(err, &code) || code.Code != transport.CodeUnknownKey || !code.Keyed || b.proved {
			t.Errorf("ended by %v, proved %v", err, b.proved)
		}
		if o.heard("proved") != 0 || o.heard("detached") != 1 {
			t.Errorf("told %v", o.told)
		}
	})
}

// What the Owner returns or drops the connection for is why it ends; a Drop that was meant for a former connection ends none.
func TestDrop(t *testing.T) {
	own := errors.New("enough")
	synctest.Test(t, func(t *testing.T) {
		b := serve(t, &owner{}, true)
		synctest.Wait()
		b.Drop(own)
		if err := <-b.done; !errors.Is(err, own) {
			t.Errorf("dropped: %v", err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		end := time.Now().Add(time.Minute)
		b := serve(t, &owner{next: func(now time.Time) (time.Duration, error) {
			if now.Before(end) {
				return end.Sub(now), nil
			}
			return 0, own
		}}, true)
		if err := <-b.done; !errors.Is(err, own) || time.Now().Before(end) {
			t.Errorf("due: %v at %v", err, time.Now())
		}
	})
}

// The wall clock that leaps ahead may mean that the machine slept; one that is set back does not.
func TestClockLeaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &owner{}
		b := serve(t, o, true)
		synctest.Wait()
		b.leap.Store(int64(-time.Hour))
		time.Sleep(2 * sleepMost)
		if o.heard("leap -1h0m0s") != 1 || o.heard("detached") != 0 {
			t.Errorf("set back: %v", o.told)
		}
		b.leap.Store(int64(time.Hour))
		if err := <-b.done; !errors.Is(err, ErrSlept) || o.heard("leap 2h0m0s") != 1 {
			t.Errorf("leaped ahead: %v, %v", err, o.told)
		}
	})
}

// C17: nothing happens to updates while there is no session.
func TestWithoutSession(t *testing.T) {
	c := New(Options{Owner: &owner{}})
	c.Release(1)
	c.Decline(1)
	if c.Session() != nil || c.RTT() != 0 {
		t.Error("a session from nowhere")
	}
}
