package mtproto_test

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// The ways in which Telegram can refuse: the rows of the table of reactions.
var refusals = []struct {
	code int
	text string
	wait time.Duration // that Telegram asks for
}{
	{303, "USER_MIGRATE_4", 0},
	{303, "FILE_MIGRATE_4", 0},
	{400, "API_ID_INVALID", 0},
	{400, "CONNECTION_NOT_INITED", 0},
	{400, "MSG_WAIT_TIMEOUT", 0},
	{400, "MSG_WAIT_FAILED", 0},
	{401, "AUTH_KEY_UNREGISTERED", 0},
	{401, "SESSION_PASSWORD_NEEDED", 0},
	{401, "AUTH_KEY_PERM_EMPTY", 0},
	{401, "WHO_KNOWS", 0},
	{403, "CHAT_WRITE_FORBIDDEN", 0},
	{404, "METHOD_INVALID", 0},
	{406, "AUTH_KEY_DUPLICATED", 0},
	{406, "UPDATE_APP_TO_LOGIN", 0},
	{420, "FLOOD_WAIT_3", 3 * time.Second},
	{420, "FLOOD_WAIT_3600", time.Hour},
	{420, "FLOOD_PREMIUM_WAIT_3", 3 * time.Second},
	{420, "SLOWMODE_WAIT_3", 3 * time.Second},
	{420, "TAKEOUT_INIT_DELAY_3", 3 * time.Second},
	{420, "FROZEN_METHOD_INVALID", 0},
	{500, "RPC_CALL_FAIL", 0},
	{500, "WORKER_BUSY_TOO_LONG_RETRY", 0},
	{500, "HISTORY_GET_INTERNAL", 0},
	{500, "AUTH_RESTART", 0},
	{501, "NOT_IMPLEMENTED", 0},
	{-503, "Timeout", 0},
	{777, "WHO_KNOWS", 0},
}

// gauge counts what a client does to Telegram.
type gauge struct {
	through  func(context.Context, string, string) (net.Conn, error)
	dials    atomic.Int64
	requests atomic.Int64 // of those that are refused
	bytes    atomic.Int64
}

func (m *gauge) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	m.dials.Add(1)
	c, err := m.through(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &gauged{c, m}, nil
}

type gauged struct {
	net.Conn
	m *gauge
}

func (c *gauged) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.m.bytes.Add(int64(n))
	return n, err
}

func (c *gauged) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.m.bytes.Add(int64(n))
	return n, err
}

// reading is a gauge at one time.
type reading struct{ dials, requests, bytes int64 }

func (m *gauge) read() reading { return reading{m.dials.Load(), m.requests.Load(), m.bytes.Load()} }

func (r reading) since(o reading) reading {
	return reading{r.dials - o.dials, r.requests - o.requests, r.bytes - o.bytes}
}

func (r reading) String() string { return fmt.Sprintf("%d | %d | %d", r.dials, r.requests, r.bytes) }

// place is where Telegram refuses, and what is done there.
type place struct {
	name   string
	method string
	media  bool
	begin  func(r *rig) // after the refusals have begun
	early  bool         // they begin before the client does
	signed bool         // in
}

// D17, A12: whatever Telegram refuses and however long, it is not asked more often than by TDLib, which asks again after 1, 2,
// 4 ... 64 s or the wait that it is told (NetQueryDelayer.cpp), over connections of which it makes no more than five in five
// seconds (ConnectionCreator.cpp). With -v this prints the table of docs/mtproto.md.
func TestRefusals(t *testing.T) {
	for _, p := range places {
		for _, e := range refusals {
			t.Run(fmt.Sprintf("%s/%d %s", p.name, e.code, e.text), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					minute, hour := p.measure(t, e.code, e.text)
					t.Logf("| %s | %d %s | %v | %v |", p.name, e.code, e.text, minute, hour)
					mostMinute, mostHour := int64(7), int64(7+59*60/64+1)
					if e.wait > 0 {
						mostMinute, mostHour = 1+int64(time.Minute/e.wait), 1+int64(time.Hour/e.wait)
					}
					if e.code == 303 { // it refuses there too
						mostMinute, mostHour = 2*mostMinute, 2*mostHour
					}
					if minute.requests > mostMinute || hour.requests > mostHour {
						t.Errorf("asked %d times in a minute, %d in an hour: more than %d, %d", minute.requests, hour.requests, mostMinute, mostHour)
					}
					if minute.dials > 7 || hour.dials > 70 {
						t.Errorf("connected %d times in a minute, %d in an hour", minute.dials, hour.dials)
					}
				})
			})
		}
	}
}

func (p place) measure(t *testing.T, code int, text string) (minute, hour reading) {
	s := mttest.NewServer(t, inMemory, centres(2, 4), func(c *mttest.Config) { c.Media = p.media })
	m := &gauge{through: s.Dial}
	refuse := func() {
		s.InterceptMethod(p.method, func(*mttest.Request) mttest.Action {
			m.requests.Add(1)
			return mttest.Error(code, text)
		})
	}
	if p.early {
		refuse()
	}
	r := start(t, s, func(o *mtproto.Options) {
		if o.Dial = m.dial; p.signed {
			o.State = stateOf(s, s.AddUser(mttest.User{First: "Alice"}))
		}
	})
	if !p.early {
		r.ready()
		time.Sleep(time.Second)
		refuse()
	}
	before := m.read()
	if p.begin != nil {
		go p.begin(r)
	}
	time.Sleep(time.Minute)
	minute = m.read().since(before)
	time.Sleep(59 * time.Minute)
	return minute, m.read().since(before)
}

var places = []place{
	{name: "initConnection", method: "initConnection", early: true, signed: true},
	{name: "initConnection, nobody signed in", method: "initConnection", early: true},
	{name: "binding", method: "auth.bindTempAuthKey", early: true, signed: true},
	{name: "initConnection after Reinit", method: "initConnection", signed: true, begin: func(r *rig) { r.Reinit() }},
}
