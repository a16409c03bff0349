package account

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/chats"
	"github.com/natsgram/natsgram/bridge/dialogs"
	"github.com/natsgram/natsgram/bridge/peers"
	"github.com/natsgram/natsgram/bridge/rpc"
	"github.com/natsgram/natsgram/bridge/stream"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// newChats is what keeps the account's dialogs, where that is wanted; bots have none.
func (o *ownership) newChats(state mtproto.State) *chats.Keeper {
	if o.c.Chats == nil || state.Bot || !o.c.Settings.KeepsState(o.c.Name) {
		return nil
	}
	d := o.driver
	k := chats.New(chats.Config{
		Account: o.c.Name, User: state.UserID, Store: o.c.Chats, Schema: o.c.Methods.Schema(), Decl: o.c.Methods.Declared(),
		Invoke: o.ask, Input: o.input, Learn: func(object []byte) { d.publisher.directory.Learn(object) }, Fact: d.publisher.writer.fact, Log: o.tell.log,
		Unknown: func(err error) bool { var unknown *peers.UnknownError; return errors.As(err, &unknown) },
	})
	if k != nil {
		k.Stored(o.log.Epoch(), nil)
	}
	return k
}

// finishChats writes what is known of the dialogs, before the account is let go of.
func (o *ownership) finishChats(ctx context.Context) {
	if k := o.driver.chats; k != nil {
		k.Finish(ctx)
	}
}

// input is a chat as calls name it.
func (o *ownership) input(ctx context.Context, p updates.Peer) ([]byte, error) {
	object, _, err := o.driver.publisher.directory.Resolve(ctx, "InputPeer", string(p.Kind)+"."+strconv.FormatInt(p.ID, 10))
	return object, err
}

// facts are what items say of dialogs.
func facts(items []updates.Item) (all []dialogs.Fact) {
	for i := range items {
		if f, ok := dialogs.FactOf(&items[i]); ok {
			all = append(all, f)
		}
	}
	return all
}

// fact is what a message of the stream says of dialogs. Of one whose contents are left out nobody knows it: its chat is doubted.
func (w *writer) fact(subject string, h nats.Header, data []byte) (f dialogs.Fact, ok bool) {
	_, u, ok := w.scheme.ParseUpdate(subject)
	if !ok || first(h, subjects.HeaderBackfill) != "" || !dialogs.Tells(u.Type) {
		return f, false
	}
	f = dialogs.Fact{Name: u.Type, Chat: updates.Peer{Kind: updates.PeerKind(u.Kind), ID: u.ID}}
	f.Date, _ = strconv.Atoi(first(h, subjects.HeaderDate))
	if u.Type == gapName {
		return f, true
	}
	doubted := dialogs.Fact{Name: gapName, Chat: f.Chat}
	update, ok := w.open(stream.Message{Header: h, Data: data})
	if !ok {
		return doubted, true
	}
	v, err := w.viewOf(update)
	if err != nil {
		return doubted, true
	}
	f.About, f.Update = w.rules.About(v.Raw()), v.Raw()
	return f, true
}

// told has dialogs asked for that a call of the account's own has changed, where no update tells of that: its answer is no more than
// that it was done.
func (o *ownership) told(query, result []byte) {
	k := o.driver.chats
	if k == nil || o.driver.rules.Relevant(result) && !o.driver.rules.Affected(result) {
		return
	}
	v, err := o.c.Methods.Schema().View(query)
	if err != nil {
		return
	}
	if reads, _ := o.c.Methods.Of(v.Name()); reads {
		return
	}
	switch p := o.about(v); {
	case p.ID != 0:
		k.Doubt(p)
	case v.Len("id") > 0:
		for _, id := range v.Longs("id") {
			if c := o.driver.ledger.places.Chat(int(id)); c.ID != 0 {
				k.Doubt(peerOf(c))
			}
		}
	case strings.Contains(v.Name(), "Dialog") || strings.Contains(v.Name(), "Draft"):
		k.Doubt(updates.Peer{})
	}
}

// about is the chat that a call names.
func (o *ownership) about(call codec.View) updates.Peer {
	for _, field := range []string{"peer", "channel"} {
		at, ok := call.Object(field)
		if !ok {
			continue
		}
		if inner, ok := at.Object("peer"); ok {
			at = inner
		}
		for field, kind := range map[string]updates.PeerKind{"user_id": updates.PeerUser, "chat_id": updates.PeerChat, "channel_id": updates.PeerChannel} {
			if id := at.Int(field); id != 0 {
				return updates.Peer{Kind: kind, ID: id}
			}
		}
		if at.Name() == "inputPeerSelf" {
			return updates.Peer{Kind: updates.PeerUser, ID: o.driver.ledger.user}
		}
	}
	return updates.Peer{}
}

// serveChats has the service tell of the dialogs.
func (o *ownership) serveChats(c *rpc.Config) {
	c.Extra["chats"] = rpc.Extra{Subject: o.c.Settings.Scheme().Ctl(o.c.Name, "chats"), Slow: true, Answer: func(_ context.Context, request []byte) ([]byte, *answer.Fault) {
		k := o.driver.chats
		if k == nil {
			return nil, answer.Refuse(404, "the dialogs of "+o.c.Name+" are not kept: name it in NATSGRAM_STATE; a bot has none")
		}
		var q chats.Query
		if err := answer.ReadJSON(request, &q); err != nil {
			return nil, answer.Refuse(400, "chats: "+err.Error())
		}
		if q.Folder < 0 || q.Offset < 0 || q.Limit < 0 {
			return nil, answer.Refuse(400, "chats: folder, offset and limit: want 0 or more")
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
