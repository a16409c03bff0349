package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/bridge/bus"
	"github.com/natsgram/natsgram/bridge/queue"
	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/subjects"
)

// jobWait waits for what becomes of a job.
type jobWait struct {
	c       *cobra.Command
	set     settings.Settings
	nc      *nats.Conn
	results *nats.Subscription // of the chat, from before the job was stored
	account string
	chat    subjects.ChatRef
	seq     uint64
	told    [2]string // where its word stands: by its id, and by its sequence where another job has the id
	digest  string    // of the job
}

// newJobWait is for a job that is about to be stored.
func newJobWait(c *cobra.Command, set settings.Settings, nc *nats.Conn, account string, chat subjects.ChatRef) (*jobWait, error) {
	results, err := nc.SubscribeSync(subjects.Results(set.Scheme()).Chat(account, chat))
	return &jobWait{c: c, set: set, nc: nc, results: results, account: account, chat: chat}, err
}

// stored says which job it is.
func (w *jobWait) stored(m *nats.Msg, method, id string, seq uint64) {
	results := subjects.Results(w.set.Scheme())
	w.seq, w.digest = seq, subjects.JobDigest(method, m.Header.Get(subjects.HeaderContentType), m.Data)
	w.told = [2]string{results.Subject(w.account, w.chat, id), results.Subject(w.account, w.chat, strconv.FormatUint(seq, 10))}
}

// lookAfter is when it is looked whether the job's word was there before: that of one with an id that was stored earlier.
const lookAfter = time.Second

// await prints what became of the job.
func (w *jobWait) await(wait time.Duration) error {
	m, err := w.next(min(wait, lookAfter))
	x := whereabouts{told: m}
	if m == nil && err == nil {
		x = w.look()
	}
	if rest := wait - lookAfter; err == nil && x.told == nil && !x.gone() && rest > 0 {
		if m, err = w.next(rest); m != nil {
			x.told = m
		} else if err == nil {
			x = w.look() // it may have been told while there was no connection
		}
	}
	if err != nil {
		return err
	}
	return w.print(x, wait)
}

// next is the job's word, as it comes; nil: it does not come.
func (w *jobWait) next(within time.Duration) (*nats.Msg, error) {
	ctx, cancel := context.WithTimeout(w.c.Context(), within)
	defer cancel()
	for {
		m, err := w.results.NextMsgWithContext(ctx)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			return nil, nil
		case err != nil || w.is(m.Subject, m.Header):
			return m, err
		}
	}
}

func (w *jobWait) is(subject string, h nats.Header) bool {
	return slices.Contains(w.told[:], subject) && h.Get(subjects.HeaderJobDigest) == w.digest
}

// whereabouts are what can be known of a job.
type whereabouts struct {
	told   *nats.Msg     // what became of it; nil: nothing is kept, or this user may not see it
	queued *queue.Listed // it is in the queue
	asked  bool          // a daemon has said whether it is
}

func (x whereabouts) gone() bool { return x.asked && x.queued == nil && x.told == nil }

func (w *jobWait) look() (x whereabouts) {
	if x.told = w.kept(); x.told != nil {
		return x
	}
	if x.queued, x.asked = w.listed(); x.gone() {
		x.told = w.kept() // it may have been told meanwhile
	}
	return x
}

func (w *jobWait) print(x whereabouts, wait time.Duration) error {
	switch {
	case x.told != nil:
		return printReply(w.c.OutOrStdout(), x.told, false)
	case x.queued != nil:
		return fmt.Errorf("job %d waits (%s), and was not done within %s: see natsgram queue list", w.seq, x.queued.State, wait)
	case x.asked:
		return fmt.Errorf("job %d is not in the queue any more, and what became of it is not kept (NATSGRAM_DONE_MAX_AGE), or not for this user to see", w.seq)
	}
	return fmt.Errorf("job %d is stored, and nothing was told of it within %s; no daemon says whether it waits: see natsgram queue list", w.seq, wait)
}

// kept is what the stream of results has of the job.
func (w *jobWait) kept() *nats.Msg {
	ctx, cancel := context.WithTimeout(w.c.Context(), askTime)
	defer cancel()
	js, err := bus.JetStream(w.nc, w.set.NATS)
	if err != nil {
		return nil
	}
	done, err := js.Stream(ctx, w.set.Scheme().StreamName("DONE"))
	if err != nil {
		return nil
	}
	for _, subject := range w.told {
		raw, err := done.GetLastMsgForSubject(ctx, subject)
		if err == nil && w.is(raw.Subject, raw.Header) {
			return &nats.Msg{Subject: raw.Subject, Header: raw.Header, Data: raw.Data}
		}
	}
	return nil
}

// listed is the job in the queue; false: nobody says whether it is there.
func (w *jobWait) listed() (*queue.Listed, bool) {
	m := nats.NewMsg(w.set.Scheme().Ctl(w.account, "queue.list"))
	m.Data, _ = json.Marshal(map[string]any{"chat": w.chat.String(), "after": w.seq - 1, "limit": 1})
	page, err := askJobs(w.c.Context(), w.c, m)
	if err != nil {
		return nil, false
	}
	if len(page.Jobs) > 0 && page.Jobs[0].Seq == w.seq {
		return &page.Jobs[0], true
	}
	return nil, true
}
