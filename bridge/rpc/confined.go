package rpc

import (
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// A call whose subject names a chat is held against it by bridge/confine: what it leaves out of its peer is the chat, and no other may
// be named.

// confined says why a request is not served in the chat that it is to be about; nil: it is, or it may be about any.
func (ms *Methods) confined(j *job) *Fault {
	if j.about == nil {
		return nil
	}
	return ms.confine.Serves(j.method, *j.about)
}

// checkChat refuses an encoded call that names another chat than its subject does; self is the id of the account's user.
func (ms *Methods) checkChat(j *job, call []byte, self int64) *Fault {
	if j.about == nil {
		return nil
	}
	return ms.confine.Check(call, *j.about, self)
}

// fillChat has the chat stand where the call leaves out which it is about.
func (ms *Methods) fillChat(j *job, o *codec.Options, self int64) {
	if j.about == nil || j.about.Kind == subjects.None {
		return
	}
	rule, about := ms.confine, *j.about
	if peer, _, ok := rule.Peer(j.method); ok {
		text := about.String()
		if about.Kind == subjects.User && about.ID == self {
			text = "me"
		}
		o.MissingText = func(fn, param string) (string, bool) { return text, fn == j.method && param == peer }
	}
	if number, ok := rule.Number(j.method); ok {
		others := o.MissingLong
		o.MissingLong = func(fn, param string) (int64, bool) {
			if fn == j.method && param == number {
				return about.ID, true
			}
			return others(fn, param)
		}
	}
}
