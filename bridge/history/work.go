package history

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/erase"
	"github.com/natsgram/natsgram/bridge/history/walk"
	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl/codec"
)

// Events of jobs.
const (
	eventProgress = "history.progress"
	eventDone     = "history.done"
	eventFailed   = "history.failed"
)

const (
	callTime  = time.Minute
	tellEvery = time.Second
	// burst is how many calls may come before pace holds.
	burst = 20
)

// pace is how far calls are apart in the long run: people who scroll back make no more, and Telegram slows down who makes many.
var pace = time.Second

var (
	// jobPause is between attempts of a job that something passing keeps from going on.
	jobPause = retry.Backoff{Min: 2 * time.Second, Max: 10 * time.Minute}
	// writePause is between attempts to store what was fetched.
	writePause = retry.Backoff{Min: 200 * time.Millisecond, Max: 10 * time.Second}
)

// workOn works on a job until it has ended, has to wait, or ctx ends.
func (s *Service) workOn(ctx context.Context, j *job) {
	own, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s.mu.Lock()
	if j.ended() { // it was cancelled meanwhile
		j.running = false
		s.mu.Unlock()
		return
	}
	over := make(chan struct{})
	defer close(over)
	j.cancel, j.over = cancel, over
	s.mu.Unlock()
	err := s.guarded(own, j)
	s.mu.Lock()
	j.running, j.cancel = false, nil
	switch {
	case j.ended() || ctx.Err() != nil: // cancelled, or another owner goes on
	case err == nil:
		s.finish(j, Done, "", 0)
	case errors.Is(context.Cause(own), errLeaveOut): // it goes on at once
	case s.final(err):
		f := s.fault(err)
		s.c.Log.Warn("history cannot be fetched", "job", j.ID, "chat", j.peer(), "err", err)
		s.finish(j, Failed, f.Text, f.Code)
	default:
		s.wait(j, err, time.Now())
	}
	s.mu.Unlock()
	if err := s.save(ctx); err != nil {
		s.c.Log.Warn("how far history is fetched is not written down", "job", j.ID, "err", err)
	}
}

var errOurs = errors.New("natsgram failed on this job; its log tells more")

// guarded keeps a fault of ours in one job from ending everything.
func (s *Service) guarded(ctx context.Context, j *job) (err error) {
	defer func() {
		if what := recover(); what != nil {
			s.c.Log.Error("a job that fetches history made the program fail", "job", j.ID, "what", fmt.Sprint(what))
			err = errOurs
		}
	}()
	return s.goOn(ctx, j)
}

// wait has a job wait after an error, under mu; those of Telegram's that are about the method have all of them wait.
func (s *Service) wait(j *job, err error, now time.Time) {
	j.wait = jobPause.After(j.wait)
	long, reason := j.wait, err.Error()
	var fault *answer.Fault
	if errors.As(err, &fault) {
		long = max(long, fault.RetryAfter)
	}
	j.reason = reason
	if asked := mtproto.RetryAfter(err); asked > 0 {
		j.wait = 0
		j.next = now.Add(asked)
		s.hold(reason, j.next)
		return
	}
	j.next = now.Add(long)
}

// final reports whether an error is not over by itself.
func (s *Service) final(err error) bool {
	var own *answer.Fault
	if errors.As(err, &own) {
		return own.Code != 429 && own.Code < 500 || own.Code == 507
	}
	var e *mtproto.Error
	if errors.As(err, &e) && e.Code != 0 {
		return e.Code == 400 || e.Code == 403 || e.Code == 404 || e.Code == 406
	}
	return errors.Is(err, errOurs) || s.c.Unknown != nil && s.c.Unknown(err)
}

func (s *Service) fault(err error) answer.Fault {
	var own *answer.Fault
	switch {
	case errors.As(err, &own):
		return *own
	case errors.Is(err, errOurs):
		return answer.Fault{Code: 500, Text: err.Error()}
	case s.c.Unknown != nil && s.c.Unknown(err):
		return answer.Fault{Code: 404, Text: err.Error()}
	}
	return s.c.Explain(err)
}

// goOn asks for page after page, and stores what is not there yet.
func (s *Service) goOn(ctx context.Context, j *job) error {
	var x *shelf
	for {
		s.mu.Lock()
		w, without := j.Walk, s.leaves(j)
		s.mu.Unlock()
		if w.Ended() {
			return nil
		}
		if err := s.paused(ctx); err != nil {
			return err
		}
		if s.c.Held != nil {
			if why := s.c.Held(); why != "" {
				return errors.New(why)
			}
		}
		through := s.through()
		v, err := s.ask(ctx, j, w.Call(), without)
		if err != nil {
			return err
		}
		if x == nil {
			if x, err = s.open(ctx, j); err != nil {
				return err
			}
			if s.begunAnew(j, x.made) {
				continue
			}
		}
		step := w
		first, last, items := s.take(j, &step, v)
		stored, err := s.store(ctx, j, &x, wanted(items, first, last), without)
		if err != nil {
			return err
		}
		s.mu.Lock()
		if j.Through == 0 || step.Top != w.Top {
			j.Through = through
		}
		if j.Walk = step; last >= first {
			j.Done, j.Stored, j.wait = j.Done+len(wanted(items, first, last)), j.Stored+stored, 0
		}
		s.mu.Unlock()
		s.progress(j)
		if last < first {
			continue
		}
		if s.c.Stored != nil {
			s.c.Stored(stored)
		}
		if err := s.save(ctx); err != nil && ctx.Err() == nil {
			s.c.Log.Warn("how far history is fetched is not written down", "job", j.ID, "err", err)
		}
	}
}

func (s *Service) through() uint64 {
	if s.c.Through == nil {
		return 0
	}
	return s.c.Through()
}

// paused waits until the next call may be made.
func (s *Service) paused(ctx context.Context) error {
	s.mu.Lock()
	now := time.Now()
	if s.paced.Before(now) {
		s.paced = now
	}
	s.paced = s.paced.Add(pace)
	wait := s.paced.Sub(now) - burst*pace
	s.mu.Unlock()
	if wait <= 0 {
		return context.Cause(ctx)
	}
	return retry.Pause(ctx, wait)
}

// open reads what of the chat is in the stream, however long that takes.
func (s *Service) open(ctx context.Context, j *job) (x *shelf, err error) {
	err = retry.Do(ctx, writePause, func(ctx context.Context) (bool, error) {
		if x, err = s.c.Store.open(ctx, s.c.Account, s.c.User, j.Kind, j.Chat, s.sure); err != nil {
			s.c.Store.st.Suspect(err)
			s.c.Log.Warn("what history is there cannot be read", "job", j.ID, "err", err)
		}
		return !storage.Full(err), err
	})
	return x, s.roomless(err)
}

// roomless says of an error that there is no room, if it does.
func (s *Service) roomless(err error) error {
	if !storage.Full(err) {
		return err
	}
	return answer.Refuse(507, "TG_HISTORY has no room: "+err.Error()+" (NATSGRAM_LIMITS=history=...; natsgram storage shows it). "+
		"The same request goes on from here")
}

// begunAnew begins a walk anew where the stream is another than the one that it has written to.
func (s *Service) begunAnew(j *job, made time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := j.Made
	j.Made = made
	if was.IsZero() || was.Equal(made) || j.Done == 0 {
		return false
	}
	j.Walk, j.Done, j.Stored = walk.New(j.Walk.Range), 0, 0
	return true
}

// ask makes a call.
func (s *Service) ask(ctx context.Context, j *job, q walk.Call, without []erase.Who) (codec.View, error) {
	ctx, cancel := context.WithTimeout(mtproto.WithRetries(mtproto.WithFloodWait(ctx, 0), 0), callTime)
	defer cancel()
	input, err := s.c.Input(ctx, j.chat())
	if err != nil {
		return codec.View{}, err
	}
	call := codec.M{
		"_": "messages.getHistory", "peer": codec.Raw(input), "offset_id": q.OffsetID, "offset_date": q.OffsetDate, "add_offset": q.AddOffset,
		"limit": q.Limit, "max_id": 0, "min_id": 0, "hash": 0,
	}
	if j.Topic != 0 {
		call["_"], call["msg_id"] = "messages.getReplies", j.Topic
	}
	query, err := s.c.Schema.Encode(nil, call)
	if err != nil {
		return codec.View{}, answer.Refuse(400, "this layer cannot say that: "+err.Error())
	}
	result, err := s.c.Invoke(ctx, query)
	if err != nil {
		return codec.View{}, err
	}
	v, err := s.c.Schema.View(result)
	if err != nil {
		return codec.View{}, err
	}
	if v.Class() != "messages.Messages" || v.Name() == "messages.messagesNotModified" {
		return codec.View{}, errors.New("Telegram answers with " + v.Name())
	}
	s.c.Met(result, without)
	return v, nil
}

func (j *job) chat() updates.Peer { return updates.Peer{Kind: updates.PeerKind(j.Kind), ID: j.Chat} }

// take gives a walk the answer, and the messages of the chat that are in it.
func (s *Service) take(j *job, w *walk.Walk, v codec.View) (first, last int, items []updates.Item) {
	a := walk.Answer{Count: int(v.Int("count"))}
	for _, it := range s.c.Rules.Asked(v) {
		if it.Peer == j.chat() {
			items = append(items, it)
			a.IDs = append(a.IDs, it.Index)
		}
	}
	for m := range v.Objects("messages") {
		switch former := formerOf(m); {
		case former != 0:
			s.mu.Lock()
			j.Former = former
			s.mu.Unlock()
		case m.Name() == "messageEmpty":
			a.IDs = append(a.IDs, int(m.Int("id")))
		}
	}
	switch {
	case v.Bool("inexact"):
		a.Count = 0
	case v.Name() == "messages.messages": // all there is
		a.Count = len(a.IDs)
	}
	first, last = w.Take(a)
	return first, last, items
}

// formerOf is the basic group that a supergroup was, as its first message says.
func formerOf(m codec.View) int64 {
	action, ok := m.Object("action")
	if !ok || action.Name() != "messageActionChannelMigrateFrom" {
		return 0
	}
	return action.Int("chat_id")
}

func wanted(items []updates.Item, first, last int) (all []updates.Item) {
	for _, it := range items {
		if it.Index >= first && it.Index <= last {
			all = append(all, it)
		}
	}
	return all
}

// messages are items as they are to stand in the stream, but for those that name who was erased.
func (s *Service) messages(items []updates.Item, subject string, without []erase.Who) (all []message) {
	for i := range items {
		h, data := s.c.Message(&items[i])
		if !slices.ContainsFunc(without, func(who erase.Who) bool { return who.In(subject, h, data) }) {
			all = append(all, message{items[i].Index, &nats.Msg{Subject: subject, Header: h, Data: data}})
		}
	}
	return all
}

// store writes messages, whatever passes by, and gives how many were not there before.
func (s *Service) store(ctx context.Context, j *job, x **shelf, items []updates.Item, without []erase.Who) (stored int, err error) {
	all := s.messages(items, (*x).subject, without)
	for wait := time.Duration(0); len(all) > 0; {
		n, err := (*x).put(ctx, all)
		if stored += n; err == nil {
			return stored, nil
		}
		if ctx.Err() != nil {
			return stored, context.Cause(ctx)
		}
		if errors.Is(err, errUnsure) {
			return stored, err
		}
		if storage.Full(err) {
			return stored, s.roomless(err)
		}
		s.c.Store.st.Suspect(err)
		s.c.Log.Info("history is not stored yet", "job", j.ID, "err", err)
		wait = writePause.After(wait)
		if err := retry.Pause(ctx, wait); err != nil {
			return stored, err
		}
		again, err := s.open(ctx, j)
		if err != nil {
			return stored, err
		}
		if !again.made.Equal((*x).made) {
			return stored, errAnother // what it has written is gone: the next attempt begins anew
		}
		*x = again
	}
	return 0, nil
}

var errAnother = errors.New("the stream was made anew")

// progress tells how far a job is, now and then.
func (s *Service) progress(j *job) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(j.told) >= tellEvery && j.Done > 0 && !j.ended() {
		j.told = now
		s.tell(eventProgress, j)
	}
}

// tell tells of a job, under mu.
func (s *Service) tell(event string, j *job) {
	if s.c.Tell == nil {
		return
	}
	about := map[string]any{"job": j.ID, "peer": j.peer(), "done": j.Done, "stored": j.Stored, "percent": j.Walk.Percent()}
	if of := j.Walk.Of(); of > 0 {
		about["of"] = of
	}
	if event != eventProgress {
		about["took_ms"] = time.Since(j.Since).Milliseconds()
	}
	if event == eventDone {
		about["through"] = j.Through
	}
	if j.Error != "" {
		about["error"], about["code"] = j.Error, j.Code
	}
	s.c.Tell(event, about)
}
