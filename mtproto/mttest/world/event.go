package world

// What says which change an [Event] is.
type What uint8

// The changes. Those of the common box carry its pts and come back in a difference, those of a channel carry the
// channel's; Typing and Status are handed out once.
const (
	NewMessage    What = iota + 1 // Msg
	EditMessage                   // Msg
	DeleteMessage                 // IDs
	ReadInbox                     // Peer, MaxID, Unread
	ReadOutbox                    // Peer, MaxID
	Raw                           // Body, by qts, by seq or by neither
	Typing                        // From, Peer, Body
	Status                        // From, Online
	Moved                         // Body: a Peer; MaxID: the folder that it is in now
	Membership                    // Peer: the user came into it or went out of it
)

// Event is one change, as one box numbers it.
type Event struct {
	What   What
	Peer   Peer // the conversation; a channel: the channel's box
	From   int64
	Msg    *Message
	IDs    []int
	MaxID  int
	Unread int
	Online bool
	Pts    int // of the box after the event; 0: carries none
	Count  int // by how much the event moved it
	Qts    int
	Seq    int
	// SeqStart is the first of the numbers that end with Seq.
	SeqStart int
	Date     int   // logical, see [World.stamp]; not the message's own
	Body     []any // what the caller handed in, passed through
	Origin   any   // who caused it, passed through; set on the causing user's events alone
	// Of a channel's events, as they are delivered to one of its members.
	Crowd int  // how many members there are
	Staff bool // this one is the creator, or a bot
}

// Channel reports whether the event belongs to a channel's box.
func (e *Event) Channel() bool { return e.Peer.Kind == KindChannel }

// box is a log of events under one pts.
type box struct {
	pts   int
	log   []Event
	begin int // pts before the oldest event kept
}

// add numbers e, which moves the box by count.
func (b *box) add(e Event, count, limit int) Event {
	b.pts += count
	e.Pts, e.Count = b.pts, count
	b.log = append(b.log, e)
	if len(b.log) > 2*limit {
		cut := len(b.log) - limit
		b.begin = b.log[cut-1].Pts
		b.log = append([]Event(nil), b.log[cut:]...)
	}
	return e
}

// after is what happened since pts, at most limit events, and whether that is all of it. The count of an event counts
// towards the limit, so that a page never moves the pts by much more than was asked for.
func (b *box) after(pts, limit int) (events []Event, all bool) {
	lo, hi := 0, len(b.log)
	for lo < hi {
		if mid := (lo + hi) / 2; b.log[mid].Pts <= pts {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	end := lo
	for moved := 0; end < len(b.log) && (end == lo || moved+b.log[end].Count <= limit); end++ {
		moved += b.log[end].Count
	}
	return append([]Event(nil), b.log[lo:end]...), end == len(b.log)
}
