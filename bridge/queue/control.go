package queue

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/queue/plan"
	"github.com/natsgram/natsgram/subjects"
)

// Verbs are what tg.ctl.<account>.queue.* can do.
func Verbs() []string { return []string{"list", "cancel", "retry"} }

// Listed is a job that is in the queue, as tg.ctl.<account>.queue.list tells of it.
type Listed struct {
	Job       string     `json:"job"`
	Seq       uint64     `json:"seq"`
	Chat      string     `json:"chat"`
	Method    string     `json:"method"`
	State     string     `json:"state"` // running, ready, waiting, later, behind, unknown
	Stored    time.Time  `json:"stored"`
	Priority  int        `json:"priority,omitempty"`
	NotBefore *time.Time `json:"not_before,omitempty"`
	Expires   *time.Time `json:"expires,omitempty"`
	Coalesce  string     `json:"coalesce,omitempty"`
	Tries     int        `json:"tries,omitempty"`
	Error     string     `json:"error,omitempty"`  // of the last try
	Reason    string     `json:"reason,omitempty"` // it waits for
	Until     *time.Time `json:"until,omitempty"`
}

// List is an answer of queue.list.
type List struct {
	Jobs    []Listed `json:"jobs"`
	Waiting uint64   `json:"waiting"`        // all of the account, or of the chat that was asked for
	Chats   int      `json:"chats"`          // in which they are
	Held    string   `json:"held,omitempty"` // why the whole account waits
	Next    uint64   `json:"next,omitempty"` // there are more: ask again with after
}

const (
	listMost    = 1000
	listDefault = 100
	stateOfLost = "unknown"
)

// Answer answers a request of tg.ctl.<account>.queue.<verb>.
func (r *Runner) Answer(ctx context.Context, verb string, body []byte) ([]byte, *answer.Fault) {
	var in struct {
		Chat  string `json:"chat"`
		Job   string `json:"job"`
		Seq   uint64 `json:"seq"`
		All   bool   `json:"all"`
		After uint64 `json:"after"`
		Limit int    `json:"limit"`
	}
	reads := map[string][]string{"list": {"chat", "after", "limit"}, "cancel": {"job", "seq", "chat", "all"}, "retry": {"job", "seq", "chat"}}
	if err := answer.ReadJSON(body, &in, reads[verb]...); err != nil {
		return nil, answer.Refuse(400, "queue."+verb+": "+err.Error())
	}
	if in.Chat != "" {
		if _, err := subjects.ParseChat(in.Chat); err != nil {
			return nil, answer.Refuse(400, "queue."+verb+": "+err.Error())
		}
	}
	var out any
	var err error
	switch {
	case verb == "list":
		out, err = r.list(ctx, in.Chat, in.After, in.Limit)
	case verb == "cancel" && in.All && in.Chat != "" && in.Job == "" && in.Seq == 0:
		out, err = r.cancelAll(ctx, in.Chat)
	case in.All || (in.Job == "") == (in.Seq == 0):
		return nil, answer.Refuse(400, "queue."+verb+": want the id of a job (job) or its sequence (seq); queue.cancel also takes a chat with all")
	default:
		out, err = r.change(ctx, verb, in.Chat, in.Job, in.Seq)
	}
	return encode(out, err)
}

func encode(out any, err error) ([]byte, *answer.Fault) {
	var f *answer.Fault
	if errors.As(err, &f) {
		return nil, f
	}
	if err != nil {
		return nil, answer.Refuse(502, err.Error())
	}
	b, err := json.Marshal(out)
	if err != nil {
		return nil, answer.Refuse(500, err.Error())
	}
	return b, nil
}

// list tells of the jobs that are in the stream.
func (r *Runner) list(ctx context.Context, chat string, after uint64, limit int) (*List, error) {
	if limit <= 0 {
		limit = listDefault
	}
	chats, _, err := r.s.waiting(ctx, r.c.Account)
	if err != nil {
		return nil, err
	}
	l := &List{Jobs: []Listed{}}
	for name, n := range chats {
		if chat == "" || chat == name {
			l.Waiting += n
			l.Chats++
		}
	}
	if l.Waiting == 0 {
		return l, nil
	}
	known := r.known(chat, l)
	err = r.s.scan(ctx, r.filter(chat), after+1, true, func(_ string, j *job) bool {
		if len(l.Jobs) == min(limit, listMost) {
			l.Next = l.Jobs[len(l.Jobs)-1].Seq
			return false
		}
		l.Jobs = append(l.Jobs, r.listed(j, known))
		return true
	})
	return l, err
}

func (r *Runner) filter(chat string) []string {
	if chat == "" {
		return []string{subjects.Jobs(r.s.scheme).Of(r.c.Account)}
	}
	return []string{subjects.Jobs(r.s.scheme).Place(r.c.Account, chat)}
}

// known is what the plan knows of jobs, by their sequences.
func (r *Runner) known(chat string, l *List) map[uint64]plan.Item {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, known := time.Now(), map[uint64]plan.Item{}
	for _, it := range r.plan.List(now, chat) {
		known[it.Seq] = it
	}
	_, l.Held = r.plan.Held(now)
	return known
}

func (r *Runner) listed(j *job, known map[uint64]plan.Item) Listed {
	l := Listed{
		Job: j.ID, Seq: j.Seq, Chat: j.Chat, Method: j.Method, Stored: j.stored.UTC(), Priority: j.Priority, Coalesce: j.Coalesce,
		NotBefore: whenSet(j.NotBefore), Expires: whenSet(j.Expires), State: string(plan.Behind),
	}
	if it, ok := known[j.Seq]; ok {
		l.State, l.Tries, l.Error, l.Reason, l.Until = string(it.State), it.Tries, it.Err, it.Why, whenSet(it.Until)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if rec := r.records[j.Seq]; rec != nil {
		l.Tries = max(l.Tries, rec.Tries)
		if l.Error == "" {
			l.Error = rec.Error
		}
		if rec.State == unknown {
			l.State, l.Reason = stateOfLost, "queue.retry runs it again, queue.cancel removes it"
		}
	}
	return l
}

func whenSet(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// changedJob is an answer of queue.cancel and queue.retry.
type changedJob struct {
	Job    string `json:"job"`
	Seq    uint64 `json:"seq"`
	Chat   string `json:"chat"`
	Method string `json:"method"`
	State  string `json:"state"` // cancelled, ready
}

// change cancels a job, or has it tried at once.
func (r *Runner) change(ctx context.Context, verb, chat, id string, seq uint64) (*changedJob, error) {
	j, err := r.find(ctx, chat, id, seq)
	if err != nil {
		return nil, err
	}
	c := &changedJob{Job: j.ID, Seq: j.Seq, Chat: j.Chat, Method: j.Method, State: string(Cancelled)}
	if verb == "cancel" {
		return c, r.cancel(ctx, j)
	}
	c.State = string(plan.Ready)
	return c, r.retry(ctx, j)
}

// find looks for a job in the stream.
func (r *Runner) find(ctx context.Context, chat, id string, seq uint64) (found *job, err error) {
	none := answer.Refuse(404, "the queue has no such job: it is done (its result is in the stream "+r.s.doneName()+"), or never was")
	if seq != 0 {
		j, err := r.s.get(ctx, seq)
		switch {
		case err != nil:
			return nil, err
		case j == nil, j.account != r.c.Account:
			return nil, none
		}
		return j, nil
	}
	chats, _, err := r.s.waiting(ctx, r.c.Account)
	if err != nil {
		return nil, err
	}
	if len(chats) > 0 {
		err = r.s.scan(ctx, r.filter(chat), 1, true, func(_ string, j *job) bool {
			if j.ID == id {
				found = j
			}
			return found == nil
		})
	}
	if found == nil && err == nil {
		err = none
	}
	return found, err
}

// cancel ends a job that is not at work.
func (r *Runner) cancel(ctx context.Context, j *job) error {
	r.mu.Lock()
	taken := r.plan.Take(time.Now(), j.Job)
	r.mu.Unlock()
	if !taken {
		return answer.Doubt(409, "the job is being run")
	}
	r.dismiss(ctx, j.Seq, 0, Cancelled, answer.Refuse(410, "it was cancelled (queue.cancel)"))
	r.changed()
	return ctx.Err()
}

// cancelAll ends all jobs of a chat that are not at work.
func (r *Runner) cancelAll(ctx context.Context, chat string) (any, error) {
	n, running := 0, 0
	err := r.s.scan(ctx, r.filter(chat), 1, true, func(_ string, j *job) bool {
		switch err := r.cancel(ctx, j); {
		case err == nil:
			n++
		default:
			running++
		}
		return ctx.Err() == nil
	})
	return map[string]int{"cancelled": n, "running": running}, err
}

// retry has a job tried now that waits after an error, or of which it is unknown whether it was run.
func (r *Runner) retry(ctx context.Context, j *job) error {
	r.mu.Lock()
	rec := r.records[j.Seq]
	it, known := r.plan.Find(time.Now(), j.Chat, j.Seq)
	r.mu.Unlock()
	switch {
	case rec != nil && rec.State == unknown:
		next := record{State: waits, By: r.owner, At: time.Now().UTC(), Tries: rec.Tries, Error: rec.Error, revision: rec.revision}
		if err := r.s.write(ctx, r.c.Account, j.Seq, &next); err != nil {
			return err
		}
		r.mu.Lock()
		r.records[j.Seq] = &next
		r.plan.Unpark(j.Seq)
		r.plan.Add(time.Now(), j.Job)
		r.mu.Unlock()
	case known && it.State == plan.Later:
		return answer.Refuse(409, "the job is not due until "+it.Until.UTC().Format(time.RFC3339))
	case known && it.State == plan.Running:
		return answer.Refuse(409, "the job is being run")
	default:
		r.mu.Lock()
		r.plan.Release(time.Now(), j.Job)
		r.mu.Unlock()
	}
	r.changed()
	return nil
}
