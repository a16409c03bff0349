package updates

import "time"

// Machine keeps the updates of one account in order. It is not safe for concurrent use.
type Machine struct {
	r     *Rules
	c     Config
	state State
	out   []Output
}

// New makes a machine that goes on from a state: the fold of what was stored, or the zero State for an account that
// was never served. The machine keeps nothing of st.
func New(r *Rules, st State, c Config) (*Machine, error) {
	return &Machine{r: r, c: c.withDefaults(), state: st.Clone()}, nil
}

// Start fetches what was missed (E17): the state when there is none yet, else the difference. Call it at start, after
// every reconnect and new_session_created, and after a time in which updates were not pushed to the machine (E18).
func (m *Machine) Start(now time.Time) {}

// Push takes an Updates object as Telegram sent it. The body belongs to the machine and to what it puts out.
func (m *Machine) Push(now time.Time, body []byte, meta Meta) {}

// PushResult takes what one of our own calls was answered (D19): updates in it pass like pushed ones, and
// messages.affectedMessages and its like move pts. Other results are ignored. Both are raw TL; result belongs to the
// machine from here on, call is only read.
func (m *Machine) PushResult(now time.Time, call, result []byte, meta Meta) {}

// Affected takes a messages.affectedMessages, affectedHistory or affectedFoundMessages that is about a box (D19);
// [Machine.PushResult] finds the box by itself.
func (m *Machine) Affected(now time.Time, box Box, result []byte) {}

// Result answers a [Fetch]: the TL of the result, or why there is none, a refusal of Telegram's as *[Error].
func (m *Machine) Result(now time.Time, id FetchID, body []byte, err error) {}

// Channel tells the machine of a channel from elsewhere, such as the dialogs at first login (E17): its pts, where the
// machine knows none yet, and its access hash, unless 0.
func (m *Machine) Channel(now time.Time, id int64, pts int, accessHash int64) {}

// Next is the next output; false when there is none. Drain it after each of the other methods.
func (m *Machine) Next() (Output, bool) { return nil, false }

// Wake is when [Machine.Tick] is due next.
func (m *Machine) Wake() time.Time { return time.Time{} }

// Tick lets time pass.
func (m *Machine) Tick(now time.Time) {}

// State is a copy of where the machine stands, which may be ahead of what is stored: for the curious, not for keeping.
// Keep the fold of [Batch.State] of stored batches.
func (m *Machine) State() State { return m.state.Clone() }
