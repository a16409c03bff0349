package chats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/dialogs"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl/api/apitest"
	"github.com/natsgram/natsgram/tl/codec"
)

// listed is a Telegram whose list of dialogs is in pages of one channel each, the newest first. Where a page is behind no date it may begin anew.
type listed struct {
	*memory
	s     *codec.Schema
	tops  []int // of the channels 1, 2 ...: the newest message of each; 0: it has none
	named bool  // a page begins behind the channel that is named, whatever the date
	pages int
}

func (l *listed) invoke(_ context.Context, query []byte) ([]byte, error) {
	v, err := l.s.View(query)
	if err != nil {
		return nil, err
	}
	var ids []int64
	form := "messages.peerDialogs"
	switch v.Name() {
	case "messages.getDialogFilters":
		return l.s.Encode(nil, codec.M{"_": "messages.dialogFilters", "filters": []codec.M{}})
	case "messages.getDialogs":
		form = "messages.dialogsSlice"
		if v.Int("folder_id") == 1 {
			break
		}
		l.pages++
		at, _ := v.Object("offset_peer")
		next := at.Int("channel_id") + 1
		if v.Int("offset_date") == 0 && !l.named {
			next = 1
		}
		if date := 2000 - v.Int("offset_date"); at.Name() == "inputPeerEmpty" && date < 2000 { // the date tells as well
			next = date + 1
		}
		if int(next) <= len(l.tops) {
			ids = append(ids, next)
		}
	case "messages.getPeerDialogs":
		for one := range v.Objects("peers") {
			in, _ := one.Object("peer")
			ids = append(ids, in.Int("channel_id"))
		}
	}
	m := codec.M{"_": form, "dialogs": []codec.M{}, "messages": []codec.M{}, "chats": []codec.M{}, "users": []codec.M{}}
	for _, id := range ids {
		peer, top := codec.M{"_": "peerChannel", "channel_id": id}, l.tops[id-1]
		m["dialogs"] = append(m["dialogs"].([]codec.M), codec.M{"_": "dialog", "peer": peer, "top_message": top, "read_inbox_max_id": 0, "read_outbox_max_id": 0,
			"unread_count": 0, "unread_mentions_count": 0, "unread_reactions_count": 0, "unread_poll_votes_count": 0, "notify_settings": codec.M{"_": "peerNotifySettings"}})
		if top > 0 {
			m["messages"] = append(m["messages"].([]codec.M), codec.M{"_": "message", "id": top, "peer_id": peer, "date": 2000 - int(id), "message": "x"})
		}
	}
	if form == "messages.dialogsSlice" {
		m["count"] = len(l.tops)
	} else {
		m["state"] = codec.M{"_": "updates.state", "pts": 1, "qts": 0, "date": 1, "seq": 0, "unread_count": 0}
	}
	return l.s.Encode(nil, m)
}

func (l *listed) records(context.Context, string, func(message)) error { return nil }

func (l *listed) write(_ context.Context, _ []*nats.Msg, over uint64) (uint64, error) {
	return over + 1, nil
}

var errNobody = errors.New("nobody knows it")

// The list is read to its end, whatever stands at the end of a page: a channel whose newest message has the number of the one before, one that
// nobody can name, one without messages.
func TestWholeListIsRead(t *testing.T) {
	for what, tops := range map[string][]int{
		"the same number": {5, 1, 1, 1, 7}, "no message": {5, 4, 0, 0}, "some of them": {9, 0, 0, 0, 5, 0, 3}, "the first": {0, 0, 0, 5}, "nobody knows the third": {9, 8, 7, 6},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, decl := apitest.Layer()
				l := &listed{memory: &memory{}, s: s, tops: tops, named: tops[0] == 0}
				listing := true
				k := newKeeper(Config{
					Account: "main", User: 1, Schema: s, Decl: decl, Invoke: l.invoke, Unknown: func(err error) bool { return errors.Is(err, errNobody) }, Learn: func([]byte) {},
					Log: slog.New(slog.DiscardHandler), Input: func(_ context.Context, p updates.Peer) ([]byte, error) {
						if p.ID == 3 && tops[2] == 7 && listing {
							return nil, errNobody
						}
						return s.Encode(nil, codec.M{"_": "inputPeerChannel", "channel_id": p.ID, "access_hash": 1})
					},
				}, l)
				k.Stored(1, nil)
				ctx, cancel := context.WithCancel(t.Context())
				end := running(ctx, cancel, k.Run)
				defer end()
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				var got []int64
				k.mu.Lock()
				for _, p := range k.fold.Chats(0) {
					got = append(got, p.ID)
				}
				next := k.fold.Next()
				k.mu.Unlock()
				want := make([]int64, len(tops))
				for i := range want {
					want[i] = int64(i + 1)
				}
				if tops[2] == 7 {
					want = slices.Delete(want, 2, 3) // it is asked for by itself, and not found
				}
				slices.Sort(got)
				if !slices.Equal(got, want) || next == dialogs.List || l.pages > len(tops)+2 {
					t.Errorf("%v, want %v; %d pages, next %v", got, want, l.pages, next)
				}
			})
		})
	}
}

// A list of many chats is read to its end where messages of some were deleted, or are not in the answers: also where a whole page is of such chats, if
// Telegram goes by the chat that is named.
func TestListOfEmptiedChats(t *testing.T) {
	for _, c := range []struct {
		name  string
		seed  uint64
		every int // one of so many is left as it is; or is not, where they are few
	}{{"one in a page", byPlaceSeed, 4}, {"whole pages", byPeerSeed, 17}, {"all", byPeerSeed, 1000}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newModel(t, c.seed, nil, None)
				m.end()
				m.depose(0)
				for i := range 60 {
					who := m.server.AddUser(mttest.User{First: fmt.Sprint("Somebody ", i)})
					m.others = append(m.others, who)
					m.send(who, who)
					at := m.sent[who][0]
					time.Sleep(2 * time.Second)
					switch spoil := c.every == 4 && i%4 == 0 || c.every > 4 && i%c.every > 0; {
					case spoil && i%3 == 0:
						m.me.HideNewest(who, true)
					case spoil:
						at.by.Delete(m.me, at.id)
					}
				}
				m.streams.mu.Lock()
				m.streams.held, m.streams.log = nil, nil // nobody has written anything yet
				m.streams.mu.Unlock()
				m.page = 3
				m.start()
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				truth, _ := m.truth()
				if f := m.keeper.Figures(); f == nil || !f.Complete || f.Unlisted != 0 || f.Kept < 60 {
					t.Errorf("%+v", f)
				}
				m.keeper.mu.Lock()
				defer m.keeper.mu.Unlock()
				m.same("the keeper", m.keeper.fold, truth)
			})
		})
	}
}
