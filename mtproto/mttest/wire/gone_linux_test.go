package wire

import (
	"net"
	"testing"
	"time"
)

// That the other end has closed is seen before anything is read, and not of one that is there.
func TestGone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	c := &Conn{nc: server}
	if _, err := client.Write([]byte("not read yet")); err != nil {
		t.Fatal(err)
	}
	if c.gone() {
		t.Error("gone, and it is there")
	}
	client.Close()
	for begun := time.Now(); !c.gone(); time.Sleep(time.Millisecond) {
		if time.Since(begun) > 10*time.Second {
			t.Fatal("closed, and not gone")
		}
	}
}
