package updates

import (
	"errors"
	"time"

	"github.com/natsgram/natsgram/tl/codec"
)

// Machine keeps the updates of one account in order. It is not safe for concurrent use.
//
// It hands what comes in to its parts, in one direction: containers go to the dispatcher, from there to the sequencer of the
// boxes and to seq, and what fits to the publisher, with the ledger of where the account stands. Answers go to who has asked:
// the account's and the channels' catchUp, or one of those that work in the background.
type Machine struct {
	env
	ledger  ledger
	out     publisher
	queue   queue
	account diffState
	gaps    gaps
	seqs    sequencer
	history backfiller

	dispatcher     dispatcher
	channels       channels
	forgetter      forgetter
	watcher        watcher
	accountCatchUp accountCatchUp
	channelCatchUp channelCatchUp

	asker  asker
	poller poller
	lister lister
	filler filler
}

// New makes a machine that goes on from a state: the fold of what was stored, or the zero State for an account that
// was never served. The machine keeps nothing of st. The first thing it wants is a difference, so updates wait until
// that has been answered.
func New(r *Rules, st State, c Config) (*Machine, error) {
	if r == nil {
		return nil, errors.New("updates: no rules")
	}
	m := &Machine{env: env{c: c.withDefaults(), rules: r}, ledger: newLedger(st.Clone(), c.Begin != "")}
	m.queue = queue{most: m.c.MaxHeld, mostBytes: m.c.MaxHeldBytes}
	m.connect()
	m.account.pending = true
	if st.Empty() {
		m.account.cause = causeFirst
	}
	m.channels.restore()
	return m, nil
}

// connect gives each part what it needs of the others.
func (m *Machine) connect() {
	e, st := &m.env, &m.ledger.state
	m.out = publisher{env: e, ledger: &m.ledger, read: reader{rules: m.rules}}
	m.gaps = gaps{env: e, ledger: &m.ledger, out: &m.out}
	m.seqs = sequencer{env: e, ledger: &m.ledger, out: &m.out, queue: &m.queue}
	m.history = backfiller{ledger: &m.ledger, out: &m.out}
	m.forgetter = forgetter{env: e, ledger: &m.ledger}
	m.watcher = watcher{env: e, state: st}
	m.channels = channels{env: e, ledger: &m.ledger, seqs: &m.seqs, watcher: &m.watcher, forget: &m.forgetter,
		account: &m.account, byID: make(map[int64]*box)}

	d := &m.dispatcher
	*d = dispatcher{env: e, ledger: &m.ledger, out: &m.out, seqs: &m.seqs, channels: &m.channels, account: &m.account}
	d.seq = seqOrder{env: e, ledger: &m.ledger, queue: &m.queue, account: &m.account}
	d.common = box{id: Box{Kind: Common}, diff: &m.account, pts: st.Pts, items: st.PtsItems, topID: st.TopID, ptsKnown: true}
	d.secret = box{id: Box{Kind: Secret}, diff: &m.account, pts: st.Qts, items: st.QtsItems, ptsKnown: true}

	u := catchUp{env: e, ledger: &m.ledger, out: &m.out, gaps: &m.gaps, seqs: &m.seqs, in: d}
	m.accountCatchUp = accountCatchUp{catchUp: u, diff: &m.account, common: &d.common, secret: &d.secret, seq: &d.seq, next: m}
	m.accountCatchUp.confirmed.pts, m.accountCatchUp.confirmed.qts = st.Pts, st.Qts
	m.channelCatchUp = channelCatchUp{catchUp: u, channels: &m.channels, watcher: &m.watcher, account: &m.accountCatchUp,
		history: &m.history, running: make(map[FetchID]*box)}

	m.asker = asker{rules: m.rules, out: &m.out, open: make(map[FetchID]question)}
	m.poller = poller{env: e, ledger: &m.ledger, asker: &m.asker, channels: &m.channels, account: &m.account,
		common: &d.common, secret: &d.secret}
	m.lister = lister{env: e, ledger: &m.ledger, asker: &m.asker, channels: &m.channels, account: &m.account, common: &d.common}
	m.filler = filler{env: e, ledger: &m.ledger, out: &m.out, asker: &m.asker, gaps: &m.gaps, history: &m.history,
		account: &m.account, in: d}
}

// caughtUp goes on with what had to wait until nothing is missing of the account any more.
func (m *Machine) caughtUp() {
	m.filler.caughtUp()
	m.lister.caughtUp()
}

// Start fetches what was missed (E17): the state when there is none yet, else the difference. Call it at start, after
// every reconnect and new_session_created, and after a time in which updates were not pushed to the machine (E18).
func (m *Machine) Start(now time.Time) {
	m.begin(now)
	m.heard = now
	m.poller.soon()
	m.account.want()
	m.finish()
}

// Push takes an Updates object as Telegram sent it. The body belongs to the machine and to what it puts out.
func (m *Machine) Push(now time.Time, body []byte, meta Meta) {
	m.begin(now)
	m.heard = now
	m.dispatcher.push(body, meta, codec.View{})
	m.finish()
}

// PushResult takes what one of our own calls was answered (D19): updates in it pass like pushed ones, and
// messages.affectedMessages and its like move pts. Other results are ignored, cheaply. Both are raw TL; result belongs
// to the machine from here on, call is only read.
func (m *Machine) PushResult(now time.Time, call, result []byte, meta Meta) {
	found := m.rules.resultOf(result)
	if found.none() {
		return
	}
	m.begin(now)
	m.dispatcher.result(found, m.callOf(call), result, meta)
	m.finish()
}

// callOf is the call without its wrappers; not valid where it cannot be read.
func (m *Machine) callOf(call []byte) codec.View {
	v, _ := m.rules.s.View(call)
	return innermost(v)
}

// Drop tells the machine of a push for which there is no room. What it was about is fetched as a difference: the machine
// asks for that at once, and whoever has no room answers later. Nothing remains of what [Rules.Unrecoverable] is true for.
func (m *Machine) Drop(now time.Time, body []byte) {
	m.begin(now)
	m.heard = now
	m.dispatcher.drop(body)
	m.finish()
}

// DropResult is the same with the result of a call of ours.
func (m *Machine) DropResult(now time.Time, call, result []byte) {
	found := m.rules.resultOf(result)
	if found.none() {
		return
	}
	m.begin(now)
	m.dispatcher.dropResult(found, m.callOf(call), result)
	m.finish()
}

// Result answers a [Fetch]: the TL of the result, or why there is none, a refusal of Telegram's as *[Error].
func (m *Machine) Result(now time.Time, id FetchID, body []byte, err error) {
	m.begin(now)
	c, asked := m.asker.answered(id, body, err)
	switch {
	case c != nil:
		m.channels.learn(c)
	case asked || id == 0:
	case id == m.account.fetch:
		m.accountCatchUp.answered(body, err)
	default:
		m.channelCatchUp.answered(id, body, err)
	}
	m.finish()
}

// AddChannel tells the machine of a channel from elsewhere, such as the dialogs at first login (E17): its pts, where the
// machine knows none yet, else as a hint (E29); and its access hash, unless 0.
func (m *Machine) AddChannel(now time.Time, id int64, pts int, accessHash int64) {
	m.begin(now)
	m.channels.add(id, pts, accessHash)
	m.finish()
}

// SetWatched tells which channels to watch from now on. Those it cannot take are returned: more than [MaxWatched], and
// for bots all, who are told of everything anyhow (E25). A channel whose access hash is not known yet is watched as
// soon as it is; see [Machine.AddChannel].
func (m *Machine) SetWatched(now time.Time, ids []int64) (rejected []int64) {
	m.begin(now)
	rejected = m.watcher.set(ids)
	m.finish()
	return rejected
}

// Watched are the channels that are watched, in the order of their ids.
func (m *Machine) Watched() []int64 { return m.watcher.ids() }

// Tick lets time pass.
func (m *Machine) Tick(now time.Time) {
	m.begin(now)
	m.finish()
}

// Wake is when [Machine.Tick] is due next.
func (m *Machine) Wake() time.Time {
	next := m.accountCatchUp.wake(m.heard.Add(m.c.Quiet))
	next = m.poller.wake(next)
	next = m.watcher.wake(next)
	next = m.filler.wake(next)
	next = m.lister.wake(next)
	return m.channels.wake(next)
}

// Next is the next output; false when there is none. Drain it after each of the other methods.
func (m *Machine) Next() (Output, bool) { return m.out.next() }

// Postponed is how many updates wait for a difference, and how many bytes of containers they keep.
func (m *Machine) Postponed() (updates, bytes int) { return m.queue.n, m.queue.bytes }

// begin takes the time of a call. The first, whichever it is, says where the account begins, if that is known.
func (m *Machine) begin(now time.Time) {
	m.now = now
	if m.heard.IsZero() {
		m.heard = now
		m.forgetter.restore()
		if !m.ledger.state.Empty() {
			m.gaps.beginning(&m.dispatcher.common)
		}
	}
}

// finish starts what is due, and turns what was gathered into outputs.
func (m *Machine) finish() {
	m.accountCatchUp.settle()
	m.watcher.settle(m.channels.box)
	m.channelCatchUp.settle()
	m.channels.settle()
	m.forgetter.settle(m.inUse)
	m.poller.settle()
	m.lister.settle()
	m.filler.settle()
	m.out.flush(m.channels.active)
	m.out.read.forget() // what was looked at
}

// inUse reports whether a channel cannot be forgotten yet.
func (m *Machine) inUse(id int64) bool {
	return m.channels.byID[id] != nil || m.watcher.find(id) != nil || m.ledger.state.hole(Box{Channel, id}) != nil
}
