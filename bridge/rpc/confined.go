package rpc

import (
	"github.com/natsgram/natsgram/bridge/confine"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// confined is a request whose subject names a chat. It is held against that by bridge/confine: what it leaves out of its peer is the
// chat, and no other may be named.
type confined struct {
	rule   *confine.Rule
	method string
	about  *subjects.ChatRef // nil: it may be about any chat
	self   int64             // id of the account's user
}

// confined is how a request is held to its chat.
func (c *Config) confined(j *job) confined {
	return confined{c.Methods.Confine(), j.method, j.about, c.Self}
}

// serves says why the method is not served in the chat; nil: it is.
func (c confined) serves() *Fault {
	if c.about == nil {
		return nil
	}
	return c.rule.Serves(c.method, *c.about)
}

// refuses refuses an encoded call that names another chat; nil: it names none.
func (c confined) refuses(call []byte) *Fault {
	if c.about == nil {
		return nil
	}
	return c.rule.Check(call, *c.about, c.self)
}

// fill has the chat stand where the call leaves out which it is about.
func (c confined) fill(o *codec.Options) {
	if c.about == nil || c.about.Kind == subjects.None {
		return
	}
	method, about := c.method, *c.about
	if peer, _, ok := c.rule.Peer(method); ok {
		text := about.String()
		if about.Kind == subjects.User && about.ID == c.self {
			text = "me"
		}
		o.MissingText = func(fn, param string) (string, bool) { return text, fn == method && param == peer }
	}
	if number, ok := c.rule.Number(method); ok {
		others := o.MissingLong
		o.MissingLong = func(fn, param string) (int64, bool) {
			if fn == method && param == number {
				return about.ID, true
			}
			return others(fn, param)
		}
	}
}
