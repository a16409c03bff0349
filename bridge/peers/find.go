package peers

import (
	"cmp"
	"context"
	"slices"

	"github.com/natsgram/natsgram/subjects"
)

// finder finds peers by their ids, and asks nobody but the bucket.
type finder struct {
	memory  *memory
	keeper  *keeper
	channel func(id int64) int64 // Config.Channel
}

// kindsOf are the kinds that a reference may be of.
func kindsOf(r reference) []subjects.Kind {
	if r.kind == subjects.None {
		return []subjects.Kind{subjects.User, subjects.Channel, subjects.Chat}
	}
	return []subjects.Kind{r.kind}
}

// known finds an id among what is in memory. A basic group needs no access hash. asked: so was the bucket, and knows no more of who is min.
func (x *finder) known(r reference, asked bool) (callable, bool) {
	if r.kind == subjects.Chat {
		return callable{peer: peer{r.kind, r.id}}, true
	}
	return x.memory.find(kindsOf(r), r.id, asked, x.channel)
}

// recall reads what the bucket knows of an id, and of the chat in which it was seen. An error says that it may know more.
func (x *finder) recall(ctx context.Context, r reference) (err error) {
	for _, kind := range kindsOf(r) {
		e, ok, away := x.keeper.recall(ctx, peer{kind, r.id})
		if ok && !e.full && e.msg != 0 && away == nil {
			_, _, away = x.keeper.recall(ctx, e.in.peer())
		}
		err = cmp.Or(err, away)
	}
	return err
}

// vague reports whether an id is known that cannot be named: nothing by which that could be done is in memory, nor in the bucket.
func (x *finder) vague(r reference) bool {
	return slices.ContainsFunc(kindsOf(r), func(kind subjects.Kind) bool {
		_, known := x.memory.peer(keyOf(peer{kind, r.id}))
		return known
	})
}
