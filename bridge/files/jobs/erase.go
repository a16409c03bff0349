package jobs

import "context"

// About reports whether a job is about somebody: by its record, and by who stands in the message that its file comes from.
type About func(r *Record, of []string) bool

// Erase ends jobs that are about somebody, and has what they wrote and what is kept of them written over. It gives how many jobs there are, and
// how many of them ended, or would: dry.
func (s *Jobs) Erase(ctx context.Context, about About, dry bool) (read, gone uint64, err error) {
	if err := s.resumed(ctx); err != nil {
		return 0, 0, err
	}
	s.mu.Lock()
	all := make(map[string]*Job, len(s.all))
	for _, j := range s.all {
		all[j.id] = j
	}
	s.mu.Unlock()
	for _, j := range all {
		read++
		if !about(j.record, j.work.At().Of) {
			continue
		}
		if gone++; dry {
			continue
		}
		j.cancel(ErrErased)
		select {
		case <-j.over:
		case <-ctx.Done():
			return read, gone, ctx.Err()
		}
	}
	if s.c.Records == nil {
		return read, gone, nil
	}
	for _, kind := range []Kind{Get, Put} {
		if err := s.eraseLeft(ctx, kind, all, about, dry, &read, &gone); err != nil {
			return read, gone, err
		}
	}
	return read, gone, nil
}

// eraseLeft does the same with records that are left of jobs which are not at work: of those that ended just now, where something failed.
func (s *Jobs) eraseLeft(ctx context.Context, kind Kind, atWork map[string]*Job, about About, dry bool, read, gone *uint64) error {
	left, err := s.c.Records.Left(ctx, s.c.Account, kind, s.c.Box)
	if err != nil {
		return err
	}
	for id, r := range left {
		j, counted := atWork[id]
		if counted && (dry || !j.isOver()) {
			continue
		}
		n := uint64(1)
		if counted {
			n = 0
		}
		if *read += n; !about(r, nil) {
			continue
		}
		if *gone += n; dry {
			continue
		}
		w, _ := s.c.Revive(kind, r)
		if err := w.Undo(ctx, r, ErrErased); err != nil {
			return err
		}
		if err := s.c.Records.erase(ctx, key(s.c.Account, kind, id)); err != nil {
			return err
		}
	}
	return nil
}

func (j *Job) isOver() bool {
	select {
	case <-j.over:
		return true
	default:
		return false
	}
}
