package bridge

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec/codectest"
)

// hostile makes requests as somebody would who may read, and wants more.
type hostile struct {
	r       *rand.Rand
	d       *daemon
	gen     *codectest.Generator
	inbox   string
	targets []string
	dropped int // how many are to be
}

func newHostile(d *daemon, seed uint64) *hostile {
	h := &hostile{r: rand.New(rand.NewPCG(seed, 2)), d: d, gen: codectest.New(d.b.layer.Decl, seed), inbox: "_INBOX_.reader.x"}
	h.targets = []string{
		"$KV.TG_SESSIONS.main", "$KV.TG_SESSIONS.victim", "$KV.TG_ACCOUNTS.main", "$KV.TG_LEASES.victim", "$KV.TG_POSITIONS.main",
		"$JS.API.STREAM.PURGE.TG_UPDATES", "$JS.API.STREAM.DELETE.KV_TG_SESSIONS", "$JS.API.STREAM.PURGE.KV_TG_SESSIONS",
		"$JS.API.CONSUMER.CREATE.TG_UPDATES.x", "$JS.ACK.TG_UPDATES.x.1.1.1.1.0", "$O.TG_SCHEMA.C.x", "$SYS.REQ.SERVER.PING", "$SRV.PING",
		"tg.upd.main.updateNewMessage.user.666", "tg.live.main.updateUserTyping.user.666", "tg.own.main", "tg.own.victim", "tg.evt.main.victim",
		"tg.ctl.main.logout", "tg.ctl._.accounts.remove", "tg.rpc.main.messages.deleteHistory", "tg.ro.other.help.getConfig",
		d.s.Scheme().Inside(d.b.supervisor.Instance(), "relay"), "victim.inbox", "_INBOX." + strings.Repeat("a", 600), "_INBOX..a",
	}
	return h
}

// one of what there is to choose from.
func one[T any](r *rand.Rand, all ...T) T { return all[r.IntN(len(all))] }

// send sends them all.
func (h *hostile) send(nc *nats.Conn) {
	pause := time.NewTicker(hostilePause)
	defer pause.Stop()
	for i := range hostileRequests {
		m := h.next()
		if err := nc.PublishMsg(m); err != nil {
			h.d.t.Errorf("%.100s to %.100s: %v", m.Subject, m.Reply, err)
		}
		if i%hostileBurst == 0 {
			<-pause.C
		}
	}
	if err := nc.Flush(); err != nil {
		h.d.t.Error(err)
	}
}

func (h *hostile) next() *nats.Msg {
	m := &nats.Msg{Subject: h.subject(), Header: nats.Header{}}
	m.Data = h.body(m)
	h.headers(m.Header)
	switch h.r.IntN(3) {
	case 0:
		m.Reply = h.inbox
	case 1:
		if m.Reply = one(h.r, h.targets...); !strings.HasPrefix(m.Reply, "$JS.ACK.") { // these a NATS server itself refuses
			h.dropped++
		}
	default:
		if m.Reply = one(h.r, "", h.inbox+"."+strconv.Itoa(h.r.IntN(1000))); m.Reply == "" && len(m.Data) == 0 {
			h.dropped++ // nobody asks
		}
	}
	return m
}

func (h *hostile) subject() string {
	fns := h.d.b.layer.Decl.Functions
	name := fns[h.r.IntN(len(fns))].Name
	switch h.r.IntN(8) {
	case 0:
		return "tg.ro.main.help.getConfig" // slow
	case 1:
		return "tg.ro.main.users.getUsers"
	case 2:
		return "tg.ro.main." + name[:len(name)-1]
	case 3:
		return "tg.ro.main." + one(h.r, "x", "a.b.c.d", "messages."+strings.Repeat("y", 3000), "messages.%00", "auth.logOut", "$JS.API", strings.Repeat("z.", 500)+"z")
	}
	return "tg.ro.main." + name
}

// body is a call in one of the encodings, or nearly, or not at all.
func (h *hostile) body(m *nats.Msg) []byte {
	fns := h.d.b.layer.Decl.Functions
	noise := make([]byte, h.r.IntN(400))
	for i := range noise {
		noise[i] = byte(h.r.Uint32())
	}
	kind := one(h.r, "application/json", "application/msgpack", "application/x-tl")
	if strings.HasSuffix(m.Subject, ".help.getConfig") && h.r.IntN(2) == 0 {
		return []byte("{}") // it is slow, and takes a place for long
	}
	m.Header.Set("Content-Type", kind)
	switch h.r.IntN(12) {
	case 0:
		return noise
	case 1:
		return nil
	case 2:
		if h.r.IntN(20) == 0 {
			unit := one(h.r, "[", `{"a":`, "\x91", "x")
			return bytes.Repeat([]byte(unit), 900_000/len(unit))
		}
	}
	switch kind {
	case "application/json":
		return []byte(one(h.r, `{"id":[{"_":"inputUserSelf"}]}`, `{"id":["@nobody`+strconv.Itoa(h.r.IntN(50))+`"]}`, `{"query":{"_":"auth.logOut"}}`, `{"hash":0}`, `{}`, string(noise),
			`{"query":{"_":"invokeWithoutUpdates","query":{"_":"account.deleteAccount","reason":""}}}`, `{"peer":"me","limit":1}`))
	case "application/msgpack":
		return append([]byte(one(h.r, "\x81\xa4hash\x00", "\x80", "\xdf\xff\xff\xff\xff", "\xc6\xff\xff\xff\xff", "\x81\xa2id\x91\x81\xa1_\xadinputUserSelf")), noise[:h.r.IntN(len(noise)+1)]...)
	}
	m.Header.Set("Tg-Layer", strconv.Itoa(h.d.b.layer.Schema.Layer()))
	fn := fns[h.r.IntN(len(fns))]
	if i := slices.IndexFunc(fns, func(f *tl.Combinator) bool { return strings.HasSuffix(m.Subject, ".main."+f.Name) }); i >= 0 && h.r.IntN(4) > 0 {
		fn = fns[i]
	}
	if !h.gen.Possible(fn) {
		return noise
	}
	call := h.gen.Boxed(nil, fn, 3)
	return call[:len(call)-h.r.IntN(2)*h.r.IntN(len(call))]
}

func (h *hostile) headers(in nats.Header) {
	for range h.r.IntN(4) {
		long := strings.Repeat("h", h.r.IntN(2000))
		switch h.r.IntN(12) {
		case 0:
			in["Nats-Msg-Id"] = []string{one(h.r, long, "a\x01b", "id", "\xff", "../../x")}
		case 1:
			in["Accept"] = []string{one(h.r, "application/x-tl", "application/msgpack", "*/*", long)}
		case 2, 3:
			in["Tg-Timeout"] = []string{one(h.r, "24h", "999999h", "-1", "1ms", long)}
		case 4:
			in["Tg-Retry"] = []string{one(h.r, "1", long)}
		case 5:
			in["Nats-Request-Info"] = []string{`{"acc":"A` + strconv.Itoa(h.r.IntN(1000)) + `","user":"root"}`}
		case 6:
			in["Nats-Rollup"] = []string{"all"}
		case 7:
			in["Natsgram-Subject"] = []string{"tg.ctl.main.login.start"}
		case 8:
			in["Nats-Expected-Stream"], in["Nats-Service-Error-Code"] = []string{"TG_UPDATES"}, []string{"500"}
		case 9:
			if h.r.IntN(40) == 0 {
				for i := range 5000 {
					in["X-"+strconv.Itoa(i)] = []string{"y"}
				}
			}
		case 10:
			in["Nats-Msg-Id"] = []string{"one", "two"}
		default:
			in["X-Own"] = []string{long}
		}
	}
}
