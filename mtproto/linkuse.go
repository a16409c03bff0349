package mtproto

import (
	"slices"
	"time"

	"github.com/natsgram/natsgram/mtproto/dc"
)

// What differs between a link for calls and one for files.

// Parts of files wait in the buffers of slow connections, and pings behind them.
const (
	filesDead  = 40 * time.Second
	filesWrite = time.Minute
)

// addresses returns those that a link may go to: of file traffic only media addresses, of a CDN only its own.
func (u linkUse) addresses(c *Client, id int) []dc.Option {
	media := u == forDownload || u == forUpload
	all := c.addresses(id, dc.Want{Media: media, CDN: u == forCDN})
	if media {
		all = slices.DeleteFunc(all, func(o dc.Option) bool { return !o.MediaOnly })
	}
	return all
}

// rotate begins a list with its k-th element.
func rotate(all []dc.Option, k int) []dc.Option {
	if len(all) == 0 {
		return all
	}
	k %= len(all)
	return append(all[k:len(all):len(all)], all[:k]...)
}

// limits returns those of a link.
func (u linkUse) limits(limits Limits) Limits {
	if u != forCalls {
		limits.Write = max(limits.Write, filesWrite)
		limits.Session.DeadAfter = max(limits.Session.DeadAfter, filesDead)
	}
	return limits
}

// header returns what goes before a call on a link for files: no method but those of files is called there, so that
// initConnection goes around the first of them (D1, D9).
func (l *link) header() []byte {
	l.conn.Lock()
	defer l.conn.Unlock()
	switch {
	case l.use == forCDN:
		return l.c.encoded.cdnHeader
	case !l.wrap:
		return l.c.encoded.withoutUpdates
	}
	init := l.c.encoded.inits[l.init.announced]
	return append(slices.Clone(init[:len(init)-len(l.c.encoded.getConfig)]), l.c.encoded.withoutUpdates...)
}

// noteWrap notes what an answer says about calls having to be wrapped in initConnection.
func (l *link) noteWrap(e *Error) {
	l.conn.Lock()
	defer l.conn.Unlock()
	switch {
	case e == nil:
		l.wrap = false
	case e.Code != 0 && react(e.Code, e.Kind()) == rewrap:
		l.wrap = true
	}
}

// beginFiles lets calls through on a link for files. The lock is held.
func (l *link) beginFiles(way int) {
	l.init.announced, l.wrap = way, true
	if !l.temp.Draining() {
		l.calls.release()
	}
}

// besideHome reports whether this link is beside the one for calls, whose business it is to give up the home's key.
func (l *link) besideHome() bool { return l.use != forCalls && l.id == l.c.Home() }
