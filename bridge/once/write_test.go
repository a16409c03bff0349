package once

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

// Many at the same time are stored together, and each learns what became of its own: also where one of them is refused.
func TestWrittenTogether(t *testing.T) {
	g, s := newBucket(t)
	const n = 400
	owners := []*Journal{newOwner(g, s), newOwner(g, s)}
	g.runs(owners[0], ask("7", "7")).Done(t.Context(), []byte("before"), nil)
	var work sync.WaitGroup
	for i := range n {
		work.Go(func() {
			id := fmt.Sprint(i)
			r, a, f := g.begin(owners[i%2], ask(id, id))
			switch {
			case f != nil:
				t.Errorf("%d: %v", i, f)
			case i == 7:
				if r != nil || string(a.Result) != "before" {
					t.Errorf("%d: %+v", i, a)
				}
			case i%3 == 0:
				r.Leave(t.Context())
			default:
				r.Done(t.Context(), []byte(strings.Repeat(id, 100)), nil)
			}
		})
	}
	work.Wait()
	heir := newOwner(g, s)
	for i := range n {
		id := fmt.Sprint(i)
		r, a, f := g.begin(heir, ask(id, id))
		switch want := strings.Repeat(id, 100); {
		case f != nil:
			t.Errorf("%d: %v", i, f)
		case i == 7:
		case i%3 == 0 && (r == nil || r.Unknown()), i%3 != 0 && (a == nil || string(a.Result) != want):
			t.Errorf("%d: %+v %+v", i, r, a)
		}
	}
}
