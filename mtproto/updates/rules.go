package updates

import (
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
)

// Rules are what the machine has read off a schema. They never change, and all accounts share them.
type Rules struct {
	s *codec.Schema
}

// Compile reads a schema, given in both its forms.
func Compile(s *codec.Schema, decl *tl.Schema) (*Rules, error) {
	return &Rules{s: s}, nil
}
