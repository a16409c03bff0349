package mtproto

import (
	"testing"

	"github.com/natsgram/natsgram/mtproto/dc"
)

// A12: without one of their own, all clients of a process share a Throttle.
func TestProcessThrottle(t *testing.T) {
	schema := apiSchema(t)
	var all []*Throttle
	for range 2 {
		o, err := Options{API: API{ID: 1}, Schema: schema, Env: dc.Production()}.withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, o.Throttle)
	}
	if all[0] == nil || all[0] != all[1] {
		t.Error("two of them")
	}
}
