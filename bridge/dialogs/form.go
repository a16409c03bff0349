package dialogs

import (
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
)

// Rule says what nobody is to read who reads the dialogs. It is the one for all that goes on the bus: what is folded in is told there.
type Rule interface {
	// Redact gives an object without that; why is empty where it has none.
	Redact(dst, object []byte, t codec.Type) (clean []byte, why string, err error)
}

// form is how a layer writes dialogs.
type form struct {
	schema *codec.Schema
	dialog *tl.Combinator
	rule   Rule // nil: all may be read
}

// clean is an object without what nobody is to read; cut: it had some. What cannot be read may have some, and is an error.
func (f *form) clean(object []byte) (v codec.View, cut bool, err error) {
	if f.rule != nil {
		var why string
		if object, why, err = f.rule.Redact(nil, object, f.schema.AnyObject()); err != nil {
			return codec.View{}, false, err
		}
		cut = why != ""
	}
	v, err = f.schema.View(object)
	return v, cut, err
}

// write is a dialog as Telegram would give it now: what it gave last, with what has changed since.
func (f *form) write(d *dialog, pinned bool) ([]byte, error) {
	v, err := f.schema.View(d.base)
	if err != nil {
		return nil, err
	}
	m := codec.M{"_": f.dialog.Name}
	for i := range f.dialog.Params {
		p := &f.dialog.Params[i]
		switch {
		case p.Type.Name == "#" || !v.Has(p.Name):
		case p.Type.Name == "true", p.Type.Name == "Bool":
			m[p.Name] = v.Bool(p.Name)
		case p.Type.Name == "int":
			m[p.Name] = int(v.Int(p.Name))
		case p.Type.Name == "long":
			m[p.Name] = v.Int(p.Name)
		default:
			if o, ok := v.Object(p.Name); ok {
				m[p.Name] = codec.Raw(o.Raw())
			}
		}
	}
	for name, value := range map[string]any{
		"top_message": d.top, "read_inbox_max_id": d.readIn, "read_outbox_max_id": d.readOut, "unread_count": d.unread,
		"unread_mentions_count": d.mentions, "unread_reactions_count": d.reactions, "unread_poll_votes_count": d.votes,
		"pinned": pinned, "unread_mark": d.unreadMark, "view_forum_as_messages": d.asMessages, "ttl_period": orNone(d.period),
		"folder_id": orNone(d.folder), "draft": rawOrNone(d.draft), "notify_settings": rawOrNone(d.notify),
	} {
		if f.dialog.Param(name) != nil {
			m[name] = value
		}
	}
	if d.peer.Kind == updates.PeerChannel {
		delete(m, "pts") // where its box stands every update says; here it would only grow old
	}
	return f.schema.Encode(nil, m)
}

func orNone(n int) any {
	if n == 0 {
		return nil
	}
	return n
}

func rawOrNone(b []byte) any {
	if b == nil {
		return nil
	}
	return codec.Raw(b)
}
