package once

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"time"
)

// Hash tells one request from another: its method and parameters.
type Hash [sha256.Size]byte

// phase is how far the request of a record has come.
type phase byte

const (
	claimed  phase = 1 // it may be executed at any time, or was
	released phase = 2 // it was not executed
	done     phase = 3 // it was, and its answer is known
)

// nonce tells one claim from every other.
type nonce [8]byte

// record is what the bucket holds under an id.
type record struct {
	phase  phase
	nonce  nonce // of the claim
	hash   Hash
	first  time.Time // when the request was first carried out
	answer Answer    // of one that is done
}

// Answer is what a request was answered that is done.
type Answer struct {
	Result []byte    // as Telegram gave it; or what is left of it. Nobody may write to it
	Left   bool      // Result is what is left of an answer that could not be kept whole
	Size   int       // of the answer, in bytes
	Layer  int       // that it is in
	At     time.Time // when the request was first carried out

	chunks int // in so many records of its own is Result; 0: it is here
}

// key is where the record of an id is: the names of callers and requests are not to be read in the bucket.
func key(account string, user int64, caller, id string) string {
	h := sha256.New()
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(user)))        //nolint:gosec // as it is
	h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(caller)))) //nolint:gosec // a header
	h.Write([]byte(caller))
	h.Write([]byte(id))
	return account + "." + hex.EncodeToString(h.Sum(nil)[:16])
}

// erasedKey is where the mark of the last erasure stands.
func erasedKey(account string) string { return account + ".erased" }

const (
	recordFormat = 1
	recordHead   = 1 + 1 + len(nonce{}) + len(Hash{}) + 8
	answerHead   = 1 + 4 + 4
)

// How a record holds an answer.
const (
	answerWhole    byte = 0
	answerLeft     byte = 1
	answerInChunks byte = 2
)

// append writes a record: format, phase, nonce, hash and time; of one that is done also how the answer is held, its size and layer, and the
// result, or the number of its chunks.
func (r *record) append(b []byte) []byte {
	b = append(b, recordFormat, byte(r.phase))
	b = append(b, r.nonce[:]...)
	b = append(b, r.hash[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(r.first.UnixMilli())) //nolint:gosec // and back in the same way
	if r.phase != done {
		return b
	}
	form := answerWhole
	switch {
	case r.answer.Left:
		form = answerLeft
	case r.answer.chunks > 0:
		form = answerInChunks
	}
	b = append(b, form)
	b = binary.BigEndian.AppendUint32(b, uint32(r.answer.Size))  //nolint:gosec // of a message of MTProto
	b = binary.BigEndian.AppendUint32(b, uint32(r.answer.Layer)) //nolint:gosec // three digits
	if form == answerInChunks {
		return binary.BigEndian.AppendUint16(b, uint16(r.answer.chunks)) //nolint:gosec // chunksMost
	}
	return append(b, r.answer.Result...)
}

var errRecord = errors.New("it is no record of this version's")

// readRecord is the reverse of append.
func readRecord(b []byte) (r record, err error) {
	if len(b) < recordHead || b[0] != recordFormat {
		return r, errRecord
	}
	r.phase = phase(b[1])
	n := copy(r.nonce[:], b[2:])
	n += copy(r.hash[:], b[2+n:])
	r.first = time.UnixMilli(int64(binary.BigEndian.Uint64(b[2+n:]))).UTC() //nolint:gosec // see append
	b = b[recordHead:]
	switch {
	case r.phase == claimed && len(b) == 0, r.phase == released && len(b) == 0:
		return r, nil
	case r.phase == done && len(b) == answerHead+2 && b[0] == answerInChunks:
		r.answer = answerOf(&r, b)
		r.answer.chunks, r.answer.Result = int(binary.BigEndian.Uint16(b[answerHead:])), nil
		if r.answer.chunks > 0 && r.answer.chunks <= chunksMost && r.answer.Size <= r.answer.chunks*MaxResult {
			return r, nil
		}
	case r.phase == done && len(b) >= answerHead && b[0] <= answerLeft:
		r.answer = answerOf(&r, b)
		return r, nil
	}
	return r, errRecord
}

// answerOf is the answer that stands in a record from here on.
func answerOf(r *record, b []byte) Answer {
	return Answer{
		Left: b[0] == answerLeft, Size: int(binary.BigEndian.Uint32(b[1:])), Layer: int(binary.BigEndian.Uint32(b[5:])), Result: b[answerHead:], At: r.first,
	}
}
