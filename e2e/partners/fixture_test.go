package partners

import (
	"net"
	"strconv"
	"testing"

	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/proxy"
	"github.com/natsgram/natsgram/mtproto/transport"
)

const (
	proxyKey    = "00112233445566778899aabbccddeeff"
	proxyDomain = "7777772e6578616d706c652e6f7267" // www.example.org
)

// fixture is the box with people in it, and a proxy before it: TDLib can be told no address but a proxy's.
type fixture struct {
	*mttest.Server
	alice, bob, carol *mttest.Account
	garden            *mttest.Group
	news              *mttest.Channel
	proxy             *proxy.Server
	secret            string
}

func newFixture(t *testing.T, secret string, opts ...mttest.Option) *fixture {
	t.Helper()
	s := mttest.NewServer(t, append([]mttest.Option{func(c *mttest.Config) { c.Centres = []int{2, 1, 3, 4, 5} }}, opts...)...)
	w := &fixture{
		Server: s, secret: secret,
		alice: s.AddUser(mttest.User{First: "Alice", Username: "alice", Phone: "+99966 2 0001"}),
		bob:   s.AddUser(mttest.User{First: "Bob", Username: "bobby", Phone: "+99966 2 0002"}),
		carol: s.AddUser(mttest.User{First: "Carol", Username: "carol", Phone: "+99966 2 0003"}),
	}
	w.garden = s.AddGroup("Garden", w.alice, w.bob, w.carol)
	w.news = s.AddChannel(mttest.ChannelConfig{Title: "Town News", Username: "townnews", Creator: w.carol, Members: []*mttest.Account{w.alice, w.bob}})
	raw, err := transport.ParseSecret(secret)
	must(t, err)
	split, err := transport.SplitSecret(raw)
	must(t, err)
	end := &proxy.MTProxy{Secret: split, Centre: proxy.Centres(s.Env(), s.Dial)}
	w.proxy, err = proxy.Listen(end.Serve)
	must(t, err)
	t.Cleanup(w.proxy.Close)
	return w
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tdlib starts an instance that goes through the fixture's proxy.
func (w *fixture) tdlib(t *testing.T, dir string) *tdClient {
	t.Helper()
	c := needTDLib(t).client(t)
	t.Cleanup(c.close)
	host, port, err := net.SplitHostPort(w.proxy.Addr())
	must(t, err)
	n, err := strconv.Atoi(port)
	must(t, err)
	c.call(object{"@type": "setTdlibParameters", "database_directory": dir, "files_directory": dir, "use_file_database": true, "use_chat_info_database": true,
		"use_message_database": true, "api_id": 1, "api_hash": "box", "system_language_code": "en", "device_model": "e2e", "application_version": "1"})
	c.call(object{"@type": "addProxy", "proxy": object{"@type": "proxy", "server": host, "port": n, "type": object{"@type": "proxyTypeMtproto", "secret": w.secret}}, "enable": true})
	return c
}

func (w *fixture) signIn(t *testing.T, c *tdClient, who *mttest.Account) {
	t.Helper()
	c.reaches("authorizationStateWaitPhoneNumber")
	c.call(object{"@type": "setAuthenticationPhoneNumber", "phone_number": who.Phone()})
	c.reaches("authorizationStateWaitCode")
	c.call(object{"@type": "checkAuthenticationCode", "code": w.Code(who.Phone())})
	c.reaches("authorizationStateReady")
}
