package queue

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/queue/plan"
	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/subjects"
)

// attempt is one try of a job.
type attempt struct {
	*Runner
	j       *job
	tries   int     // before this one
	rec     *record // what is written of it; nil: nothing
	before  told
	reads   bool // the method only reads: it may be run any number of times
	once    bool // Telegram executes a repetition once
	again   bool // a try before this one may have been executed
	foreign bool // it was meant for another user
}

// run makes one try of a job.
func (r *Runner) run(ctx context.Context, p plan.Action) {
	a, err := r.open(ctx, p)
	if err != nil {
		r.postpone(p.Job.Seq, p.Tries, err)
		return
	}
	if a == nil { // it is gone
		r.gone(p.Job.Seq)
		return
	}
	switch {
	case a.before.job == a.j.Seq && a.before.end != Unknown: // the daemon ended before it could be deleted
		a.leave(ctx)
	case a.j.fault != nil:
		a.end(ctx, a.j.failed(Failed, a.j.fault, a.tries))
	case a.foreign:
		a.end(ctx, a.j.failed(Failed, answer.Refuse(409, "it was queued when another user was signed in under the account's name"), a.tries))
	case a.j.named && a.before.job != 0 && a.before.job != a.j.Seq:
		a.sameID(ctx)
	default:
		a.call(ctx)
	}
}

// open reads a job and what is known of it; nil: it is gone.
func (r *Runner) open(ctx context.Context, p plan.Action) (*attempt, error) {
	if !r.sure() {
		return nil, errUnsure
	}
	j, err := r.s.get(ctx, p.Job.Seq)
	if j == nil || err != nil {
		return nil, err
	}
	a := &attempt{Runner: r, j: j, tries: p.Tries}
	a.reads, a.once = r.c.Caller.Method(j.Method)
	r.mu.Lock()
	a.rec = r.records[j.Seq]
	inherited := j.Seq <= r.upTo
	a.foreign = j.Seq <= r.others
	r.mu.Unlock()
	if a.rec != nil {
		a.tries = max(a.tries, a.rec.Tries)
		a.again = a.rec.State == began
	}
	if j.named || inherited || a.rec != nil {
		a.before, err = r.s.told(ctx, r.c.Account, j)
	}
	return a, err
}

// sameID is for a job whose id was used before. The same job is told of already; another one is refused, under its sequence.
func (a *attempt) sameID(ctx context.Context) {
	if a.before.digest == a.j.digest() {
		a.c.Log.Debug("a job was in the queue twice", "job", answer.Quote(a.j.ID))
		a.leave(ctx)
		return
	}
	f := answer.Refuse(409, subjects.HeaderMsgID+": "+answer.Quote(a.j.ID)+" is the id of another job (sequence "+utoa(a.before.job)+") of this chat")
	a.j.ID, a.j.named, a.before = utoa(a.j.Seq), false, told{}
	a.end(ctx, a.j.failed(Failed, f, a.tries))
}

// call makes the call, after it is written that it may have been made.
func (a *attempt) call(ctx context.Context) {
	a.at("opened")
	switch err := a.begins(ctx); {
	case errors.Is(err, errGone):
		a.gone(a.j.Seq)
		return
	case err != nil:
		a.postpone(a.j.Seq, a.tries, err)
		return
	}
	a.at("began")
	h := a.j.callHeader()
	if a.again { // what could be executed twice is refused then, unless the answer of the first time is known
		h[subjects.HeaderRetry] = []string{"queue"}
	}
	got, f := a.c.Caller.Do(ctx, Call{Method: a.j.Method, Chat: a.j.chat, Header: h, Body: a.j.body})
	a.tries++
	a.at("called")
	if f == nil {
		a.end(ctx, &result{end: Done, header: got.Header, body: got.Body, tries: a.tries})
		return
	}
	a.judge(ctx, f)
}

// begins writes that the job may have been run, before it is. From there on no other owner runs it.
func (a *attempt) begins(ctx context.Context) error {
	if a.reads {
		return nil
	}
	err := a.write(ctx, record{State: began, Tries: a.tries + 1})
	if errors.Is(err, errTaken) {
		if rec, err := a.s.record(ctx, a.c.Account, a.j.Seq); err == nil {
			a.mu.Lock()
			if delete(a.records, a.j.Seq); rec != nil {
				a.records[a.j.Seq] = rec
			}
			a.mu.Unlock()
		}
	}
	if err != nil {
		return err
	}
	// A former owner, or one who believes that he is, may have done all of it between the reading of the job and this record, and have
	// removed his own. He deletes the job first.
	j, err := a.s.get(ctx, a.j.Seq)
	switch {
	case err == nil && j == nil:
		return errGone
	case err == nil && !a.sure():
		err = errUnsure
	}
	if err != nil {
		a.notMade(ctx, err)
	}
	return err
}

// errGone says that a job is not in the stream any more.
var errGone = errors.New("the job is gone")

// notMade takes back that the call may have been made.
func (a *attempt) notMade(ctx context.Context, why error) {
	ctx, cancel := lastWords(ctx)
	defer cancel()
	if a.again {
		return // an earlier try may have been
	}
	if err := a.write(ctx, record{State: waits, Tries: a.tries, Error: why.Error()}); err != nil {
		a.c.Log.Warn("writing that a job was not run", "job", answer.Quote(a.j.ID), "err", err)
	}
}

// write writes a record of the job over the one that is known.
func (a *attempt) write(ctx context.Context, rec record) error {
	rec.By, rec.At = a.owner, time.Now().UTC()
	if a.rec != nil {
		rec.revision = a.rec.revision
	}
	if err := a.s.write(ctx, a.c.Account, a.j.Seq, &rec); err != nil {
		return err
	}
	a.rec = &rec
	a.mu.Lock()
	a.records[a.j.Seq] = a.rec
	a.mu.Unlock()
	return nil
}

const (
	// mostTries is how often a job is repeated of which it is unknown whether it was executed, or at which Telegram itself failed.
	mostTries = 8
	// pausedFor is how long the account's jobs wait before it is tried whether somebody has signed in, or unfrozen the account.
	pausedFor = 5 * time.Second
)

// judge decides what is to be done after an error.
func (a *attempt) judge(ctx context.Context, f *answer.Fault) {
	if f.Code == 420 && f.Sent != answer.Unknown {
		f.Sent = answer.No // refused, it was not executed
	}
	switch {
	case a.again && f.Telegram == "RANDOM_ID_DUPLICATE":
		a.end(ctx, &result{end: Done, tries: a.tries, header: nats.Header{
			subjects.HeaderContentType: {subjects.ContentJSON}, subjects.HeaderSent: {string(answer.Yes)}, subjects.HeaderError: {f.Telegram},
		}, body: []byte(`{"_":"executed before, and the answer was lost"}`)})
	case f.Sent == answer.Yes && f.Telegram == "": // executed, and only its answer cannot be told
		a.end(ctx, a.j.failed(Done, f, a.tries))
	case f.Sent == answer.No && passes(f):
		a.wait(ctx, f)
	case f.Sent == answer.No && a.again && !a.reads:
		a.lost(ctx, "an earlier try may have been executed; this one was refused: "+f.Text)
	case f.Sent == answer.No || f.Sent == answer.Yes && f.Code < 500:
		a.end(ctx, a.j.failed(Failed, f, a.tries))
	case ctx.Err() != nil: // the next owner decides, by what is written
		a.postpone(a.j.Seq, a.tries, ctx.Err())
	case (a.reads || a.once) && f.Code != 409 && a.tries < mostTries:
		a.wait(ctx, f)
	case f.Sent == answer.Yes || a.reads:
		a.end(ctx, a.j.failed(Failed, f, a.tries))
	default:
		a.lost(ctx, f.Text)
	}
}

// passes reports whether a refusal, of which nothing was sent, is one that passes.
func passes(f *answer.Fault) bool {
	switch f.Code {
	case 401, 420, 423, 502, 503, 504:
		return true
	}
	return f.RetryAfter > 0
}

// wait has the job tried again later, and its chat with it.
func (a *attempt) wait(ctx context.Context, f *answer.Fault) {
	now := time.Now()
	d := f.RetryAfter
	switch {
	case f.Code == 401 || f.Code == 423:
		d = pausedFor
	case d <= 0:
		d = backoff(a.tries)
	}
	until := now.Add(d)
	if f.Sent == answer.No && !a.again && !a.reads {
		last, cancel := lastWords(ctx)
		if err := a.write(last, record{State: waits, Tries: a.tries, Error: f.Text, Until: until.UTC()}); err != nil {
			a.c.Log.Warn("writing that a job waits", "job", answer.Quote(a.j.ID), "err", err)
		}
		cancel()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if f.Code == 401 || f.Code == 423 {
		a.plan.Pause(now.Add(pausedFor), f.Text)
	}
	a.plan.Again(now, a.j.Seq, until, f.Text, strings.HasPrefix(f.Telegram, "FLOOD_"))
}

// postpone has a job tried again after an error that is not its own.
func (r *Runner) postpone(seq uint64, tries int, err error) {
	r.s.storage.Suspect(err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.plan.Again(time.Now(), seq, time.Now().Add(backoff(tries)), err.Error(), false)
}

// backoff is how long a job waits after so many tries: 1 s to a minute.
func backoff(tries int) time.Duration {
	return min(time.Second<<min(max(tries-1, 0), 6), time.Minute)
}

// end tells what became of the job, and deletes it.
func (a *attempt) end(ctx context.Context, res *result) {
	ctx, cancel := lastWords(ctx)
	defer cancel()
	if err := a.s.tell(ctx, a.c.Account, a.j, res, a.before); err != nil {
		a.postpone(a.j.Seq, a.tries, err)
		return
	}
	a.at("told")
	a.c.Told(res.end)
	a.leave(ctx)
}

// leave deletes a job whose result is told.
func (a *attempt) leave(ctx context.Context) {
	ctx, cancel := lastWords(ctx)
	defer cancel()
	if err := a.delete(ctx, a.j.Seq); err != nil {
		a.postpone(a.j.Seq, a.tries, err) // its result stands, and so it is not run again
		return
	}
	a.at("deleted")
	a.gone(a.j.Seq)
	a.tidy(ctx)
}

// delete takes a job out of the stream. It goes on until that is done, or ctx ends.
func (r *Runner) delete(ctx context.Context, seq uint64) error {
	return retry.Do(ctx, tries, func(ctx context.Context) (bool, error) {
		err := r.s.remove(ctx, seq)
		r.s.storage.Suspect(err)
		return !errors.Is(err, nats.ErrConnectionClosed), err
	})
}

// gone notes that a job is not in the stream any more.
func (r *Runner) gone(seq uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.voidLocked(r.records[seq])
	delete(r.records, seq)
	r.plan.Done(time.Now(), seq)
}

// lost tells that nobody knows whether a job was executed, and leaves it in the queue for a person to decide.
func (a *attempt) lost(ctx context.Context, why string) {
	ctx, cancel := lastWords(ctx)
	defer cancel()
	f := answer.Doubt(504, "whether it was executed is unknown: "+why+
		". It is not run again unless somebody says so (queue.retry), and goes with queue.cancel")
	err := a.s.tell(ctx, a.c.Account, a.j, a.j.failed(Unknown, f, a.tries), a.before)
	if err == nil {
		err = a.write(ctx, record{State: unknown, Tries: a.tries, Error: why})
	}
	if err != nil {
		a.postpone(a.j.Seq, a.tries, err)
		return
	}
	a.c.Told(Unknown)
	if a.c.Lost != nil {
		a.c.Lost(map[string]any{"job": a.j.ID, "seq": a.j.Seq, "chat": a.j.chat.String(), "method": a.j.Method, "reason": why})
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.plan.Park(time.Now(), a.j.Seq)
}

// drop ends a job that is not to be run.
func (r *Runner) drop(ctx context.Context, p plan.Action) {
	why := answer.Refuse(504, "its time ("+subjects.HeaderExpires+") was over before it was run")
	end := Expired
	if p.Why == plan.Replaced {
		end = Replaced
		why = answer.Refuse(410, "a newer job with the same "+subjects.HeaderCoalesce+" is run in its place: "+answer.Quote(p.By.ID))
	}
	if p.Err != "" {
		why.Text += "; it waited because of: " + p.Err
	}
	r.dismiss(ctx, p.Job.Seq, p.Tries, end, why)
}

// dismiss ends a job without running it. One that may have been run is told as such: what is not known is not called not sent.
func (r *Runner) dismiss(ctx context.Context, seq uint64, tries int, end End, why *answer.Fault) {
	for ctx.Err() == nil {
		a, err := r.open(ctx, plan.Action{Job: plan.Job{Seq: seq}, Tries: tries})
		if err == nil && a == nil {
			r.gone(seq)
			return
		}
		if err == nil {
			if a.again || a.before.job == seq && a.before.end == Unknown {
				why.Sent = answer.Unknown
				why.Text += "; whether an earlier try was executed is unknown"
			}
			if err = a.s.tell(ctx, r.c.Account, a.j, a.j.failed(end, why, a.tries), a.before); err == nil {
				r.c.Told(end)
				err = r.delete(ctx, seq)
			}
		}
		if err == nil {
			r.gone(seq)
			r.tidy(ctx)
			return
		}
		r.s.storage.Suspect(err)
		r.c.Log.Warn("ending a job that is not to be run", "seq", seq, "err", err)
		_ = retry.Pause(ctx, pauseTime)
	}
}

// lastTime is how long what is known of a job may take to be stored after everything else has ended.
const lastTime = 3 * time.Second

// lastWords is a context that outlives ctx a little: what became of a call that was made is worth more than an end in time.
func lastWords(ctx context.Context) (context.Context, context.CancelFunc) {
	last, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		t := time.AfterFunc(lastTime, cancel)
		context.AfterFunc(last, func() { t.Stop() })
	})
	return last, func() { stop(); cancel() }
}
