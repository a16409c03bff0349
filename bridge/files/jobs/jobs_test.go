package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/mtproto"
)

// moves is work that tests decide on.
type moves struct {
	do     func(ctx context.Context, n int) (any, error)
	n      int
	at     At
	undone error
}

func (m *moves) Do(ctx context.Context, _ *Job) (any, error) {
	m.n++
	return m.do(ctx, m.n)
}

func (m *moves) Undo(_ context.Context, _ *Record, why error) error {
	m.undone = why
	return nil
}

func (m *moves) At() At { return m.at }

// rig are jobs without records, and what was told of them.
type rig struct {
	*Jobs
	end context.CancelFunc

	mu    sync.Mutex
	told  []string
	ended []int
}

func newRig() *rig {
	r := new(rig)
	life, end := context.WithCancel(context.Background())
	r.end = end
	r.Jobs = New(life, Config{
		Account: "main", Log: slog.New(slog.DiscardHandler),
		Guard: func(ctx context.Context, do func(context.Context) (any, error)) (any, error) { return do(ctx) },
		Fault: func(err error) *answer.Fault {
			var f *answer.Fault
			if errors.As(err, &f) {
				return f
			}
			return &answer.Fault{Code: 500, Text: err.Error()}
		},
		Tell: func(event string, about map[string]any) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.told = append(r.told, fmt.Sprint(event, " ", about["to"]))
		},
		Ended: func(kind Kind, code int) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.ended = append(r.ended, code)
		},
	})
	return r
}

func (r *rig) begin(t *testing.T, name string, m *moves) *Job {
	t.Helper()
	j, err := r.Start(t.Context(), Get, &Record{Bucket: "B", Object: name, Key: name}, true, m)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// What fails for a while is done again, for as long as bytes come; what does not pass ends the job, and is undone.
func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		defer r.Close()
		defer r.end()
		busy := &mtproto.Error{Code: 500, Type: "WORKER_BUSY"}
		slow := new(moves)
		slow.do = func(_ context.Context, n int) (any, error) {
			if slow.at.Done++; n < 3*triesMost {
				return nil, busy
			}
			return "file", nil
		}
		if v, done, err := r.begin(t, "slow", slow).Await(t.Context()); v != "file" || !done || err != nil {
			t.Errorf("%v %v %v", v, done, err)
		}
		synctest.Wait()
		stuck := &moves{do: func(context.Context, int) (any, error) { return nil, busy }}
		if _, _, err := r.begin(t, "stuck", stuck).Await(t.Context()); !errors.Is(err, busy) || stuck.n != triesMost || !errors.Is(stuck.undone, busy) {
			t.Errorf("%v after %d tries, undone for %v", err, stuck.n, stuck.undone)
		}
		synctest.Wait()
		gone := &moves{do: func(context.Context, int) (any, error) { return nil, answer.Refuse(410, "gone") }}
		if _, _, err := r.begin(t, "gone", gone).Await(t.Context()); err == nil || gone.n != 1 {
			t.Errorf("%v after %d tries", err, gone.n)
		}
		synctest.Wait()
		if fmt.Sprint(r.told) != "[file.done nats file.failed nats file.failed nats]" || fmt.Sprint(r.ended) != "[0 500 410]" {
			t.Errorf("%v %v", r.told, r.ended)
		}
	})
}

// Who asks right after an account was taken over waits until the jobs of its former owner go on, and gets the one that does the same.
func TestFormerOwnersJobsComeFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		defer r.Close()
		defer r.end()
		left := make(chan struct{})
		r.left = left // as Resume has it
		former := &Job{id: "former", kind: Get, record: &Record{Bucket: "B", Object: "a", Key: "a"}, work: &moves{
			do: func(ctx context.Context, _ int) (any, error) { <-ctx.Done(); return nil, ctx.Err() },
		}}
		got := make(chan *Job, 1)
		go func() { got <- r.begin(t, "a", new(moves)) }()
		synctest.Wait()
		if len(got) > 0 {
			t.Fatal("a job was begun before those of the former owner are known")
		}
		if _, err := r.start(t.Context(), former); err != nil {
			t.Fatal(err)
		}
		close(left)
		if j := <-got; j != former {
			t.Errorf("job %s was begun beside it", j.ID())
		}
	})
}

// A job that is cancelled is undone; one whose account leaves is not, and of that nobody is told: the next owner goes on.
func TestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		waits := func(ctx context.Context, _ int) (any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		one, two := &moves{do: waits, at: At{Begun: true}}, &moves{do: waits}
		a := r.begin(t, "one", one)
		r.begin(t, "two", two)
		if same := r.begin(t, "one", &moves{do: waits}); same != a {
			t.Error("another job does the same")
		}
		if _, err := r.Start(t.Context(), Get, &Record{Bucket: "B", Object: "one", Key: "other"}, true, two); err == nil {
			t.Error("two jobs write the same object")
		}
		if w, n := r.Figures(); w != 1 || n != 1 || len(r.List()) != 2 {
			t.Errorf("%d wait, %d are at work", w, n)
		}
		if there, cancelled := r.Cancel(a.ID()); !there || !cancelled || !errors.Is(one.undone, ErrCancelled) {
			t.Errorf("%v %v %v", there, cancelled, one.undone)
		}
		if there, _ := r.Cancel(a.ID()); there {
			t.Error("a job that is over is there")
		}
		r.end()
		r.Close()
		if two.undone != nil || len(r.told) != 1 || len(r.ended) != 1 {
			t.Errorf("%v %v %v", two.undone, r.told, r.ended)
		}
		if _, err := r.Start(t.Context(), Get, &Record{Bucket: "B", Object: "x", Key: "x"}, true, two); !errors.Is(err, ErrLeaving) {
			t.Error(err)
		}
	})
}

// Who asks for many files takes no more memory than there is for that, however long his requests are.
func TestRoomForRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig()
		defer r.Close()
		defer r.end()
		waits := func(ctx context.Context, _ int) (any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		var refused error
		n := 0
		for ; refused == nil; n++ {
			_, refused = r.Start(t.Context(), Get, &Record{Bucket: "B", Object: fmt.Sprint(n), Key: "k", Asked: make([]byte, 256<<10)}, false, &moves{do: waits})
		}
		var f *answer.Fault
		if n-1 != askedMost>>18 || !errors.As(refused, &f) || f.Code != 503 {
			t.Errorf("%d jobs of 256 KiB, then %v", n-1, refused)
		}
	})
}
