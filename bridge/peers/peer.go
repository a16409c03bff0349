package peers

import (
	"strconv"
	"strings"

	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

type peer struct {
	kind subjects.Kind
	id   int64
}

// String is how the subjects of updates write a peer.
func (p peer) String() string { return string(p.kind) + "." + formatID(p.id) }

// readPeer is the reverse of String.
func readPeer(text string) (p peer, ok bool) {
	kind, digits, _ := strings.Cut(text, ".")
	r, err := idOf(subjects.Kind(kind), digits)
	switch r.kind {
	case subjects.User, subjects.Chat, subjects.Channel:
		return peer{r.kind, r.id}, err == nil
	}
	return peer{}, false
}

func formatID(id int64) string { return strconv.FormatInt(id, 10) }

// real reports whether Telegram can have such a peer.
func (p peer) real() bool { return p.id > 0 && p.id <= subjects.MostID }

// key is a peer in eight bytes: a directory may hold a great many.
type key uint64

// noKey is that of all peers that there cannot be. Nothing is ever kept under it.
const noKey = ^key(0)

func keyOf(p peer) key {
	if !p.real() {
		return noKey
	}
	k := key(p.id) << 2 //nolint:gosec // see real
	switch p.kind {
	case subjects.Chat:
		return k | 1
	case subjects.Channel:
		return k | 2
	}
	return k
}

func (k key) peer() peer {
	return peer{[...]subjects.Kind{subjects.User, subjects.Chat, subjects.Channel, subjects.None}[k&3], int64(k >> 2)} //nolint:gosec // see keyOf
}

func peerOf(v codec.View) peer {
	if id := v.Int("user_id"); id != 0 {
		return peer{subjects.User, id}
	}
	if id := v.Int("channel_id"); id != 0 {
		return peer{subjects.Channel, id}
	}
	return peer{subjects.Chat, v.Int("chat_id")}
}

// Learned is whom an object tells of.
type Learned struct {
	Kind subjects.Kind
	ID   int64
	// Vague: it is min, and nothing more is known of whom it tells of: he can be named by a message in which he was seen.
	Vague bool
}
