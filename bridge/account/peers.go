package account

import (
	"context"
	"errors"
	"strings"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/peers"
	"github.com/natsgram/natsgram/mtproto/updates"
)

// directory is what is known of the account's peers.
type directory struct {
	*peers.Directory
	seen map[*byte]struct{}        // of one batch: many of its updates mention the same users
	told map[updates.Peer]struct{} // who came along with an update since this owner began, or lately, if they are many
}

// mostTold is how many peers are remembered so; then begins another round.
const mostTold = 20_000

func (t *tenure) newDirectory(bot bool) *directory {
	return &directory{seen: map[*byte]struct{}{}, told: map[updates.Peer]struct{}{}, Directory: peers.New(peers.Config{
		Schema: t.Methods.Schema(), Invoke: t.client.Invoke, Channel: t.driver.channelHash, Bot: bot,
	})}
}

// channelHash is what the updates know, through restarts.
func (d *driver) channelHash(id int64) int64 {
	d.durable.mu.Lock()
	defer d.durable.mu.Unlock()
	return d.durable.state.Channels[id].AccessHash
}

// told says whether the stream has told who somebody is. Of an updateShortMessage from somebody else the difference brings
// message and peers (E5).
func (d *driver) told(p updates.Peer) bool {
	_, ok := d.peers.told[p]
	return ok || p.ID == d.durable.user
}

func (d *driver) tell(object []byte) {
	v, err := d.r.Methods.Schema().View(object)
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
	if len(d.peers.told) >= mostTold {
		clear(d.peers.told)
	}
	d.peers.told[updates.Peer{Kind: kind, ID: v.Int("id")}] = struct{}{}
}

// learn takes in who is mentioned in a batch.
func (d *driver) learn(b *updates.Batch) {
	x := d.peers
	for i := range b.Items {
		for _, list := range [...][][]byte{b.Items[i].Users, b.Items[i].Chats} {
			for _, object := range list {
				if _, twice := x.seen[&object[0]]; !twice {
					x.seen[&object[0]] = struct{}{}
					x.Learn(object)
					d.tell(object)
				}
			}
		}
	}
	clear(x.seen) // lets go of the batch
}

// resolve is rpc.Config.Resolve.
func (t *tenure) resolve(ctx context.Context, class, text string) ([]byte, bool, *answer.Fault) {
	object, ok, err := t.driver.peers.Resolve(ctx, class, text)
	if err == nil {
		return object, ok, nil
	}
	var unknown *peers.UnknownError
	if errors.As(err, &unknown) {
		return nil, true, &answer.Fault{Code: 400, Text: err.Error()}
	}
	fault := t.explain(err)
	fault.Text = err.Error()
	return nil, true, &fault
}
