package mtproto

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/dc"
)

// StateVersion is written into every saved state, so that a later version knows what it reads.
const StateVersion = 1

// maxLogoutTokens is how many future_auth_tokens are kept (F10).
const maxLogoutTokens = 20

// State is all that a client has to remember between runs. Its JSON holds secrets and has to be sealed; every other way of
// printing it shows none.
type State struct {
	Version int
	Test    bool `json:",omitempty"`

	// Home is the data centre of the account, 0 before the first connection.
	Home int

	// UserID and Bot are who is signed in, 0 for nobody (F11).
	UserID int64 `json:",omitempty"`
	Bot    bool  `json:",omitempty"`

	// DCs holds what we share with each data centre.
	DCs map[int]DCState `json:",omitempty"`

	// Config is what help.getConfig said last.
	Config ServerConfig `json:",omitzero"`

	// LogoutTokens shorten the next login of an account that signed out here (F10).
	LogoutTokens [][]byte `json:",omitempty"`
}

// DCState is what we share with one data centre.
type DCState struct {
	// Key is the 256 secret bytes of the permanent authorization key (B28), made at Created.
	Key     []byte    `json:",omitempty"`
	Created time.Time `json:",omitzero"`

	// Salts belong to the key (C24).
	Salts []Salt `json:",omitempty"`

	// Offset is the server's clock minus ours, when it was last known.
	Offset time.Duration `json:",omitempty"`

	// Authorized says that the account is signed in there, or that its authorization was imported (D7).
	Authorized bool `json:",omitempty"`
}

// Salt is a server salt and when it may be used, in the server's Unix time.
type Salt struct {
	Salt         int64
	Since, Until int64
}

// ServerConfig is what the client uses of help.getConfig (D5).
type ServerConfig struct {
	Options      []dc.Option `json:",omitempty"`
	ThisDC       int         `json:",omitempty"`
	ForceTryIPv6 bool        `json:",omitempty"`
	Expires      time.Time   `json:",omitzero"`
}

// String names the account and its data centres, without any secret.
func (s State) String() string {
	if s.Home == 0 {
		return "state: new"
	}
	return fmt.Sprintf("state: user %d, home %d, %d keys", s.UserID, s.Home, len(s.DCs))
}

// Format prints [State.String] for every verb.
func (s State) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is [State.String].
func (s State) LogValue() slog.Value { return slog.StringValue(s.String()) }

// String tells whether there is a key.
func (d DCState) String() string {
	return fmt.Sprintf("key %v, %d salts", len(d.Key) > 0, len(d.Salts))
}

// Format prints [DCState.String] for every verb.
func (d DCState) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, d.String()) }

// LogValue is [DCState.String].
func (d DCState) LogValue() slog.Value { return slog.StringValue(d.String()) }

// ParseState reads the JSON of a State and checks it. Errors do not quote the input.
func ParseState(b []byte) (State, error) {
	var s State
	if err := json.Unmarshal(b, &s); err != nil {
		return State{}, fmt.Errorf("mtproto: state is not the JSON it should be (%T)", err)
	}
	return s, s.check()
}

// errOtherEnvironment says that a state does not fit Options.Env.
var errOtherEnvironment = errors.New("mtproto: the state belongs to the other environment, test or production")

// checkEnvironment refuses a state of the other environment.
func (s State) checkEnvironment(test bool) error {
	if s.Home != 0 && s.Test != test {
		return errOtherEnvironment
	}
	return nil
}

func (s State) check() error {
	if s.Version > StateVersion {
		return fmt.Errorf("mtproto: state of version %d, this program knows up to %d", s.Version, StateVersion)
	}
	if s.Version < 0 || s.Home < 0 || s.Home > dc.MaxID || (s.UserID != 0 && s.Home == 0) {
		return fmt.Errorf("mtproto: state makes no sense: version %d, home %d", s.Version, s.Home)
	}
	for id, d := range s.DCs {
		if n := len(d.Key); n != 0 && n != crypto.KeySize {
			return fmt.Errorf("mtproto: state: key of %d bytes for data centre %d", n, id)
		}
	}
	return nil
}

// clone returns a copy that shares nothing that changes.
func (s State) clone() State {
	s.DCs = maps.Clone(s.DCs)
	for id, d := range s.DCs {
		d.Salts = slices.Clone(d.Salts)
		s.DCs[id] = d
	}
	s.LogoutTokens = slices.Clone(s.LogoutTokens)
	return s
}

// setDC replaces what is kept of a data centre, in a new map: old ones may have been given away.
func (s *State) setDC(id int, d DCState) {
	s.DCs = cloneDCs(s.DCs)
	s.DCs[id] = d
}

func cloneDCs(m map[int]DCState) map[int]DCState {
	out := make(map[int]DCState, len(m)+1)
	maps.Copy(out, m)
	return out
}

// addToken keeps a future_auth_token (F10).
func (s *State) addToken(token []byte) {
	if len(token) == 0 {
		return
	}
	s.LogoutTokens = append(slices.Clone(s.LogoutTokens), slices.Clone(token))
	if n := len(s.LogoutTokens); n > maxLogoutTokens {
		s.LogoutTokens = s.LogoutTokens[n-maxLogoutTokens:]
	}
}
