package account

import (
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/chats"
	"github.com/natsgram/natsgram/bridge/files"
	"github.com/natsgram/natsgram/bridge/flood"
	"github.com/natsgram/natsgram/bridge/gate"
	"github.com/natsgram/natsgram/bridge/peers"
	"github.com/natsgram/natsgram/bridge/queue"
	"github.com/natsgram/natsgram/mtproto"
)

// Phase is what an account is doing.
type Phase string

// The phases.
const (
	Starting   Phase = "starting"
	Connecting Phase = "connecting"
	Connected  Phase = "connected"
	SignedOut  Phase = "signed-out" // a person has to sign in anew
	Stopping   Phase = "stopping"
	Stopped    Phase = "stopped"

	WaitingForLogin Phase = "waiting-for-login" // nobody ever signed in

	Behind Phase = "behind" // connected, but Telegram gives no difference for minutes: updates are not followed
)

// Status is what tg.ctl.<account>.status answers.
type Status struct {
	Account string    `json:"account"`
	State   Phase     `json:"state"`
	Since   time.Time `json:"since"`
	Error   string    `json:"error,omitempty"`

	Identity
	Ownership
	CallsStatus
	UpdatesStatus
	TelegramStatus
}

// Identity is who is signed in, and where.
type Identity struct {
	UserID int64 `json:"user_id,omitempty"`
	Bot    bool  `json:"bot,omitempty"`
	DC     int   `json:"dc,omitempty"`
	Layer  int   `json:"layer,omitempty"`
}

// Ownership is which daemon runs the account.
type Ownership struct {
	Owner   string   `json:"owner,omitempty"`
	Epoch   uint64   `json:"epoch,omitempty"`
	Foreign *Foreign `json:"session_foreign,omitempty"`
}

// CallsStatus is what there is of calls, and what holds them up.
type CallsStatus struct {
	InFlight   int          `json:"requests_in_flight"`
	Frozen     *gate.Frozen `json:"frozen,omitempty"`           // it writes nothing
	FloodWaits []flood.Wait `json:"flood_waits,omitempty"`      // calls that Telegram wants to wait, the longest first: the first twenty
	MoreWaits  int          `json:"flood_waits_more,omitempty"` // beside those

	Jobs  *queue.Figures `json:"jobs,omitempty"` // nil: there are none
	Files *files.Figures `json:"-"`              // for the metrics
}

// UpdatesStatus is how updates come and where they go.
type UpdatesStatus struct {
	Follows      bool      `json:"follows_updates"` // it is known and stored where the account's updates go on, and Telegram gives them
	Pts          int       `json:"pts,omitempty"`
	Stored       uint64    `json:"updates_stored"`
	Waiting      int64     `json:"updates_waiting_bytes"`
	WaitingSince time.Time `json:"updates_waiting_since,omitzero"` // when the update came that waits longest for JetStream
	Held         *Held     `json:"updates_held,omitempty"`         // JetStream has no room: what was kept from it
	// Difference is when Telegram last gave the account's difference, or said that there is none, and DifferenceError why it has
	// not for minutes.
	Difference      time.Time `json:"last_difference,omitzero"`
	DifferenceError string    `json:"difference_error,omitempty"`

	Dialogs *chats.Figures `json:"dialogs,omitempty"` // as they are kept in TG_STATE; none where they are not
	Peers   peers.Figures  `json:"-"`                 // for the metrics
}

// TelegramStatus is how Telegram is reached.
type TelegramStatus struct {
	Heard time.Time `json:"last_heard,omitzero"`           // when Telegram last said something; zero: there is no connection
	Skew  float64   `json:"clock_ahead_seconds,omitempty"` // this machine's clock, of Telegram's, where they differ
	Ways  []Way     `json:"ways,omitempty"`                // to Telegram, in the order of the settings
}

// Foreign is what stood last in the vault in place of the account's session.
type Foreign struct {
	Found string    `json:"found"`
	At    time.Time `json:"at"`
	Times int       `json:"times"`
}

func (s *status) foreign(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := Foreign{Found: what, At: time.Now().UTC(), Times: 1}
	if s.s.Foreign != nil {
		f.Times += s.s.Foreign.Times
	}
	s.s.Foreign = &f
}

// Way is how a way to Telegram does. Its secrets are left out.
type Way struct {
	Way      string    `json:"way"`
	Latency  float64   `json:"latency_ms"` // until Telegram answers; 0: it has not yet
	Success  time.Time `json:"last_success,omitzero"`
	Failures float64   `json:"failures"` // each counts half as much every two minutes
}

type status struct {
	mu      sync.Mutex
	s       Status
	home    int
	open    map[int]bool // data centres at which calls are answered
	err     error
	changed chan struct{} // closed and made anew with every change of State
}

func (s *status) init(name string) {
	s.s = Status{Account: name, State: Starting, Since: time.Now().UTC()}
	s.changed = make(chan struct{})
	s.open = map[int]bool{}
}

func (s *status) set(p Phase, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.s.State == SignedOut && p == Connecting {
		return // the client says that too when it ends
	}
	if s.s.State != p {
		s.s.State, s.s.Since = p, time.Now().UTC()
		s.moved()
	}
	s.err, s.s.Error = err, text(err)
}

// waitsShown is how many flood waits a status tells of.
const waitsShown = 20

// freeze notes that the account writes nothing, or does again.
func (s *status) freeze(f *gate.Frozen) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.Frozen = f
}

// follows notes that from now on no update of the account is missed.
func (s *status) follows() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.s.Follows = true
	s.moved()
}

// tell tells who waits that something may have changed.
func (s *status) tell() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moved()
}

func (s *status) moved() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// phase is what the account is doing, and what went wrong last.
func (s *status) phase() (Phase, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.s.State, s.err
}

// owned notes that the account is this daemon's, and who is signed in.
func (s *status) owned(state mtproto.State) {
	s.mu.Lock()
	s.home, s.s.UserID, s.s.Bot = state.Home, state.UserID, state.Bot
	s.mu.Unlock()
	s.set(Connecting, nil)
}

// connected notes that calls are answered at a data centre, and reports whether that is the home. Others are for files.
func (s *status) connected(dc int) (home bool) {
	s.mu.Lock()
	s.open[dc] = true
	home = s.home == 0 || s.home == dc
	if home {
		s.s.DC = dc
	}
	s.mu.Unlock()
	if home {
		s.set(Connected, nil)
	}
	return home
}

func (s *status) disconnected(dc int, err error) {
	s.mu.Lock()
	delete(s.open, dc)
	home := s.home == 0 || s.home == dc
	s.mu.Unlock()
	if home {
		s.set(Connecting, err)
	}
}

// migrated notes that the account's home is another data centre now (D6), to which there may be a connection already, and reports
// whether there is.
func (s *status) migrated(to int) (connected bool) {
	s.mu.Lock()
	s.home = to
	open := s.open[to]
	s.mu.Unlock()
	if open {
		return s.connected(to)
	}
	s.set(Connecting, nil)
	return false
}

// notConnected is why calls reach nobody now; false: there is a connection, or none is to be.
func (s *status) notConnected() (why string, not bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.s.State != Connecting && s.s.State != Starting {
		return "", false
	}
	if why = text(s.err); why == "" {
		why = "the connection is being made"
	}
	return why, true
}

// told is what is known of the account where nobody owns it.
func (s *status) told() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.s
}
