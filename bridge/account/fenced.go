package account

import (
	"context"
	"errors"
	"net"

	"github.com/natsgram/natsgram/mtproto"
)

// errUnsure closes a connection to Telegram over which a frozen process, or a machine that slept, might speak for an account that
// another daemon has taken meanwhile: Telegram kills a key that is used from two places (D8).
var errUnsure = errors.New("it is not sure that the account is still this daemon's")

// fenced makes connections that say nothing unless it is sure that the account is this daemon's, nor come about.
func fenced(dial mtproto.DialFunc, sure func() bool) mtproto.DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if !sure() {
			return nil, errUnsure
		}
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &fencedConn{conn, sure}, nil
	}
}

type fencedConn struct {
	net.Conn
	sure func() bool
}

// Write is all or nothing where it is not sure.
func (c *fencedConn) Write(b []byte) (int, error) {
	if !c.sure() {
		_ = c.Close() // what came over it is of no use either
		return 0, errUnsure
	}
	return c.Conn.Write(b)
}
