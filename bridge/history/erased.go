package history

import (
	"context"
	"errors"
	"slices"

	"github.com/natsgram/natsgram/bridge/erase"
	"github.com/natsgram/natsgram/subjects"
)

// A job leaves out whoever was erased since it was asked for: who asks for an erasure does not expect that an older wish undoes it. A job that is
// asked for later is a new wish, and fetches what Telegram has.

// erasure is one that came while jobs were open.
type erasure struct {
	N     uint64        `json:"n"` // they count up
	Kind  subjects.Kind `json:"kind"`
	ID    int64         `json:"id"`
	Names []string      `json:"names,omitempty"`
}

func (e erasure) who() erase.Who {
	return erase.Who{Target: erase.Target{Kind: e.Kind, ID: e.ID}, Names: e.Names}
}

// erasures are those that the jobs of a user's record need.
type erasures struct {
	Of       int64     `json:"of"`
	Last     uint64    `json:"last"`
	Erasures []erasure `json:"erasures,omitempty"`
}

// leaves is whom a job leaves out, under mu.
func (s *Service) leaves(j *job) (all []erase.Who) {
	for _, e := range s.erasures {
		if e.N > j.Erased {
			all = append(all, e.who())
		}
	}
	return all
}

// erased notes an erasure, under mu. One of the same before is in it: whoever leaves that out leaves this out too.
func (s *Service) erased(who erase.Who) {
	names := slices.Clone(who.Names)
	s.erasures = slices.DeleteFunc(s.erasures, func(e erasure) bool {
		same := e.Kind == who.Kind && e.ID == who.ID
		if same {
			names = append(names, e.Names...)
		}
		return same
	})
	slices.Sort(names)
	s.lastErasure++
	s.erasures = append(s.erasures, erasure{s.lastErasure, who.Kind, who.ID, slices.Compact(names)})
}

// Forget ends the jobs of who is erased, and leaves no record of them; all others leave out what names him. When it returns without an error, none
// of the jobs stores any more what it had fetched before, and nothing of that is on its way to the stream which that would take.
func (s *Service) Forget(ctx context.Context, who erase.Who) error {
	about := func(j *job) bool { return j.Kind == who.Kind && j.Chat == who.ID }
	s.mu.Lock()
	if !s.loaded || s.closed {
		s.mu.Unlock()
		return errors.New("the account is between two owners")
	}
	s.erased(who)
	var over []chan struct{}
	for _, j := range s.jobs {
		cause := errLeaveOut
		if about(j) {
			cause = errErased
			if !j.ended() {
				s.ends(j, Cancelled, cause.Error(), 410) // what is told is kept
			}
		}
		j.Past = j.Past || j.State == Failed
		if j.cancel != nil {
			j.cancel(cause)
			over = append(over, j.over)
		}
	}
	s.jobs = slices.DeleteFunc(s.jobs, about)
	s.mu.Unlock()
	for _, c := range over {
		select {
		case <-c:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err := s.save(ctx); err != nil {
		return err
	}
	return s.c.Store.void(ctx)
}
