package methods

import (
	"slices"

	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
)

// Random says how a method has the random_id by which Telegram knows a call that it has executed before (D18).
type Random uint8

// The ways.
const (
	NoRandom   Random = iota // none, or one that serves another purpose: an int numbers calls and secret chats
	OneRandom                // a long
	ManyRandom               // one for each of several messages
)

// RandomField is the name of the parameter.
const RandomField = "random_id"

func randomOf(fn *codec.Function) Random {
	p := fn.Decl().Param(RandomField)
	switch {
	case p == nil:
	case p.Type.Name == "long":
		return OneRandom
	case slices.ContainsFunc(p.Type.Args, func(t tl.Type) bool { return t.Name == "long" }):
		return ManyRandom
	}
	return NoRandom
}
