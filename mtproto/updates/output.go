package updates

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/natsgram/natsgram/tl/errtext"
)

// Output is what the machine wants done: *[Batch], *[Fetch], *[Release] or *[Unreadable].
type Output interface{ output() }

// Batch is items to store in this order, after all batches before it.
type Batch struct {
	Items []Item // at most Config.MaxBatch; none: only the state changed
	// Whole: store all or nothing. Never set on a batch of less than two items that are stored.
	Whole bool
	// State is the change by the whole batch, the states of its items folded into one, for [State.Apply].
	State string
	// Release are tokens that may be acknowledged to Telegram once the batch is stored (C17, E27).
	Release []uint64
}

// Item is one thing to publish. Byte slices alias what the machine was given, or are the item's own; the machine
// does not touch them again.
type Item struct {
	Update []byte   // TL of the Update object; nil with Gap
	Name   string   // its constructor: updateNewMessage; "gap" with Gap
	Users  [][]byte // TL of those users that the update mentions and Telegram sent along, min ones as such (E21)
	Chats  [][]byte // the same of groups and channels
	Box    Box
	Pts    int    // place in the box, or qts; 0 in box none
	Index  int    // tells items of one box and pts apart, from 0
	Era    uint64 // tells items apart that were counted before and after Telegram, or the account, began anew
	Peer   Peer   // the chat in which it happened
	Date   int    // unix seconds: of the message, the update or the container
	Live   bool   // not worth keeping: core NATS only. Live items carry no state and are not counted
	Origin string // of the Meta that it came with: whose call caused it
	State  string // for Tg-State: what changed with this item; may be empty in a Whole batch, and in box none
	Gap    *Gap   // not nil: not an update, but a hole
	About

	// Backfill: a message out of history, which belongs into a Gap said before. It is as it reads now, Pts is 0, and Index
	// is its id, so that Box, Pts and Index name it for ever too.
	Backfill bool
}

// Gap says that Telegram cannot give back what was between From and To. What can be had from history comes later, as
// items with Backfill; if that turns out not to be so, another Gap with the ids of the messages says it.
type Gap struct {
	Box      Box
	From, To int // pts, exclusive and inclusive; To equal to From: not known how much, or nothing but messages
	Reason   string

	Above, UpTo int  // ids of the messages that may be missing, exclusive and inclusive; 0: not known
	Fill        bool // they are fetched from history
}

// Reasons of gaps. A refusal of Telegram's stands as it came, such as CHANNEL_PRIVATE.
const (
	GapTooLong    = "too long"    // differenceTooLong, channelDifferenceTooLong
	GapReset      = "reset"       // Telegram has begun to count anew (E10)
	GapUnknown    = "first seen"  // a channel of which nobody knew before what it held
	GapNoAccess   = "no access"   // a channel whose access hash Telegram never sent
	GapUnreadable = "unreadable"  // a difference that no schema at hand can read
	GapInvalid    = "invalid pts" // Telegram does not know our place any more (E15)
	GapTooMany    = "too many"    // more messages than Config.Fill.Messages were to be fetched from history
	GapBeginning  = "beginning"   // nothing was followed before
)

// Fetch asks for a call. Answer it by [Machine.Result], once, whatever comes of it.
type Fetch struct {
	ID     FetchID
	Query  []byte // TL of the call
	Method string // its name: updates.getDifference
	Box    Box    // common for the account as a whole
	// Background: nothing waits for the answer, and other calls should go first. It may be answered with any error
	// without being made, and is asked for again later.
	Background bool
}

// FetchID tells fetches of one machine apart.
type FetchID uint64

// Release lists tokens whose updates any difference can give back: they may be acknowledged at once.
type Release struct{ Tokens []uint64 }

// Unreadable reports input that cannot be read with the schema at hand (D3). The connection should be closed, so that
// initConnection tells Telegram our layer again. The machine fetches what was missed by itself.
type Unreadable struct {
	Box Box // what it was about; none when not known
	Err error
}

func (*Batch) output()      {}
func (*Fetch) output()      {}
func (*Release) output()    {}
func (*Unreadable) output() {}

// Meta goes with a push.
type Meta struct {
	Token  uint64 // comes back in a Release, or in a Batch that must be stored first; 0: nothing to release
	Origin string // request id of the call that caused it; goes into the items
}

// Error is a refusal by Telegram, for [Machine.Result]: the one kind of failure that says more than "try again".
type Error struct {
	Code int    // 400, 420, 500 ...
	Type string // as Telegram sent it: CHANNEL_PRIVATE, FLOOD_WAIT_35
}

// Error is code and type.
func (e *Error) Error() string { return strconv.Itoa(e.Code) + " " + e.Type }

// wait is how long FLOOD_WAIT_n and its kind ask for, a day at most; 0 for other errors.
func (e *Error) wait() time.Duration {
	kind, n := errtext.Split(e.Type)
	if name, ok := strings.CutSuffix(kind, "_WAIT"); !ok || name == "" {
		return 0
	}
	return time.Duration(min(n, 24*3600)) * time.Second
}

// refusal is how Telegram's refusal reads, "" where err is none.
func refusal(err error) *Error {
	var refused *Error
	if errors.As(err, &refused) {
		return refused
	}
	return &Error{}
}

// final reports whether a refusal will be the same next time: no flood, no trouble of the servers, no lost login.
func (e *Error) final() bool {
	return e.Code >= 400 && e.Code < 420 && e.Code != 401 && e.wait() == 0 || e.Code == 0 && e.Type != ""
}

// About is which messages an update is about, as far as it tells. The ids count in its box; those of scheduled messages,
// quick replies and business connections count for themselves.
type About struct {
	MsgID  int     // of the message; 0: none, or several
	MsgIDs []int64 // of the messages, where the update is about a list of them
	Topic  int     // the forum topic that the message stands in, by the id of the message that made it; 0: none, or not told
	Thread int     // the thread of a supergroup that it stands in, by the id of the message that began it; 0: none. The same as Topic: it may be either
	Album  int64   // what the messages of an album share; 0: of none

	Out       bool // the account wrote it
	Mentioned bool // it mentions the account, which has not seen that
	Period    bool // it says that the messages of the chat have another lifetime from now on
}
