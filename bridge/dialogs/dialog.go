package dialogs

import (
	"slices"
	"time"

	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl/codec"
)

// dialog is one as it is now.
type dialog struct {
	peer  updates.Peer
	at    int       // its place in table.all
	seq   uint64    // of the update that is folded in last, where it was loaded
	since time.Time // when the question was asked that was answered last: what had come by then is in the answer

	missing bool   // the last list of all dialogs did not have it, and Telegram has shown nothing of it since
	base    []byte // the dialog as Telegram gave it last, of which what follows has changed since; nil: never
	name    string // of the user or chat, when it was asked for
	counts
	marks
	inquiry
}

// counts are what messages change.
type counts struct {
	date                        int // of the newest message
	top, readIn, readOut        int
	unread, mentions, reactions int
	votes                       int   // polls with votes that were not seen
	unreadIDs                   []int // of what is not read and newer than floor
	floor                       int   // what is older is counted and not known by its id
}

// marks are what the account itself sets.
type marks struct {
	folder        int
	unreadMark    bool
	asMessages    bool   // a forum is shown as one chat
	period        int    // how long messages live, in s; 0: for good
	draft, notify []byte // TL; nil: none
}

// inquiry is where the question about a dialog stands.
type inquiry struct {
	stale bool    // more has changed than is known
	asked bool    // it is being asked for
	later []later // came since it was asked for
	again bool    // more than that came
	pins  int     // pins.changes when it was asked for
	when  time.Time
}

type later struct {
	seq  uint64
	fact Fact
}

// mostLater is how much of what came since a question is folded in again; after more it is asked anew.
const mostLater = 200

// note keeps what came while the dialog is being asked for.
func (q *inquiry) note(seq uint64, fact *Fact) {
	switch {
	case q.asked && len(q.later) < mostLater:
		q.later = append(q.later, later{seq, *fact})
	case q.asked:
		q.again = true
	}
}

// read takes the fields of a dialog.
func (d *dialog) read(v codec.View, date int) {
	d.base = slices.Clone(v.Raw())
	d.counts.read(v, date)
	d.marks.read(v)
}

func (c *counts) read(v codec.View, date int) {
	*c = counts{
		date: date, top: int(v.Int("top_message")), readIn: int(v.Int("read_inbox_max_id")), readOut: int(v.Int("read_outbox_max_id")),
		unread: int(v.Int("unread_count")), mentions: int(v.Int("unread_mentions_count")), reactions: int(v.Int("unread_reactions_count")),
		votes: int(v.Int("unread_poll_votes_count")),
	}
	c.floor = c.top
}

func (m *marks) read(v codec.View) {
	m.folder, m.unreadMark = int(v.Int("folder_id")), v.Bool("unread_mark")
	m.asMessages, m.period = v.Bool("view_forum_as_messages"), int(v.Int("ttl_period"))
	m.draft, m.notify = raw(v, "draft"), raw(v, "notify_settings")
}

func raw(v codec.View, field string) []byte {
	o, ok := v.Object(field)
	if !ok || o.Name() == "draftMessageEmpty" {
		return nil
	}
	return slices.Clone(o.Raw())
}

// same reports whether two dialogs are, but for what is not in a list: the date, and the ids of what is not read.
func (d *dialog) same(o *dialog) bool {
	a, b := &d.counts, &o.counts
	return a.top == b.top && a.readIn == b.readIn && a.readOut == b.readOut && a.unread == b.unread && a.mentions == b.mentions &&
		a.reactions == b.reactions && a.votes == b.votes && d.marks.same(&o.marks)
}

func (m *marks) same(o *marks) bool {
	return m.folder == o.folder && m.unreadMark == o.unreadMark && m.asMessages == o.asMessages && m.period == o.period &&
		slices.Equal(m.draft, o.draft) && slices.Equal(m.notify, o.notify)
}

// add counts a new message. Who writes has read.
func (c *counts) add(id, date int, out, mentioned bool) {
	c.top, c.date = id, date
	switch {
	case out:
		c.readIn, c.unread, c.unreadIDs = max(c.readIn, id), 0, nil
	case id > c.readIn:
		c.addUnread(id)
		if mentioned {
			c.mentions++
		}
	}
}

// mostUnreadIDs is how many ids of what is not read are known of a dialog.
const mostUnreadIDs = 500

func (c *counts) addUnread(id int) {
	c.unread++
	if c.unreadIDs = append(c.unreadIDs, id); len(c.unreadIDs) > mostUnreadIDs {
		c.floor = c.unreadIDs[mostUnreadIDs/2-1]
		c.unreadIDs = slices.Clone(c.unreadIDs[mostUnreadIDs/2:])
	}
}

// readTo counts what is left behind a message that was read. known is false where nobody knows how many that are.
func (c *counts) readTo(id int) (known bool) {
	c.readIn = id
	switch {
	case id >= c.top:
		c.unread, c.unreadIDs = 0, nil
	case id >= c.floor:
		c.unreadIDs = slices.DeleteFunc(c.unreadIDs, func(one int) bool { return one <= id })
		c.unread = len(c.unreadIDs)
	default:
		return false
	}
	return true
}

// counted reports whether a message may be in the counts, or is the newest, or has changed what was read before it was taken back: who writes
// has read.
func (c *counts) counted(id int64) bool {
	return int(id) >= c.top || int(id) > c.readIn || c.attention()
}

// attention reports whether there are mentions, reactions or votes that were not seen.
func (c *counts) attention() bool { return c.mentions+c.reactions+c.votes > 0 }

// chatOf is the chat of a DialogPeer.
func chatOf(v codec.View) updates.Peer {
	peer, _ := v.Object("peer")
	return peerOf(peer)
}

// peerOf is a Peer.
func peerOf(v codec.View) updates.Peer {
	for field, kind := range map[string]updates.PeerKind{"user_id": updates.PeerUser, "chat_id": updates.PeerChat, "channel_id": updates.PeerChannel} {
		if id := v.Int(field); id != 0 {
			return updates.Peer{Kind: kind, ID: id}
		}
	}
	return updates.Peer{Kind: updates.PeerNone}
}
