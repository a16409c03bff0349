package account

import (
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/stream"
	"github.com/natsgram/natsgram/mtproto/updates/loop"
)

// pressure decides what becomes of updates while JetStream does not take what Telegram sends: slow, full or away. Updates that a
// difference brings are acknowledged and left with Telegram; those that only their push brings (E27) are parked, within a limit,
// and not acknowledged; beyond the limit Telegram is to send them again. It is safe for concurrent use.
type pressure struct {
	only  func(update []byte) bool // reports whether no difference brings an update
	most  func() int64             // how many bytes may be parked
	after time.Duration            // how long JetStream may refuse updates before that is said, however few wait

	mu sync.Mutex
	spell
	bytes int64 // of parked
}

// spell is a time without room.
type spell struct {
	since    time.Time // when it began; zero: there is room
	reason   string    // why the log stores nothing, as far as it is known
	left     int       // updates, and results of our calls, that a difference brings
	declined int       // updates that Telegram sends again on the next connection
	parked   []loop.Input
}

// decision is what becomes of an update or a result.
type decision uint8

const (
	take    decision = iota // give it to the machine
	park                    // keep it as it came until there is room
	leave                   // acknowledge it, and have it fetched as a difference later
	decline                 // have Telegram send it again
)

// decide says what becomes of an update, or of the result of a call of ours. Nobody sends that again: what of it no difference
// brings, the caller has in the reply.
func (p *pressure) decide(in *loop.Input, full bool) decision {
	if !full {
		return take
	}
	update := in.Kind == loop.Update
	if update && !p.only(in.Body) {
		return p.leave()
	}
	most := p.most()
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.bytes+in.Size() <= most:
		p.parked, p.bytes = append(p.parked, *in), p.bytes+in.Size()
		return park
	case update:
		p.declined++
		return decline
	}
	p.left++
	return leave
}

// leave notes something that a difference will bring.
func (p *pressure) leave() decision {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.left++
	return leave
}

// begin notes that there is no room, and why as far as it is known. It reports whether that is new, and to be said.
func (p *pressure) begin(now time.Time, why error) (first bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if first = p.since.IsZero(); first {
		p.since, p.reason = now, text(why)
	}
	return first
}

// failing notes that nothing can be stored, and why. It reports whether that is new, and to be said.
func (p *pressure) failing(now time.Time, d stream.Doing) (news bool) {
	if d.Err == nil || now.Sub(d.Failing) < p.after {
		return false
	}
	first := p.begin(now, d.Err)
	p.mu.Lock()
	defer p.mu.Unlock()
	news = first || p.reason == ""
	p.reason = d.Err.Error()
	return news
}

// holds reports whether there is no room.
func (p *pressure) holds() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.since.IsZero()
}

// end notes that there is room again, and gives what has to be made good.
func (p *pressure) end() spell {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.spell
	p.spell, p.bytes = spell{}, 0
	return was
}

// unpark gives what is parked, whether there is room for it or not.
func (p *pressure) unpark() (parked []loop.Input) {
	p.mu.Lock()
	defer p.mu.Unlock()
	parked, p.parked, p.bytes = p.parked, nil, 0
	return parked
}

// Held is what Status tells of it.
type Held struct {
	Since    time.Time `json:"since"`
	Reason   string    `json:"reason"`   // why JetStream stores nothing, or that it is slow
	Waiting  int       `json:"waiting"`  // here, for JetStream
	Left     int       `json:"left"`     // to be fetched as a difference
	Parked   int       `json:"parked"`   // waiting here as they came, not acknowledged
	Declined int       `json:"declined"` // to be sent again by Telegram
}

// held tells of the pressure; nil: there is none.
func (p *pressure) held(reason string, waiting int) *Held {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.since.IsZero() {
		return nil
	}
	return &Held{Since: p.since.UTC(), Reason: reason, Waiting: waiting, Left: p.left, Parked: len(p.parked), Declined: p.declined}
}

// Slow reports that JetStream stores what it is given, only too slowly.
func (h *Held) Slow() bool { return h.Reason == tooSlow || h.Reason == noRoomHere }

const (
	// tooSlow is the reason where JetStream stores what it is given, and Telegram sends faster.
	tooSlow = "JetStream stores updates slower than Telegram sends them"
	// noRoomHere is the reason where the daemon has no room for more, of all its accounts together (NATSGRAM_UPDATES_PENDING_TOTAL).
	noRoomHere = "updates of all accounts of this daemon take the memory that they may"
	// heldAfter is pressure.after where no test says otherwise.
	heldAfter = 3 * time.Second
)

// Events of updates that have to wait.
const (
	eventHeld    = "updates.held"
	eventResumed = "updates.resumed"
)
