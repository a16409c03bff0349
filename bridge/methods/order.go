package methods

import (
	"slices"
	"strings"

	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl"
)

// Order says in which lane a method's calls are.
type Order uint8

// The orders.
const (
	NoOrder   Order = iota // none: it only reads, or needs no order
	ChatOrder              // that of the chat which a parameter names
	OwnOrder               // that of the method: it names no chat
)

// chatParams are the parameters that name the chat a call writes to, the first that there is: of a forwarding, where it goes to.
var chatParams = []string{"to_peer", "peer", "channel", "chat_id", "user_id", "bot", "call", "id"}

// chatClasses are the classes by which they do.
var chatClasses = []string{"InputPeer", "InputUser", "InputChannel", "InputDialogPeer", "InputNotifyPeer", "InputEncryptedChat",
	"InputGroupCall", "InputPhoneCall", "InputBotInlineMessageID"}

// orderOf judges a function by the schema. In no order are methods that read or ask, parts of files, media that are uploaded to be
// sent later, and answers to a query, of which each has one.
func orderOf(fn *tl.Combinator) (order Order, chatParam string) {
	ns, name, _ := strings.Cut(fn.Name, ".")
	for _, p := range chatParams {
		if param := fn.Param(p); param != nil && (slices.Contains(chatClasses, param.Type.Name) || p == "chat_id" && param.Type.Name == "long") {
			if asks(fn.Name) || ns == "messages" && strings.HasPrefix(name, "upload") {
				return NoOrder, ""
			}
			return ChatOrder, p
		}
	}
	if asks(fn.Name) || ns == "upload" || fn.Param("query_id") != nil {
		return NoOrder, ""
	}
	return OwnOrder, ""
}

// questions begin the names of methods that change nothing another call could meet, whatever else they do. Some take long: a button
// that is pressed (messages.getBotCallbackAnswer) is answered when its bot answers, which must hold nobody up.
var questions = []string{"get", "compose", "suggest", "summarize", "transcribe", "translate"}

// asks reports whether a method is a question.
func asks(method string) bool {
	_, name, _ := strings.Cut(method, ".")
	return subjects.ReadOnly(method) || slices.ContainsFunc(questions, func(verb string) bool { return strings.HasPrefix(name, verb) })
}
