package account

import (
	"encoding/json"
	"maps"
	"strconv"
	"time"

	"github.com/natsgram/natsgram/mtproto"
)

// event tells of the account's own life on tg.evt.<account>.<name>. It does not wait: the stream that keeps the last of each listens on
// the subject like everybody else. fields go beside "event", "account" and "at".
func (r *Runner) event(name string, fields map[string]any) {
	all := map[string]any{"event": name, "account": r.Name, "at": time.Now().UTC().Format(time.RFC3339Nano)}
	maps.Copy(all, fields)
	body, err := json.Marshal(all)
	if err == nil {
		err = r.Conn.Publish(r.Settings.Scheme().Event(r.Name, name), body)
	}
	if err != nil {
		r.Log.Debug("telling an event", "event", name, "err", err)
	}
}

// clientEvent is told by the client, from within its loop: nothing here waits.
func (r *Runner) clientEvent(e mtproto.Event, d *driver) {
	var fields map[string]any
	switch e := e.(type) {
	case mtproto.Connected:
		fields = map[string]any{"dc": e.DC, "layer": e.Layer, "rtt_ms": milliseconds(e.RTT)}
		r.Metrics.Connected(r.Name)
		if r.status.connected(e.DC) {
			r.skewed(d)
			d.start()
		}
	case mtproto.Disconnected:
		fields = map[string]any{"dc": e.DC, "attempt": e.Attempt, "next_ms": milliseconds(e.Next), "error": text(e.Err)}
		r.status.disconnected(e.DC, e.Err)
		r.Metrics.Disconnected(r.Name)
	case mtproto.InitRefused:
		fields = map[string]any{"dc": e.DC, "next_ms": milliseconds(e.Next), "error": text(e.Err)}
		r.status.disconnected(e.DC, e.Err) // nothing is answered until it is taken
	case mtproto.Migrated:
		fields = map[string]any{"from": e.From, "to": e.To}
		if r.status.migrated(e.To) {
			d.start()
		}
	case mtproto.NewSession:
		fields = map[string]any{"dc": e.DC}
		d.start() // pushes may have been lost (C36, E18)
	case mtproto.FloodWait:
		fields = map[string]any{"method": e.Method, "seconds": e.Wait.Seconds(), "waits": e.Waits}
		r.Metrics.FloodWait(r.Name, e.Method, e.Wait)
	case mtproto.SpeedLimited:
		fields = map[string]any{"upload": e.Upload, "seconds": e.Wait.Seconds()}
	case mtproto.AuthLost:
		fields = map[string]any{"error": text(e.Err)}
		r.status.set(SignedOut, e.Err)
	case mtproto.Authorized:
		fields = map[string]any{"user_id": e.UserID, "bot": e.Bot}
	case mtproto.KeyCreated:
		fields = map[string]any{"dc": e.DC, "took_ms": milliseconds(e.Took), "temporary": !e.Until.IsZero()}
	case mtproto.ConfigUpdated:
		fields = map[string]any{"options": e.Options, "expires": e.Expires}
		r.online.config(e.OnlineEvery)
	case mtproto.Throttled:
		fields = map[string]any{"dc": e.DC, "wait_ms": milliseconds(e.Wait)}
	case mtproto.KeyDoubted:
		fields = map[string]any{"dc": e.DC, "times": e.Times}
	case mtproto.SaveFailed:
		fields = map[string]any{"error": text(e.Err)}
	default:
		fields = r.notice(e)
	}
	r.event(e.Name(), fields)
	r.Log.Debug(e.Name(), "event", fields) // the client has its own log
}

// notice are the fields of what Telegram has to say to the owner of the account.
func (r *Runner) notice(e mtproto.Event) map[string]any {
	switch e := e.(type) {
	case mtproto.ServiceNotice:
		fields := map[string]any{"type": e.Type, "popup": e.Popup, "drops_key": e.DropsKey}
		if e.DropsKey || r.Settings.ServiceMessages {
			fields["text"] = e.Text // others may hold a login code (F13)
		}
		return fields
	case mtproto.NewAuthorization:
		return map[string]any{
			"hash": strconv.FormatInt(e.Hash, 10), "unconfirmed": e.Unconfirmed, "date": e.Date, "device": e.Device, "location": e.Location,
		}
	case mtproto.Frozen:
		return map[string]any{"method": e.Method, "since": e.Since, "until": e.Until, "appeal": e.AppealURL}
	case mtproto.KeyDestroyed:
		return map[string]any{"dc": e.DC, "error": text(e.Err)}
	}
	return map[string]any{}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
