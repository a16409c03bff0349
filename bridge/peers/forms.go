package peers

import (
	"errors"
	"fmt"
	"strings"

	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// Forms are the objects that may stand for a peer: those by which updates and messages name it (peerUser, peerChat, peerChannel, and dialogPeer and
// notifyPeer around them), inputs of another class, and inputs that lack their access hash, or have 0 there. An id in them may be as the Bot API writes it. And what may
// stand for a basic group's id, where that is a number.
func Forms() *codec.Forms { return &forms }

var forms = codec.Forms{
	May: func(class, constructor string) bool {
		if _, ok := wrappers[class]; !ok {
			return false
		}
		switch constructor {
		case "peerUser", "peerChat", "peerChannel", "inputPeerUser", "inputPeerChat", "inputPeerChannel", "inputUser", "inputChannel",
			"inputPeerSelf", "inputUserSelf", "dialogPeer", "notifyPeer":
			return true
		}
		as, _ := asInput(class, constructor)
		return as != ""
	},
	Text: textOf,
	As:   asInput,
	IDs: func(fn, param string) bool { // of basic groups: those of secret chats are ints
		return param == "chat_id" || param == "id" && fn == "messages.getChats"
	},
	ID: groupID,
	Absent: func(constructor, param string) bool {
		switch constructor {
		case "inputPeerUser", "inputPeerChannel", "inputUser", "inputChannel":
			return param == "access_hash"
		}
		return false
	},
}

// textOf is the text that an object means where one of a class is wanted.
func textOf(class string, object codec.View) (text string, ok bool) {
	name := object.Name()
	own := "Input" // the class that it is of
	switch {
	case strings.HasPrefix(name, "inputPeer"):
		own = "InputPeer"
	case strings.HasPrefix(name, "inputUser"):
		own = "InputUser"
	case strings.HasPrefix(name, "inputChannel"):
		own = "InputChannel"
	}
	switch name {
	case "inputPeerSelf", "inputUserSelf":
		return "me", own != class
	case "dialogPeer", "notifyPeer":
		if object, ok = object.Object("peer"); !ok {
			return "", false
		}
	case "peerUser", "peerChat", "peerChannel", "inputPeerUser", "inputPeerChat", "inputPeerChannel", "inputUser", "inputChannel":
	default:
		return "", false
	}
	p := peerOf(object)
	if p.id == 0 && object.Has("user_id") {
		p.kind = subjects.User
	}
	if p.id == 0 && object.Has("channel_id") {
		p.kind = subjects.Channel
	}
	if c := subjects.FromBotAPI(p.id); p.id < 0 && c.Kind == p.kind {
		p.id = c.ID
	}
	return p.String(), own != class || object.Int("access_hash") == 0
}

// asInput are the inputs of a class that have the same fields as one of another, and what of the class holds them.
func asInput(class, constructor string) (as, within string) {
	within = wrappers[class]
	switch {
	case class == "InputUser" && constructor == "inputPeerUserFromMessage":
		return "inputUserFromMessage", ""
	case class == "InputChannel" && constructor == "inputPeerChannelFromMessage":
		return "inputChannelFromMessage", ""
	case class == "InputUser" || class == "InputChannel":
		return "", ""
	case constructor == "inputUserFromMessage" || constructor == "inputPeerUserFromMessage":
		return "inputPeerUserFromMessage", within
	case constructor == "inputChannelFromMessage" || constructor == "inputPeerChannelFromMessage":
		return "inputPeerChannelFromMessage", within
	case class == "InputDialogPeer" && constructor == "dialogPeerFolder":
		return "inputDialogPeerFolder", ""
	case class == "InputNotifyPeer" && (constructor == "notifyUsers" || constructor == "notifyChats" || constructor == "notifyBroadcasts"):
		return "inputN" + constructor[1:], ""
	}
	return "", ""
}

// groupID reads what a caller wrote where a basic group's id is wanted.
func groupID(text string) (int64, error) {
	r, err := parse(text)
	switch {
	case err != nil && errors.Is(err, errFar):
		return 0, &UnknownError{fmt.Sprintf("%.40q names no basic group: %v", text, err), true}
	case err == nil && r.id > 0 && (r.kind == subjects.Chat || r.kind == subjects.None):
		return r.id, nil
	}
	return 0, &UnknownError{fmt.Sprintf("%.40q names no basic group: want an id such as 5, chat.5 or -5", text), true}
}
