package peers

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// UnknownError is a reference that leads to no peer, or to one of a wrong kind. It is the caller's to mend.
type UnknownError struct {
	What   string
	Unread bool // it is no text that names anybody
}

// Error says what is wrong with it.
func (e *UnknownError) Error() string { return e.What }

// Nobodys reports whether Telegram has said that nobody has the name or the number that was asked for.
func Nobodys(err error) bool {
	var e *mtproto.Error
	return errors.As(err, &e) && e.Code == 400 && slices.Contains([]string{"USERNAME_NOT_OCCUPIED", "USERNAME_INVALID", "PHONE_NOT_OCCUPIED"}, e.Type)
}

func unknown(format string, args ...any) error {
	return &UnknownError{What: fmt.Sprintf(format, args...)}
}

// Classes are those in whose place Resolve understands text, sorted.
func Classes() []string { return slices.Sorted(maps.Keys(wrappers)) }

// wrappers are the classes that a peer can stand for, and the constructors of those that hold an InputPeer.
var wrappers = map[string]string{"InputPeer": "", "InputUser": "", "InputChannel": "", "InputDialogPeer": "inputDialogPeer", "InputNotifyPeer": "inputNotifyPeer"}

func input(class string, r reference, f callable) (codec.M, error) {
	if r.self {
		switch class {
		case "InputUser":
			return codec.M{"_": "inputUserSelf"}, nil
		case "InputChannel":
			return nil, unknown("the account itself is no channel")
		}
		return codec.M{"_": "inputPeerSelf"}, nil
	}
	p, hash := f.peer, f.hash
	name := reference{kind: p.kind}.kindName()
	switch {
	case class == "InputUser" && p.kind != subjects.User:
		return nil, unknown("%d is a %s, want a user", p.id, name)
	case class == "InputChannel" && p.kind != subjects.Channel:
		return nil, unknown("%d is a %s, want a channel", p.id, name)
	case f.in != nil:
		return f.fromMessage(class)
	case class == "InputUser":
		return codec.M{"_": "inputUser", "user_id": p.id, "access_hash": hash}, nil
	case class == "InputChannel":
		return codec.M{"_": "inputChannel", "channel_id": p.id, "access_hash": hash}, nil
	case p.kind == subjects.User:
		return codec.M{"_": "inputPeerUser", "user_id": p.id, "access_hash": hash}, nil
	case p.kind == subjects.Chat:
		return codec.M{"_": "inputPeerChat", "chat_id": p.id}, nil
	default:
		return codec.M{"_": "inputPeerChannel", "channel_id": p.id, "access_hash": hash}, nil
	}
}

// callable is a peer with what Telegram wants to know of it, so that a call can name it: the access hash; or, of who is min, a message in which it was seen.
type callable struct {
	peer peer
	hash int64
	in   *callable // the chat of the message; nil: there is the access hash
	msg  int32
}

// fromMessage is a peer by a message in which it was seen.
func (f callable) fromMessage(class string) (codec.M, error) {
	in, err := input("InputPeer", reference{}, *f.in)
	if err != nil {
		return nil, err
	}
	name := map[subjects.Kind]string{subjects.User: "User", subjects.Channel: "Channel"}[f.peer.kind]
	m := codec.M{"_": "inputPeer" + name + "FromMessage", "peer": in, "msg_id": f.msg}
	if class != "InputPeer" && class != "InputDialogPeer" && class != "InputNotifyPeer" {
		m["_"] = "input" + name + "FromMessage"
	}
	m[strings.ToLower(name)+"_id"] = f.peer.id
	return m, nil
}
