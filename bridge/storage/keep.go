package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/retry"
)

const (
	// lookEvery is how often a daemon looks whether its streams and buckets are there, without a reason: it costs a question
	// for each of them. Who meets an error asks for a look at once.
	lookEvery = 3 * time.Second
	// lookTime bounds one look.
	lookTime = 5 * time.Second
	// sureAfter is when something that was not found is looked for again before it is made anew.
	sureAfter = 250 * time.Millisecond
	// fullEvery is how often it is told at most that records have vanished from where they do so by themselves.
	fullEvery = time.Minute
)

// Change is what Keep tells of an item: it was made anew, by this daemon or another, or it lost what was in it.
type Change struct {
	Name string // UPDATES
	// Lost is the sequence up to which there was something before.
	Lost uint64
	Anew bool // it is another stream than before; else records vanished from it
	// Maybe: records vanish from it by themselves too. Whoever keeps something there is to look whether that is gone.
	Maybe bool
	Cause string // for people
}

// kept is what is known of an item that was opened.
type kept struct {
	item     Item
	created  time.Time
	first    uint64 // sequence: whatever has a lower one is gone
	last     uint64 // sequence
	subjects uint64
	wrong    error     // what is wrong with it since the last look
	fewer    bool      // there were fewer subjects at a look, of which nobody was told
	told     time.Time // when that was told last
}

// ErrAway says that JetStream could not be asked lately.
var ErrAway = errors.New("JetStream does not answer")

// keep notes an item as it is now.
func (s *Storage) keep(it Item, info *jetstream.StreamInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept[it.Name] == nil {
		s.kept[it.Name] = &kept{item: it, created: info.Created, first: info.State.FirstSeq, last: info.State.LastSeq, subjects: info.State.NumSubjects}
	}
}

// OnChange has f told of every change. It is called from Keep, one after the other.
func (s *Storage) OnChange(f func(Change)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell = append(s.tell, f)
}

// Suspect has Keep look at once: an error looked like a stream or bucket that is gone.
func (s *Storage) Suspect(err error) {
	if !gone(err) {
		return
	}
	select {
	case s.suspect <- struct{}{}:
	default:
	}
}

// Healthy is nil when every stream and bucket was there when last looked at, else what is wrong: NATS would refuse what this
// daemon has to store.
func (s *Storage) Healthy() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, it := range table {
		if k := s.kept[it.Name]; k != nil && k.wrong != nil {
			return k.wrong
		}
	}
	return nil
}

// Keep looks after all that was opened, until ctx ends: what is gone is made anew, what natsgram needs is put back, and who
// has to write something again is told.
func (s *Storage) Keep(ctx context.Context) {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		case <-s.suspect:
			if retry.Pause(ctx, sureAfter/2) != nil { // not more often than that
				return
			}
		}
		s.look(ctx)
	}
}

// look looks at everything once.
func (s *Storage) look(ctx context.Context) {
	for _, k := range s.all() {
		looking, cancel := context.WithTimeout(ctx, lookTime)
		change, err := s.lookAt(looking, k)
		cancel()
		if ctx.Err() != nil {
			return
		}
		s.note(k, err)
		if change != nil {
			s.changed(*change)
		}
	}
}

// hurry is which items are looked at before the others.
var hurry = map[string]int{Leases: 2, Accounts: 1}

// all are the items that were opened: leases first, they are in a hurry.
func (s *Storage) all() (all []*kept) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, it := range table {
		if k := s.kept[it.Name]; k != nil {
			all = append(all, k)
		}
	}
	slices.SortStableFunc(all, func(a, b *kept) int { return hurry[b.item.Name] - hurry[a.item.Name] })
	return all
}

// note keeps what is wrong with an item, and says so when that is news.
func (s *Storage) note(k *kept, err error) {
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%s: %w", s.o.Scheme.StreamName(k.item.Name), ErrAway)
	}
	s.mu.Lock()
	news := (err == nil) != (k.wrong == nil)
	k.wrong = err
	s.mu.Unlock()
	switch {
	case news && err != nil:
		s.log.Error("storage", "err", err)
	case news:
		s.log.Info("storage is as it should be again", "name", s.o.Scheme.StreamName(k.item.Name))
	}
}

func (s *Storage) changed(c Change) {
	if !c.Maybe {
		s.log.Error("storage was lost", "name", s.o.Scheme.StreamName(c.Name), "cause", c.Cause, "up_to_sequence", c.Lost)
	}
	s.mu.Lock()
	tell := slices.Clone(s.tell)
	s.mu.Unlock()
	for _, f := range tell {
		f(c)
	}
}

// lookAt looks at one item, and mends it.
func (s *Storage) lookAt(ctx context.Context, k *kept) (*Change, error) {
	info, err := s.info(ctx, k.item)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		info, err = s.anew(ctx, k)
	}
	if err != nil {
		return nil, s.explain(k.item, err)
	}
	return s.compare(k, info), s.putBack(ctx, k.item, info)
}

func (s *Storage) info(ctx context.Context, it Item) (*jetstream.StreamInfo, error) {
	st, err := s.js.Stream(ctx, it.StreamName(s.o.Scheme))
	if err != nil {
		return nil, err
	}
	return st.CachedInfo(), nil
}

// anew makes an item again that is not there. It looks twice: servers that are only just starting may not know it yet.
func (s *Storage) anew(ctx context.Context, k *kept) (*jetstream.StreamInfo, error) {
	s.note(k, fmt.Errorf("%s %s is gone: it is being made anew", k.item.Kind, s.o.Scheme.StreamName(k.item.Name)))
	if err := retry.Pause(ctx, sureAfter); err != nil {
		return nil, err
	}
	info, err := s.info(ctx, k.item)
	if !errors.Is(err, jetstream.ErrStreamNotFound) {
		return info, err
	}
	s.mu.Lock()
	last := k.last
	s.mu.Unlock()
	st, err := s.create(ctx, k.item, last+seqRoom)
	if err != nil {
		return nil, err
	}
	return st.CachedInfo(), nil
}

// seqRoom is how many sequences a stream that is made anew leaves out behind the last one known of its predecessor: others may have
// written since. A sequence that stands for something (an epoch, a position, a revision to compare with) is never one of both streams.
const seqRoom = 1 << 20

// Created is when a stream or bucket was made, as far as is known here: it tells one from another of the same name.
func (s *Storage) Created(name string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.kept[name]; k != nil {
		return k.created
	}
	return time.Time{}
}

// First is the lowest sequence of a stream or bucket when it was last looked at: what has a lower one is gone.
func (s *Storage) First(name string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.kept[name]; k != nil {
		return k.first
	}
	return 0
}

// compare tells whether an item is another one than before, or lost records, and notes it as it is now.
func (s *Storage) compare(k *kept, info *jetstream.StreamInfo) (c *Change) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := k.item.Name
	switch {
	case !info.Created.Equal(k.created) || info.State.LastSeq < k.last:
		c = &Change{Name: name, Lost: k.last, Anew: true, Cause: "the stream was deleted; this is another one"}
	case remembers(name) && (info.State.NumSubjects < k.subjects || info.State.Msgs == 0 && info.State.LastSeq > k.last):
		c = &Change{Name: name, Lost: k.last, Cause: causePurged}
	case name == Peers && k.thinned(info, time.Now()):
		c = &Change{Name: name, Lost: k.last, Maybe: true, Cause: causePurged}
	}
	k.created, k.first, k.last, k.subjects = info.Created, info.State.FirstSeq, info.State.LastSeq, info.State.NumSubjects
	return c
}

// thinned reports whether somebody is to look what has vanished, where that may be nothing but what had to make room.
func (k *kept) thinned(info *jetstream.StreamInfo, now time.Time) bool {
	k.fewer = k.fewer || info.State.NumSubjects < k.subjects || !PushesOut(info) && k.first <= k.last && info.State.FirstSeq > k.last
	if !k.fewer || PushesOut(info) && now.Sub(k.told) < fullEvery {
		return false
	}
	k.fewer, k.told = false, now
	return true
}

const causePurged = "records were purged from the stream"

// PushesOut reports whether a stream is at one of its limits, so that what is new there takes the place of what is oldest.
func PushesOut(info *jetstream.StreamInfo) bool {
	c, st := info.Config, info.State
	return c.MaxAge > 0 || c.MaxMsgs > 0 && st.Msgs >= uint64(c.MaxMsgs)/10*9 || c.MaxBytes > 0 && st.Bytes >= uint64(c.MaxBytes)/10*9
}

// remembers reports whether nothing vanishes from an item by itself: a key that is deleted leaves a mark.
func remembers(name string) bool {
	return name == Sessions || name == Accounts || name == Positions || name == Limits
}

// putBack mends what natsgram needs of an item and somebody has changed.
func (s *Storage) putBack(ctx context.Context, it Item, info *jetstream.StreamInfo) error {
	c, changed := info.Config, ""
	for _, d := range s.differences(it, info) {
		if d.Why == Needed {
			d.apply(&c)
			changed = d.What
		}
	}
	if changed == "" {
		return nil
	}
	s.log.Warn("what natsgram needs of its storage was changed, and is put back", "name", c.Name, "what", changed)
	if _, err := s.js.UpdateStream(ctx, c); err != nil {
		return s.explain(it, fmt.Errorf("putting its %s back: %w", changed, err))
	}
	return nil
}
