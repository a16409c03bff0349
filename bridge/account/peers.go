package account

import (
	"context"
	"errors"
	"strings"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/peers"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl/codec"
)

// directory is what is known of the account's peers.
type directory struct {
	*peers.Directory
	schema *codec.Schema
	self   int64                     // the account's user
	seen   map[*byte]struct{}        // of one batch: many of its updates mention the same users
	told   map[updates.Peer]struct{} // who came along with an update since this owner began, or lately, if they are many
}

// mostTold is how many peers are remembered so; then begins another round.
const mostTold = 20_000

func newDirectory(c peers.Config, self int64) *directory {
	return &directory{
		Directory: peers.New(c), schema: c.Schema, self: self, seen: map[*byte]struct{}{}, told: map[updates.Peer]struct{}{},
	}
}

// knows reports whether the stream has told who somebody is. Of an updateShortMessage from somebody else the difference brings
// message and peers (E5).
func (x *directory) knows(p updates.Peer) bool {
	_, ok := x.told[p]
	return ok || p.ID == x.self
}

// note notes that the stream tells who somebody is.
func (x *directory) note(object []byte) {
	v, err := x.schema.View(object)
	if err != nil {
		return
	}
	kind := updates.PeerUser
	switch {
	case strings.HasPrefix(v.Name(), "channel"):
		kind = updates.PeerChannel
	case v.Class() == "Chat":
		kind = updates.PeerChat
	}
	if len(x.told) >= mostTold {
		clear(x.told)
	}
	x.told[updates.Peer{Kind: kind, ID: v.Int("id")}] = struct{}{}
}

// learn takes in who is mentioned in a batch.
func (x *directory) learn(b *updates.Batch) {
	for i := range b.Items {
		for _, list := range [...][][]byte{b.Items[i].Users, b.Items[i].Chats} {
			for _, object := range list {
				if _, twice := x.seen[&object[0]]; !twice {
					x.seen[&object[0]] = struct{}{}
					x.Learn(object)
					x.note(object)
				}
			}
		}
	}
	clear(x.seen) // lets go of the batch
}

// resolve is rpc.Config.Resolve.
func (o *ownership) resolve(ctx context.Context, class, text string) ([]byte, bool, *answer.Fault) {
	object, ok, err := o.driver.publisher.directory.Resolve(ctx, class, text)
	if err == nil {
		return object, ok, nil
	}
	var unknown *peers.UnknownError
	if errors.As(err, &unknown) {
		return nil, true, &answer.Fault{Code: 400, Text: err.Error()}
	}
	fault := o.status.explain(err)
	fault.Text = err.Error()
	return nil, true, &fault
}
