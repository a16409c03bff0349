// Package world is the inside of a Telegram: people, private chats, basic groups and channels, with the numbers that
// Telegram gives every change of them (checklist E1 to E17). It knows no TL and no network, and all it holds is in memory.
//
// An account has one common box: the messages of its private chats and basic groups share one row of message ids and
// one pts. A channel has a box of its own. Every change is an [Event] in the log of its box, so that a difference is a
// piece of that log; what is not worth keeping (typing, online status) is handed out once and forgotten.
//
// A [World] is safe for concurrent use. Messages and events it hands out are never changed afterwards.
package world

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"sync"
	"time"
)

// Kind tells users, basic groups and channels apart.
type Kind uint8

// The kinds of peers. Supergroups are channels too.
const (
	KindUser Kind = iota + 1
	KindChat
	KindChannel
)

// Peer names one side of a conversation.
type Peer struct {
	Kind Kind
	ID   int64
}

// UserPeer is the user with that id.
func UserPeer(id int64) Peer { return Peer{Kind: KindUser, ID: id} }

// ChatPeer is the basic group with that id.
func ChatPeer(id int64) Peer { return Peer{Kind: KindChat, ID: id} }

// ChannelPeer is the channel or supergroup with that id.
func ChannelPeer(id int64) Peer { return Peer{Kind: KindChannel, ID: id} }

// Error is a refusal in Telegram's own words.
type Error struct {
	Code int
	Text string
}

func (e *Error) Error() string { return fmt.Sprintf("%d %s", e.Code, e.Text) }

func refuse(text string) error { return &Error{Code: 400, Text: text} }

// Config is what a World starts from.
type Config struct {
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Secret makes the access hashes of this world differ from those of another.
	Secret uint64
	// LogLimit is how many events a box remembers at least; older ones are answered by a too-long difference.
	// 0: 200,000.
	LogLimit int
	// RepeatSends answers a known random_id with the first result instead of RANDOM_ID_DUPLICATE.
	RepeatSends bool
	// Deliver receives every event for every user it concerns, in the order of each box. It is called with the world
	// locked: it must be quick and may not call back. Nil: nobody listens.
	Deliver func(user int64, e Event)
}

// World holds everything. The zero value is not usable, call [New].
type World struct {
	cfg Config

	mu       sync.RWMutex
	users    map[int64]*user
	chats    map[int64]*chat
	channels map[int64]*channel
	names    map[string]Peer // lower-case public names
	phones   map[string]int64
	copies   map[int64][]copyOf // by message uid: in whose boxes it stands
	files    map[int64]*File
	lastID   struct{ user, chat, channel, uid, file int64 }
	stamped  int // newest logical date of an event
	handed   int // newest logical date given out in a state
}

type copyOf struct {
	user int64
	id   int
}

// New makes an empty world.
func New(c Config) *World {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.LogLimit == 0 {
		c.LogLimit = 200_000
	}
	w := &World{
		cfg: c, users: map[int64]*user{}, chats: map[int64]*chat{}, channels: map[int64]*channel{}, names: map[string]Peer{},
		phones: map[string]int64{}, copies: map[int64][]copyOf{}, files: map[int64]*File{},
	}
	w.lastID.user, w.lastID.chat, w.lastID.channel, w.lastID.file = 1_000_000, 400_000, 1_500_000_000, 5_000_000_000
	return w
}

// AccessHash is the number by which viewer may address p; it belongs to the two of them alone (E22).
func (w *World) AccessHash(viewer int64, p Peer) int64 {
	var b [25]byte
	binary.LittleEndian.PutUint64(b[0:], w.cfg.Secret)
	binary.LittleEndian.PutUint64(b[8:], uint64(viewer))
	binary.LittleEndian.PutUint64(b[16:], uint64(p.ID))
	b[24] = byte(p.Kind)
	sum := sha256.Sum256(b[:])
	return int64(binary.LittleEndian.Uint64(sum[:]))
}

// Date is the present time as Telegram writes dates: unix seconds.
func (w *World) Date() int { return int(w.cfg.Now().Unix()) }

// stamp is the logical date of an event that happens now. A state that was given out covers every event stamped up to
// its date, and none stamped later: dates are whole seconds, so an event in the second of the last state given out
// counts as one later.
func (w *World) stamp() int {
	w.stamped = max(w.Date(), w.stamped, w.handed+1)
	return w.stamped
}

// cover is the date for a state that covers all that has happened.
func (w *World) cover() int {
	w.handed = max(w.Date(), w.stamped, w.handed)
	return w.handed
}

func (w *World) deliver(to int64, e Event) {
	if w.cfg.Deliver != nil {
		w.cfg.Deliver(to, e)
	}
}
