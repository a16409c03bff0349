package once

import (
	"strings"
	"testing"

	"github.com/natsgram/natsgram/bridge/answer"
)

// resealed has all records written anew as a change of the secret does, each over the former one.
func (g *rig) resealed() {
	g.t.Helper()
	for k, e := range g.all {
		if _, err := g.Create(g.t.Context(), k, e.value, e.revision); err != nil {
			g.t.Fatal(err)
		}
	}
}

// What is at work while the secret is changed ends as it does at other times: a request that was not made can be made again with its id, and a large
// answer is kept whole.
func TestSealedAnewMeanwhile(t *testing.T) {
	g := newRig(t)
	j := g.owner()
	r := g.runs(j, ask("1", "1"))
	g.resealed()
	r.End(t.Context(), answer.Refuse(503, "not sent"))
	if r := g.runs(g.owner(), ask("1", "1")); r.Unknown() {
		t.Error("of a request that was not made it is said that it may have been")
	}
	large := strings.Repeat("x", 2*MaxResult)
	r = g.runs(j, ask("2", "2"))
	g.resealed()
	r.Done(t.Context(), []byte(large), nil)
	g.answered(g.owner(), ask("2", "2"), large)
}
