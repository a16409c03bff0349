package rpc

import (
	"strings"

	"github.com/natsgram/natsgram/bridge/attach"
	"github.com/natsgram/natsgram/bridge/methods"
	"github.com/natsgram/natsgram/bridge/turns"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// Kinds of chats.
const (
	aUser    byte = 'u'
	aGroup   byte = 'g'
	aChannel byte = 'c'
	aSecret  byte = 's'
	aCall    byte = 'p'
	anInline byte = 'i' // a message that somebody sent by way of a bot
	aMethod  byte = 'm' // calls of one method that names no chat
)

// order says to which chat a request writes.
type order struct {
	methods *methods.Methods
	names   *Names
	files   *attach.Reader
	self    int64 // the account's user
}

// plan finds out to which chat a request writes, without asking anybody. What cannot be read is in no order: it will be refused.
func (o *order) plan(j *job) {
	if j.m == nil || !j.m.Wraps && j.m.Order == methods.NoOrder || j.readOnly {
		return
	}
	if j.read(o.methods.Schema().Layer()) != nil || j.asked.free {
		return
	}
	defer func() { _ = recover() }() // whoever works on it meets the same fault, and tells of it; this goroutine takes all requests
	call := buffers.Get().(*buffer)
	defer call.free()
	var names []string
	options := codec.Options{MissingLong: anyLong, MissingValue: o.files.Anything, Forms: o.names.Forms, Resolve: func(class, text string) ([]byte, bool, error) {
		if o.files.Is(class, text) {
			return o.files.Placeholder(1), true, nil
		}
		if o.names.Locate == nil {
			return nil, false, nil
		}
		object, name, ok := o.names.Locate(class, text, -int64(len(names))-1)
		if name != "" {
			names = append(names, name)
		}
		return object, ok, nil
	}}
	confined{o.methods.Confine(), j.method, j.about, o.self}.fill(&options)
	if call.encode(o.methods.Schema(), o.files, j, &options) != nil {
		return
	}
	j.Chat = o.chatOf(j.m, call.b)
	if i := -j.Chat.ID - 1; i >= 0 && i < int64(len(names)) && (j.Chat.Kind == aUser || j.Chat.Kind == aChannel) {
		j.Chat = turns.Chat{Kind: turns.Name, Name: names[i]}
	}
}

func anyLong(string, string) (int64, bool) { return 0, true }

// chatOf reads to which chat a call writes.
func (o *order) chatOf(m *methods.Method, call []byte) turns.Chat {
	v, err := o.methods.Schema().View(call)
	if err != nil {
		return turns.Chat{}
	}
	outer := m
	for within, in := range o.methods.Within(m, v) {
		if strings.HasPrefix(outer.Name, "invokeAfterMsg") || within == nil {
			return turns.Chat{} // who says himself after what it comes
		}
		m, v, outer = within, in, within
	}
	switch m.Order {
	case methods.ChatOrder:
		if m.ChatParam == "chat_id" {
			return turns.Chat{Kind: aGroup, ID: v.Int(m.ChatParam)}
		}
		if p, ok := v.Object(m.ChatParam); ok {
			if c := chatIn(p, o.self); c != (turns.Chat{}) {
				return c
			}
		}
		fallthrough
	case methods.OwnOrder:
		return turns.Chat{Kind: aMethod, Name: m.Name}
	}
	return turns.Chat{}
}

// chatIn reads whom an object names; the zero chat: nobody.
func chatIn(v codec.View, self int64) turns.Chat {
	name := v.Name()
	switch {
	case strings.HasSuffix(name, "Self"):
		return turns.Chat{Kind: aUser, ID: self}
	case strings.HasPrefix(name, "inputEncryptedChat"):
		return turns.Chat{Kind: aSecret, ID: v.Int("chat_id")}
	case v.Class() == "InputBotInlineMessageID":
		return turns.Chat{Kind: anInline, Name: string(v.Raw())}
	case v.Class() == "InputGroupCall" || v.Class() == "InputPhoneCall":
		if v.Has("id") {
			return turns.Chat{Kind: aCall, ID: v.Int("id")}
		}
		return turns.Chat{}
	}
	for _, f := range []struct {
		kind byte
		name string
	}{{aUser, "user_id"}, {aChannel, "channel_id"}, {aGroup, "chat_id"}} {
		if v.Has(f.name) {
			return turns.Chat{Kind: f.kind, ID: v.Int(f.name)}
		}
	}
	if p, ok := v.Object("peer"); ok {
		return chatIn(p, self)
	}
	return turns.Chat{}
}

// whose is the chat that a name is known to belong to; the zero chat: none is known.
func (o *order) whose(name string) turns.Chat {
	if o.names.Whose == nil {
		return turns.Chat{}
	}
	kind, id, ok := o.names.Whose(name)
	switch {
	case !ok:
	case kind == subjects.User:
		return turns.Chat{Kind: aUser, ID: id}
	case kind == subjects.Chat:
		return turns.Chat{Kind: aGroup, ID: id}
	case kind == subjects.Channel:
		return turns.Chat{Kind: aChannel, ID: id}
	}
	return turns.Chat{}
}
