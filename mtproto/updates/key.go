package updates

import (
	"slices"

	"github.com/natsgram/natsgram/tl/codec"
)

// has reports whether an item was stored before a crash between the batches of a slice.
func (p *Partial) has(key uint64) bool { return slices.Contains(p.Keys, key) }

// key is what an item was, so that it is known again in another answer. Messages are known by chat and id, because
// they may have been edited since; other updates by all their bytes.
func (r *Rules) key(update []byte) uint64 {
	v, err := r.s.View(update)
	if err != nil {
		return hash(hashStart, update) // Unknown
	}
	return r.viewKey(v)
}

func (r *Rules) viewKey(v codec.View) uint64 {
	switch v.Name() {
	case r.newMessage.name, r.newChannelMessage.name, r.newEncrypted.name:
		if message, ok := v.Object("message"); ok {
			return messageKey(message)
		}
	}
	return hash(hashStart, v.Raw())
}

func messageKey(message codec.View) uint64 {
	peer, ok := message.Object("peer_id")
	if !ok {
		return hash(hashStart, message.Raw())
	}
	p := peerValue(peer)
	k := hash(hashStart, p.Kind)
	k = hashInt(k, p.ID)
	return hashInt(k, message.Int("id"))
}

const hashStart = 0xcbf29ce484222325 // FNV-1a, 64 bit

func hash[T ~string | ~[]byte](k uint64, b T) uint64 {
	for i := 0; i < len(b); i++ {
		k = (k ^ uint64(b[i])) * 0x100000001b3
	}
	return k
}

func hashInt(k uint64, v int64) uint64 {
	for range 8 {
		k = (k ^ uint64(byte(v))) * 0x100000001b3
		v >>= 8
	}
	return k
}
