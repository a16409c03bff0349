package once

import "github.com/natsgram/natsgram/bridge/vault"

// Reseal seals a record of the bucket with the first key of a box; nil: it is. [vault.ErrSealed]: no key of it opens that.
func Reseal(box vault.Box, key string, value []byte) ([]byte, error) { return box.Reseal(key, value) }
