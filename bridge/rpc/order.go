package rpc

import (
	"slices"
	"strings"

	"github.com/natsgram/natsgram/bridge/turns"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
)

// ordered says in which lane a method's calls are.
type ordered uint8

const (
	noOrder   ordered = iota // none: it only reads, or needs no order
	chatOrder                // that of the chat which a parameter names
	ownOrder                 // that of the method: it names no chat
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

// chatParams are the parameters that name the chat a call writes to, the first that there is: of a forwarding, where it goes to.
var chatParams = []string{"to_peer", "peer", "channel", "chat_id", "user_id", "bot", "call", "id"}

// chatClasses are the classes by which they do.
var chatClasses = []string{"InputPeer", "InputUser", "InputChannel", "InputDialogPeer", "InputNotifyPeer", "InputEncryptedChat",
	"InputGroupCall", "InputPhoneCall", "InputBotInlineMessageID"}

// orderOf judges a function by the schema. In no order are methods that read or ask, parts of files, media that are uploaded to be
// sent later, and answers to a query, of which each has one.
func orderOf(fn *tl.Combinator) (ordered, string) {
	ns, name, _ := strings.Cut(fn.Name, ".")
	for _, p := range chatParams {
		if param := fn.Param(p); param != nil && (slices.Contains(chatClasses, param.Type.Name) || p == "chat_id" && param.Type.Name == "long") {
			if asks(fn.Name) || ns == "messages" && strings.HasPrefix(name, "upload") {
				return noOrder, ""
			}
			return chatOrder, p
		}
	}
	if asks(fn.Name) || ns == "upload" || fn.Param("query_id") != nil {
		return noOrder, ""
	}
	return ownOrder, ""
}

// questions begin the names of methods that change nothing another call could meet, whatever else they do. Some take long: a button
// that is pressed (messages.getBotCallbackAnswer) is answered when its bot answers, which must hold nobody up.
var questions = []string{"get", "compose", "suggest", "summarize", "transcribe", "translate"}

// asks reports whether a method is a question.
func asks(method string) bool {
	_, name, _ := strings.Cut(method, ".")
	return subjects.ReadOnly(method) || slices.ContainsFunc(questions, func(verb string) bool { return strings.HasPrefix(name, verb) })
}

// plan finds out to which chat a request writes, without asking anybody. What cannot be read is in no order: it will be refused.
func (s *Service) plan(j *job) {
	if j.m == nil || !j.m.wraps && j.m.order == noOrder || j.endpoint == s.readOnly {
		return
	}
	if s.read(j) != nil || j.asked.free {
		return
	}
	defer func() { _ = recover() }() // whoever works on it meets the same fault, and tells of it; this goroutine takes all requests
	call := buffers.Get().(*buffer)
	defer call.free()
	var names []string
	o := codec.Options{MissingLong: anyLong, MissingValue: s.anything, Forms: s.c.Forms, Resolve: func(class, text string) ([]byte, bool, error) {
		if s.isFile(class, text) {
			return s.placeholder(1), true, nil
		}
		if s.c.Locate == nil {
			return nil, false, nil
		}
		object, name, ok := s.c.Locate(class, text, -int64(len(names))-1)
		if name != "" {
			names = append(names, name)
		}
		return object, ok, nil
	}}
	s.c.Methods.fillChat(j, &o, s.c.Self)
	if s.appendCall(call, j, &o) != nil {
		return
	}
	j.Chat = s.c.Methods.chatOf(j.m, call.b, s.c.Self)
	if i := -j.Chat.ID - 1; i >= 0 && i < int64(len(names)) && (j.Chat.Kind == aUser || j.Chat.Kind == aChannel) {
		j.Chat = turns.Chat{Kind: turns.Name, Name: names[i]}
	}
}

func anyLong(string, string) (int64, bool) { return 0, true }

// chatOf reads to which chat a call writes; self is the id of the account's user.
func (ms *Methods) chatOf(m *method, call []byte, self int64) turns.Chat {
	v, err := ms.schema.View(call)
	if err != nil {
		return turns.Chat{}
	}
	for inner, ok := carried(m, v); ok; inner, ok = carried(m, v) {
		if strings.HasPrefix(m.name, "invokeAfterMsg") {
			return turns.Chat{} // who says himself after what it comes
		}
		if v, m = inner, ms.byName[inner.Name()]; m == nil {
			return turns.Chat{}
		}
	}
	switch m.order {
	case chatOrder:
		if m.chat == "chat_id" {
			return turns.Chat{Kind: aGroup, ID: v.Int(m.chat)}
		}
		if p, ok := v.Object(m.chat); ok {
			if c := chatIn(p, self); c != (turns.Chat{}) {
				return c
			}
		}
		fallthrough
	case ownOrder:
		return turns.Chat{Kind: aMethod, Name: m.name}
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

// chatOf returns the chat that a name is known to belong to; the zero chat: none is known.
func (n *Names) chatOf(name string) turns.Chat {
	if n.Whose == nil {
		return turns.Chat{}
	}
	kind, id, ok := n.Whose(name)
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
