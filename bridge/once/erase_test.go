package once

import (
	"bytes"
	"strings"
	"testing"
)

// An answer that is erased is gone, also a large one with its parts; the request is still known to be executed, by this owner and the next. Others'
// answers stay.
func TestErase(t *testing.T) {
	g := newRig(t)
	j := g.owner()
	large := strings.Repeat("eve ", MaxResult/2)
	for id, result := range map[string]string{"1": "sent to eve", "2": "sent to alice", "3": large} {
		g.runs(j, ask(id, id)).Done(t.Context(), []byte(result), []byte("left"))
	}
	open := g.runs(j, ask("4", "4"))
	about := func(result []byte) bool { return bytes.Contains(result, []byte("eve")) }
	if read, erased, err := j.Erase(t.Context(), about, true); read != 3 || erased != 2 || err != nil {
		t.Errorf("dry: %d of %d, %v", erased, read, err)
	}
	g.answered(j, ask("1", "1"), "sent to eve")
	if read, erased, err := j.Erase(t.Context(), about, false); read != 3 || erased != 2 || err != nil {
		t.Errorf("%d of %d, %v", erased, read, err)
	}
	if _, erased, err := j.Erase(t.Context(), about, false); erased != 0 || err != nil {
		t.Errorf("again: %d, %v", erased, err)
	}
	for _, j := range []*Journal{j, g.owner()} {
		for _, id := range []string{"1", "3"} {
			if r, a, f := g.begin(j, ask(id, id)); r != nil || f != nil || !a.Left || len(a.Result) != 0 || a.Size == 0 {
				t.Errorf("%s: %v %+v %v", id, r, a, f)
			}
		}
		g.answered(j, ask("2", "2"), "sent to alice")
	}
	if chunks := len(g.all) - 4; chunks != 0 {
		t.Errorf("%d parts are left", chunks)
	}
	open.Done(t.Context(), []byte("ok"), nil)
	g.answered(g.owner(), ask("4", "4"), "ok")
}
