package mtproto

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/natsgram/natsgram/tl/codec"
)

// Pause is a wait that Telegram has asked for, of calls of a method. Programs that end and go on keep them: a new client that
// does not know of a flood wait runs into it again, and it is made longer.
type Pause struct {
	Method string
	Peer   string // whom the calls are about: user.5, chat.5, channel.5; user.0 is the account itself. Empty: nobody in particular
	Kind   string // FLOOD_WAIT, SLOWMODE_WAIT ...
	Until  time.Time
}

// pause is how long calls have to wait, and as what Telegram said so.
type pause struct {
	until time.Time
	kind  string // FLOOD_WAIT, SLOWMODE_WAIT ...
}

// longer returns the later of two pauses.
func (p pause) longer(q pause) pause {
	if q.until.After(p.until) {
		return q
	}
	return p
}

func (p pause) over(now time.Time) bool { return !p.until.After(now) }

// refusal returns the error of a call that is not made because of a pause.
func (p pause) refusal(m method, id int) *Error {
	seconds := int((time.Until(p.until) + time.Second - 1) / time.Second)
	return &Error{Code: codeFlood, Type: fmt.Sprintf("%s_%d", p.kind, seconds), Arg: seconds, Method: m.name, DC: id, Sent: SentNo}
}

// peer is whom a call is about, as far as waiting goes: u, g or c and an id. The zero peer is nobody in particular.
type peer struct {
	kind byte
	id   int64
}

// maxPauses is how many peers of one method wait at most; of more none is remembered, and Telegram says it again.
const maxPauses = 4096

// pauses are those of one method: of all its calls, and of those about a peer.
type pauses struct {
	all   pause
	peers map[peer]pause
}

// floods remembers who has to wait (D17), so that a second call does not run into the flood wait of the first. Telegram does
// not say whether a FLOOD_WAIT is about the method or about the peer. So it holds for the peer of the call, and for the method
// as soon as a second peer is told the same. SLOWMODE_WAIT is always of one chat.
type floods struct {
	told func(Pause) // nil: nobody wants to know of pauses

	some    atomic.Bool
	mu      sync.Mutex
	methods map[uint32]*pauses
}

// set has calls of a method wait; those about one peer alone, if there is one.
func (f *floods) set(id uint32, about peer, now time.Time, p pause) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.methods == nil {
		f.methods = map[uint32]*pauses{}
	}
	m := f.methods[id]
	if m == nil {
		m = &pauses{}
		f.methods[id] = m
	}
	m.set(about, now, p)
	f.some.Store(true)
}

func (m *pauses) set(about peer, now time.Time, p pause) {
	maps.DeleteFunc(m.peers, func(_ peer, p pause) bool { return p.over(now) })
	chat := p.kind == kindSlow
	if !chat && (about == peer{} || m.another(about)) {
		m.all = m.all.longer(p)
		return
	}
	if m.peers == nil {
		m.peers = map[peer]pause{}
	}
	if len(m.peers) < maxPauses {
		m.peers[about] = m.peers[about].longer(p)
	}
}

// another reports whether a flood wait of some other peer is on.
func (m *pauses) another(than peer) bool {
	for about, p := range m.peers {
		if about != than && p.kind != kindSlow {
			return true
		}
	}
	return false
}

// left returns the wait of a call of this method; about is asked for only if it matters.
func (f *floods) left(id uint32, now time.Time, about func() peer) (wait pause, some bool) {
	if !f.some.Load() {
		return pause{}, false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	m := f.methods[id]
	if m == nil {
		return pause{}, false
	}
	wait = m.all
	if len(m.peers) > 0 {
		wait = wait.longer(m.peers[about()])
	}
	maps.DeleteFunc(m.peers, func(_ peer, p pause) bool { return p.over(now) })
	if m.all.over(now) && len(m.peers) == 0 {
		delete(f.methods, id)
		f.some.Store(len(f.methods) > 0)
	}
	return wait, !wait.over(now)
}

// peerParams are the parameters that name whom a call is about, the first that there is; of a forwarding, where it goes to.
var peerParams = []string{"to_peer", "peer", "channel", "user_id", "bot", "id"}

// peerOf reads whom a call is about.
func peerOf(s *codec.Schema, query []byte) peer {
	v, err := s.View(query)
	if err != nil {
		return peer{}
	}
	for _, name := range peerParams {
		if p, ok := v.Object(name); ok && strings.HasPrefix(p.Name(), "input") {
			return readPeer(p)
		}
	}
	if v.Has("chat_id") {
		return peer{'g', v.Int("chat_id")}
	}
	return peer{}
}

// readPeer reads an InputPeer, InputUser or InputChannel.
func readPeer(v codec.View) peer {
	for _, f := range []struct {
		kind byte
		name string
	}{{'u', "user_id"}, {'c', "channel_id"}, {'g', "chat_id"}} {
		if v.Has(f.name) {
			return peer{f.kind, v.Int(f.name)}
		}
	}
	if strings.HasSuffix(v.Name(), "Self") {
		return peer{kind: 'u'}
	}
	return peer{}
}

// outlasts reports whether ctx ends before d has passed.
func outlasts(ctx context.Context, d time.Duration) bool {
	end, ok := ctx.Deadline()
	return ok && time.Until(end) <= d
}

// floodJitter keeps callers that waited together from calling together.
func floodJitter() time.Duration { return time.Duration(rand.Int64N(int64(250 * time.Millisecond))) }
