package once

import (
	"context"
	"slices"
	"sync"
	"time"
)

// unsaved are answers that are known and not yet stored. Requests with their ids are answered from here meanwhile.
type unsaved struct {
	wait  []*late
	size  int
	busy  bool
	ended bool
	work  sync.WaitGroup
	stop  chan struct{} // closed by Close

	saving sync.Mutex // held while one of them is being stored: before mu
}

// late is an answer that waits to be stored.
type late struct {
	r     *Run
	value []byte
}

const (
	unsavedMost = 16 << 20 // bytes of answers that wait
	saveEvery   = time.Second
)

// save stores a record as soon as that can be done.
func (j *Journal) save(r *Run, value []byte) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.ended || value == nil || j.size+len(value) > unsavedMost {
		delete(j.runs, r.key)
		j.c.Log.Error("the answer to a request with an id is lost: when it is made again, it is said that its outcome is not known")
		return
	}
	j.wait = append(j.wait, &late{r, value})
	j.size += len(value)
	if !j.busy {
		j.busy = true
		if j.stop == nil {
			j.stop = make(chan struct{})
		}
		j.work.Go(j.saver)
	}
}

// saver stores what waits until nothing does.
func (j *Journal) saver() {
	t := time.NewTicker(saveEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-j.stop:
			return
		}
		if !j.saveAll(context.Background()) {
			return
		}
	}
}

// saveAll stores what waits, in order, until something fails. It reports whether anything is left.
func (j *Journal) saveAll(ctx context.Context) (left bool) {
	for {
		left, err := j.saveOne(ctx)
		if !left || err != nil {
			return left
		}
	}
}

// saveOne stores the first of what waits. It reports whether there was any.
func (j *Journal) saveOne(ctx context.Context) (left bool, err error) {
	j.saving.Lock()
	defer j.saving.Unlock()
	j.mu.Lock()
	if len(j.wait) == 0 {
		j.busy = false
		j.mu.Unlock()
		return false, nil
	}
	l := j.wait[0]
	j.mu.Unlock()
	if err = l.r.store(ctx, l.value); err == nil {
		j.saved(l)
	}
	return true, err
}

// saved notes that one is stored.
func (j *Journal) saved(l *late) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.wait = slices.DeleteFunc(j.wait, func(o *late) bool { return o == l })
	j.size -= len(l.value)
	if j.runs[l.r.key] == l.r {
		delete(j.runs, l.r.key)
	}
}

// Close stores what is not stored yet, until ctx ends. The runs of the journal have ended before.
func (j *Journal) Close(ctx context.Context) {
	j.mu.Lock()
	j.ended = true
	if j.stop != nil {
		close(j.stop)
	}
	j.mu.Unlock()
	j.work.Wait()
	if j.saveAll(ctx) {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.c.Log.Error("answers to requests with ids are lost: when they are made again, it is said that their outcome is not known", "answers", len(j.wait))
	}
}

// Unsaved is how many answers wait to be stored.
func (j *Journal) Unsaved() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.wait)
}
