package mtproto

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/mtproto/internal/keys"
	"github.com/natsgram/natsgram/mtproto/reach"
	"github.com/natsgram/natsgram/mtproto/session"
	"github.com/natsgram/natsgram/mtproto/transport"
	"github.com/natsgram/natsgram/tl/api"
	"github.com/natsgram/natsgram/tl/codec"
)

// API is the application that Telegram knows us as, from https://my.telegram.org/apps (F15). Hash is a secret.
type API struct {
	ID   int
	Hash string
}

// String shows the id alone.
func (a API) String() string { return fmt.Sprintf("api_id %d", a.ID) }

// Format prints [API.String] for every verb.
func (a API) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, a.String()) }

// LogValue is [API.String].
func (a API) LogValue() slog.Value { return slog.StringValue(a.String()) }

// Device is what initConnection says of us, shown in the account's list of devices (D1). Empty fields have defaults.
type Device struct {
	Model, System, App     string
	SystemLang, Pack, Lang string
}

// Transport is how packets are framed. The zero value, abridged and obfuscated, gets through most networks.
type Transport struct {
	Kind transport.Kind

	// Plain leaves the framing visible. The full framing always is, since it cannot be obfuscated (A16).
	Plain bool
}

// DialFunc opens a connection as [net.Dialer.DialContext] does; network is "tcp".
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// Options make a [Client]. Env and API.ID are needed; all else has a default.
type Options struct {
	API    API
	Device Device

	// Schema is the API layer that is spoken. It may be shared by any number of clients. Nil: the one of package tl/api, which
	// is that of package tl/tg; results of another layer may be none that tl/tg can read.
	Schema *codec.Schema

	// Env is where to connect to until State or Telegram's config knows better.
	Env dc.Environment

	// State to go on from: what Save was last given. The zero State begins a new account.
	State State

	// Save keeps the state, which holds secrets. The client calls it when the state has changed, one call at a time, with the
	// newest. It may block: new keys, a sign-in and a move of the home wait for it, as they are worth nothing before they are
	// kept; calls and updates go on. It must not wait for calls of this client, which may themselves wait for it. A failure is
	// reported as [SaveFailed], and Save is called again with the next change.
	Save func(State) error

	// Updates takes every Updates object that the home data centre pushes, one call at a time, in the goroutine that reads from
	// the socket. It must not block, nor wait for calls of this client: nothing is received meanwhile. If it is nil, updates are
	// acknowledged and dropped.
	Updates func(Update)

	// Events takes what happens to the connection and the account, one call at a time. It must not block, nor wait for calls of
	// this client: it may run in the goroutine that reads from the socket.
	Events func(Event)

	// Pauses are those that Paused told of and that are not over, of a client that ran before.
	Pauses []Pause

	// Paused takes every wait that Telegram asks of calls. It must not block, nor wait for calls of this client.
	Paused func(Pause)

	// Ways to get to Telegram, the preferred ones first; none is the direct one. They are tried by their health.
	Ways []reach.Way

	// Dial opens the TCP connections below everything else.
	Dial DialFunc

	// Transport is for ways that do not say how to frame.
	Transport Transport
	Log       *slog.Logger

	Limits Limits

	// NoPFS sends everything under the permanent keys. Else these sign nothing but temporary keys, new ones every day, so
	// that whoever gets hold of a permanent key some day can read nothing of what was sent before (B19).
	NoPFS bool

	// Throttle is shared by all clients that share an IP address (A12). The process has one by default.
	Throttle *Throttle
}

// Limits are times and counts with useful defaults; zero means the default.
type Limits struct {
	// FloodWait is the longest FLOOD_WAIT that a call sits out by itself (D17), 10 s by default, negative: none.
	// [WithFloodWait] sets it for single calls.
	FloodWait time.Duration

	// Retries is how often a call is made again after an error of Telegram's side that may pass, 5 by default, negative:
	// never. The pauses are 1, 2, 4 ... 60 s.
	Retries int

	// BackoffMax bounds the pause between attempts to connect, 30 s by default.
	BackoffMax time.Duration

	// Dial bounds an attempt to connect to one address, and Handshake each step of a key exchange. 10 s and 20 s.
	Dial, Handshake time.Duration

	// Write bounds how long the peer may refuse to take our bytes before it counts as dead. 15 s.
	Write time.Duration

	// Idle is when a connection to another data centre than the home one is closed after its last call. 1 min.
	Idle time.Duration

	// TempKey is about how long a temporary key lives. 24 h.
	TempKey time.Duration

	// Session are those of the encrypted session: pings, acknowledgements, when a peer counts as dead.
	Session session.Limits
}

const (
	defaultFloodWait  = 10 * time.Second
	defaultRetries    = 5
	defaultBackoffMax = 30 * time.Second
	defaultDial       = 10 * time.Second
	defaultHandshake  = 20 * time.Second
	defaultWrite      = 15 * time.Second
	defaultIdle       = time.Minute
)

func (l Limits) withDefaults() Limits {
	set := func(d *time.Duration, v time.Duration) {
		if *d == 0 {
			*d = v
		}
	}
	set(&l.FloodWait, defaultFloodWait)
	set(&l.BackoffMax, defaultBackoffMax)
	set(&l.Dial, defaultDial)
	set(&l.Handshake, defaultHandshake)
	set(&l.Write, defaultWrite)
	set(&l.Idle, defaultIdle)
	set(&l.TempKey, keys.Life)
	if l.Retries == 0 {
		l.Retries = defaultRetries
	}
	return l
}

func (d Device) withDefaults() Device {
	set := func(s *string, v string) {
		if *s == "" {
			*s = v
		}
	}
	set(&d.Model, "natsgram")
	set(&d.System, "Linux")
	set(&d.App, "1.0")
	set(&d.SystemLang, "en")
	set(&d.Lang, "en")
	return d
}

// withDefaults checks the options and fills in what was left out.
func (o Options) withDefaults() (Options, error) {
	if o.API.ID == 0 {
		return o, errors.New("mtproto: no api_id")
	}
	if err := o.Env.Check(); err != nil {
		return o, err
	}
	if o.Schema == nil {
		var err error
		if o.Schema, err = api.Schema(); err != nil {
			return o, err
		}
	}
	o.Device, o.Limits = o.Device.withDefaults(), o.Limits.withDefaults()
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Throttle == nil {
		o.Throttle = &processThrottle
	}
	return o, nil
}

// Update is an Updates object as Telegram pushed it.
type Update struct {
	// Body is the TL of the object. It belongs to the receiver. Its constructor may be one that the schema does not know
	// (D3): then call [Client.Reinit], and fetch the difference.
	Body []byte

	// Received is when it came.
	Received time.Time

	// Ack says that the update is safe, so that it is acknowledged to Telegram, which repeats it otherwise (C17). One of Ack
	// and Decline is to be called for each update, within some 30 s where that can be, from any goroutine, also from within
	// [Options.Updates]. Neither blocks.
	Ack func()

	// Decline, instead of Ack, says that there is no room for the update: it is not acknowledged, and comes again on the next
	// connection, which [Client.Reinit] begins. It is for updates that no difference would bring (E27).
	Decline func()
}
