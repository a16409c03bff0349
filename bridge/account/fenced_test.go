package account

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"testing"
)

// D8: who may have lost the account says nothing more to Telegram, not over a connection that is there and not over a new one.
func TestFenced(t *testing.T) {
	here, there := net.Pipe()
	defer there.Close()
	said := make(chan string, 8)
	go func() {
		b := make([]byte, 64)
		for {
			n, err := there.Read(b)
			if err != nil {
				said <- "end"
				return
			}
			said <- string(b[:n])
		}
	}()
	var sure atomic.Bool
	dial := fenced(func(context.Context, string, string) (net.Conn, error) { return here, nil }, sure.Load)
	if _, err := dial(t.Context(), "tcp", "dc:443"); !errors.Is(err, errUnsure) {
		t.Errorf("connected: %v", err)
	}
	sure.Store(true)
	conn, err := dial(t.Context(), "tcp", "dc:443")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("mine")); err != nil {
		t.Error(err)
	}
	sure.Store(false)
	if n, err := conn.Write([]byte("perhaps not mine")); n != 0 || !errors.Is(err, errUnsure) {
		t.Errorf("%d bytes, %v", n, err)
	}
	if first, then := <-said, <-said; first != "mine" || then != "end" {
		t.Errorf("said %q, then %q", first, then)
	}
}
