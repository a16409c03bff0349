package account

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/chats"
	"github.com/natsgram/natsgram/bridge/methods"
	"github.com/natsgram/natsgram/bridge/peers"
	"github.com/natsgram/natsgram/bridge/rpc"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl/codec"
)

// keeping is what keeps the account's dialogs, and finds out which of them were changed by calls of ours.
type keeping struct {
	keeper  *chats.Keeper // nil: they are not kept
	rules   *updates.Rules
	methods *methods.Methods
	places  *places
	self    int64
}

// keepsChats reports whether the dialogs are to be kept: where that is wanted. Bots have none.
func keepsChats(c *Config, state mtproto.State) bool {
	return c.Chats != nil && !state.Bot && c.Settings.KeepsState(c.Name)
}

// keep keeps them, of what the stream holds from that epoch on.
func (x *keeping) keep(c *Config, ask func(context.Context, []byte) ([]byte, error), known *directory, w *writer, epoch uint64) {
	x.keeper = chats.New(chats.Config{
		Account: c.Name, User: x.self, Store: c.Chats, Schema: c.Methods.Schema(), Decl: c.Methods.Declared(),
		Invoke: ask, Input: known.input, Learn: func(object []byte) { known.Learn(object) }, Fact: w.fact, Rule: w.withheld, Log: c.Log,
		Unknown: func(err error) bool { var unknown *peers.UnknownError; return errors.As(err, &unknown) },
	})
	if x.keeper != nil {
		x.keeper.Stored(epoch, nil)
	}
}

// finish writes what is known of the dialogs, before the account is let go of.
func (x *keeping) finish(ctx context.Context) {
	if x.keeper != nil {
		x.keeper.Finish(ctx)
	}
}

// told has dialogs asked for that a call of the account's own has changed, where no update tells of that: its answer is no more than
// that it was done.
func (x *keeping) told(query, result []byte) {
	k := x.keeper
	if k == nil || x.rules.Relevant(result) && !x.rules.Affected(result) {
		return
	}
	v, err := x.methods.Schema().View(query)
	if err != nil {
		return
	}
	if reads, _ := x.methods.Of(v.Name()); reads {
		return
	}
	switch p := x.about(v); {
	case v.Name() == "account.resetNotifySettings":
		k.DoubtAll()
	case p.ID != 0:
		k.Doubt(p)
	case v.Len("id") > 0:
		for _, id := range v.Longs("id") {
			if c := x.places.Chat(int(id)); c.ID != 0 {
				k.Doubt(peerOf(c))
			}
		}
	case x.rules.Affected(result) || strings.Contains(v.Name(), "Dialog") || strings.Contains(v.Name(), "Draft"):
		k.Doubt(updates.Peer{})
	}
}

// about is the chat that a call names.
func (x *keeping) about(call codec.View) updates.Peer {
	for _, field := range []string{"peer", "channel"} {
		at, ok := call.Object(field)
		if !ok {
			continue
		}
		if inner, ok := at.Object("peer"); ok && !at.Has("msg_id") { // else it is the chat of a message in which somebody was seen
			at = inner
		}
		for field, kind := range map[string]updates.PeerKind{"user_id": updates.PeerUser, "chat_id": updates.PeerChat, "channel_id": updates.PeerChannel} {
			if id := at.Int(field); id != 0 {
				return updates.Peer{Kind: kind, ID: id}
			}
		}
		if at.Name() == "inputPeerSelf" {
			return updates.Peer{Kind: updates.PeerUser, ID: x.self}
		}
	}
	return updates.Peer{}
}

// answers has the service tell of the dialogs.
func (x *keeping) answers(c *rpc.Config) {
	c.Extra["chats"] = rpc.Extra{Subject: c.Scheme.Ctl(c.Account, "chats"), Slow: true, Answer: func(_ context.Context, request []byte) ([]byte, *answer.Fault) {
		var q chats.Query
		if err := answer.ReadJSON(request, &q); err != nil {
			return nil, answer.Refuse(400, "chats: "+err.Error())
		}
		if q.Folder < 0 || q.Offset < 0 || q.Limit < 0 {
			return nil, answer.Refuse(400, "chats: folder, offset and limit: want 0 or more")
		}
		k := x.keeper
		if k == nil {
			return nil, answer.Refuse(404, "the dialogs of "+c.Account+" are not kept: name it in NATSGRAM_STATE; a bot has none")
		}
		page, err := k.Page(q)
		if err != nil {
			return nil, answer.Later(err.Error())
		}
		b, err := json.Marshal(page)
		if err != nil {
			return nil, answer.Refuse(500, err.Error())
		}
		return b, nil
	}}
}
