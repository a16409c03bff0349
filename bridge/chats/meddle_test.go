package chats

import (
	"maps"
	"slices"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/subjects"
)

// meddle is that somebody who keeps no dialogs writes over records, or takes some out: by a consumer that delivers to their subjects, or at the
// stream itself. Nothing is taken out before the keeper has read what there is: of what it never saw nobody knows that it was there, and if that dialog
// has come to its end meanwhile nothing is written of it.
func (m *model) meddle() {
	s := m.streams
	all := s.all()
	m.keeper.mu.Lock()
	knows := m.keeper.fold != nil
	m.keeper.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch n := m.r.IntN(8); {
	case len(all) == 0, m.fault == TwoOwners: // nobody would look
	case n == 0 && !knows:
	case n == 0:
		m.note("meddled: all taken out")
		for _, one := range all {
			s.takeOut(one)
		}
	case n == 1:
		s.overwrite(subjects.Records(subjects.Scheme{}).Subject("main", subjects.StateDialog, subjects.User, 1+m.r.Int64N(3)))
	default:
		for range 1 + m.r.IntN(3) {
			if one := pick(m, all); m.r.IntN(2) == 0 {
				if knows {
					s.takeOut(one)
				}
			} else {
				s.overwrite(one.subject)
			}
		}
		if m.r.IntN(3) == 0 {
			s.overwrite(subjects.Records(subjects.Scheme{}).Subject("main", subjects.StateThrough, "", 0))
		}
	}
}

// overwrite stores an empty message.
func (m *memory) overwrite(subject string) {
	m.seq++
	m.note("meddled: %d written over %s", m.seq, subject)
	m.held = slices.DeleteFunc(m.held, func(have message) bool { return have.subject == subject })
	m.held = append(m.held, message{subject, nats.Header{"Status": {"404"}}, nil, m.seq})
	m.spoiled[subject] = false
}

// takeOut takes one out. That a dialog is gone stays, and so does what somebody else has written: a keeper that begins after it was taken out knows nothing
// of it, and writes nothing.
func (m *memory) takeOut(one message) {
	if string(one.data) == string(gone) || one.data == nil {
		return
	}
	m.note("meddled: taken out %s", one.subject)
	m.held = slices.DeleteFunc(m.held, func(have message) bool { return have.subject == one.subject })
	m.spoiled[one.subject] = true
	if m.fault == BlindToMissing {
		m.ghosts = append(m.ghosts, one)
	}
}

// mended waits until nothing is missing: who begins then knows nothing of a dialog that is gone meanwhile, and whoever joined before has its record.
func (m *model) mended() {
	for n := range 100 {
		m.streams.mu.Lock()
		missing := slices.Contains(slices.Collect(maps.Values(m.streams.spoiled)), true)
		m.streams.mu.Unlock()
		if !missing {
			return
		}
		m.note("mended: %d", n)
		m.settle()
	}
	m.Fatalf("%d records are spoilt, and not written again", m.streams.spoilt())
}

// writtenAgain is where the last record stands that was written again.
func (m *memory) writtenAgain() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.again
}

// spoilt is how many records are not as a keeper has written them.
func (m *memory) spoilt() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.spoiled)
}
