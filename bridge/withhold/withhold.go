// Package withhold keeps login codes off the bus: whoever may read an account's messages must not be able to sign in as it
// with a code that Telegram sent to it (checklist F13, design §6). It is one rule for answers and for updates.
//
// The rule is about constructors of the schema and not about methods, so that it holds wherever a message can stand: in a
// history, a search, a dialog's top message, an update within an answer, an event of an admin log.
package withhold

import (
	"slices"
	"strings"

	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
)

// What the header Tg-Redacted says.
const (
	Message = "service message"
	Token   = "sign-in token"
)

// Users are those by whom Telegram itself writes: login codes come from 777000, in former times from 42777 and 333000 (its
// own clients show all three as service notifications); 489000 passes on the codes of others' services.
var Users = []int64{42777, 333000, 489000, 777000}

// Rule is which values hold service messages and how they are redacted. A nil Rule withholds nothing.
type Rule struct {
	redactor *codec.Redactor
	schema   *codec.Schema
}

// New makes the rule for a layer.
func New(schema *codec.Schema) *Rule {
	return &Rule{redactor: schema.NewRedactor(Users, redaction), schema: schema}
}

// Holds reports whether a value of t can hold a service message.
func (r *Rule) Holds(t codec.Type) bool { return r != nil && r.redactor.Holds(t) }

// Redact gives value, one of type t, without the contents of service messages; why says what was left out. What is
// redacted is appended to dst, what holds none is value itself. The error is for a value that cannot be read with this
// layer although it could hold one: then nobody can tell what is in it.
func (r *Rule) Redact(dst, value []byte, t codec.Type) (out []byte, why string, err error) {
	if r == nil {
		return value, "", nil
	}
	out, why, err = r.redactor.Redact(dst, value, t)
	if err != nil || why == "" {
		return value, "", err
	}
	return out[len(dst):], why, nil
}

// Check tells whether value is one of type t. What is not may hold anything.
func (r *Rule) Check(value []byte, t codec.Type) error {
	if !r.Holds(t) {
		return nil
	}
	return r.schema.Check(value, t)
}

// Names reports whether raw TL that cannot be read may name one of Users. It sees no more than their ids.
func (r *Rule) Names(value []byte) bool { return r != nil && r.redactor.MayHold(value) }

// Tells reports whether a value of t can hold text. Without a rule nobody has to know.
func (r *Rule) Tells(t codec.Type) bool { return r != nil && r.redactor.HoldsText(t) }

// Addresses reports whether a call names one of Users, as its peer or anywhere else.
func (r *Rule) Addresses(call []byte) bool { return r != nil && r.redactor.Mentions(call) }

// redaction is the rule for one constructor.
func redaction(c *tl.Combinator) codec.Redaction {
	if c.Name == "config" { // by it a browser is signed in at Telegram's own sites
		return codec.Redaction{Why: Token, Always: true, Fields: []string{"autologin_token"}}
	}
	r := codec.Redaction{Why: Message, UserFields: peopleIn(c), Text: isMessage(c.Result.Name)}
	for _, p := range c.Params {
		if p.Type.Name == "DraftMessage" { // it may quote the chat that it belongs to
			r.Fields, r.Keep = append(r.Fields, p.Name), true // as in an update, which cannot be without it
		}
		if isText(p) && c.Result.Name == "Update" && len(r.UserFields) == 0 {
			r.Always = true // updateServiceNotification: from nobody, and may be a code
		}
	}
	return r
}

// isMessage reports whether objects of the class are withheld as a whole: messages of any kind, what a message says of the
// one that it answers (with a quote of it), the same in a draft, and updates that are about a user themselves.
func isMessage(class string) bool {
	switch class {
	case "MessageReplyHeader", "InputReplyTo", "Update", "Updates":
		return true
	}
	return strings.HasSuffix(class, "Message")
}

// isText: the parameter is the text of a message.
func isText(p tl.Param) bool {
	return p.Name == "message" && slices.Contains([]string{"string", "TextWithEntities", "RichMessage"}, p.Type.Name)
}

// peopleIn are the parameters that say whose message it is: from whom, in which chat, where it was forwarded from.
func peopleIn(c *tl.Combinator) (names []string) {
	for _, p := range c.Params {
		switch p.Type.Name {
		case "Peer", "InputPeer", "InputUser", "MessageFwdHeader":
			names = append(names, p.Name)
		case "long":
			if strings.HasSuffix(p.Name, "user_id") || p.Name == "from_id" {
				names = append(names, p.Name)
			}
		}
	}
	return names
}
