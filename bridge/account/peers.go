package account

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/peers"
	"github.com/natsgram/natsgram/bridge/rpc"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// directory is what is known of the account's peers.
type directory struct {
	*peers.Directory
	schema *codec.Schema
	self   int64          // the account's user
	seen   map[*byte]bool // of one batch, whether they are vague: many of its updates mention the same users
	scheme subjects.Scheme
	// caughtUp: the bucket tells of all of whom the stream does that came before this owner.
	caughtUp atomic.Bool
	told     map[updates.Peer]struct{}    // who came along with an update since this owner began, or lately, if they are many
	untold   atomic.Bool                  // it is not sure any more that the stream tells of them
	erased   atomic.Pointer[updates.Peer] // who is being erased now: what the stream has told of him goes; nil: nobody
}

// mostTold is how many peers are remembered so; then begins another round.
const mostTold = 20_000

func newDirectory(c peers.Config, scheme subjects.Scheme) *directory {
	return &directory{
		Directory: peers.New(c), schema: c.Schema, scheme: scheme, self: c.User, seen: map[*byte]bool{}, told: map[updates.Peer]struct{}{},
	}
}

// knows reports whether the stream has told who somebody is. Of an updateShortMessage from somebody else the difference brings
// message and peers (E5).
func (x *directory) knows(p updates.Peer) bool {
	x.forgetTold()
	if erased := x.erased.Load(); erased != nil && *erased == p {
		return false
	}
	_, ok := x.told[p]
	return ok || p.ID == x.self
}

func (x *directory) forgetTold() {
	if x.untold.Swap(false) {
		clear(x.told)
	}
}

// note notes that the stream tells who somebody is.
func (x *directory) note(l peers.Learned) {
	x.forgetTold()
	if len(x.told) >= mostTold {
		clear(x.told)
	}
	x.told[updates.Peer{Kind: updates.PeerKind(l.Kind), ID: l.ID}] = struct{}{}
}

// learn takes in who is mentioned in a batch, and who has other names now.
func (x *directory) learn(b *updates.Batch) {
	var gone []peers.Deleted
	for i := range b.Items {
		item := &b.Items[i]
		vague := false
		for _, list := range [...][][]byte{item.Users, item.Chats} {
			for _, object := range list {
				isVague, twice := x.seen[&object[0]]
				if !twice {
					l, ok := x.Learn(object)
					if isVague = ok && l.Vague; ok {
						x.note(l)
					}
					x.seen[&object[0]] = isVague
				}
				vague = vague || isVague
			}
		}
		if vague {
			x.seenIn(item)
		}
		if item.Name == "updateUserName" {
			x.renamed(item.Update)
		}
		if deletes(item.Name) {
			gone = append(gone, x.deleted(item.Update))
		}
	}
	clear(x.seen) // lets go of the batch
	if len(gone) > 0 {
		x.Gone(gone)
	}
}

// deletes reports whether updates of that name tell of messages that were deleted, in the numbering of sightings.
func deletes(name string) bool {
	return name == "updateDeleteMessages" || name == "updateDeleteChannelMessages"
}

// deleted are the messages of which such an update tells.
func (x *directory) deleted(update []byte) (gone peers.Deleted) {
	if v, err := x.schema.View(update); err == nil {
		gone.Channel, gone.Messages = v.Int("channel_id"), v.Longs("messages")
	}
	return gone
}

// sighting is the message in an update of some box by which those can be named whom it mentions; 0: there is none. Scheduled messages, and those of
// businesses and quick replies, have ids of other numberings.
func (x *directory) sighting(box string, update []byte) int64 {
	if box != common && !strings.HasPrefix(box, string(subjects.Channel)+".") {
		return 0
	}
	v, err := x.schema.View(update)
	if err != nil {
		return 0
	}
	message, ok := v.Object("message")
	if !ok || !message.Has("peer_id") {
		return 0
	}
	return message.Int("id")
}

// seenIn notes the message in which those were seen who came along with it.
func (x *directory) seenIn(item *updates.Item) {
	message := x.sighting(item.Box.String(), item.Update)
	if message == 0 {
		return
	}
	for _, list := range [...][][]byte{item.Users, item.Chats} {
		for _, object := range list {
			if o, err := x.schema.View(object); err == nil && x.seen[&object[0]] {
				kind := subjects.User
				if o.Class() == "Chat" {
					kind = subjects.Channel
				}
				x.SeenIn(kind, o.Int("id"), subjects.Kind(item.Peer.Kind), item.Peer.ID, message)
			}
		}
	}
}

// renamed takes in what an update says that tells of nobody but by his id.
func (x *directory) renamed(update []byte) {
	v, err := x.schema.View(update)
	if err != nil {
		return
	}
	var names []string
	if name := v.Str("username"); name != "" { // of older layers
		names = append(names, name)
	}
	for o := range v.Objects("usernames") {
		if o.Bool("active") {
			names = append(names, o.Str("username"))
		}
	}
	x.Renamed(v.Int("user_id"), strings.TrimSpace(v.Str("first_name")+" "+v.Str("last_name")), names)
}

// named is whom a caller has written, in any way that calls take; of a name Telegram is asked as for a call.
func (x *directory) named(ctx context.Context, written json.RawMessage) (subjects.Kind, int64, error) {
	text, err := x.Text(written)
	if err != nil {
		return "", 0, err
	}
	return x.Named(ctx, text)
}

// channel is the channel that a caller has written, in any way that calls take, with explain for errors of Telegram's.
func (x *directory) channel(ctx context.Context, written json.RawMessage, explain func(error) answer.Fault) (int64, *answer.Fault) {
	kind, id, err := x.named(ctx, written)
	if err != nil {
		f := peers.Refusal(err, explain)
		f.Text, f.Sent = err.Error(), answer.No
		return 0, &f
	}
	if kind != subjects.Channel {
		return 0, answer.Refuse(400, subjects.ChatRef{Kind: kind, ID: id}.String()+" is no channel")
	}
	return id, nil
}

// resolver is rpc.Config.Resolve, with explain for errors of Telegram's.
func (x *directory) resolver(explain func(error) answer.Fault) func(context.Context, string, string) ([]byte, bool, *answer.Fault) {
	return func(ctx context.Context, class, text string) ([]byte, bool, *answer.Fault) {
		object, ok, err := x.Resolve(ctx, class, text)
		if err == nil {
			return object, ok, nil
		}
		var unknown *peers.UnknownError
		if errors.As(err, &unknown) {
			return nil, true, &answer.Fault{Code: 400, Text: err.Error()}
		}
		fault := explain(err)
		fault.Text = err.Error()
		return nil, true, &fault
	}
}

// answers has the service answer the verbs of tg.ctl.<account>.peers, each within that time. A flood wait is told at once: it holds no place.
func (x *directory) answers(c *rpc.Config, within time.Duration) {
	for _, verb := range peers.Verbs() {
		c.Extra["peers_"+verb] = rpc.Extra{
			Subject: c.Scheme.Ctl(c.Account, "peers."+verb), Slow: true,
			Answer: func(ctx context.Context, request []byte) ([]byte, *answer.Fault) {
				ctx, cancel := context.WithTimeout(mtproto.WithFloodWait(ctx, 0), within)
				defer cancel()
				return x.Answer(ctx, verb, request, c.Explain)
			},
		}
	}
}

// input is a chat as calls name it.
func (x *directory) input(ctx context.Context, p updates.Peer) ([]byte, error) {
	object, _, err := x.Resolve(ctx, "InputPeer", string(p.Kind)+"."+strconv.FormatInt(p.ID, 10))
	return object, err
}
