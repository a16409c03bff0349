package reach

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"

	"github.com/coder/websocket"

	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/mtproto/transport"
)

// hosts are the names of Telegram's data centres as WebSockets, from 1 on (A29).
var hosts = [...]string{"pluto", "venus", "aurora", "vesta", "flora"}

// socketURL is where the WebSocket of a data centre is (A29).
func (e end) socketURL(env dc.Environment, to dc.Option) (string, error) {
	if to.CDN || e.url == "" && to.ID > len(hosts) {
		return "", fmt.Errorf("data centre %d has no WebSocket", to.ID)
	}
	name := strconv.Itoa(to.ID)
	if to.ID <= len(hosts) {
		name = hosts[to.ID-1]
	}
	if to.MediaOnly {
		name += "-1"
	}
	switch {
	case e.url != "":
		return fillIn(e.url, to.ID, name), nil
	case env.Test:
		return "wss://" + name + ".web.telegram.org/apiws_test", nil
	}
	return "wss://" + name + ".web.telegram.org/apiws", nil
}

func fillIn(template string, id int, name string) string {
	return strings.NewReplacer("{dc}", strconv.Itoa(id), "{name}", name).Replace(template)
}

// socket connects by WebSocket: sub-protocol binary, binary messages whose borders mean nothing, obfuscation compulsory
// (A29).
func (t *trip) socket(ctx context.Context, to dc.Option) (*Conn, error) {
	url, err := t.w.end.socketURL(t.env, to)
	if err != nil {
		return nil, err
	}
	// Proxy is left out: the environment's proxies are not among the ways that were asked for.
	web := &http.Transport{DialContext: t.tcp, TLSClientConfig: t.d.TLS, DisableKeepAlives: true}
	ws, answer, err := websocket.Dial(ctx, url, &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: web}, Subprotocols: []string{"binary"},
	})
	if answer != nil && answer.Body != nil {
		_ = answer.Body.Close()
	}
	if err != nil {
		return nil, err
	}
	if ws.Subprotocol() != "binary" {
		_ = ws.CloseNow()
		return nil, errors.New("the server does not know the sub-protocol binary")
	}
	conn := &socketConn{websocket.NetConn(context.Background(), ws, websocket.MessageBinary), ws}
	return &Conn{Conn: conn, To: to, Framing: t.framing(to, transport.Secret{}, true)}, nil
}

// socketConn closes as a socket does, at once: the farewell of WebSockets would wait for the other side.
type socketConn struct {
	net.Conn
	ws *websocket.Conn
}

func (c *socketConn) Close() error {
	err := c.ws.CloseNow()
	_ = c.Conn.Close() // it is, but has timers
	return err
}
