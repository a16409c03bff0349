// Package api is the layer of Telegram's API that this module is built with, parsed and compiled when it is first asked for. A
// program that brings a schema of its own pays nothing for it but the text in its binary.
package api

import (
	"sync"

	"github.com/natsgram/natsgram/schemas"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
)

var (
	declared = sync.OnceValues(func() (*tl.Schema, error) { return tl.Parse("api.tl", schemas.API()) })
	compiled = sync.OnceValues(func() (*codec.Schema, error) {
		d, err := declared()
		if err != nil {
			return nil, err
		}
		return codec.Compile(d)
	})
)

// Declared is the layer as it is declared. The caller must not change it.
func Declared() (*tl.Schema, error) { return declared() }

// Schema is the layer compiled. All callers share it.
func Schema() (*codec.Schema, error) { return compiled() }
