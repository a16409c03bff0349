package peers

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/mtproto"
)

// holders are who had a name when they were last seen, as the bucket knows: it stands in their records, or Telegram was asked whose it is.
type holders struct {
	account *accountStore
	keeper  *keeper
	index   *index
}

// holder is one of them.
type holder struct {
	peer peer
	at   uint64 // the revision of what says so
	gone bool   // he was seen without it later than that
}

// holdersMost is how many records are looked at because of one name.
const holdersMost = 8

// of are those who had a name, the last one first; or vain, with an error: that it is nobody's now. An error says that there may be others.
func (x *holders) of(ctx context.Context, name string) (all []holder, vain alias, err error) {
	if x.account.store == nil {
		return nil, vain, nil
	}
	defer mtproto.BeginWait(ctx, mtproto.Wait{For: mtproto.WaitElse})()
	if !x.keeper.flushAll(ctx) {
		err = errUnwritten
	}
	asked, at, away := x.account.alias(ctx, name)
	err = cmp.Or(err, away)
	maybe, away := x.index.find(ctx, name)
	if err = cmp.Or(err, away); asked.peer.real() {
		maybe = append(maybe, keyOf(asked.peer))
	}
	slices.Sort(maybe)
	maybe = slices.Compact(maybe)
	for _, k := range maybe[:min(len(maybe), holdersMost)] {
		h, has, away := x.holder(ctx, name, k.peer(), asked.peer, at)
		if err = cmp.Or(err, away); has {
			all = append(all, h)
		}
	}
	slices.SortFunc(all, func(a, b holder) int {
		if a.gone != b.gone {
			return map[bool]int{true: 1, false: -1}[a.gone]
		}
		return cmp.Compare(b.at, a.at)
	})
	if err != nil {
		err = answer.Later("reading the bucket of peers: " + err.Error())
	}
	if asked.err != nil && (len(all) == 0 || all[0].at < at) {
		return nil, asked, err
	}
	return all, vain, err
}

// holder is what tells that somebody had a name: his record; or, where he is who Telegram said has it, that, with its revision.
func (x *holders) holder(ctx context.Context, name string, p, asked peer, at uint64) (h holder, has bool, err error) {
	r, revision, err := x.account.peer(ctx, p)
	if err != nil && !errors.Is(err, storage.ErrNone) {
		return h, false, err
	}
	switch {
	case err == nil && slices.Contains(r.Usernames, name):
		return holder{peer: p, at: revision}, true, nil
	case p != asked:
		return h, false, nil
	}
	return holder{p, at, err == nil && !r.Min && !r.Bare && revision > at}, true, nil
}
