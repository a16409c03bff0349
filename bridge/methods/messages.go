package methods

import (
	"slices"
	"strings"
	"unicode"

	"github.com/natsgram/natsgram/bridge/withhold"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
)

// messages is by which methods what is withheld of Telegram's own messages would come out all the same.
type messages struct {
	schema   *codec.Schema
	withheld *withhold.Rule // nil: nothing is
}

// carries reports whether a method takes contents of messages, that the caller names by their ids, to where no redaction
// reaches: to other people (forwardMessages, an answer with a quote), or to a text that says no more whose it is
// (translateText, summarizeText).
func (x *messages) carries(fn *codec.Function, readOnly bool) bool {
	named := slices.ContainsFunc(fn.Decl().Params, func(p tl.Param) bool {
		switch p.Name {
		case "id", "msg_id":
			return p.Type.Name == "int" || len(p.Type.Args) == 1 && p.Type.Args[0].Name == "int"
		}
		return p.Type.Name == "InputReplyTo"
	})
	redacted := x.withheld.Holds(fn.Result())
	return named && x.withheld.Tells(fn.Result()) && !(redacted && readOnly)
}

// takesAway reports whether a call of a method that carries may carry such a message.
func (x *messages) takesAway(call []byte) bool { return x.withheld.Addresses(call) || x.anyChat(call) }

// anyChat reports whether a call leaves open in which chat a message is: inputPeerEmpty, in the place of a peer. Ids of messages in
// private chats count for all of them together, so one would do to name a message of Telegram's own.
func (x *messages) anyChat(call []byte) bool {
	v, err := x.schema.View(call)
	return x.withheld != nil && (err != nil || leavesOpen(v))
}

func leavesOpen(v codec.View) bool {
	open := func(name string) bool {
		p, ok := v.Object(name)
		return ok && p.Name() == "inputPeerEmpty"
	}
	reply, answers := v.Object("reply_to")
	return open("from_peer") || open("reply_to_peer_id") || (v.Has("id") || v.Has("msg_id")) && open("peer") || answers && leavesOpen(reply)
}

// searchText is the parameter with what is searched for.
const searchText = "q"

// searches reports whether a method finds messages by their text. What it finds says what stands in them, even when they come
// without: a code of five digits is found out, one digit after the other, by fifty such questions.
func (x *messages) searches(fn *codec.Function) bool {
	q := fn.Decl().Param(searchText)
	return q != nil && q.Type.Name == "string" && x.withheld.Holds(fn.Result())
}

// guesses reports whether a search could find out a login code.
func (x *messages) guesses(call []byte) bool {
	if x.withheld == nil {
		return false
	}
	v, err := x.schema.View(call)
	if err != nil {
		return true
	}
	q := v.Str(searchText)
	if x.withheld.Addresses(call) {
		return q != ""
	}
	peer, inChat := v.Object("peer")
	if !inChat {
		peer, inChat = v.Object("channel")
	}
	return (!inChat || peer.Name() == "inputPeerEmpty") && strings.ContainsFunc(q, unicode.IsNumber)
}
