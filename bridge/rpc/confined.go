package rpc

import (
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// A call whose subject names a chat is held against it by bridge/confine: what it leaves out of its peer is the chat, and no other may
// be named.

// confined says why a request is not served in the chat that it is to be about; nil: it is, or it may be about any.
func (s *Service) confined(j *job) *Fault {
	if j.about == nil {
		return nil
	}
	return s.c.Methods.confine.Serves(j.method, *j.about)
}

// held holds an encoded call against its chat.
func (s *Service) held(j *job, call []byte) *Fault {
	if j.about == nil {
		return nil
	}
	return s.c.Methods.confine.Check(call, *j.about, s.c.Self)
}

// fillChat has the chat stand where the call leaves out which it is about.
func (s *Service) fillChat(j *job, o *codec.Options) {
	if j.about == nil || j.about.Kind == subjects.None {
		return
	}
	rule, about := s.c.Methods.confine, *j.about
	if peer, _, ok := rule.Peer(j.method); ok {
		text := about.String()
		if about.Kind == subjects.User && about.ID == s.c.Self {
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
