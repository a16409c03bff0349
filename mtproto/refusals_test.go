package mtproto_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/files"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/updates"
)

var allRefusals = flag.Bool("refusals.all", false, "try every row of the table everywhere; else one of each reaction")

// The ways in which Telegram can refuse: the rows of the table of reactions, of which each is told apart from the one before it
// by what is done about it, or is tried with -refusals.all alone.
var refusals = []struct {
	code int
	text string
	wait time.Duration // that Telegram asks for
	more bool          // the reaction is that of another row
}{
	{303, "USER_MIGRATE_4", 0, false},
	{303, "FILE_MIGRATE_4", 0, true},
	{400, "API_ID_INVALID", 0, false},
	{400, "CONNECTION_NOT_INITED", 0, false},
	{400, "MSG_WAIT_TIMEOUT", 0, false},
	{400, "MSG_WAIT_FAILED", 0, true},
	{401, "AUTH_KEY_UNREGISTERED", 0, false},
	{401, "SESSION_PASSWORD_NEEDED", 0, true},
	{401, "AUTH_KEY_PERM_EMPTY", 0, false},
	{401, "WHO_KNOWS", 0, false},
	{403, "CHAT_WRITE_FORBIDDEN", 0, true},
	{404, "METHOD_INVALID", 0, true},
	{406, "AUTH_KEY_DUPLICATED", 0, false},
	{406, "UPDATE_APP_TO_LOGIN", 0, true},
	{420, "FLOOD_WAIT_0", time.Second, false},
	{420, "FLOOD_WAIT_3", 3 * time.Second, false},
	{420, "FLOOD_WAIT_3600", time.Hour, false},
	{420, "FLOOD_PREMIUM_WAIT_3", 3 * time.Second, false},
	{420, "SLOWMODE_WAIT_3", 3 * time.Second, true},
	{420, "TAKEOUT_INIT_DELAY_3", 3 * time.Second, false},
	{420, "FROZEN_METHOD_INVALID", 0, false},
	{500, "RPC_CALL_FAIL", 0, false},
	{500, "WORKER_BUSY_TOO_LONG_RETRY", 0, true},
	{500, "HISTORY_GET_INTERNAL", 0, false},
	{500, "AUTH_RESTART", 0, true},
	{501, "NOT_IMPLEMENTED", 0, true},
	{-503, "Timeout", 0, false},
	{777, "WHO_KNOWS", 0, true},
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
			if !*allRefusals && (e.more || p.costly(e.code, e.text)) {
				continue
			}
			t.Run(fmt.Sprintf("%s/%d %s", p.name, e.code, e.text), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					minute, hour := p.measure(t, e.code, e.text)
					t.Logf("| %s | %d %s | %v | %v |", p.name, e.code, e.text, minute, hour)
					most := allowed(e.code, e.text, e.wait)
					if minute.requests > most.minute || hour.requests > most.hour {
						t.Errorf("asked %d times in a minute, %d in an hour: more than %d, %d", minute.requests, hour.requests, most.minute, most.hour)
					}
					if minute.dials > 14 || hour.dials > 140 {
						t.Errorf("connected %d times in a minute, %d in an hour", minute.dials, hour.dials)
					}
				})
			})
		}
	}
}

// costly reports whether each try makes a key, so that it is tried at one place, or as one of several.
func (p place) costly(code int, text string) bool {
	return text == "AUTH_KEY_PERM_EMPTY" && p.name != "initConnection" ||
		p.method == "auth.bindTempAuthKey" && code >= 400 && code <= 406 && text != "API_ID_INVALID"
}

// allowed is what TDLib's rule comes to in a minute and in an hour: a request at once and after each pause, or after each wait that
// was told. What is said to be done at once, TDLib does without any bound; here each such request may be made a few times.
func allowed(code int, text string, wait time.Duration) (most struct{ minute, hour int64 }) {
	most.minute, most.hour = 7, 7+60
	if wait > 0 {
		most.minute, most.hour = 2+int64(time.Minute/wait), 2+int64(time.Hour/wait)
	}
	times := map[string]int64{"CONNECTION_NOT_INITED": 3, "MSG_WAIT_TIMEOUT": 6, "AUTH_KEY_PERM_EMPTY": 2}[text]
	if code == 303 { // the other one says the same, and so on
		times = 3
	}
	most.minute, most.hour = most.minute*max(times, 1), most.hour*max(times, 1)
	return most
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
	{name: "initConnection after Reinit", method: "initConnection", signed: true, begin: func(r *rig) { r.Reinit() }},
	{name: "binding", method: "auth.bindTempAuthKey", early: true, signed: true},
	{name: "login", method: "auth.sendCode", begin: func(r *rig) { _, _ = r.Login().SendCode(r.ctx, phone) }},
	{name: "files", method: "upload.getFile", media: true, signed: true, begin: download},
	{name: "files without an address for them", method: "upload.getFile", signed: true, begin: download},
	{name: "elsewhere", method: "auth.exportAuthorization", signed: true, begin: func(r *rig) {
		for r.ctx.Err() == nil { // somebody who asks again and again
			_, _ = r.InvokeDC(r.ctx, 4, r.encode(M{"_": "users.getUsers", "id": []M{{"_": "inputUserSelf"}}}))
			select {
			case <-time.After(time.Minute):
			case <-r.ctx.Done():
			}
		}
	}},
	{name: "getDifference", method: "updates.getDifference", signed: true, begin: catchUp},
}

// download asks for a file of one part.
func download(r *rig) {
	f := r.s.AddFile(2, "a.bin", []byte("abcd"))
	_, _ = files.New(r.Client).Copy(r.ctx, files.Source{Location: r.s.Account(r.State().UserID).Location(f), Size: 4}, io.Discard)
}

// catchUp drives a machine of updates by the client, as a daemon does.
func catchUp(r *rig) { newDriver(r, updates.Look{Every: -1, State: -1, List: -1}).run() }
