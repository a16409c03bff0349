package metrics

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Server answers /metrics, /healthz (no loop is stuck) and /readyz (all is well); 503 says why not.
type Server struct {
	srv  http.Server
	addr net.Addr
	done chan struct{}
}

// Times that keep a slow or hostile peer from holding a connection.
const (
	headTime  = 5 * time.Second
	writeTime = 30 * time.Second
	idleTime  = 2 * time.Minute
	closeTime = time.Second
)

// Serve listens at addr until Close. ready and alive are nil when all is well.
func Serve(addr string, m *Metrics, ready, alive func() error) (*Server, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("NATSGRAM_HTTP=%s: %w", addr, err)
	}
	s := &Server{addr: l.Addr(), done: make(chan struct{})}
	s.srv = http.Server{Handler: handler(m, ready, alive), ReadHeaderTimeout: headTime, ReadTimeout: headTime, WriteTimeout: writeTime, IdleTimeout: idleTime}
	go func() {
		defer close(s.done)
		_ = s.srv.Serve(l) // ends with Close
	}()
	return s, nil
}

func handler(m *Metrics, ready, alive func() error) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	for path, is := range map[string]*question{"/healthz": {ask: alive}, "/readyz": {ask: ready}} {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { say(w, is.answer(answerTime)) })
	}
	return mux
}

// question is asked of a daemon that may be stuck, and then answers nothing.
type question struct {
	ask  func() error
	mu   sync.Mutex
	open chan error // the answer that is still awaited
}

// answerTime is how long an answer may take.
const answerTime = 3 * time.Second

var errStuck = errors.New("the daemon does not answer: something in it is stuck")

// answer asks, or waits with those who have.
func (q *question) answer(within time.Duration) error {
	q.mu.Lock()
	open := q.open
	if open == nil {
		open = make(chan error, 1)
		q.open = open
		go func() {
			err := q.ask()
			q.mu.Lock()
			q.open = nil
			q.mu.Unlock()
			open <- err
		}()
	}
	q.mu.Unlock()
	t := time.NewTimer(within)
	defer t.Stop()
	select {
	case err := <-open:
		open <- err // for the others
		return err
	case <-t.C:
		return errStuck
	}
}

func say(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, err)
		return
	}
	fmt.Fprintln(w, "ok")
}

// Addr is where it listens.
func (s *Server) Addr() string { return s.addr.String() }

// Close stops answering.
func (s *Server) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	if err := s.srv.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
		_ = s.srv.Close()
	}
	<-s.done
}
