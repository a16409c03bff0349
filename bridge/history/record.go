package history

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/natsgram/natsgram/bridge/records"
	"github.com/natsgram/natsgram/subjects"
)

// Records is where it stands which jobs an account has: bridge/records.
type Records interface {
	History(ctx context.Context, account string) (body []byte, revision uint64, err error)
	SaveHistory(ctx context.Context, account string, body []byte, over uint64) (revision uint64, err error)
}

const (
	openMost  = 100                // jobs of an account that have not ended
	endedMost = 50                 // that have, and are told of
	endedAge  = 7 * 24 * time.Hour // so long
	saveTime  = 5 * time.Second
)

// readJobs reads a record. What cannot be read is nothing: who asked for it asks again.
func readJobs(body []byte, user int64) (all []*job) {
	if json.Unmarshal(body, &all) != nil {
		return nil
	}
	return slices.DeleteFunc(all, func(j *job) bool {
		if j == nil || j.ID == "" || len(j.ID) > 64 || j.Chat == 0 || j.User != user {
			return true
		}
		return j.Kind != subjects.User && j.Kind != subjects.Chat && j.Kind != subjects.Channel
	})
}

// readErasures reads of the same record who was erased while jobs were open, and which erasure was the last one.
func readErasures(body []byte, user int64) (all []erasure, last uint64) {
	var records []erasures
	if json.Unmarshal(body, &records) != nil {
		return nil, 0
	}
	for _, r := range records {
		if r.Of == user {
			all, last = append(all, r.Erasures...), max(last, r.Last)
		}
	}
	return all, last
}

// load takes over what jobs there are, and writes that once: from then on no former owner can.
func (s *Service) load(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, saveTime)
	defer cancel()
	body, revision, err := s.c.Records.History(ctx, s.c.Account)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.jobs, s.revision = readJobs(body, s.c.User), revision
	s.erasures, s.lastErasure = readErasures(body, s.c.User)
	s.mu.Unlock()
	if err := s.write(ctx); err != nil { // a copy of the bucket may not have heard of jobs yet
		return err
	}
	s.mu.Lock()
	s.loaded = true
	s.mu.Unlock()
	return nil
}

// save writes which jobs there are. Whoever else has written meanwhile did so without the right to.
func (s *Service) save(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTime)
	defer cancel()
	err := s.write(ctx)
	if err == nil || !s.sure() {
		return err
	}
	_, revision, readErr := s.c.Records.History(ctx, s.c.Account) // without an answer it may have been written
	if readErr != nil {
		return err
	}
	s.saving.Lock()
	s.revision = revision
	s.saving.Unlock()
	return s.write(ctx)
}

func (s *Service) write(ctx context.Context) error {
	s.saving.Lock()
	defer s.saving.Unlock()
	if !s.sure() {
		return errUnsure
	}
	s.mu.Lock()
	s.tidy(time.Now())
	body, err := s.record()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	revision, err := s.c.Records.SaveHistory(ctx, s.c.Account, body, s.revision)
	if err == nil {
		s.revision = revision
	}
	return err
}

var errUnsure = errors.New("the account may be another daemon's now")

// record is what is written, under mu: the jobs, and behind them, where a version that knows of none reads past it, who is left out by them.
func (s *Service) record() ([]byte, error) {
	all := make([]any, 0, len(s.jobs)+1)
	for _, j := range s.jobs {
		all = append(all, j)
	}
	if s.lastErasure > 0 {
		all = append(all, erasures{s.c.User, s.lastErasure, s.erasures})
	}
	return json.Marshal(all)
}

// tidy forgets jobs that ended long ago, and who is left out by none that has not ended, under mu.
func (s *Service) tidy(now time.Time) {
	ended := s.endedJobs()
	forgotten := ended[min(endedMost, len(ended)):]
	s.jobs = slices.DeleteFunc(s.jobs, func(j *job) bool {
		return j.ended() && j.cancel == nil && (now.Sub(j.Ended) >= endedAge || slices.Contains(forgotten, j))
	})
	first := s.lastErasure
	for _, j := range s.jobs {
		if !j.ended() {
			first = min(first, j.Erased)
		}
	}
	s.erasures = slices.DeleteFunc(s.erasures, func(e erasure) bool { return e.N <= first })
}

// endedJobs are the jobs that have ended, the last to end first, under mu.
func (s *Service) endedJobs() (all []*job) {
	for _, j := range slices.Backward(s.jobs) {
		if j.ended() {
			all = append(all, j)
		}
	}
	slices.SortStableFunc(all, func(a, b *job) int { return b.Ended.Compare(a.Ended) })
	return all
}

var _ Records = (*records.Records)(nil)
