package mtproto

import (
	"bytes"
	"encoding/binary"
	"iter"
	"strings"
	"time"

	"github.com/natsgram/natsgram/mtproto/session"
	"github.com/natsgram/natsgram/tl/bin"
	"github.com/natsgram/natsgram/tl/codec"
)

// ServiceNotice is a word of Telegram's to the owner of the account (D22).
type ServiceNotice struct {
	Type  string
	Text  string // may hold a code (F13)
	Popup bool
	// DropsKey says that Telegram means to end our authorization, and tells why. To the owner it is a question whether to
	// sign out; nothing is done here.
	DropsKey bool
}

// Name is "notice".
func (ServiceNotice) Name() string { return "notice" }

// NewAuthorization says that the account was signed in elsewhere (F12). Whether to confirm that, by
// account.changeAuthorizationSettings, or to end it, is for the owner to decide.
type NewAuthorization struct {
	Hash        int64 // its name
	Unconfirmed bool
	Date        time.Time
	Device      string
	Location    string
}

// Name is "auth.new".
func (NewAuthorization) Name() string { return "auth.new" }

// Event takes what the session says beside the ends of calls.
func (l *link) Event(now time.Time, e session.Event) {
	switch e := e.(type) {
	case session.Update:
		l.update(now, e)
	case session.NewSession:
		l.newSession(e.UniqueID)
	case session.SaltsChanged:
		l.keys.keepSalts(e.Salts)
	case session.TimeSynced:
		l.noteOffset(now)
	case session.Reset:
		l.c.o.Log.Warn("session renewed", "dc", l.id, "code", e.Code, "reason", e.Reason)
	case session.Warning:
		l.c.o.Log.Warn("session", "dc", l.id, "error", e.Err)
	}
}

// update hands on what the server pushed.
func (l *link) update(now time.Time, e session.Update) {
	updates, known := isUpdates(l.c.o.Schema, e.Body)
	if l.home() && updates {
		l.c.services.handle(l, e.Body)
	}
	if !l.home() || l.c.o.Updates == nil || (known && !updates) {
		l.conn.Release(e.MsgID)
		return
	}
	l.c.o.Updates(Update{
		Body: e.Body, Received: now, Ack: func() { l.conn.Release(e.MsgID) }, Decline: func() { l.conn.Decline(e.MsgID) },
	})
}

// newSession says that the session is a new one, so that pushes may have been lost (C36, E18). 0: the server did not say so.
func (l *link) newSession(uniqueID int64) {
	l.conn.Lock()
	l.init.noticed = true
	l.conn.Unlock()
	if l.home() {
		l.c.events.emit(NewSession{DC: l.id, UniqueID: uniqueID})
	}
}

// serviceUpdates are the kinds of updates that the client itself has something to do about.
type serviceUpdates struct {
	schema *codec.Schema
	kinds  []serviceUpdate
}

type serviceUpdate struct {
	id []byte // as it stands on the wire
	do func(*link, codec.View)
}

func newServiceUpdates(s *codec.Schema) serviceUpdates {
	all := serviceUpdates{schema: s}
	for name, do := range map[string]func(*link, codec.View){
		"updateConfig":              func(l *link, _ codec.View) { l.config.refresh(l) },
		"updateDcOptions":           func(l *link, _ codec.View) { l.config.refresh(l) },
		"updateLoginToken":          func(l *link, _ codec.View) { l.c.login.accepted() },
		"updateServiceNotification": func(l *link, u codec.View) { l.c.events.emit(readNotice(u)) },
		"updateNewAuthorization":    func(l *link, u codec.View) { l.c.events.emit(readAuthorization(u)) },
	} {
		if u, ok := s.Constructor(name); ok {
			all.kinds = append(all.kinds, serviceUpdate{binary.LittleEndian.AppendUint32(nil, u.ID), do})
		}
	}
	return all
}

// handle does what updates want of the client itself. Nearly all want nothing, which is found out without reading them.
func (s *serviceUpdates) handle(l *link, body []byte) {
	for _, kind := range s.kinds {
		if !bytes.Contains(body, kind.id) {
			continue
		}
		for u := range updatesIn(s.schema, body) {
			if u.ID() == binary.LittleEndian.Uint32(kind.id) {
				kind.do(l, u)
			}
		}
	}
}

// isUpdates reports whether an object is of the class Updates, and whether the schema knows it at all.
func isUpdates(s *codec.Schema, body []byte) (yes, known bool) {
	d, ok := s.Constructor(s.Name(bin.NewReader(body).Peek()))
	return ok && d.Result.Name == "Updates", ok
}

// updatesIn returns the updates in an Updates object; none if it cannot be read.
func updatesIn(s *codec.Schema, body []byte) iter.Seq[codec.View] {
	v, err := s.View(body)
	if err != nil {
		return func(func(codec.View) bool) {}
	}
	if u, ok := v.Object("update"); ok {
		return func(yield func(codec.View) bool) { yield(u) }
	}
	return v.Objects("updates")
}

// dropsKey begins the type of notices that announce the end of an authorization.
const dropsKey = "AUTH_KEY_DROP"

func readNotice(u codec.View) ServiceNotice {
	kind := u.Str("type")
	return ServiceNotice{
		Type: kind, Text: u.Str("message"), Popup: u.Bool("popup"), DropsKey: strings.HasPrefix(kind, dropsKey),
	}
}

func readAuthorization(u codec.View) NewAuthorization {
	e := NewAuthorization{
		Hash: u.Int("hash"), Unconfirmed: u.Bool("unconfirmed"), Device: u.Str("device"), Location: u.Str("location"),
	}
	if u.Has("date") {
		e.Date = time.Unix(u.Int("date"), 0)
	}
	return e
}
