package peers

import (
	"encoding/json"
	"strings"

	"github.com/natsgram/natsgram/bridge/vault"
)

// Reseal seals what a value of the bucket has sealed with the first key of a box; nil: it is, or nothing is sealed. [vault.ErrSealed]: no key of it opens
// that.
func Reseal(box vault.Box, key string, value []byte) ([]byte, error) {
	account, _, _ := strings.Cut(key, ".")
	a := accountStore{name: account}
	if key == a.markKey() {
		var m mark
		if json.Unmarshal(value, &m) != nil || m.Sealed == nil {
			return nil, nil
		}
		return resealed(box, markName(account, m.Account), &m.Sealed, &m)
	}
	var r record
	p, ok := a.readPeerKey(key)
	if !ok || json.Unmarshal(value, &r) != nil {
		return nil, nil
	}
	return resealed(box, sealedName(account, r.Account, p), &r.Sealed, &r)
}

// resealed is a value with what it has sealed under a name sealed anew.
func resealed(box vault.Box, name string, sealed *[]byte, value any) ([]byte, error) {
	next, err := box.Reseal(name, *sealed)
	if err != nil || next == nil {
		return nil, err
	}
	*sealed = next
	return json.Marshal(value)
}
