package account

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/index"
	"github.com/natsgram/natsgram/bridge/records"
	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/bridge/stream"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
)

// places is which chats the messages of the common box are in, so that updates which name nothing but messages are published
// under their chats. What it knows comes out of the stream: it is kept in pages, which are saved before the position is, and
// what stands behind that is read back with the state.
type places struct {
	*index.Index
	name    string
	user    []string
	records *records.Records
	rules   *updates.Rules
	log     *slog.Logger
	lost    bool // what was saved is not there, or could not be read: the stream tells it again

	revisions map[int]uint64 // of pages that were saved, by their slots: for who saves
}

// partsRoom is how many messages more than items a batch may have, because updates are about several chats.
const partsRoom = 60

// readPages bounds reading the pages. It is short: the account is served only afterwards, and the stream tells what they hold, too.
const readPages = 2 * time.Second

// open reads what was saved.
func (x *places) open(ctx context.Context, user int64, rules *updates.Rules) {
	x.user, x.rules = []string{strconv.FormatInt(user, 10)}, rules
	ctx, cancel := context.WithTimeout(ctx, readPages)
	defer cancel()
	pages, err := x.records.Pages(ctx, x.name, user)
	for _, body := range pages {
		if bad := x.Load(body); bad != nil {
			err = bad
		}
	}
	if err != nil {
		x.log.Warn("of some messages it is not known in which chats they are until the stream has been read", "err", err)
	}
	x.lost = err != nil || len(pages) == 0
}

// save stores what has changed.
func (x *places) save(ctx context.Context, user int64) error {
	changed := x.Changed()
	for i, p := range changed {
		revision, err := x.records.SavePage(ctx, x.name, user, p.Slot, p.Body, x.revisions[p.Slot])
		if err != nil {
			x.Failed(changed[i:])
			return err
		}
		if x.revisions == nil {
			x.revisions = map[int]uint64{}
		}
		x.revisions[p.Slot] = revision
	}
	return nil
}

// rebuild reads all of the account's part of the stream, where what it tells was not saved, or cannot be read.
func (x *places) rebuild(ctx context.Context, log *stream.Log) {
	_ = retry.Do(ctx, retry.Backoff{Min: time.Second, Max: time.Minute}, func(ctx context.Context) (again bool, err error) { // until ctx ends
		if err = log.Recover(ctx, 0, x.fold); err != nil && ctx.Err() == nil {
			x.log.Warn("reading back which messages are in which chats", "err", err)
		}
		return true, err
	})
}

// fold takes in a message of the stream.
func (x *places) fold(_ uint64, subject string, h nats.Header) error {
	if first(h, subjects.HeaderBox) != common || first(h, subjects.HeaderUser) != x.user[0] {
		return nil
	}
	id, err := strconv.Atoi(first(h, subjects.HeaderMessage))
	tokens := strings.Split(subject, ".")
	if err != nil || len(tokens) < 2 {
		return nil //nolint:nilerr // it is about none, or several
	}
	chat, _ := strconv.ParseInt(tokens[len(tokens)-1], 10, 64)
	x.PutOld(id, index.Chat{Kind: subjects.Kind(tokens[len(tokens)-2]), ID: chat})
	return nil
}

// common is the header of the account's own box.
var common = updates.Box{Kind: updates.Common}.String()

// learn notes where the message of an item is.
func (x *places) learn(item *updates.Item) {
	if item.Box.Kind == updates.Common && item.MsgID != 0 {
		x.Put(item.MsgID, index.Chat{Kind: subjects.Kind(item.Peer.Kind), ID: item.Peer.ID})
	}
}

// parts are what of an item goes out: the item, under the chat of the messages that it is about; of several chats, one item for
// each, in the order in which they are named, at most most of them, the last with what is left. The state goes with the last.
func (x *places) parts(item *updates.Item, most int) []updates.Item {
	if item.Box.Kind != updates.Common || item.Peer.Kind != updates.PeerNone || len(item.MsgIDs) == 0 {
		return nil
	}
	chats, ids := x.sort(item.MsgIDs, most)
	if len(chats) == 1 {
		one := *item
		one.Peer = peerOf(chats[0])
		return []updates.Item{one}
	}
	all := make([]updates.Item, 0, len(chats))
	for _, c := range chats {
		part := *item
		part.State, part.Peer, part.MsgIDs = "", peerOf(c), ids[c]
		var ok bool
		if part.Update, ok = x.rules.Only(item.Update, ids[c]); !ok {
			return nil
		}
		all = append(all, part)
	}
	all[len(all)-1].State = item.State
	return all
}

// sort sorts messages by their chats, of which there are at most most: what is left is in no chat.
func (x *places) sort(messages []int64, most int) (chats []index.Chat, ids map[index.Chat][]int64) {
	ids = map[index.Chat][]int64{}
	for _, id := range messages {
		c := x.Chat(int(id))
		if len(ids[c]) == 0 && c != (index.Chat{}) && len(chats) >= most-1 {
			c = index.Chat{}
		}
		if len(ids[c]) == 0 {
			chats = append(chats, c)
		}
		ids[c] = append(ids[c], id)
	}
	return chats, ids
}

func peerOf(c index.Chat) updates.Peer {
	if c == (index.Chat{}) {
		return updates.Peer{Kind: updates.PeerNone}
	}
	return updates.Peer{Kind: updates.PeerKind(c.Kind), ID: c.ID}
}
