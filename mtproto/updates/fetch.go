package updates

import (
	"errors"
	"slices"
	"time"

	"github.com/natsgram/natsgram/tl/codec"
)

// source is a difference that can be fetched: the account's, or one channel's. No two fetches of one run at a time (E7).
type source struct {
	need   bool    // a fetch is due, or running
	again  bool    // and another one after that which is running
	poll   bool    // only because the channel is watched: nothing is known to be missing
	fetch  FetchID // running; 0: none
	cause  cause   // what for, if not simply to catch up
	at     time.Time
	fails  int // in a row
	broken int // unreadable answers in a row
}

// cause is why something else than the plain difference is fetched.
type cause uint8

const (
	causeNone       cause = iota
	causeFirst            // getState: nothing is known yet
	causePtsChanged       // getState: the pts may have been reset
	causeInvalid          // getState, or a channel's newest: Telegram does not know our pts
	causeUnreadable       // the same: what lies between cannot be read
)

// busy: what arrives has to wait.
func (s *source) busy() bool { return s.need }

// ready: a fetch may go out now.
func (s *source) ready(now time.Time) bool { return s.need && s.fetch == 0 && !s.at.After(now) }

// want asks for a difference, or for another one when one is running that may have begun too early.
func (m *Machine) want(s *source) {
	if s.fetch != 0 {
		s.again = true
	}
	s.need, s.poll = true, false
}

// wantState asks for updates.getState.
func (m *Machine) wantState(why cause) {
	m.want(&m.account)
	if m.account.cause == causeNone {
		m.account.cause = why
	}
}

// settle starts what is due: differences for gaps that were not filled in time, and those that had to wait.
func (m *Machine) settle() {
	if !m.heard.Add(m.c.Quiet).After(m.now) {
		m.heard = m.now
		m.want(&m.account) // E18
	}
	if m.due(m.common.gap) || m.due(m.secret.gap) || m.due(m.seq.gap) {
		m.want(&m.account)
	}
	if m.account.need {
		m.common.gap, m.secret.gap, m.seq.gap = time.Time{}, time.Time{}, time.Time{}
	}
	m.confirm()
	if m.account.ready(m.now) {
		m.fetchAccount()
	}
	m.settleWatches()
	m.settleChannels()
	m.settlePolls()
	m.settleList()
	m.settleFill()
}

// confirm tells Telegram now and then what a bot has, so that it need not keep it (E28): asking for what comes after says
// that.
func (m *Machine) confirm() {
	if m.c.Bot && (m.common.pts-m.confirmed.pts > m.c.Confirm || m.secret.pts-m.confirmed.qts > m.c.Confirm) {
		m.want(&m.account)
	}
}

func (m *Machine) due(t time.Time) bool { return !t.IsZero() && !t.After(m.now) }

// settleChannels starts up to Config.Concurrent differences, in the order in which the channels fell behind (E16), and
// forgets the channels that are calm.
func (m *Machine) settleChannels() {
	for i := 0; i < len(m.restless); i++ { // replaying may add to them
		b := m.restless[i]
		if m.stranger(b) {
			m.leaveAlone(b)
			continue
		}
		if m.due(b.gap) {
			m.want(b.src)
		}
		if b.src.need {
			b.gap = time.Time{}
		}
		if b.src.ready(m.now) {
			m.fetchChannel(b)
		}
	}
	m.restless = slices.DeleteFunc(m.restless, m.calm)
	m.settleGone()
}

// calm puts a channel at rest that waits for nothing.
func (m *Machine) calm(b *box) bool {
	if b.src.busy() || b.behind() || len(b.held) > 0 {
		return false
	}
	if b.told {
		b.told, b.kept = false, false
		m.place(b)
		m.loosely(b)
	}
	m.rest(b)
	delete(m.boxes, b.id.ID)
	return true
}

func (m *Machine) fetchAccount() {
	method, call := "updates.getState", codec.M{}
	if m.account.cause == causeNone {
		method = "updates.getDifference"
		call = codec.M{"pts": m.state.Pts, "qts": m.state.Qts, "date": m.state.Date}
		m.confirmed.pts, m.confirmed.qts = m.state.Pts, m.state.Qts
	}
	m.fetch(&m.account, &m.common, method, call)
}

// fetchChannel begins a channel's difference, if there is a place for it and an access hash.
func (m *Machine) fetchChannel(b *box) {
	switch {
	case len(m.fetching) >= m.c.Concurrent:
		return
	case b.hash == 0 && !b.asked:
		b.asked = true
		m.want(&m.account) // it sends channels along (E22)
		if m.account.ready(m.now) {
			m.fetchAccount()
		}
		return
	case b.hash == 0:
		if !m.account.busy() {
			m.skip(b, GapNoAccess)
		}
		return
	}
	pts, limit := b.pts, m.c.ChannelLimit
	if b.src.cause != causeNone || !b.known || pts <= 0 {
		pts, limit = 1, 1 // the answer tells where the channel is (E11, E15)
	}
	m.fetch(b.src, b, "updates.getChannelDifference", codec.M{
		"channel": inputChannel(b.id.ID, b.hash),
		"filter":  codec.M{"_": "channelMessagesFilterEmpty"},
		"pts":     pts,
		"limit":   limit,
	})
}

func (m *Machine) fetch(s *source, b *box, method string, call codec.M) {
	call["_"] = method
	query, err := m.r.s.Encode(nil, call)
	if err != nil {
		m.broken(b.id, err)
		m.backoff(s)
		return
	}
	m.lastID++
	s.fetch, s.again = m.lastID, false
	if s != &m.account {
		m.fetching[s.fetch] = b
	}
	m.w.out = append(m.w.out, &Fetch{ID: s.fetch, Query: query, Method: method, Box: b.id})
}

// backoff puts the next try off, each time twice as long (E15).
func (m *Machine) backoff(s *source) {
	s.need = true
	s.at = m.now.Add(min(m.c.RetryMin<<min(s.fails, 16), m.c.RetryMax))
	s.fails++
}

func (m *Machine) broken(b Box, err error) {
	m.w.out = append(m.w.out, &Unreadable{Box: b, Err: err})
}

// Result answers a [Fetch]: the TL of the result, or why there is none, a refusal of Telegram's as *[Error].
func (m *Machine) Result(now time.Time, id FetchID, body []byte, err error) {
	m.begin(now)
	b := m.fetching[id]
	delete(m.fetching, id)
	question, asked := m.asked[id]
	delete(m.asked, id)
	switch {
	case asked:
		m.replied(question, body, err)
	case id == 0:
	case id == m.account.fetch:
		m.account.fetch = 0
		m.answered(&m.account, &m.common, body, err, m.accountResult)
	case b != nil:
		b.src.fetch = 0
		m.answered(b.src, b, body, err, func(v codec.View, c *container) { m.channelResult(b, v, c) })
	}
	m.finish()
}

func (m *Machine) answered(s *source, b *box, body []byte, err error, read func(codec.View, *container)) {
	if err != nil {
		m.failed(s, b, err)
		return
	}
	v, lost, err := m.answer(s, b, body)
	if err != nil || v.Class() != wantedClass(s, b) {
		m.unreadable(s, b, err)
		return
	}
	s.broken = 0
	m.heard = m.now
	c := newAnswer(v, len(body))
	c.lost = lost
	read(v, c)
	m.hashes(c)
}

// answer reads a difference. One that cannot be read is asked for once more, over a connection that was begun anew (D3);
// after that, what can be read of it has to do, and nothing waits for a newer schema.
func (m *Machine) answer(s *source, b *box, body []byte) (codec.View, [][]byte, error) {
	v, err := m.r.s.View(body)
	if err == nil || s.broken+1 < m.c.MaxUnreadable {
		return v, nil, err
	}
	v, lost, ok := m.salvage(body)
	if !ok {
		return v, nil, err
	}
	m.broken(b.id, err)
	return v, lost, nil
}

func wantedClass(s *source, b *box) string {
	switch {
	case b.id.Kind == Channel:
		return "updates.ChannelDifference"
	case s.cause == causeNone:
		return "updates.Difference"
	default:
		return "updates.State"
	}
}

var errClass = errors.New("updates: the answer is of another class than was asked for")

// unreadable is an answer in another layer's constructors (D3). It may be readable after the connection was begun
// anew; when it never is, what it holds is a gap.
func (m *Machine) unreadable(s *source, b *box, err error) {
	if err == nil {
		err = errClass
	}
	m.broken(b.id, err)
	s.broken++
	s.poll = false
	switch {
	case s.broken < m.c.MaxUnreadable || s.cause != causeNone && b.id.Kind != Channel:
		m.backoff(s)
	case b.id.Kind == Channel:
		m.skip(b, GapUnreadable)
	default:
		s.broken = 0
		m.wantState(causeUnreadable)
	}
}

// failed is E15.
func (m *Machine) failed(s *source, b *box, err error) {
	refused := refusal(err)
	switch {
	case b.id.Kind == Channel && inaccessible[refused.Type]:
		m.closed(b, refused.Type)
	case refused.Type == "PERSISTENT_TIMESTAMP_INVALID" || refused.Type == "PERSISTENT_TIMESTAMP_EMPTY":
		s.poll = false
		m.invalid(s)
	case s.poll:
		m.unpoll(b, err)
	case refused.wait() > 0:
		s.need, s.at = true, m.now.Add(refused.wait())
	default:
		m.backoff(s)
	}
}

var inaccessible = map[string]bool{
	"CHANNEL_PRIVATE": true, "CHANNEL_INVALID": true, "USER_BANNED_IN_CHANNEL": true, "CHANNEL_PUBLIC_GROUP_NA": true,
	"CHAT_FORBIDDEN": true,
}

// invalid: Telegram does not know our pts. Where it stands itself is found out, and what lies between is a gap.
func (m *Machine) invalid(s *source) {
	if s.cause != causeNone {
		m.backoff(s) // this was that question already
		return
	}
	s.need, s.cause = true, causeInvalid
}

// fruitless slows a source down whose difference did not bring what is missing (PERSISTENT_TIMESTAMP_OUTDATED without
// the error): Telegram's servers do not all know the same.
func (m *Machine) fruitless(s *source, moved, waiting bool) {
	if moved || !waiting {
		s.fails, s.at = 0, time.Time{}
		return
	}
	s.at = m.now.Add(min(m.c.RetryMin<<min(s.fails, 16), m.c.RetryMax))
	s.fails++
}

// done ends a source's fetch: what comes next is known.
func (s *source) done(more bool) {
	s.need = more || s.again
	s.again, s.poll = false, false
	s.cause = causeNone
}
