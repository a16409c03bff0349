package chats

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/world"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl/api"
	"github.com/natsgram/natsgram/tl/codec"
)

// pick is one of some.
func pick[T any](m *model, all []T) T { return all[m.r.IntN(len(all))] }

// chat is a conversation, and who but the account may write there.
func (m *model) chat() (mttest.Peer, *mttest.Account) {
	switch m.r.IntN(7) {
	case 0:
		return m.rooms[0], m.others[0]
	case 1:
		return m.rooms[1], pick(m, m.others[1:])
	case 2, 3:
		return pick(m, m.groups), pick(m, m.others[:2])
	}
	o := pick(m, m.others)
	return o, o
}

// happen is something that the account does on another device, or somebody else.
func (m *model) happen() {
	in, who := m.chat()
	m.does(m.r.IntN(23), in, who)
}

// does is one of these things; who is somebody who may write in a chat.
func (m *model) does(n int, in mttest.Peer, who *mttest.Account) {
	if n == 18 {
		in = m.rooms[1]
	}
	member := true
	if room, ok := in.(*mttest.Channel); ok {
		member = m.member(room)
	}
	m.note("%d happens in %v", n, m.peer(in))
	if n >= 13 && n <= 19 { // no difference tells of it, and of pins not of others' either
		m.unseen.happens(happened{in: m.peer(in), pins: n == 13 || n == 17 || n == 18 || n == 19})
	}
	switch {
	case n < 7:
		m.send(in, who)
	case n < 9 && member && in != mttest.Peer(m.rooms[0]):
		at := m.me.Send(in, "mine")
		m.sent[in] = append(m.sent[in], sent{m.me, at.ID})
	case n < 11 && member:
		m.read(in)
	case n == 11:
		m.delete(in)
	case n == 12 && len(m.sent[in]) > 0:
		if one := pick(m, m.sent[in]); one.by != m.me || member {
			one.by.Edit(m.as(one.by, in), one.id, fmt.Sprint("edited ", m.r.Uint64()))
		}
	case n == 13 && member:
		m.me.Pin(in, m.r.IntN(2) == 0)
	case n == 14 && member:
		m.me.MarkUnread(in, m.r.IntN(2) == 0)
	case n == 15 && member:
		m.me.Draft(in, pick(m, []string{"", "hm", "well"}))
	case n == 16 && member:
		m.me.Mute(in, m.r.IntN(100))
	case n == 17 && member:
		m.me.Archive(in, m.r.IntN(2) == 0)
	case n == 18:
		if member {
			m.me.Leave(m.rooms[1])
		} else {
			m.me.Join(m.rooms[1])
		}
		m.outside = !m.outside
	case n == 19:
		m.me.OrderPinned(0, m.others[0], m.groups[0])
	case n == 20:
		m.unseen.happens(happened{folders: true})
		m.me.SetFilters(mttest.M{
			"_": "dialogFilter", "id": 2 + m.r.IntN(9), "title": mttest.M{"_": "textWithEntities", "text": "Some", "entities": []mttest.M{}},
			"pinned_peers": []mttest.M{}, "include_peers": []mttest.M{}, "exclude_peers": []mttest.M{},
		})
	case n == 21 && member && !m.unseen.offline:
		m.readHere(in)
	case n == 22 && m.r.IntN(8) == 0: // a conversation without messages stays where it stood in the list
		for len(m.sent[in]) > 0 {
			m.delete(in)
		}
	}
}

func (m *model) member(c *mttest.Channel) bool { return c == m.rooms[0] || !m.outside }

// as is a conversation as another has it.
func (m *model) as(who *mttest.Account, in mttest.Peer) mttest.Peer {
	if _, ok := in.(*mttest.Account); ok && who != m.me {
		return m.me
	}
	return in
}

func (m *model) send(in mttest.Peer, who *mttest.Account) {
	at := who.Send(m.as(who, in), fmt.Sprint("text ", m.r.Uint64()))
	m.sent[in] = append(m.sent[in], sent{who, at.ID})
}

// read is done on another device. Of a channel's nobody is told who is not there.
func (m *model) read(in mttest.Peer) {
	defer func() { _ = recover() }() // where the two have never spoken
	m.me.Read(in, 0)
	if _, room := in.(*mttest.Channel); room {
		m.unseen.happens(happened{in: m.peer(in)})
	}
}

// readHere is a call of the account's own, of which its answer tells no more than that it was done.
func (m *model) readHere(in mttest.Peer) {
	p := m.peer(in)
	m.unseen.hide(happened{at: time.Now(), in: p})
	if p.Kind == updates.PeerChannel {
		m.invoke(codec.M{"_": "channels.readHistory", "channel": codec.M{"_": "inputChannel", "channel_id": p.ID, "access_hash": m.me.AccessHash(in)}, "max_id": 0})
	} else {
		m.invoke(codec.M{"_": "messages.readHistory", "peer": m.input(p), "max_id": 0})
	}
	if m.fault != DeafToDoubt {
		m.keeper.Doubt(p)
	}
}

// peer is a conversation as updates name it.
func (m *model) peer(in mttest.Peer) updates.Peer {
	kind := map[world.Kind]updates.PeerKind{world.KindUser: updates.PeerUser, world.KindChat: updates.PeerChat, world.KindChannel: updates.PeerChannel}[in.Peer().Kind]
	return updates.Peer{Kind: kind, ID: in.Peer().ID}
}

func (m *model) delete(in mttest.Peer) {
	if len(m.sent[in]) == 0 {
		return
	}
	i := m.r.IntN(len(m.sent[in]))
	one := m.sent[in][i]
	m.sent[in] = slices.Delete(m.sent[in], i, i+1)
	one.by.Delete(m.as(one.by, in), one.id)
}

func (m *model) input(p updates.Peer) codec.M {
	hash := int64(0)
	for _, o := range m.others {
		if o.ID() == p.ID {
			hash = m.me.AccessHash(o)
		}
	}
	for _, c := range m.rooms {
		if c.ID() == p.ID {
			hash = m.me.AccessHash(c)
		}
	}
	switch p.Kind {
	case updates.PeerUser:
		return codec.M{"_": "inputPeerUser", "user_id": p.ID, "access_hash": hash}
	case updates.PeerChat:
		return codec.M{"_": "inputPeerChat", "chat_id": p.ID}
	}
	return codec.M{"_": "inputPeerChannel", "channel_id": p.ID, "access_hash": hash}
}

// inputOf is the same in TL.
func (m *model) inputOf(_ context.Context, p updates.Peer) ([]byte, error) {
	s, err := api.Schema()
	if err != nil {
		return nil, err
	}
	return s.Encode(nil, m.input(p))
}

// slowly makes calls that take their time on their way there and back, and fail at times, also after they were made.
func (m *model) slowly(c *mtproto.Client, w way) func(context.Context, []byte) ([]byte, error) {
	return func(ctx context.Context, query []byte) ([]byte, error) {
		there, back, fails := upTo(w.asks, 2*slow), upTo(w.asks, 2*slow), w.fails(w.asks, 12)
		if err := pause(ctx, there); err != nil {
			return nil, err
		}
		m.note("asked %s", m.text(query))
		result, err := c.Invoke(ctx, query)
		if err := pause(ctx, back); err != nil {
			return nil, err
		}
		if fails {
			return nil, &mtproto.Error{Code: 420, Type: "FLOOD_WAIT", Arg: 3}
		}
		return result, err
	}
}

func (m *model) invoke(call codec.M) []byte {
	s, _ := api.Schema()
	query, err := s.Encode(nil, call)
	if err != nil {
		m.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	result, err := m.runner.Client().Invoke(ctx, query)
	if err != nil {
		m.Fatalf("%v: %v", call["_"], err)
	}
	return result
}

func (m *model) view(tl []byte) codec.View {
	s, _ := api.Schema()
	v, err := s.View(tl)
	if err != nil {
		m.Fatal(err)
	}
	return v
}
