package mtproto

import (
	"time"
)

// Event is something that happened to the connection or the account. It is one of the types below.
type Event interface {
	// Name is short and stable: "connected", "flood.wait".
	Name() string
}

// Connected says that calls are answered at a data centre: initConnection is done, or the server answers again after a
// cut.
type Connected struct {
	DC    int
	Layer int
	RTT   time.Duration // 0: not measured
}

// Disconnected says that a connection was lost or could not be made.
type Disconnected struct {
	DC      int
	Err     error
	Attempt int           // failures since the last connection that answered, from 1 on
	Next    time.Duration // the pause before the next attempt
}

// InitRefused says that a data centre takes our connection, and for now refuses what comes before all calls, which wait: it
// will be asked again after Next.
type InitRefused struct {
	DC   int
	Err  error
	Next time.Duration
}

// KeyCreated says that a key exchange was done.
type KeyCreated struct {
	DC    int
	Took  time.Duration
	Until time.Time // when a temporary key ends; zero: the key is permanent
}

// Migrated says that the account's home is another data centre now (D6).
type Migrated struct{ From, To int }

// NewSession says that the server began a new session for us, or that we have another key: pushes may have been lost, so
// that the difference has to be fetched (C36, E18).
type NewSession struct {
	DC       int
	UniqueID int64 // the server's name of it; 0: it said nothing
}

// FloodWait says that Telegram wants a method to wait. The call sits it out if Waits is set, and fails otherwise.
type FloodWait struct {
	Method string
	Wait   time.Duration
	Waits  bool
}

// SpeedLimited says that Telegram slows down the files of the account, which it does to those without Premium: their parts
// wait, this one for Wait. It is said once a minute at most for each direction.
type SpeedLimited struct {
	Upload bool
	Wait   time.Duration
}

// AuthLost says that the account is signed out here (D17, D8). Run ends.
type AuthLost struct{ Err error }

// Authorized says that somebody signed in.
type Authorized struct {
	UserID int64
	Bot    bool
}

// LoginChanged says that the login waits for something else now.
type LoginChanged struct{ State LoginState }

// ConfigUpdated says that help.getConfig was read: Options addresses, valid until Expires. OnlineEvery is how often Telegram
// wants to be told that the account is online, by those who do that (E34); 0: it did not say.
type ConfigUpdated struct {
	Options     int
	Expires     time.Time
	OnlineEvery time.Duration
}

// SaveFailed says that Options.Save failed. The state is saved again with its next change.
type SaveFailed struct{ Err error }

// Throttled says that Telegram, or a rule of ours, slows down how often this process connects (A12).
type Throttled struct {
	DC   int
	Wait time.Duration
}

// KeyDoubted says that a data centre seems not to know our permanent key; that is not believed at once (A11, B24).
type KeyDoubted struct{ DC, Times int }

// KeyDestroyed says that a data centre has forgotten a key of an account that signed out, or why not (B27). That costs
// nobody anything: such a key opens nothing any more.
type KeyDestroyed struct {
	DC  int
	Err error
}

// Name is "connected".
func (Connected) Name() string { return "connected" }

// Name is "disconnected".
func (Disconnected) Name() string { return "disconnected" }

// Name is "init.refused".
func (InitRefused) Name() string { return "init.refused" }

// Name is "key.created".
func (KeyCreated) Name() string { return "key.created" }

// Name is "migrated".
func (Migrated) Name() string { return "migrated" }

// Name is "session.new".
func (NewSession) Name() string { return "session.new" }

// Name is "flood.wait".
func (FloodWait) Name() string { return "flood.wait" }

// Name is "speed.limited".
func (SpeedLimited) Name() string { return "speed.limited" }

// Name is "auth.lost".
func (AuthLost) Name() string { return "auth.lost" }

// Name is "auth.ok".
func (Authorized) Name() string { return "auth.ok" }

// Name is "auth.state".
func (LoginChanged) Name() string { return "auth.state" }

// Name is "config".
func (ConfigUpdated) Name() string { return "config" }

// Name is "save.failed".
func (SaveFailed) Name() string { return "save.failed" }

// Name is "throttled".
func (Throttled) Name() string { return "throttled" }

// Name is "key.doubted".
func (KeyDoubted) Name() string { return "key.doubted" }

// Name is "key.destroyed".
func (KeyDestroyed) Name() string { return "key.destroyed" }
