package once

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"crypto/sha256"
	"errors"
	"maps"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/bridge/vault"
)

// shelf is a Store in memory that fails as it is told.
type shelf struct {
	mu      sync.Mutex
	all     map[string]entry
	last    uint64
	broken  error // of every question
	lost    error // of the answer alone: what was asked for is done
	written int
	since   time.Time
}

type entry struct {
	value    []byte
	revision uint64
}

func (s *shelf) set(broken, lost error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken, s.lost = broken, lost
}

func (s *shelf) Keys(_ context.Context, account string) (all []string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.all {
		if rest, ok := strings.CutPrefix(k, account+"."); ok && !strings.Contains(rest, ".") {
			all = append(all, k)
		}
	}
	return all, s.broken
}

func (s *shelf) Erase(_ context.Context, filter string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k := range s.all {
		if k == filter || strings.HasSuffix(filter, "*") && strings.HasPrefix(k, strings.TrimSuffix(filter, "*")) {
			delete(s.all, k)
		}
	}
	return s.broken
}

func (s *shelf) Get(_ context.Context, key string) ([]byte, uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, there := s.all[key]
	if !there && s.broken == nil {
		return nil, 0, storage.ErrNone
	}
	return e.value, e.revision, s.broken
}

func (s *shelf) Create(ctx context.Context, key string, value []byte, at uint64) (uint64, error) {
	s.mu.Lock()
	taken := s.all[key].revision != at
	s.mu.Unlock()
	if taken && s.broken == nil {
		return 0, errTaken
	}
	err := s.put(key, value)
	return s.all[key].revision, err
}

func (s *shelf) CreateBeside(ctx context.Context, key string, value []byte, other string, at uint64) error {
	s.mu.Lock()
	taken := s.all[other].revision != at
	s.mu.Unlock()
	if taken && s.broken == nil {
		return errTaken
	}
	return s.put(key, value)
}

func (s *shelf) Mark(context.Context, string) error { return s.broken }

func (s *shelf) put(key string, value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return s.broken
	}
	s.last++
	s.written++
	s.all[key] = entry{bytes.Clone(value), s.last}
	return s.lost
}

func (s *shelf) Since(context.Context) (time.Time, error) { return s.since, s.broken }

// rig is a bucket and the journals of owners that come one after the other.
type rig struct {
	t *testing.T
	*shelf
	box vault.Box
}

func newRig(t *testing.T) *rig {
	t.Helper()
	key, err := vault.KeyFromSecret(strings.Repeat("s", 16))
	if err != nil {
		t.Fatal(err)
	}
	box, err := vault.NewBox("once", key)
	if err != nil {
		t.Fatal(err)
	}
	return &rig{t, &shelf{all: map[string]entry{}}, box}
}

func (g *rig) owner() *Journal {
	return New(Config{Account: "main", Store: g.shelf, Box: g.box, Layer: 223})
}

func ask(id, what string) Request {
	return Request{ID: id, Hash: sha256.Sum256([]byte(what)), Writes: true}
}

// begin carries out a request, as far as that.
func (g *rig) begin(j *Journal, q Request) (*Run, *Answer, *answer.Fault) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return j.Begin(ctx, q)
}

// runs begins a request that is to be carried out.
func (g *rig) runs(j *Journal, q Request) *Run {
	g.t.Helper()
	r, a, f := g.begin(j, q)
	if r == nil {
		g.t.Fatalf("it is not carried out: %+v %v", a, f)
	}
	return r
}

func (g *rig) answered(j *Journal, q Request, want string) {
	g.t.Helper()
	r, a, f := g.begin(j, q)
	if r != nil || f != nil || string(a.Result) != want || a.Layer != 223 || a.At.IsZero() {
		g.t.Errorf("%v %+v %v, want the answer %q", r, a, f, want)
	}
}

func (g *rig) refused(j *Journal, q Request, code int, sent answer.Sent, text string) {
	g.t.Helper()
	r, a, f := g.begin(j, q)
	if r != nil || a != nil || f.Code != code || f.Sent != sent || !strings.Contains(f.Text, text) {
		g.t.Errorf("%v %v %+v, want %d %s", r, a, f, code, text)
	}
}

func TestAnsweredAgain(t *testing.T) {
	g := newRig(t)
	j := g.owner()
	q := ask("1", "send x")
	g.runs(j, q).Done(t.Context(), []byte("sent"), nil)
	for _, j := range []*Journal{j, g.owner()} {
		g.answered(j, q, "sent")
		g.refused(j, ask("1", "send y"), 409, answer.No, "Nats-Msg-Id")
	}
	other := q
	other.Caller = "APP/bob"
	if r := g.runs(j, other); r.Unknown() {
		t.Error("the id of one caller is another's")
	}
	for k, e := range g.all {
		if strings.Contains(k, "bob") || bytes.Contains(e.value, []byte("sent")) {
			t.Errorf("%s: %q can be read", k, e.value)
		}
	}
}

// A call that was not executed may be made again with its id, and then be another one.
func TestNotExecuted(t *testing.T) {
	for _, f := range []*answer.Fault{
		answer.Refuse(400, "no such peer"), {Code: 420, Telegram: "FLOOD_WAIT_5", Sent: answer.Yes}, {Code: 503, Sent: answer.No},
	} {
		g := newRig(t)
		j := g.owner()
		g.runs(j, ask("1", "a")).End(t.Context(), f)
		for _, j := range []*Journal{j, g.owner()} {
			r := g.runs(j, ask("1", "b"))
			if r.Unknown() {
				t.Errorf("%+v: unknown", f)
			}
			r.Leave(t.Context())
		}
	}
}

// What may have been executed is known as that, here and by the next owner.
func TestUnknown(t *testing.T) {
	for name, f := range map[string]*answer.Fault{
		"no answer": {Code: 504, Sent: answer.Unknown}, "an error of Telegram's side": {Code: 500, Telegram: "RPC_CALL_FAIL", Sent: answer.Yes}, "killed": nil,
	} {
		g := newRig(t)
		j := g.owner()
		first := g.runs(j, ask("1", "a"))
		owners := []*Journal{g.owner()}
		if f != nil {
			first.End(t.Context(), f)
			owners = append(owners, j)
		}
		for _, j := range owners {
			r := g.runs(j, ask("1", "a"))
			if !r.Unknown() || r.First().Sub(first.First()).Abs() > time.Millisecond || r.New(t.Context()) {
				t.Errorf("%s: %+v", name, r)
			}
			r.Leave(t.Context()) // which says nothing of the first
			g.refused(j, ask("1", "b"), 409, answer.No, "Nats-Msg-Id")
		}
		r := g.runs(g.owner(), ask("1", "a"))
		r.Done(t.Context(), []byte("found"), nil)
		g.answered(g.owner(), ask("1", "a"), "found")
	}
}

// While the first is at work the second waits, and has its answer.
func TestSecondWaits(t *testing.T) {
	answers := map[string]struct {
		end     func(*Run)
		writes  bool
		runs    bool // the second is carried out itself
		unknown bool
	}{
		"result":              {end: func(r *Run) { r.Done(context.Background(), []byte("x"), nil) }, writes: true},
		"result of a reading": {end: func(r *Run) { r.Done(context.Background(), []byte("x"), nil) }},
		"refused":             {end: func(r *Run) { r.End(context.Background(), answer.Refuse(400, "no")) }, writes: true},
		"not sent":            {end: func(r *Run) { r.End(context.Background(), &answer.Fault{Code: 504, Sent: answer.No}) }, writes: true, runs: true},
		"unknown":             {end: func(r *Run) { r.End(context.Background(), &answer.Fault{Code: 504, Sent: answer.Unknown}) }, writes: true, runs: true, unknown: true},
	}
	for name, c := range answers {
		synctest.Test(t, func(t *testing.T) {
			g := newRig(t)
			j := g.owner()
			q := ask("1", "a")
			q.Writes = c.writes
			first := g.runs(j, q)
			g.refused(j, ask("1", "b"), 409, answer.No, "Nats-Msg-Id")
			type outcome struct {
				r *Run
				a *Answer
				f *answer.Fault
			}
			second := make(chan outcome, 1)
			go func() {
				r, a, f := g.begin(j, q)
				second <- outcome{r, a, f}
			}()
			synctest.Wait()
			select {
			case o := <-second:
				t.Fatalf("%s: it did not wait: %+v", name, o)
			default:
			}
			c.end(first)
			o := <-second
			if (o.r != nil) != c.runs || c.runs && o.r.Unknown() != c.unknown || !c.runs && o.a == nil && o.f == nil {
				t.Errorf("%s: %+v", name, o)
			}
			if written := g.written; !c.writes && written != 0 {
				t.Errorf("%s: %d written", name, written)
			}
		})
	}
}

func TestWaitsNoLongerThanItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		j := g.owner()
		g.runs(j, ask("1", "a"))
		begun := time.Now()
		g.refused(j, ask("1", "a"), 504, answer.Unknown, "Nats-Msg-Id")
		if took := time.Since(begun); took != 10*time.Second {
			t.Error(took)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, f := j.Begin(ctx, ask("1", "a")); f.Code != 503 || f.Sent != answer.No {
			t.Errorf("%+v, and another owner could not have it", f)
		}
	})
}

var errAway = errors.New("no responders")

// Without the bucket no call is made that could be the second.
func TestBucketAway(t *testing.T) {
	g := newRig(t)
	j := g.owner()
	g.set(errAway, nil)
	g.refused(j, ask("1", "a"), 503, answer.No, "nothing was sent")
	reading := ask("2", "a")
	reading.Writes = false
	g.runs(j, reading).Done(t.Context(), nil, nil)
	g.set(nil, nil)
	if r := g.runs(j, ask("1", "a")); r.Unknown() {
		t.Error("nothing was sent, and it is not known")
	}
}

// A claim whose storing was not confirmed, and for which no call was made, is known as that.
func TestClaimNotConfirmed(t *testing.T) {
	g := newRig(t)
	j := g.owner()
	g.set(nil, errAway)
	g.refused(j, ask("1", "a"), 503, answer.No, "")
	g.set(nil, nil)
	if len(g.all) != 1 {
		t.Fatal("it was not stored")
	}
	if r := g.runs(g.owner(), ask("1", "a")); !r.Unknown() {
		t.Error("another owner cannot know")
	}
	r := g.runs(j, ask("1", "a"))
	if r.Unknown() {
		t.Error("unknown")
	}
	r.Done(t.Context(), []byte("x"), nil)
	g.answered(g.owner(), ask("1", "a"), "x")
}

// The bucket goes away while the call is made: the answer is told, known here, and stored later.
func TestAnswerStoredLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t)
		j := g.owner()
		r := g.runs(j, ask("1", "a"))
		g.set(errAway, nil)
		r.Done(t.Context(), []byte("x"), nil)
		g.answered(j, ask("1", "a"), "x")
		if j.Unsaved() != 1 {
			t.Error(j.Unsaved())
		}
		time.Sleep(5 * saveEvery)
		g.set(nil, nil)
		time.Sleep(2 * saveEvery)
		if j.Unsaved() != 0 {
			t.Error("it is not stored")
		}
		g.answered(j, ask("1", "a"), "x")
		g.answered(g.owner(), ask("1", "a"), "x")

		r = g.runs(j, ask("2", "a"))
		g.set(errAway, nil)
		r.Done(t.Context(), []byte("y"), nil)
		g.set(nil, nil)
		j.Close(t.Context())
		g.answered(g.owner(), ask("2", "a"), "y")
	})
}

// The bucket is deleted and made anew: this owner knows which ids were used.
func TestBucketDeleted(t *testing.T) {
	g := newRig(t)
	j := g.owner()
	g.runs(j, ask("1", "a")).Done(t.Context(), []byte("x"), nil)
	at := g.runs(j, ask("2", "b"))
	kept := maps.Clone(g.all)
	clear(g.all)
	if r := g.runs(j, ask("1", "a")); !r.Unknown() {
		t.Error("it would be executed twice")
	} else {
		r.Leave(t.Context())
	}
	g.refused(j, ask("1", "c"), 409, answer.No, "Nats-Msg-Id")
	at.Done(t.Context(), []byte("y"), nil)
	g.answered(g.owner(), ask("2", "b"), "y")
	if len(kept) != 2 {
		t.Error(len(kept))
	}
}

func TestLargeAnswers(t *testing.T) {
	g := newRig(t)
	for _, size := range []int{MaxResult, MaxResult + 1, 2 * MaxResult, MaxKept} {
		id := strconv.Itoa(size)
		large := make([]byte, size)
		_, _ = crand.Read(large)
		g.runs(g.owner(), ask(id, "a")).Done(t.Context(), large, []byte("left"))
		next := g.owner()
		g.answered(next, ask(id, "a"), string(large))
		id, err := next.Keep(t.Context(), "", ask("", "a").Hash, large)
		if err != nil {
			t.Fatal(err)
		}
		g.answered(g.owner(), ask(id, "a"), string(large))
		g.refused(g.owner(), ask(id, "b"), 409, answer.No, "Nats-Msg-Id")
	}
	for k, e := range g.all {
		if len(e.value) > MaxResult+1000 {
			t.Error(len(e.value))
		}
		if strings.HasSuffix(k, ".1") { // the bucket had no room for all of it
			delete(g.all, k)
		}
	}
	if _, a, f := g.begin(g.owner(), ask(strconv.Itoa(MaxKept), "a")); f != nil || !a.Left || a.Result != nil || a.Size != MaxKept {
		t.Errorf("%+v %v", a, f)
	}
	clear(g.all)
	large := bytes.Repeat([]byte("x"), MaxKept+1)
	if _, err := g.owner().Keep(t.Context(), "", ask("", "a").Hash, large); err == nil {
		t.Error("it was kept")
	}
	for id, left := range map[string][]byte{"some": []byte("left"), "nothing": nil, "too much": large} {
		g.runs(g.owner(), ask(id, "a")).Done(t.Context(), large, left)
		_, a, f := g.begin(g.owner(), ask(id, "a"))
		if len(left) > MaxResult {
			left = nil
		}
		if f != nil || !a.Left || a.Size != len(large) || !bytes.Equal(a.Result, left) {
			t.Errorf("%s: %+v %v", id, a, f)
		}
	}
	for _, e := range g.all {
		if len(e.value) > 1000 {
			t.Error(len(e.value))
		}
	}
}

// A record that nobody can read keeps its request from being made a second time.
func TestUnreadableRecord(t *testing.T) {
	g := newRig(t)
	k := key("main", 0, "", "1")
	sealed, err := g.box.Seal(k, []byte{9})
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range [][]byte{[]byte("garbage"), sealed} {
		g.all[k] = entry{value, 1}
		g.refused(g.owner(), ask("1", "a"), 409, answer.Unknown, "cannot be read")
	}
}

// With the id of a request that repeats another one, and of which there is no record, the call is made where the bucket reaches back to it.
func TestNew(t *testing.T) {
	g := newRig(t)
	for since, want := range map[time.Duration]bool{time.Minute: false, 2 * time.Hour: true} {
		g.since = time.Now().Add(-since)
		if r := g.runs(g.owner(), ask(since.String(), "a")); r.New(t.Context()) != want {
			t.Errorf("%s", since)
		}
	}
}

// Two that are not sure of each other: the claim of one is seen by the other, and what the first comes to know stands in the end.
func TestTwoOwners(t *testing.T) {
	g := newRig(t)
	now, former := g.owner(), g.owner()
	r := g.runs(now, ask("1", "a"))
	late := g.runs(former, ask("1", "a"))
	if !late.Unknown() {
		t.Error("both make the call")
	}
	late.End(t.Context(), &answer.Fault{Code: 503, Sent: answer.No}) // it may not send any more
	if again := g.runs(g.owner(), ask("1", "a")); !again.Unknown() {
		t.Error("the claim of the other was given up")
	}
	r.Done(t.Context(), []byte("x"), nil)
	g.answered(former, ask("1", "a"), "x")
	former.c.Sure = func() bool { return false }
	g.refused(former, ask("2", "a"), 503, answer.No, "another daemon")
}

// Whoever has an account's name next gets no answers of the one before.
func TestAnotherUser(t *testing.T) {
	g := newRig(t)
	g.runs(g.owner(), ask("1", "a")).Done(t.Context(), []byte("x"), nil)
	j := New(Config{Account: "main", User: 7, Store: g.shelf, Box: g.box})
	g.runs(j, ask("1", "b")).Leave(t.Context())
}

func TestMemoryIsBounded(t *testing.T) {
	g := newRig(t)
	j := g.owner()
	for i := range recentMost + 10 {
		j.remember(&Run{key: string(rune(i)), writes: true})
	}
	if len(j.recent.last) != recentMost || len(j.recent.ring) != recentMost {
		t.Error(len(j.recent.last), len(j.recent.ring))
	}
}

func FuzzRecord(f *testing.F) {
	for _, r := range []record{{phase: claimed}, {phase: done, answer: Answer{Result: []byte("x"), Left: true, Size: 5, Layer: 223}},
		{phase: done, answer: Answer{chunks: 2, Size: MaxResult + 5, Layer: 223}}} {
		f.Add(r.append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := readRecord(b)
		if err != nil {
			return
		}
		if again, err := readRecord(r.append(nil)); err != nil || again.phase != r.phase || again.hash != r.hash || !again.first.Equal(r.first) ||
			!bytes.Equal(again.answer.Result, r.answer.Result) || again.answer.Left != r.answer.Left || again.answer.Size != r.answer.Size || again.answer.chunks != r.answer.chunks {
			t.Errorf("%+v became %+v, %v", r, again, err)
		}
	})
}
