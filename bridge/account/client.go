package account

import (
	"context"
	"math"
	"runtime"
	"time"

	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/bridge/vault"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/mtproto/reach"
	"github.com/natsgram/natsgram/mtproto/session"
)

// ClientOptions are what the settings say of an account's client. Wrong ways are an error, never the direct way instead:
// who goes by a proxy has reasons.
func ClientOptions(s settings.Settings, env dc.Environment, name, version string) (mtproto.Options, error) {
	system, app := s.SystemVersion, s.AppVersion
	if system == "" {
		system = runtime.GOOS
	}
	if app == "" {
		app = version
	}
	ways, err := s.WaysOf(name)
	return mtproto.Options{
		API:    mtproto.API{ID: s.APIID, Hash: s.APIHash},
		Device: mtproto.Device{Model: s.DeviceModel, System: system, App: app, Lang: s.LangCode, SystemLang: s.LangCode},
		Env:    env,
		Ways:   ways,
		NoPFS:  !s.PFS,
		Limits: clientLimits(s),
	}, err
}

func clientLimits(s settings.Settings) mtproto.Limits {
	l := mtproto.Limits{FloodWait: s.FloodWait, Session: session.Limits{PingAfter: s.Ping}}
	if l.FloodWait == 0 {
		l.FloodWait = -1 // where 0 is the default
	}
	return l
}

// invoker makes an rpc.Invoker of a function.
type invoker func(ctx context.Context, query []byte) ([]byte, error)

// Invoke calls it.
func (f invoker) Invoke(ctx context.Context, query []byte) ([]byte, error) { return f(ctx, query) }

// nobody is the client of an account that is not signed in.
type nobody struct{}

// Invoke refuses.
func (nobody) Invoke(context.Context, []byte) ([]byte, error) { return nil, vault.ErrNotFound }

// What a client tells of itself, as far as it does: a stand-in need not.

// ahead is how far this machine's clock is ahead of Telegram's, as far as a client knows.
func ahead(c Client) time.Duration {
	if w, ok := c.(interface{ ClockOffset() time.Duration }); ok {
		return -w.ClockOffset()
	}
	return 0
}

// heard is when Telegram last said something to a client.
func heard(c Client) time.Time {
	if w, ok := c.(interface{ LastHeard() time.Time }); ok {
		return w.LastHeard()
	}
	return time.Time{}
}

// waysOf are those of a client that has any.
func waysOf(c Client) (all []Way) {
	w, ok := c.(interface{ Ways() []reach.Health })
	if !ok {
		return nil
	}
	for _, h := range w.Ways() {
		failures := math.Round(h.Failures*100) / 100
		all = append(all, Way{h.Way, float64(h.Latency) / float64(time.Millisecond), h.Success, failures})
	}
	return all
}
