package chats

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/dialogs"
	"github.com/natsgram/natsgram/subjects"
)

// memory is the two streams of an account in memory: TG_UPDATES, and TG_STATE, of which the last message of each subject is there.
type memory struct {
	mu      sync.Mutex
	seqs    *rand.Rand
	fault   fault
	note    func(format string, args ...any)
	log     []entry
	last    uint64 // of TG_UPDATES, in which other accounts' messages are as well
	from    uint64 // where that begins
	held    []message
	seq     uint64          // of TG_STATE
	trouble int             // how much goes wrong
	ghosts  []message       // records that are taken out, where nobody is to see it
	again   uint64          // the last record that was written again, as somebody had meddled with it
	spoiled map[string]bool // records that somebody has meddled with since they were written; true: they are taken out
}

// entry is an update in the stream.
type entry struct {
	seq   uint64
	heard dialogs.Fact // as the daemon has it
	fact  dialogs.Fact // as it stands there
	tell  bool
}

var errTrouble = errors.New("the server does not answer")

func (m *memory) names() subjects.Scheme { return subjects.Scheme{} }

func (m *memory) made() time.Time { return time.Unix(1, 0) }

func (m *memory) most() int64 { return 1 << 20 }

func (m *memory) suspect(error) {}

func (m *memory) first(context.Context) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.from, nil
}

// fails is true once in n times while there is trouble, twice where there is much.
func (m *memory) fails(r *rand.Rand, n int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return r.IntN(n) < m.trouble
}

// store adds an update to the stream of updates.
func (m *memory) store(heard, fact dialogs.Fact, tell bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last += 1 + m.seqs.Uint64N(3)
	m.log = append(m.log, entry{m.last, heard, fact, tell})
	m.note("stored %d %s %v", m.last, fact.Name, fact.Chat)
}

// behind is what the stream of updates has behind a sequence, up to another.
func (m *memory) behind(from, until uint64) (all []entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.log {
		if e.seq > from && e.seq <= until && e.seq >= m.from {
			all = append(all, e)
		}
	}
	return all
}

func (m *memory) updates(_ context.Context, _ string, from, until uint64, each func(message)) error {
	all := m.behind(from, until)
	if m.fault == SkipLast && len(all) > 0 {
		all = all[:len(all)-1]
	}
	for _, e := range all {
		each(message{subject: strconv.FormatUint(e.seq, 10), seq: e.seq})
	}
	return nil
}

// fact is what the message of an update says, as the account reads it.
func (m *memory) fact(subject string, _ nats.Header, _ []byte) (dialogs.Fact, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	seq, _ := strconv.ParseUint(subject, 10, 64)
	i, _ := slices.BinarySearchFunc(m.log, seq, func(e entry, seq uint64) int { return int(e.seq) - int(seq) }) //nolint:gosec // small
	fact := m.log[i].fact
	fact.At = time.Time{} // the message does not say
	return fact, m.log[i].tell
}

// next is the first message of TG_STATE behind a sequence.
func (m *memory) next(behind uint64) (message, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, one := range m.held {
		if one.seq > behind {
			return one, true
		}
	}
	return message{}, false
}

// put stores all or nothing.
func (m *memory) put(all []*nats.Msg, over uint64) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := uint64(0)
	for _, one := range m.held {
		if one.subject == all[len(all)-1].Subject {
			at = one.seq
		}
	}
	if at != over && m.fault != TwoOwners {
		return 0, jetstream.ErrKeyExists
	}
	for _, one := range all {
		m.seq++
		m.note("written %d %s %s", m.seq, one.Subject, one.Data)
		if _, ok := m.spoiled[one.Subject]; ok {
			m.again = m.seq
		}
		delete(m.spoiled, one.Subject)
		m.held = slices.DeleteFunc(m.held, func(have message) bool { return have.subject == one.Subject })
		m.held = append(m.held, message{one.Subject, one.Header, one.Data, m.seq})
	}
	return m.seq, nil
}

// way is a daemon's to the streams. Writes take their time; some fail, of those some after all, and some come when nobody waits for them any
// more.
type way struct {
	*memory
	chance
}

func (w way) records(_ context.Context, filter string, each func(message)) error {
	if w.fails(w.reads, 10) {
		return errTrouble
	}
	for _, one := range w.all() {
		if one.subject == filter || strings.HasSuffix(filter, ">") {
			each(w.read(one))
		}
	}
	return nil
}

func (m *memory) all() []message {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.held)
}

func (w way) tail(ctx context.Context) (tail, error) {
	if w.fails(w.reads, 10) {
		return tail{}, errTrouble
	}
	return w.memory.tail(ctx)
}

func (m *memory) tail(context.Context) (tail, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return tail{m.seq, uint64(len(m.held))}, nil
}

func (w way) marks(ctx context.Context, account string, from, until uint64, each func(message)) error {
	fails, n := w.fails(w.reads, 10), 0
	err := w.memory.marks(ctx, account, from, until, func(m message) {
		if n++; !fails || n < 3 {
			each(m)
		}
	})
	if fails {
		err = errTrouble // behind some of them
	}
	return err
}

func (m *memory) marks(_ context.Context, _ string, from, until uint64, each func(message)) error {
	for _, one := range append(m.all(), m.ghosts...) {
		if one.seq >= from && one.seq <= until {
			each(message{subject: one.subject, header: one.header, seq: one.seq})
		}
	}
	return nil
}

func (w way) write(ctx context.Context, all []*nats.Msg, over uint64) (uint64, error) {
	r := w.writes
	all = w.spoil(all)
	wait, lost, unheard := upTo(r, slow), w.fails(r, 16), w.fails(r, 16)
	if r.IntN(6) == 0 {
		wait = upTo(r, writeTime/2)
	}
	type result struct {
		seq uint64
		err error
	}
	done := make(chan result, 1)
	go func() { // it is on its way: that nobody waits any more does not hold it up
		time.Sleep(wait)
		if lost {
			done <- result{0, errTrouble}
			return
		}
		seq, err := w.put(all, over)
		if unheard {
			err = errTrouble
		}
		done <- result{seq, err}
	}()
	select {
	case r := <-done:
		return r.seq, r.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}
