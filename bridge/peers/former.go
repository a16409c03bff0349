package peers

import (
	"context"
	"maps"
	"slices"
)

// namesOf is [Directory.NamesOf].
func (x *keeper) namesOf(ctx context.Context, p peer, former []string) ([]string, error) {
	x.flushAll(ctx)
	has := x.memory.usernames(p)
	if r, _, err := x.account.peer(ctx, p); err == nil {
		has = append(has, r.Usernames...)
	}
	all := map[string]bool{} // whether he has it now
	for _, name := range former {
		if r, err := named(name); err == nil {
			all[r.name] = false
		}
	}
	passed := map[string]bool{}
	err := x.account.names(ctx, func(name string, of peer) {
		if of == p {
			all[name] = false
		} else {
			passed[name] = true
		}
	})
	if err != nil {
		return nil, err
	}
	for _, name := range has {
		all[name] = true
	}
	maps.DeleteFunc(all, func(name string, now bool) bool {
		of, known := x.memory.alias("@" + name)
		return !now && (passed[name] || known && of.peer != p)
	})
	if !slices.Contains(slices.Collect(maps.Values(all)), false) {
		return slices.Sorted(maps.Keys(all)), nil
	}
	err = x.account.peers(ctx, "", func(other peer, r *record) bool {
		for _, name := range r.Usernames {
			if now, there := all[name]; there && !now && other != p {
				delete(all, name)
			}
		}
		return true
	})
	return slices.Sorted(maps.Keys(all)), err
}
