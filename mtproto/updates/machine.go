package updates

import (
	"errors"
	"time"

	"github.com/natsgram/natsgram/tl/codec"
)

// Machine keeps the updates of one account in order. It is not safe for concurrent use.
type Machine struct {
	r     *Rules
	c     Config
	state State // where it stands
	now   time.Time
	heard time.Time // when something came in last (E18)

	account        source
	common, secret box
	seq            struct {
		held []sequel // by start
		gap  time.Time
	}
	channels
	background
	lastID FetchID
	held   struct{ n, bytes int }
	owed   map[uint64]string // whose calls caused the updates that are held, by what the updates are
	begun  bool              // the beginning was said

	unnumbered []uint64 // keys of updates without a number, see repeated

	w       writer
	seek    seeker
	looking looked
	spare   *container
	unknown recent
	out     []Output
	taken   int // of out
}

// channels are those that are at work.
type channels struct {
	boxes    map[int64]*box      // channels that are not calm
	restless []*box              // the same, in the order in which they came to be so
	fetching map[FetchID]*box    // channels whose difference is running
	gone     map[int64]time.Time // channels that were left or closed to us, and when they are forgotten
	goneNext time.Time           // when the first of them is; zero: there is none
}

// background is what nothing waits for.
type background struct {
	asked     map[FetchID]question
	filling   filler
	poll      poller
	listing   lister
	watched   []*watch               // by id
	confirmed struct{ pts, qts int } // Telegram knows that we have these (E28)
}

// New makes a machine that goes on from a state: the fold of what was stored, or the zero State for an account that
// was never served. The machine keeps nothing of st. The first thing it wants is a difference, so updates wait until
// that has been answered.
func New(r *Rules, st State, c Config) (*Machine, error) {
	if r == nil {
		return nil, errors.New("updates: no rules")
	}
	m := &Machine{r: r, c: c.withDefaults(), state: st.Clone()}
	m.boxes, m.fetching, m.asked = make(map[int64]*box), make(map[FetchID]*box), make(map[FetchID]question)
	if m.state.Channels == nil {
		m.state.Channels = make(map[int64]ChannelState)
	}
	m.common = box{id: Box{Kind: Common}, src: &m.account, pts: st.Pts, n: st.N, top: st.Top, known: true}
	m.secret = box{id: Box{Kind: Secret}, src: &m.account, pts: st.Qts, n: st.QtsN, known: true}
	if c.Begin == "" {
		m.w.said = m.state.position()
	} // else nothing was
	m.w.stated = m.w.said
	m.account.need = true
	if m.state.Empty() {
		m.account.cause = causeFirst
	}
	m.remember()
	m.confirmed.pts, m.confirmed.qts = st.Pts, st.Qts
	return m, nil
}

// remember goes on with channels that were behind when the state was stored (E16).
func (m *Machine) remember() {
	for _, id := range m.state.behind() {
		m.want(m.channel(id).src)
	}
}

// Start fetches what was missed (E17): the state when there is none yet, else the difference. Call it at start, after
// every reconnect and new_session_created, and after a time in which updates were not pushed to the machine (E18).
func (m *Machine) Start(now time.Time) {
	m.begin(now)
	m.heard = now
	if !m.state.Empty() {
		m.sayBeginning()
	}
	m.lookSoon()
	m.want(&m.account)
	m.finish()
}

func (m *Machine) begin(now time.Time) {
	m.now = now
	if m.heard.IsZero() {
		m.heard = now
		for id, st := range m.state.Channels {
			if st.Left || st.Closed {
				m.parted(id)
			}
		}
	}
}

func (m *Machine) finish() {
	m.settle()
	m.flush()
	m.looking.Read(codec.View{}) // lets go of what was looked at
}

// Next is the next output; false when there is none. Drain it after each of the other methods.
func (m *Machine) Next() (Output, bool) {
	if m.taken == len(m.out) {
		clear(m.out)
		m.out, m.taken = m.out[:0], 0
		return nil, false
	}
	m.taken++
	return m.out[m.taken-1], true
}

// Postponed is how many updates wait for a difference, and how many bytes of containers they keep.
func (m *Machine) Postponed() (updates, bytes int) { return m.held.n, m.held.bytes }

// Tick lets time pass.
func (m *Machine) Tick(now time.Time) {
	m.begin(now)
	m.finish()
}

// Wake is when [Machine.Tick] is due next.
func (m *Machine) Wake() time.Time {
	next := m.heard.Add(m.c.Quiet)
	next = m.sooner(next, m.common.gap)
	next = m.sooner(next, m.secret.gap)
	next = m.sooner(next, m.seq.gap)
	next = m.retry(next, &m.account)
	next = m.poll.wake(m, next)
	next = m.wakeWatches(next)
	if len(m.state.Holes) > 0 {
		next = m.upcoming(next, m.filling.at)
	}
	if !m.state.Listed {
		next = m.upcoming(next, m.listing.at)
	}
	for _, b := range m.restless {
		next = m.sooner(next, b.gap)
		next = m.retry(next, b.src)
	}
	return next
}

func (m *Machine) sooner(a, b time.Time) time.Time {
	if !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// retry looks at a source that waits for its next try. One whose time has come waits for a place, not for the clock.
func (m *Machine) retry(next time.Time, s *source) time.Time {
	if s.need && s.fetch == 0 && s.at.After(m.now) {
		return m.sooner(next, s.at)
	}
	return next
}
