// Package confine holds a call against the one chat that its subject names: tg.queue.main.channel.123.messages.sendMessage is
// about channel 123, whatever its body says (design §10). NATS judges by subject alone, so who may use a subject of a chat
// must reach nothing beside it by what stands in the body.
//
// The rule goes by the declarations of the schema, so that it holds for any layer: a method is served in a chat when one of its
// parameters is the chat that it is about (its peer); that is filled in where it is missing, and is to be the chat where it is
// not. Every other peer anywhere in the call (of what is replied to, forwarded, mentioned, sent as) is to be the same chat
// or the account itself. What only stands in a text is no peer.
package confine

import (
	"slices"
	"strings"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
)

// Chat is what a subject says that a call is about. With the kind None it is about no chat: only the account itself may be named.
type Chat = subjects.ChatRef

// Rule is what of a schema names peers. It never changes and may be used by any number of goroutines.
type Rule struct {
	schema  *codec.Schema
	methods map[string]*method
	looks   map[string][]field // by constructor or method: the fields that name or hold peers
}

// method is how a method is confined.
type method struct {
	peer   string // the parameter that is the chat, empty where there is none
	number bool   // it is a bare id of a basic group
	class  string // else: of what class it is
	wraps  bool   // it carries another call
}

// field is one that names or holds peers.
type field struct {
	name  string
	holds holds
	kind  subjects.Kind // of an id
}

type holds uint8

const (
	anID    holds = iota // a number that is a peer's
	someIDs              // several
	object               // an object that holds peers
	objects
)

// New makes the rule for a layer.
func New(schema *codec.Schema) *Rule {
	r := &Rule{schema: schema, methods: map[string]*method{}, looks: map[string][]field{}}
	reach := r.reach()
	for _, c := range reach.all {
		if all := reach.looks(c); len(all) > 0 {
			r.looks[c.Name] = all
		}
	}
	for _, fn := range schema.Functions() {
		r.methods[fn.Name()] = methodOf(fn.Decl())
	}
	return r
}

// peerParams are what a method calls the chat that it is about, by what they are, the surest first. An offset in a list, a
// participant, a second peer is none of them.
var peerParams = []struct {
	name    string
	classes []string
}{
	{"peer", []string{"InputPeer", "InputDialogPeer", "InputNotifyPeer"}},
	{"channel", []string{"InputChannel"}},
	{"chat_id", []string{"long"}},
	{"to_peer", []string{"InputPeer"}},
	{"community", []string{"InputChannel"}},
	{"user_id", []string{"InputUser"}},
	{"id", []string{"InputUser", "InputPeer"}},
	{"bot", []string{"InputUser"}},
}

// methodOf finds a method's peer. One that may be left out is none: without it the method is about more than one chat. Nor has
// a method one that is about a message which is named in another way.
func methodOf(fn *tl.Combinator) *method {
	m := &method{}
	for _, p := range fn.Params {
		m.wraps = m.wraps || p.Type.Bang
		if p.Type.Name == "InputBotInlineMessageID" {
			return m
		}
	}
	for _, want := range peerParams {
		if p := fn.Param(want.name); p != nil && p.Cond == nil && slices.Contains(want.classes, p.Type.Name) {
			m.peer, m.class, m.number = p.Name, p.Type.Name, p.Type.Name == "long"
			return m
		}
	}
	return m
}

// Serves says why a method is not served in a chat, by a fault of which nothing was sent; nil: it is.
func (r *Rule) Serves(name string, chat Chat) *answer.Fault {
	m := r.methods[name]
	switch {
	case m == nil:
		return nil // whoever looks for the method says so better
	case m.wraps:
		return answer.Refuse(403, name+" carries another call, of which the subject says nothing: call that one")
	case chat.Kind == subjects.None:
		return nil
	case m.peer == "":
		return answer.Refuse(403, name+" has no parameter that is the chat which it is about: it is not served in one")
	case m.number && chat.Kind != subjects.Chat, m.class == "InputChannel" && chat.Kind != subjects.Channel, m.class == "InputUser" && chat.Kind != subjects.User:
		return answer.Refuse(400, name+" is not about a chat of the kind "+string(chat.Kind)+": its "+m.peer+" is of the type "+m.typeName())
	}
	return nil
}

func (m *method) typeName() string {
	if m.number {
		return "long, a basic group's id"
	}
	return m.class
}

// Peer is the parameter of a method that the chat stands in for where it is missing, and of what class it is; false: none, or it is
// a number.
func (r *Rule) Peer(name string) (param, class string, ok bool) {
	m := r.methods[name]
	if m == nil || m.peer == "" || m.number {
		return "", "", false
	}
	return m.peer, m.class, true
}

// Number is the parameter of a method that the chat's id stands in for where it is missing.
func (r *Rule) Number(name string) (param string, ok bool) {
	m := r.methods[name]
	if m == nil || !m.number {
		return "", false
	}
	return m.peer, true
}

// Check holds an encoded call against its chat: nil, or a fault of which nothing was sent. self is the id of the account's own user.
func (r *Rule) Check(call []byte, chat Chat, self int64) *answer.Fault {
	v, err := r.schema.View(call)
	if err != nil {
		return answer.Refuse(400, err.Error())
	}
	m := r.methods[v.Name()]
	if m == nil {
		return answer.Refuse(400, v.Name()+" is no method")
	}
	if f := r.Serves(v.Name(), chat); f != nil {
		return f
	}
	c := &check{r: r, chat: chat, self: self}
	c.fields(v, v.Name())
	if c.fault != nil {
		return c.fault
	}
	if chat.Kind == subjects.None {
		return nil
	}
	return c.about(v, m)
}

// check goes over one call.
type check struct {
	r     *Rule
	chat  Chat
	self  int64
	fault *answer.Fault
	found int // peers that are the chat
	other int // that are the account itself, where it is not the chat
}

// about sees to it that the method's own peer is the chat, and not the account or nobody.
func (c *check) about(v codec.View, m *method) *answer.Fault {
	own := &check{r: c.r, chat: c.chat, self: c.self}
	if m.number {
		own.id(v.Int(m.peer), subjects.Chat, m.peer)
	} else if o, ok := v.Object(m.peer); ok {
		own.object(o, m.peer)
	}
	if own.fault == nil && own.found > 0 && own.other == 0 {
		return nil
	}
	return &answer.Fault{Code: 403, Text: v.Name() + ": " + m.peer + ": want " + c.chat.String() + ", which the subject names", Sent: answer.No, Path: m.peer}
}

// fields looks at all of an object's fields that name or hold peers.
func (c *check) fields(v codec.View, path string) {
	for _, l := range c.r.looks[v.Name()] {
		if c.fault != nil {
			return
		}
		at := path + "." + l.name
		switch l.holds {
		case anID:
			if v.Class() == "Peer" || slices.Contains(peerClasses, v.Class()) {
				at = path // the object is the peer
			}
			if v.Has(l.name) {
				c.id(v.Int(l.name), l.kind, at)
			}
		case someIDs:
			for _, id := range v.Longs(l.name) {
				c.id(id, l.kind, at)
			}
		case object:
			if o, ok := v.Object(l.name); ok {
				c.object(o, at)
			}
		case objects:
			for o := range v.Objects(l.name) {
				c.object(o, at)
			}
		}
	}
}

// object looks at one object. One of a class of peers that names none by its id is the account itself, or stands for any.
func (c *check) object(v codec.View, path string) {
	switch name := v.Name(); {
	case !slices.Contains(peerClasses, v.Class()) || c.named(name):
		c.fields(v, path)
	case strings.HasSuffix(name, "Self"):
		c.id(c.self, subjects.User, path)
	case c.chat.Kind != subjects.None || !strings.HasSuffix(name, "Empty"):
		c.refuse(path, name+", which stands for any chat or none")
	}
}

// named reports whether objects of a constructor say by an id which peer they are.
func (c *check) named(constructor string) bool {
	return slices.ContainsFunc(c.r.looks[constructor], func(f field) bool { return f.holds == anID })
}

// id looks at the id of a peer.
func (c *check) id(id int64, kind subjects.Kind, path string) {
	switch peer := (Chat{Kind: kind, ID: id}); {
	case peer == c.chat:
		c.found++
	case kind == subjects.User && id == c.self && c.self != 0:
		c.other++
	default:
		c.refuse(path, peer.String())
	}
}

func (c *check) refuse(path, what string) {
	if c.fault != nil {
		return
	}
	want := "want " + c.chat.String() + ", which the subject names, or the account itself"
	if c.chat.Kind == subjects.None {
		want = "the subject names no chat, so it may name no peer but the account itself"
	}
	c.fault = &answer.Fault{Code: 403, Text: path + ": " + what + ": " + want, Sent: answer.No, Path: path}
}
