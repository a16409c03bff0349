package proxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/coder/websocket"
)

// WebSocket serves the WebSockets of data centres (A29): one at /{id}/apiws each, by its number. As those of Telegram do,
// it wants the sub-protocol binary and obfuscation. It is a [Handler] by way of an HTTP server for the one connection.
type WebSocket struct {
	// Centre connects to a data centre by its number.
	Centre func(ctx context.Context, id int) (net.Conn, error)
}

// Serve is the [Handler].
func (s WebSocket) Serve(ctx context.Context, conn net.Conn) error {
	one := &oneConn{conn: conn, done: make(chan struct{})}
	err, upgraded := errors.New("proxy: no WebSocket was asked for"), false
	server := &http.Server{ //nolint:gosec // it serves one connection of a test
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    log.New(io.Discard, "", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Connection", "close") // unless it becomes a WebSocket
			if err = s.upgrade(w, r); upgraded {
				one.finish()
			}
		}),
		ConnState: func(_ net.Conn, st http.ConnState) {
			switch st {
			case http.StateHijacked:
				upgraded = true
			case http.StateClosed: // behind the answer that it is none
				one.finish()
			}
		},
	}
	_ = server.Serve(one)
	<-one.done
	_ = server.Close()
	return err
}

func (s WebSocket) upgrade(w http.ResponseWriter, r *http.Request) error {
	id, err := strconv.Atoi(strings.Trim(strings.TrimSuffix(r.URL.Path, "/apiws"), "/"))
	if err != nil {
		http.NotFound(w, r)
		return errors.New("proxy: no data centre in the path " + strconv.Quote(r.URL.Path))
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"binary"}})
	if err != nil {
		return err
	}
	defer func() { _ = ws.CloseNow() }()
	if ws.Subprotocol() != "binary" {
		return errors.New("proxy: the sub-protocol binary was not asked for")
	}
	conn := websocket.NetConn(r.Context(), ws, websocket.MessageBinary)
	first := make([]byte, 4)
	if _, err := io.ReadFull(conn, first); err != nil {
		return errEarly
	}
	if plain(first) {
		return errors.New("proxy: a WebSocket without obfuscation")
	}
	up, err := s.Centre(r.Context(), id)
	if err != nil {
		return err
	}
	if _, err := up.Write(first); err != nil {
		return err
	}
	join(r.Context(), conn, up)
	return nil
}

// plain reports whether a connection begins with the name of a framing, which obfuscation would hide (A15).
func plain(first []byte) bool {
	return first[0] == 0xef || bytes.Equal(first, []byte{0xee, 0xee, 0xee, 0xee}) || bytes.Equal(first, []byte{0xdd, 0xdd, 0xdd, 0xdd})
}

// oneConn is a listener that one connection comes to.
type oneConn struct {
	conn net.Conn
	once sync.Once
	done chan struct{}

	mu    sync.Mutex
	taken bool
}

func (l *oneConn) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.taken {
		return nil, net.ErrClosed
	}
	l.taken = true
	return l.conn, nil
}

func (l *oneConn) finish()        { l.once.Do(func() { close(l.done) }) }
func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return l.conn.LocalAddr() }
