package account

import (
	"strconv"

	"github.com/natsgram/natsgram/mtproto"
)

// clientEvent is told by the client, from within its loop: nothing here waits.
func (o *ownership) clientEvent(e mtproto.Event) {
	var fields map[string]any
	switch e := e.(type) {
	case mtproto.Connected:
		fields = map[string]any{"dc": e.DC, "layer": e.Layer, "rtt_ms": milliseconds(e.RTT)}
		o.tell.metrics.Connected(o.c.Name)
		if o.status.connected(e.DC) {
			o.lookAtClock()
			o.missed()
		}
	case mtproto.Disconnected:
		fields = map[string]any{"dc": e.DC, "attempt": e.Attempt, "next_ms": milliseconds(e.Next), "error": text(e.Err)}
		o.status.disconnected(e.DC, e.Err)
		o.tell.metrics.Disconnected(o.c.Name)
	case mtproto.InitRefused:
		fields = map[string]any{"dc": e.DC, "next_ms": milliseconds(e.Next), "error": text(e.Err)}
		o.status.disconnected(e.DC, e.Err) // nothing is answered until it is taken
	case mtproto.Migrated:
		fields = map[string]any{"from": e.From, "to": e.To}
		if o.status.migrated(e.To) {
			o.missed()
		}
	case mtproto.NewSession:
		fields = map[string]any{"dc": e.DC}
		o.missed()
	case mtproto.FloodWait:
		fields = map[string]any{"method": e.Method, "seconds": e.Wait.Seconds(), "waits": e.Waits}
		o.tell.metrics.FloodWait(o.c.Name, e.Method, e.Wait)
	case mtproto.SpeedLimited:
		fields = map[string]any{"upload": e.Upload, "seconds": e.Wait.Seconds()}
	case mtproto.AuthLost:
		fields = map[string]any{"error": text(e.Err)}
		o.status.set(SignedOut, e.Err)
	case mtproto.Authorized:
		fields = map[string]any{"user_id": e.UserID, "bot": e.Bot}
	case mtproto.KeyCreated:
		fields = map[string]any{"dc": e.DC, "took_ms": milliseconds(e.Took), "temporary": !e.Until.IsZero()}
	case mtproto.ConfigUpdated:
		fields = map[string]any{"options": e.Options, "expires": e.Expires}
		o.online.config(e.OnlineEvery)
	case mtproto.Throttled:
		fields = map[string]any{"dc": e.DC, "wait_ms": milliseconds(e.Wait)}
	case mtproto.KeyDoubted:
		fields = map[string]any{"dc": e.DC, "times": e.Times}
	case mtproto.SaveFailed:
		fields = map[string]any{"error": text(e.Err)}
	default:
		fields = notice(e, o.c.Settings.ServiceMessages)
	}
	o.tell.event(e.Name(), fields)
	o.tell.log.Debug(e.Name(), "event", fields) // the client has its own log
}

// notice are the fields of what Telegram has to say to the owner of the account; codes: also what may hold a login code.
func notice(e mtproto.Event, codes bool) map[string]any {
	switch e := e.(type) {
	case mtproto.ServiceNotice:
		fields := map[string]any{"type": e.Type, "popup": e.Popup, "drops_key": e.DropsKey}
		if e.DropsKey || codes {
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

// lookAtClock tells how wrong the clock is, when there is a connection.
func (o *ownership) lookAtClock() {
	if now := ahead(o.client); o.c.Clock.note(o.tell.log, now) {
		o.tell.event(eventSkew, map[string]any{"ahead_seconds": now.Seconds()})
	}
}

// missed has fetched what was pushed while nobody listened, or may have been lost (C36, E18).
func (o *ownership) missed() {
	o.driver.start()
	if k := o.driver.chats; k != nil {
		k.Missed()
	}
}
