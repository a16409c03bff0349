package tg_test

import (
	"reflect"
	"testing"

	"github.com/natsgram/natsgram/tl/tg"
)

func TestConversions(t *testing.T) {
	hash := tg.Some[int64](9)
	toPeer := func(x interface {
		AsInputPeer() (tg.InputPeerClass, bool)
	}) any {
		p, ok := x.AsInputPeer()
		return result(p, ok)
	}
	toUser := func(x *tg.User) any { u, ok := x.AsInputUser(); return result(u, ok) }
	toChannel := func(x *tg.Channel) any { c, ok := x.AsInputChannel(); return result(c, ok) }
	for name, c := range map[string]struct{ got, want any }{
		"user":               {toPeer(&tg.User{ID: 5, AccessHash: hash}), &tg.InputPeerUser{UserID: 5, AccessHash: 9}},
		"user of hash 0":     {toPeer(&tg.User{ID: 5, AccessHash: tg.Some[int64](0)}), &tg.InputPeerUser{UserID: 5}},
		"self":               {toPeer(&tg.User{ID: 5, Self: true}), &tg.InputPeerSelf{}},
		"min user":           {toPeer(&tg.User{ID: 5, AccessHash: hash, Min: true}), false},
		"user without hash":  {toPeer(&tg.User{ID: 5}), false},
		"no user":            {toPeer((*tg.User)(nil)), false},
		"as user":            {toUser(&tg.User{ID: 5, AccessHash: hash}), &tg.InputUser{UserID: 5, AccessHash: 9}},
		"self as user":       {toUser(&tg.User{ID: 5, Self: true}), &tg.InputUserSelf{}},
		"min as user":        {toUser(&tg.User{ID: 5, AccessHash: hash, Min: true}), false},
		"none as user":       {toUser(nil), false},
		"group":              {toPeer(&tg.Chat{ID: 5}), &tg.InputPeerChat{ChatID: 5}},
		"group that moved":   {toPeer(&tg.Chat{ID: 5, MigratedTo: &tg.InputChannel{ChannelID: 6, AccessHash: 9}}), &tg.InputPeerChannel{ChannelID: 6, AccessHash: 9}},
		"no group":           {toPeer((*tg.Chat)(nil)), false},
		"channel":            {toPeer(&tg.Channel{ID: 5, AccessHash: hash}), &tg.InputPeerChannel{ChannelID: 5, AccessHash: 9}},
		"min channel":        {toPeer(&tg.Channel{ID: 5, AccessHash: hash, Min: true}), false},
		"no channel":         {toPeer((*tg.Channel)(nil)), false},
		"as channel":         {toChannel(&tg.Channel{ID: 5, AccessHash: hash}), &tg.InputChannel{ChannelID: 5, AccessHash: 9}},
		"min as channel":     {toChannel(&tg.Channel{ID: 5, AccessHash: hash, Min: true}), false},
		"channel, hash-less": {toChannel(&tg.Channel{ID: 5}), false},
	} {
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s: %#v, want %#v", name, c.got, c.want)
		}
	}
}

// result is x, or false.
func result(x any, ok bool) any {
	if !ok {
		return false
	}
	return x
}
