package peers

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/natsgram/natsgram/mtproto"
)

func TestMerge(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	some := func() (all []held) {
		for range random.IntN(20) {
			all = append(all, held{random.Uint32N(8), 0, random.Uint32N(3)})
		}
		slices.SortFunc(all, held.compare)
		return slices.Compact(all)
	}
	for range 1000 {
		a, b := some(), some()
		want := slices.Concat(a, b)
		slices.SortFunc(want, held.compare)
		want = slices.Compact(want)
		if got := merge(slices.Clone(a), b); !slices.Equal(got, want) {
			t.Fatalf("%v and %v: %v", a, b, got)
		}
	}
}

// The index is told of what is written after its pass, however much that is; and does not grow without end where people change their names.
func TestIndexIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		lived(t, s, 1, called(7, 77, "carol"))
		d, g := owner(t, s, 1)
		g.err = &mtproto.Error{Code: 400, Type: "USERNAME_NOT_OCCUPIED", Sent: mtproto.SentYes}
		d.line(t.Context(), "InputPeer", "@guess")
		for id := range int64(2*unsorted + 10) {
			d.Learn(g.encode(called(1000+id, 1, fmt.Sprintf("other%d", id))))
		}
		d.keeper.flushAll(t.Context())
		d.memory.mu.Lock()
		d.memory.names = newNames()
		d.memory.mu.Unlock()
		for _, text := range []string{"carol", "other0", fmt.Sprint("other", unsorted), fmt.Sprint("other", 2*unsorted+9)} {
			if got := d.get(t.Context(), "@"+text); got[:5] != "user." {
				t.Errorf("%s: %s", text, got)
			}
		}
		if s.passes != 1 {
			t.Errorf("%d passes", s.passes)
		}
		for i := range 2 * spare {
			d.keeper.index.wrote(keyOf(peer{"user", 7}), []string{fmt.Sprint("former", i)})
			if n := len(d.keeper.index.sorted) + len(d.keeper.index.told); n > 2*spare {
				t.Fatalf("%d names are kept", n)
			}
		}
		if got := d.get(t.Context(), "@carol"); got != "user.7" || s.passes != 2 {
			t.Errorf("%s, %d passes", got, s.passes)
		}
		d.Close(t.Context())
	})
}
