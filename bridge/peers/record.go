package peers

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/maphash"
	"strconv"

	"github.com/natsgram/natsgram/bridge/vault"
)

// record is what the bucket holds of a peer. Names are as plain as in the stream of updates; what gives access is sealed.
type record struct {
	Account   int64    `json:"account,string"` // the account's user, whose directory it is (E22)
	Type      string   `json:"type"`           // user, bot, chat, supergroup, channel
	Name      string   `json:"name,omitempty"`
	Usernames []string `json:"usernames,omitempty"`
	Min       bool     `json:"min,omitempty"`
	Bare      bool     `json:"bare,omitempty"` // it is of what was in memory when the bucket was lost: names are not
	Sealed    []byte   `json:"sealed,omitempty"`
	access    access
}

// access is what has to be known of a peer to name it to Telegram.
type access struct {
	hash int64
	full bool
	sighting
}

// sighting is a message in which somebody was seen.
type sighting struct {
	in  key   // its chat
	msg int32 // 0: none
}

const (
	accessFormat = 1
	accessSize   = 1 + 1 + 8 + 8 + 4
	nameMost     = 256 // bytes of a name that are kept
	namesMost    = 20  // usernames
)

func (a access) append(b []byte) []byte {
	full := byte(0)
	if a.full {
		full = 1
	}
	b = append(b, accessFormat, full)
	b = binary.BigEndian.AppendUint64(b, uint64(a.hash)) //nolint:gosec // and back in the same way
	b = binary.BigEndian.AppendUint64(b, uint64(a.in))
	return binary.BigEndian.AppendUint32(b, uint32(a.msg)) //nolint:gosec // and back in the same way
}

var errRecord = errors.New("it is no record of this version's")

func readAccess(b []byte) (a access, err error) {
	if len(b) != accessSize || b[0] != accessFormat || b[1] > 1 {
		return a, errRecord
	}
	return access{
		full: b[1] == 1, hash: int64(binary.BigEndian.Uint64(b[2:])), //nolint:gosec // see append
		sighting: sighting{key(binary.BigEndian.Uint64(b[10:])), int32(binary.BigEndian.Uint32(b[18:]))}, //nolint:gosec // see append
	}, nil
}

var seed = maphash.MakeSeed()

// sum tells one record from another, whatever it is sealed with. Of a message in which who is min was seen it is enough that there is
// one: each of his messages is another one.
func (r *record) sum() uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, s := range append([]string{r.Type, r.Name}, r.Usernames...) {
		_, _ = h.WriteString(s)
		_ = h.WriteByte(0)
	}
	a := r.access
	if a.msg != 0 {
		a.sighting = sighting{msg: 1}
	}
	_, _ = h.Write(a.append(nil))
	return max(h.Sum64(), 1)
}

// sealedName binds what is sealed to what it is about.
func sealedName(account string, user int64, p peer) string {
	return account + "/" + strconv.FormatInt(user, 10) + "/" + p.String()
}

// encode is the record as it stands in the bucket.
func (r *record) encode(box vault.Box, account string, p peer) (b []byte, err error) {
	out := *r
	if out.Sealed, err = box.Seal(sealedName(account, r.Account, p), r.access.append(nil)); err != nil {
		return nil, err
	}
	return json.Marshal(&out)
}

// readRecord is the reverse of encode. Whatever cannot be read, or opened, or is another user's, is an error: it counts for nothing.
func readRecord(b []byte, box vault.Box, account string, user int64, p peer) (r record, err error) {
	if err = json.Unmarshal(b, &r); err != nil {
		return record{}, err
	}
	if r.Account != user {
		return record{}, errRecord
	}
	plain, err := box.Open(sealedName(account, user, p), r.Sealed)
	if err != nil {
		return record{}, err
	}
	r.access, err = readAccess(plain)
	r.Sealed = nil
	return r, err
}
