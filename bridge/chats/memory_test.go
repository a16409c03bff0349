package chats

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/dialogs"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
)

// memory is the two streams of an account in memory: TG_UPDATES, and TG_STATE, of which the last message of each subject is there. Writes
// take their time; some fail, of those some after all, and some come when nobody waits for them any more.
type memory struct {
	mu      sync.Mutex
	r       *rand.Rand
	log     []entry
	last    uint64 // of TG_UPDATES, in which other accounts' messages are as well
	from    uint64 // where that begins
	held    []message
	seq     uint64 // of TG_STATE
	trouble bool
}

// entry is an update in the stream.
type entry struct {
	seq  uint64
	fact dialogs.Fact
	tell bool
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

// fails is true once in n times while there is trouble.
func (m *memory) fails(n int) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.trouble && m.r.IntN(n) == 0
}

// time draws one.
func (m *memory) time() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Duration(m.r.IntN(400)) * time.Millisecond
}

// store adds an update to the stream of updates.
func (m *memory) store(fact dialogs.Fact, tell bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last += 1 + m.r.Uint64N(3)
	m.log = append(m.log, entry{m.last, fact, tell})
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
	for _, e := range m.behind(from, until) {
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
	return m.log[i].fact, m.log[i].tell
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

func (m *memory) records(_ context.Context, _ string, each func(message)) error {
	if m.fails(10) {
		return errTrouble
	}
	m.mu.Lock()
	held := slices.Clone(m.held)
	m.mu.Unlock()
	for _, one := range held {
		each(one)
	}
	return nil
}

func (m *memory) write(ctx context.Context, all []*nats.Msg, over uint64) (uint64, error) {
	wait, lost, unheard := m.time(), m.fails(25), m.fails(25)
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
		seq, err := m.put(all, over)
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
	if at != over {
		return 0, jetstream.ErrKeyExists
	}
	for _, one := range all {
		m.seq++
		m.held = slices.DeleteFunc(m.held, func(have message) bool { return have.subject == one.Subject })
		m.held = append(m.held, message{one.Subject, one.Header, one.Data, m.seq})
	}
	return m.seq, nil
}

// joiner is a program that began to read both streams at some moment, as docs/consumers.md says: the last record of each dialog, and the
// updates behind what they go to.
type joiner struct {
	m       *memory
	anew    func() *dialogs.Fold
	at      uint64 // what of TG_STATE it has read
	read    uint64 // what of TG_UPDATES
	through uint64 // what the records go to, as it knows
	listing bool   // which are pinned is being asked for
	have    map[updates.Peer]message
	folders []byte
}

// follow reads some more of TG_STATE, and some more of TG_UPDATES.
func (j *joiner) follow(records, more int) error {
	for ; records > 0; records-- {
		one, ok := j.m.next(j.at)
		if !ok {
			break
		}
		j.at = one.seq
		_, what, kind, id, _ := subjects.Records(subjects.Scheme{}).Parse(one.subject)
		switch p := (updates.Peer{Kind: updates.PeerKind(kind), ID: id}); {
		case what == subjects.StateThrough:
			var to through
			if err := json.Unmarshal(one.data, &to); err != nil {
				return err
			}
			j.through, j.listing = to.Seq, to.Listing
		case what == subjects.StateFolders:
			j.folders = one.data
		default:
			j.have[p] = one
		}
	}
	if j.through > 0 {
		j.read = max(j.read, j.through)
	}
	for _, e := range j.m.behind(j.read, 1<<60) {
		if more--; more < 0 || j.through == 0 {
			break
		}
		j.read = e.seq
	}
	return nil
}

// dialogs is what it knows: the records, and on top of them the updates behind.
func (j *joiner) dialogs() (*dialogs.Fold, error) {
	f := j.anew()
	l := f.Load()
	for p, one := range j.have {
		if string(one.data) == string(gone) {
			continue
		}
		seq, err := strconv.ParseUint(one.header.Get(subjects.HeaderThrough), 10, 64)
		if err == nil {
			err = l.Record(p, seq, one.data)
		}
		if err != nil {
			return nil, err
		}
	}
	if j.folders != nil {
		if err := l.Folders(j.folders); err != nil {
			return nil, err
		}
	}
	l.Done(j.through)
	for _, e := range j.m.behind(j.through, j.read) {
		if e.tell {
			f.Apply(e.seq, &e.fact)
		}
	}
	return f, nil
}
