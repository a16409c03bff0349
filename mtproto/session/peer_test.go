package session

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

var start = time.Unix(1_800_000_000, 123_456_789)

func testKey() *crypto.Key {
	k, err := crypto.NewKey(bytes.Repeat([]byte{7, 11, 13, 17}, 64))
	if err != nil {
		panic(err)
	}
	return &k
}

func testRand(seed uint64) *rand.ChaCha8 {
	var s [32]byte
	binary.LittleEndian.PutUint64(s[:], seed)
	return rand.NewChaCha8(s)
}

// quiet keeps pings and salts out of a test's way.
func quiet(c *Config) {
	c.Limits.PingAfter, c.Limits.DisconnectAfter, c.Limits.DeadAfter = 1000*time.Hour, 3000*time.Hour, 1000*time.Hour
	for i := range 3 {
		since := start.Add(time.Duration(i*100-50) * time.Hour)
		c.Salts = append(c.Salts, Salt{int64(100 + i), since.Unix(), since.Add(100 * time.Hour).Unix()})
	}
}

// sent is a message of the client.
type sent struct {
	id, container, session, salt int64
	seq                          int32
	body                         []byte
}

// peer is the other end of a session: it opens what the client sends and sends what it is told to.
type peer struct {
	t   testing.TB
	s   *Session
	now time.Time
	key *crypto.Key
	rnd *rand.ChaCha8

	skew      time.Duration // of the server's clock
	session   int64         // last seen
	lastID    int64
	content   int32
	old       int64            // the session before
	queries   map[string]int64 // "a'" -> id of the second sending of a
	inside    map[int64]int64  // container of each message
	witnesses int              // messages that the last msgs_state_req asks for besides calls
	names     map[int64]string // the reverse of queries, and of our messages
	times     map[string]int   // how often a query was sent
	calls     map[CallID]string
	ids       map[string]CallID
	last      map[string]int64 // id of the last message of a kind: ping, state ...
	seqs      []sent           // everything, in order
}

func newPeer(t testing.TB, change func(*Config)) *peer {
	t.Helper()
	p := &peer{t: t, now: start, key: testKey(), rnd: testRand(1), queries: map[string]int64{}, inside: map[int64]int64{},
		names: map[int64]string{}, times: map[string]int{}, calls: map[CallID]string{}, ids: map[string]CallID{}, last: map[string]int64{}}
	c := Config{Key: p.key, Salt: 100, Rand: testRand(2)}
	if change != nil {
		change(&c)
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	p.s = s
	return p
}

// opened is a peer whose client is connected and has nothing left to say.
func opened(t testing.TB, change func(*Config)) *peer {
	t.Helper()
	p := newPeer(t, func(c *Config) {
		quiet(c)
		if change != nil {
			change(c)
		}
	})
	p.run(`
		connect
		< ping
		> pong, session ping
		= pong, synced, session
		wait 10s
		< ack(1)
	`)
	return p
}

// run plays a script that reads like the wire, a line at a time:
//
//	call a [resendable] [after b]:
//	                      the client is given a query; cancel a, release u, decline u, close, flush, destroy, connect, cut likewise
//	wait 10s              time passes; Wake and Tick are followed
//	< a, [b ack(2)]       exactly these packets come from the client; brackets are a container; a' is the second sending of a
//	> result a, ack b     these messages come from the server, each in a packet, or all in a container: [ ... ]
//	>> result a           the same, in the session before
//	= result a            exactly these events
func (p *peer) run(script string) {
	p.t.Helper()
	for i, line := range strings.Split(script, "\n") {
		line, _, _ = strings.Cut(line, "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		verb, rest, _ := strings.Cut(line, " ")
		rest = strings.TrimSpace(rest)
		if got, want := p.step(verb, rest); got != want {
			p.t.Fatalf("line %d: %s\n got: %s\nwant: %s", i, line, got, want)
		}
	}
}

func (p *peer) step(verb, rest string) (got, want string) {
	switch verb {
	case "<":
		return p.receive(), rest
	case "=":
		return p.events(), rest
	case ">":
		return p.sendAll(rest), "<nil>"
	case ">>":
		return fmt.Sprint(p.deliverIn(p.old, p.message(rest))), "<nil>"
	case "call":
		p.call(rest)
	case "cancel":
		name, sent, _ := strings.Cut(rest, " ")
		return p.s.Cancel(p.now, p.ids[name]).String(), sent
	case "release":
		p.s.Release(p.queries[rest])
	case "decline":
		p.s.Decline(p.queries[rest])
	case "close":
		p.s.Close()
	case "flush":
		p.s.Flush()
	case "destroy":
		p.s.Destroy(p.session + 1)
	case "connect":
		p.s.Connected(p.now)
	case "cut":
		p.s.Disconnected(p.now)
	case "skew":
		d, _ := time.ParseDuration(rest)
		p.skew, p.lastID = p.skew+d, 0
	case "wait":
		p.wait(rest)
	case "tick":
		return fmt.Sprint(p.s.Tick(p.now)), rest
	default:
		p.t.Fatalf("unknown step %q", verb)
	}
	return "", ""
}

func (p *peer) wait(rest string) {
	d, err := time.ParseDuration(rest)
	if err != nil {
		p.t.Fatal(err)
	}
	end := p.now.Add(d)
	for at := p.s.Wake(); !at.IsZero() && !at.After(end); at = p.s.Wake() {
		if at.After(p.now) {
			p.now = at
		}
		if err := p.s.Tick(p.now); err != nil {
			p.t.Fatalf("Tick after %v: %v", p.now.Sub(start), err)
		}
		if at.Equal(p.s.Wake()) {
			break // it wants to send
		}
	}
	p.now = end
}

// query is a TL function of 16 bytes that carries a name.
func query(name string) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 0x11223344)
	b = append(b, name...)
	return append(b, make([]byte, 12-len(name))...)
}

func queryName(body []byte) string { return strings.TrimRight(string(body[4:16]), "\x00") }

func (p *peer) call(rest string) {
	name, opt, _ := strings.Cut(rest, " ")
	opt, before, _ := strings.Cut(strings.Replace(opt, "after ", " ", 1), " ")
	id := p.s.Call(p.now, query(name), CallOptions{Resendable: opt == "resendable", After: p.ids[strings.TrimSpace(before)]})
	p.calls[id], p.ids[name] = name, id
}

// receive opens all that the client sends and describes it.
func (p *peer) receive() string {
	var packets []string
	for {
		due := p.s.Due()
		packet, ok := p.s.Append(p.now, nil)
		if ok && !due {
			p.t.Fatal("a packet that was not due")
		}
		if !ok {
			return strings.Join(packets, ", ")
		}
		msgs, err := open(p.key, packet)
		if err != nil {
			p.t.Fatal(err)
		}
		var names []string
		for _, m := range msgs {
			names = append(names, p.note(m))
		}
		text := strings.Join(names, " ")
		if msgs[0].container != 0 {
			text = "[" + text + "]"
		}
		packets = append(packets, text)
	}
}

// open decrypts a client's packet and takes its container apart.
func open(k *crypto.Key, packet []byte) ([]sent, error) {
	plain, err := crypto.Open(nil, k, crypto.Client, packet)
	if err != nil {
		return nil, err
	}
	u64 := func(at int) int64 { return int64(binary.LittleEndian.Uint64(plain[at:])) }
	out := sent{id: u64(16), session: u64(8), salt: u64(0), seq: int32(binary.LittleEndian.Uint32(plain[24:])),
		body: plain[32:][:binary.LittleEndian.Uint32(plain[28:])]}
	if idOf(out.body) != mt.MsgContainerID {
		return []sent{out}, nil
	}
	var all []sent
	r := bin.NewReader(out.body)
	mt.ReadContainer(r, func(m mt.Message) error {
		if m.MsgID >= out.id || m.SeqNo > out.seq || out.seq&1 != 0 {
			return fmt.Errorf("container %x/%d with %x/%d", out.id, out.seq, m.MsgID, m.SeqNo) // C13, C18
		}
		all = append(all, sent{m.MsgID, out.id, out.session, out.salt, m.SeqNo, m.Body})
		return nil
	})
	return all, r.Close()
}

// note remembers a message of the client and gives it a name.
func (p *peer) note(m sent) string {
	if m.session != p.session {
		p.old, p.session, p.content = p.session, m.session, 0
	}
	p.seqs = append(p.seqs, m)
	p.inside[m.id] = m.container
	name := p.describe(m)
	p.names[m.id] = name
	kind, _, _ := strings.Cut(name, "(")
	p.last[kind] = m.id
	return name
}

func (p *peer) describe(m sent) string {
	r := bin.NewReader(m.body)
	ids := func(o mt.Object, ids *[]int64) string {
		o.Decode(r)
		var names []string
		for _, id := range *ids {
			names = append(names, p.names[id])
		}
		return "(" + strings.Join(names, " ") + ")"
	}
	switch idOf(m.body) {
	case mt.PingDelayDisconnectID:
		return "ping"
	case mt.GetFutureSaltsID:
		return "salts"
	case mt.MsgsAckID:
		var a mt.MsgsAck
		a.Decode(r)
		return fmt.Sprintf("ack(%d)", len(a.MsgIDs))
	case mt.MsgsStateReqID:
		var o mt.MsgsStateReq
		text := "state" + ids(&o, &o.MsgIDs)
		p.witnesses = 0 // at the end of the list, and not shown
		for _, id := range o.MsgIDs {
			if p.s.calls.byMsg[id] == nil {
				p.witnesses++
			}
		}
		names := strings.Fields(strings.TrimSuffix(text, ")"))
		return strings.Join(names[:len(names)-p.witnesses], " ") + ")"
	case mt.MsgResendReqID:
		var o mt.MsgResendReq
		return "resend" + ids(&o, &o.MsgIDs)
	case mt.MsgsStateInfoID:
		var o mt.MsgsStateInfo
		o.Decode(r)
		return fmt.Sprintf("info(%s %v)", p.names[o.ReqMsgID], o.Info)
	case mt.PongID:
		var o mt.Pong
		o.Decode(r)
		return fmt.Sprintf("pong(%s %d)", p.names[o.MsgID], o.PingID)
	case mt.RpcDropAnswerID:
		var o mt.RpcDropAnswer
		o.Decode(r)
		return "drop(" + p.names[o.ReqMsgID] + ")"
	case mt.DestroySessionID:
		var o mt.DestroySession
		o.Decode(r)
		if o.SessionID != p.old {
			return "destroy(?)"
		}
		return "destroy"
	case invokeAfterMsgID:
		r.Uint32()
		before := r.Int64()
		return p.named(m.id, queryName(r.Rest())) + "-after-" + p.names[before]
	case mt.GzipPackedID:
		g := mt.GzipPacked{}
		g.Decode(r)
		out, err := mt.Gunzip(nil, g.PackedData, 1<<20)
		if err != nil {
			p.t.Fatal(err)
		}
		return "gzip(" + p.named(m.id, queryName(out)) + ")"
	}
	return p.named(m.id, queryName(m.body))
}

func (p *peer) named(id int64, query string) string {
	if p.names[id] != "" {
		return p.names[id] + "!" // the same id again
	}
	name := query + strings.Repeat("'", p.times[query])
	p.times[query]++
	p.queries[name] = id
	return name
}

// sendAll has the server send messages, and returns the first error that a packet meets.
func (p *peer) sendAll(text string) string {
	inner, whole := strings.CutPrefix(text, "[")
	if !whole {
		for _, one := range strings.Split(text, ", ") {
			if err := p.deliver(p.message(one)); err != nil {
				return err.Error()
			}
		}
		return "<nil>"
	}
	var c mt.MsgContainer
	for _, one := range strings.Split(strings.TrimSuffix(inner, "]"), ", ") {
		c.Messages = append(c.Messages, p.message(one))
	}
	return fmt.Sprint(p.deliver(mt.Message{MsgID: p.nextID(1), SeqNo: 2 * p.content, Body: encode(&c)}))
}

func encode(o mt.Object) []byte {
	var w bin.Writer
	o.Encode(&w)
	if w.Err() != nil {
		panic(w.Err())
	}
	return w.Buf
}

func (p *peer) nextID(low int64) int64 {
	id := idAt(p.now.Add(p.skew).UnixNano()) | low
	if id <= p.lastID {
		id = p.lastID&^3 + 4 | low
	}
	p.lastID = id
	return id
}

// deliver sends a message in the session that the client last used.
func (p *peer) deliver(m mt.Message) error {
	return p.deliverIn(p.session, m)
}

func (p *peer) deliverIn(session int64, m mt.Message) error {
	_, err := p.s.Receive(p.now, seal(p.key, session, m, p.rnd))
	return err
}

func seal(k *crypto.Key, session int64, m mt.Message, rnd *rand.ChaCha8) []byte {
	var w bin.Writer
	w.Int64(0)
	w.Int64(session)
	w.Int64(m.MsgID)
	w.Int32(m.SeqNo)
	w.Int32(int32(len(m.Body)))
	w.Raw(m.Body)
	packet, _, err := crypto.Seal(nil, k, crypto.Server, w.Buf, rnd)
	if err != nil {
		panic(err)
	}
	return packet
}

// events drains the events and describes them.
func (p *peer) events() string {
	var all []string
	for e, ok := p.s.Event(); ok; e, ok = p.s.Event() {
		all = append(all, p.event(e))
	}
	return strings.Join(all, ", ")
}

func (p *peer) event(e Event) string {
	switch e := e.(type) {
	case Result:
		if e.Err != nil {
			return "error " + p.calls[e.Call] + " " + e.Err.ErrorMessage
		}
		if name := queryName(e.Body); name != p.calls[e.Call] {
			return "result " + p.calls[e.Call] + ", which is that of " + name
		}
		return "result " + p.calls[e.Call]
	case Failed:
		return "failed " + p.calls[e.Call] + " " + e.Sent.String()
	case Update:
		return "update " + queryName(e.Body)
	case NewSession:
		return "session"
	case SaltsChanged:
		return "salts"
	case TimeSynced:
		return "synced"
	case Reset:
		return fmt.Sprintf("reset %d", e.Code)
	case Pong:
		return "pong"
	case Warning:
		return "warning"
	}
	return fmt.Sprintf("%T", e)
}

// idle checks that nothing is left of all calls.
func (p *peer) idle() {
	p.t.Helper()
	c := &p.s.calls
	if len(c.byID)+len(c.byMsg) > 0 || c.queue.head != nil || c.flight.head != nil || c.former.head != nil {
		p.t.Errorf("left: %d calls, %d messages", len(c.byID), len(c.byMsg))
	}
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
