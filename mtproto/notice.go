package mtproto

import (
	"bytes"
	"encoding/binary"
	"iter"
	"strings"
	"time"

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

// concern is a kind of updates that the client itself has something to do about.
type concern struct {
	id []byte // as it stands on the wire
	do func(*link, codec.View)
}

func (c *Client) concerns() (all []concern) {
	for name, do := range map[string]func(*link, codec.View){
		"updateConfig":              func(l *link, _ codec.View) { l.refreshConfig() },
		"updateDcOptions":           func(l *link, _ codec.View) { l.refreshConfig() },
		"updateLoginToken":          func(l *link, _ codec.View) { l.c.login.accepted() },
		"updateServiceNotification": (*link).serviceNotice,
		"updateNewAuthorization":    (*link).newAuthorization,
	} {
		if u, ok := c.o.Schema.Constructor(name); ok {
			all = append(all, concern{binary.LittleEndian.AppendUint32(nil, u.ID), do})
		}
	}
	return all
}

// heed does what updates want of the client itself. Nearly all want nothing, which is found out without reading them.
func (l *link) heed(body []byte) {
	for _, about := range l.c.heeds {
		if !bytes.Contains(body, about.id) {
			continue
		}
		for u := range l.c.updatesIn(body) {
			if u.ID() == binary.LittleEndian.Uint32(about.id) {
				about.do(l, u)
			}
		}
	}
}

// updatesIn are the updates in an Updates object; none if it cannot be read.
func (c *Client) updatesIn(body []byte) iter.Seq[codec.View] {
	v, err := c.o.Schema.View(body)
	if err != nil {
		return func(func(codec.View) bool) {}
	}
	if u, ok := v.Object("update"); ok {
		return func(yield func(codec.View) bool) { yield(u) }
	}
	return v.Objects("updates")
}

func (l *link) refreshConfig() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if soonest := l.configHad.Add(configAgain); soonest.Before(l.configAt) {
		l.configAt = soonest
	}
	l.poke()
}

// dropsKey begins the type of notices that announce the end of an authorization.
const dropsKey = "AUTH_KEY_DROP"

func (l *link) serviceNotice(u codec.View) {
	kind := u.Str("type")
	l.c.emit(ServiceNotice{
		Type: kind, Text: u.Str("message"), Popup: u.Bool("popup"), DropsKey: strings.HasPrefix(kind, dropsKey),
	})
}

func (l *link) newAuthorization(u codec.View) {
	e := NewAuthorization{
		Hash: u.Int("hash"), Unconfirmed: u.Bool("unconfirmed"), Device: u.Str("device"), Location: u.Str("location"),
	}
	if u.Has("date") {
		e.Date = time.Unix(u.Int("date"), 0)
	}
	l.c.emit(e)
}
