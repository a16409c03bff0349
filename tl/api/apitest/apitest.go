// Package apitest gives tests the built-in layer.
package apitest

import (
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/api"
	"github.com/natsgram/natsgram/tl/codec"
)

// Layer is the built-in layer, compiled and as it is declared. All tests of a program share both.
func Layer() (*codec.Schema, *tl.Schema) {
	decl, err := api.Declared()
	if err != nil {
		panic(err)
	}
	s, err := api.Schema()
	if err != nil {
		panic(err)
	}
	return s, decl
}
