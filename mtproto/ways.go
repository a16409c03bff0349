package mtproto

import (
	"maps"

	"github.com/natsgram/natsgram/mtproto/reach"
	"github.com/natsgram/natsgram/tl/codec"
)

// proxyOf returns what initConnection has to say of a way: nil, or the MTProxy at its end (A32, D1).
func proxyOf(w reach.Way) codec.M {
	host, port, ok := w.MTProxy()
	if !ok {
		return nil
	}
	return codec.M{"_": "inputClientProxy", "address": host, "port": port}
}

// sameProxy reports whether two ways are alike to initConnection.
func sameProxy(ways *reach.Chooser, a, b int) bool {
	return a == b || maps.Equal(proxyOf(ways.Way(a)), proxyOf(ways.Way(b)))
}
