package proxy

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
)

// Hop is a proxy that carries any connection.
type Hop struct {
	// User and Password are asked for where they are set.
	User, Password string

	// Dial connects to where a client wants to go. Nil: a [net.Dialer].
	Dial DialFunc
}

func (h Hop) dial(ctx context.Context, addr string) (net.Conn, error) {
	if h.Dial == nil {
		return new(net.Dialer).DialContext(ctx, "tcp", addr)
	}
	return h.Dial(ctx, "tcp", addr)
}

var (
	errPassword = errors.New("proxy: wrong user or password")
	errBadSOCKS = errors.New("proxy: the client does not speak SOCKS5 as RFC 1928 says")
)

// SOCKS5 serves as a SOCKS5 proxy (RFC 1928, RFC 1929), CONNECT alone.
func (h Hop) SOCKS5(ctx context.Context, conn net.Conn) error {
	if err := h.authenticate(conn); err != nil {
		return err
	}
	addr, err := socksTarget(conn)
	if err != nil {
		return err
	}
	up, err := h.dial(ctx, addr)
	code := byte(0)
	if err != nil {
		code = 5 // connection refused
	}
	if _, werr := conn.Write([]byte{5, code, 0, 1, 0, 0, 0, 0, 0, 0}); werr != nil || err != nil {
		return errors.Join(err, werr)
	}
	join(ctx, conn, up)
	return nil
}

// authenticate agrees on a method, and asks for the password if there is one.
func (h Hop) authenticate(conn net.Conn) error {
	methods, err := counted(conn, 5)
	if err != nil {
		return err
	}
	want := byte(0)
	if h.User != "" {
		want = 2
	}
	for _, m := range methods {
		if m != want {
			continue
		}
		if _, err := conn.Write([]byte{5, want}); err != nil || want == 0 {
			return err
		}
		return h.password(conn)
	}
	_, _ = conn.Write([]byte{5, 0xff})
	return errPassword
}

func (h Hop) password(conn net.Conn) error {
	user, err := counted(conn, 1)
	if err != nil {
		return err
	}
	password, err := counted(conn, -1)
	if err != nil {
		return err
	}
	if string(user) != h.User || string(password) != h.Password {
		_, _ = conn.Write([]byte{1, 1})
		return errPassword
	}
	_, err = conn.Write([]byte{1, 0})
	return err
}

// counted reads bytes with their number before them, and before that a version unless that is negative.
func counted(r io.Reader, version int) ([]byte, error) {
	var head [2]byte
	n := head[1:]
	if version >= 0 {
		n = head[:]
	}
	if _, err := io.ReadFull(r, n); err != nil || version >= 0 && int(head[0]) != version {
		return nil, errBadSOCKS
	}
	b := make([]byte, head[1])
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, errBadSOCKS
	}
	return b, nil
}

// socksTarget reads where to connect to.
func socksTarget(r io.Reader) (string, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil || head[0] != 5 || head[1] != 1 {
		return "", errBadSOCKS
	}
	host := make([]byte, map[byte]int{1: 4, 4: 16}[head[3]])
	_, err := io.ReadFull(r, host)
	text := net.IP(host).String()
	if head[3] == 3 {
		host, err = counted(r, -1)
		text = string(host)
	}
	var port [2]byte
	if _, perr := io.ReadFull(r, port[:]); err != nil || perr != nil || len(host) == 0 {
		return "", errBadSOCKS
	}
	return net.JoinHostPort(text, strconv.Itoa(int(binary.BigEndian.Uint16(port[:])))), nil
}

// CONNECT serves as an HTTP proxy, CONNECT alone.
func (h Hop) CONNECT(ctx context.Context, conn net.Conn) error {
	r := bufio.NewReader(conn)
	request, err := http.ReadRequest(r)
	if err != nil {
		return fmt.Errorf("proxy: request: %w", err)
	}
	code := h.judge(request)
	var up net.Conn
	if code == http.StatusOK {
		if up, err = h.dial(ctx, request.Host); err != nil {
			code = http.StatusBadGateway
		}
	}
	answer := fmt.Sprintf("HTTP/1.1 %d %s\r\nProxy-Agent: box\r\n\r\n", code, http.StatusText(code))
	if _, err := io.WriteString(conn, answer); err != nil || up == nil {
		return errors.Join(err, fmt.Errorf("proxy: answered %d", code))
	}
	join(ctx, &early{conn, r}, up)
	return nil
}

func (h Hop) judge(r *http.Request) int {
	want := "Basic " + base64.StdEncoding.EncodeToString([]byte(h.User+":"+h.Password))
	switch {
	case r.Method != http.MethodConnect:
		return http.StatusMethodNotAllowed
	case h.User != "" && r.Header.Get("Proxy-Authorization") != want:
		return http.StatusProxyAuthRequired
	}
	return http.StatusOK
}

// early is a connection of which the reader may have read too much already.
type early struct {
	net.Conn
	r *bufio.Reader
}

func (c *early) Read(p []byte) (int, error) { return c.r.Read(p) }
