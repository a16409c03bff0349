package torture

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/world"
)

// traffic is what happens at Telegram: a friend who writes to all accounts.
type traffic struct {
	server   *mttest.Server
	friend   *mttest.Account
	names    []string
	accounts map[string]*mttest.Account
	group    *mttest.Group
	channels []*mttest.Channel
	lossy    bool // pushes are lost on purpose

	base map[string]baseline
	sent int

	mu       sync.Mutex
	number   int64
	pushes   map[string][]push // that no difference brings back
	sessions map[string]*sessions
}

type push struct {
	number int64
	at     time.Time
}

// baseline is where an account's boxes stood before the torture.
type baseline struct {
	state    world.State
	channels map[int64]int
}

// sessions are those in which an account's client has spoken.
type sessions struct {
	current   int64
	since     time.Time
	forgotten bool // by Telegram, and not begun anew
	before    map[int64]bool
	late      []string // queries of a session after another had begun
}

const clock = "15:04:05.000" // as in the logs

// observe follows the sessions: only one daemon may speak for an account at a time (D8).
func (t *traffic) observe(r *mttest.Request) mttest.Action {
	if r.Account == nil {
		return mttest.Pass()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for name, a := range t.accounts {
		if a.ID() != r.Account.ID() {
			continue
		}
		s := t.sessions[name]
		switch {
		case r.SessionID == s.current && s.forgotten:
			s.since, s.forgotten = time.Now(), false
		case r.SessionID == s.current:
		case s.before[r.SessionID]:
			s.late = append(s.late, fmt.Sprintf("%s %s of %s in session %x, after %x had begun at %s",
				time.Now().Format(clock), r.Method, time.Unix(r.MsgID>>32, 0).Format(time.TimeOnly), r.SessionID, s.current, s.since.Format(clock)))
		default:
			s.before[s.current] = true
			s.current, s.since, s.forgotten = r.SessionID, time.Now(), false
		}
	}
	return mttest.Pass()
}

// forgotten: all sessions of all accounts were destroyed, with what waited in them.
func (t *traffic) forgotten() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.sessions {
		s.forgotten = true // until it speaks again, there is nobody to push to
	}
}

// begin notes where everything stands.
func (t *traffic) begin() {
	t.base = map[string]baseline{}
	for name, a := range t.accounts {
		b := baseline{state: a.State(), channels: map[int64]int{}}
		for _, ch := range t.channels {
			b.channels[ch.ID()] = ch.Pts()
		}
		t.base[name] = b
	}
}

// written is one message of the friend's, for edits and deletions.
type written struct {
	in mttest.Peer
	id int
}

// run writes until ctx ends, one thing every pause, now and then many at once.
func (t *traffic) run(ctx context.Context, r *rand.Rand, pause time.Duration) {
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	var recent []written
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		n := 1
		if r.IntN(200) == 0 {
			n = 100 + r.IntN(200)
		}
		for range n {
			recent = t.one(r, recent)
		}
	}
}

// one does one thing.
func (t *traffic) one(r *rand.Rand, recent []written) []written {
	t.sent++
	switch p := r.IntN(100); {
	case p < 5 && len(recent) > 0:
		m := recent[r.IntN(len(recent))]
		t.friend.Edit(m.in, m.id, fmt.Sprintf("edited %d", t.next()))
	case p < 8 && len(recent) > 0:
		i := r.IntN(len(recent))
		t.friend.Delete(recent[i].in, recent[i].id)
		recent[i] = recent[len(recent)-1]
		return recent[:len(recent)-1]
	case p < 12:
		a := t.accounts[t.names[r.IntN(len(t.names))]]
		a.PushQts(mttest.M{"_": "updateBotStopped", "user_id": t.friend.ID(), "date": 1, "stopped": true})
	case p < 20:
		t.push(t.names[r.IntN(len(t.names))])
	default:
		to := t.peer(r)
		m := t.friend.Send(to, fmt.Sprintf("number %d", t.next()))
		if recent = append(recent, written{to, m.ID}); len(recent) > 50 {
			recent = recent[1:]
		}
	}
	return recent
}

// lastOfEach has something happen in every box.
func (t *traffic) lastOfEach() {
	peers := []mttest.Peer{t.group}
	for _, c := range t.channels {
		peers = append(peers, c)
	}
	for _, name := range t.names {
		a := t.accounts[name]
		peers = append(peers, a)
		a.PushQts(mttest.M{"_": "updateBotStopped", "user_id": t.friend.ID(), "date": 1, "stopped": true})
	}
	for _, to := range peers {
		t.sent++
		t.friend.Send(to, fmt.Sprintf("number %d", t.next()))
	}
}

func (t *traffic) next() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.number++
	return t.number
}

func (t *traffic) peer(r *rand.Rand) mttest.Peer {
	switch p := r.IntN(len(t.channels) + 2); p {
	case 0:
		return t.accounts[t.names[r.IntN(len(t.names))]]
	case 1:
		return t.group
	default:
		return t.channels[p-2]
	}
}

// push is an update that only the session's own care protects (E27).
func (t *traffic) push(name string) {
	n := t.next()
	t.mu.Lock()
	t.pushes[name] = append(t.pushes[name], push{n, time.Now()})
	t.mu.Unlock()
	t.accounts[name].Push(mttest.M{
		"_": "updateBotCallbackQuery", "query_id": n, "user_id": t.friend.ID(), "peer": mttest.M{"_": "peerUser", "user_id": t.friend.ID()},
		"msg_id": 1, "chat_instance": int64(1),
	})
}

// wanted is what the world holds for every account since the baseline, and which texts of calls stand in it, how often.
func (t *traffic) wanted() (all []wanted, shown map[string]int, err error) {
	shown = map[string]int{}
	for _, name := range t.names {
		w := wanted{account: name, boxes: map[string][]want{}, gone: map[string]map[int]bool{}}
		a, base := t.accounts[name], t.base[name]
		d, err := t.server.World().Difference(a.ID(), world.State{Pts: base.state.Pts, Qts: base.state.Qts, Date: base.state.Date}, world.Limits{})
		if err != nil {
			return nil, nil, err
		}
		w.take("common", d.Events, a.ID(), shown)
		for _, ch := range t.channels {
			d, err := t.server.World().ChannelDifference(a.ID(), ch.ID(), base.channels[ch.ID()], world.Limits{})
			if err != nil {
				return nil, nil, err
			}
			w.take(fmt.Sprintf("channel.%d", ch.ID()), d.Events, a.ID(), shown)
		}
		t.takePushes(&w)
		all = append(all, w)
	}
	return all, shown, nil
}

func (w *wanted) take(box string, events []world.Event, self int64, shown map[string]int) {
	w.gone[box] = map[int]bool{}
	w.boxes[box] = nil
	if box == "common" {
		w.boxes["secret"] = nil
	}
	for _, e := range events {
		for _, id := range e.IDs {
			w.gone[box][id] = true
		}
		switch {
		case e.What == world.NewMessage:
			w.boxes[box] = append(w.boxes[box], want{fmt.Sprintf("m%d", e.Msg.ID), e.Pts})
			if len(e.Msg.Text) > len(callPrefix) && e.Msg.Text[:len(callPrefix)] == callPrefix && e.Msg.From == self {
				shown[e.Msg.Text]++
			}
		case e.What == world.Raw && e.Qts > 0:
			w.boxes["secret"] = append(w.boxes["secret"], want{fmt.Sprintf("q%d", e.Qts), e.Qts})
		case e.Pts > 0 && e.Count > 0:
			w.boxes[box] = append(w.boxes[box], want{fmt.Sprintf("p%d", e.Pts), e.Pts})
		}
	}
}

// takePushes wants those that went to the session which is still there. A session that ended took with it what was not
// stored yet.
func (t *traffic) takePushes(w *wanted) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w.gone["none"], w.boxes["none"] = map[int]bool{}, nil
	for _, p := range t.pushes[w.account] {
		if s := t.sessions[w.account]; p.at.After(s.since) && !s.forgotten && !t.lossy {
			w.boxes["none"] = append(w.boxes["none"], want{key: fmt.Sprintf("e%d", p.number)})
		} else {
			w.gone["none"][int(p.number)] = true
		}
	}
}
