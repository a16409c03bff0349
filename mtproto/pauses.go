package mtproto

import (
	"strconv"
	"strings"
	"time"

	"github.com/natsgram/natsgram/tl/codec"
)

var peerKinds = map[byte]string{'u': "user", 'g': "chat", 'c': "channel"}

func (p peer) String() string {
	if p == (peer{}) {
		return ""
	}
	return peerKinds[p.kind] + "." + strconv.FormatInt(p.id, 10)
}

// parsePeer is the reverse; false: it is none.
func parsePeer(text string) (p peer, ok bool) {
	if text == "" {
		return p, true
	}
	kind, id, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(id, 10, 64)
	for k, name := range peerKinds {
		if name == kind && err == nil {
			return peer{k, n}, true
		}
	}
	return p, false
}

// resume takes up the pauses that a program kept. Those of methods that this layer lacks are nothing to it.
func (f *floods) resume(s *codec.Schema, all []Pause, now time.Time) {
	for _, p := range all {
		fn, known := s.Function(p.Method)
		about, ok := parsePeer(p.Peer)
		if known && ok && p.Until.After(now) {
			f.set(fn.ID(), about, now, pause{p.Until, p.Kind})
		}
	}
}

// pause has calls of a method wait as Telegram said, and tells of it.
func (f *floods) pause(m method, about peer, e *Error) {
	now := time.Now()
	p := pause{now.Add(RetryAfter(e)), e.Kind()}
	f.set(m.id, about, now, p)
	if f.told != nil {
		f.told(Pause{Method: m.name, Peer: about.String(), Kind: p.kind, Until: p.until})
	}
}
