package jobs

import (
	"encoding/json"

	"github.com/natsgram/natsgram/bridge/vault"
)

// Reseal seals what a record of the bucket has sealed with the first key of a box; nil: it is, or nothing is sealed. [vault.ErrSealed]: no key of it opens
// that.
func Reseal(box vault.Box, key string, value []byte) ([]byte, error) {
	var r Record
	if json.Unmarshal(value, &r) != nil || r.Sealed == nil {
		return nil, nil // of uploads nothing is sealed
	}
	next, err := box.Reseal(key, r.Sealed)
	if err != nil || next == nil {
		return nil, err
	}
	r.Sealed = next
	return json.Marshal(&r)
}
