package account

import (
	"context"
	"net"
	"runtime"

	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/mtproto/session"
)

func (r *Runner) newClient(ctx context.Context, state mtproto.State, o *ownership) (Client, error) {
	options, err := ClientOptions(r.c.Settings, r.c.Env, r.Name, r.c.Version)
	if err != nil {
		return nil, err
	}
	options.Schema, options.State, options.Save = r.c.Methods.Schema(), state, r.save
	options.Updates, options.Events, options.Log = o.driver.push, o.clientEvent, r.tell.log
	options.Pauses, options.Paused = o.calls.floods.Load(ctx), o.calls.floods.Note
	if r.c.Sure != nil {
		options.Dial = fenced(new(net.Dialer).DialContext, r.c.Sure)
	}
	return r.c.NewClient(options)
}

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
		Limits: limits(s),
	}, err
}

func limits(s settings.Settings) mtproto.Limits {
	l := mtproto.Limits{FloodWait: s.FloodWait, Session: session.Limits{PingAfter: s.Ping}}
	if l.FloodWait == 0 {
		l.FloodWait = -1 // where 0 is the default
	}
	return l
}
