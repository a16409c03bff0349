package turns

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
)

// note is work that notes what becomes of it.
type note struct {
	Job
	inside bool
	mu     *sync.Mutex
	did    *[]string
	name   string
}

func (n *note) say(what string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	*n.did = append(*n.did, what+" "+n.name)
}

func (n *note) Do()                  { n.say("did") }
func (n *note) Refuse(*answer.Fault) { n.say("refused") }
func (n *note) Deadline() time.Time  { return n.At.Add(time.Hour) }
func (n *note) Room() string         { return "caller" }
func (n *note) Method() string       { return "method" }
func (n *note) Size() int            { return 10 }
func (n *note) IsInside() bool       { return n.inside }

// An owner that is to give the account away before it has the requests of the one before it: what came meanwhile is passed on as well,
// by its place, and what came from inside is told.
func TestHoldWhileAwaiting(t *testing.T) {
	var mu sync.Mutex
	var did []string
	budget := NewBudget(1000)
	p := New(Config{Limits: Limits{Work: 1, Begun: 4, Queue: 4, Bytes: 100}, Budget: budget})
	places := map[string]int{"second": 2, "first": 1}
	p.Await(func(j *Job) int { return places[j.Work.(*note).name] })
	submit := func(name string, inside bool) {
		n := &note{mu: &mu, did: &did, name: name, inside: inside}
		n.Work, n.At = n, time.Now()
		if fault := p.Submit(&n.Job); fault != nil {
			n.Refuse(fault)
		}
	}
	submit("second", false)
	submit("inside", true)
	submit("first", false)
	p.Hold()
	submit("third", false)
	submit("late inside", true)
	p.Close(context.Background(), func() {})
	for _, j := range p.TakeKept() {
		j.Work.(*note).say("passed")
	}
	want := []string{"refused inside", "refused late inside", "passed first", "passed second", "passed third"}
	if len(did) != len(want) {
		t.Fatalf("got %q, want %q", did, want)
	}
	for i := range want {
		if did[i] != want[i] {
			t.Fatalf("got %q, want %q", did, want)
		}
	}
	if budget.Used() != 0 {
		t.Errorf("%d bytes of the budget are left", budget.Used())
	}
}
