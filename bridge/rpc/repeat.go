package rpc

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strconv"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/methods"
	"github.com/natsgram/natsgram/bridge/once"
	"github.com/natsgram/natsgram/tl/codec"
)

// randomID fills in what callers leave out of one request, and sees to it that it is executed once, however often it comes.
type randomID struct {
	account, caller, msgID string
	hash                   once.Hash // of the request: another one with the same id has others
	asked                  int
}

// fill answers for a missing random_id: derived from the request's Nats-Msg-Id, so that a request repeated after a timeout
// has the same one and Telegram executes it once (D18); random otherwise. Several of one request are set apart by their order.
func (r *randomID) fill(fn, param string) (int64, bool) {
	if param != methods.RandomField {
		return 0, false
	}
	r.asked++
	if r.msgID == "" {
		var b [8]byte
		_, err := rand.Read(b[:])
		return int64(binary.LittleEndian.Uint64(b[:])), err == nil
	}
	h := sha256.New()
	for _, part := range []string{"natsgram/random_id", r.account, r.caller, fn, r.msgID, string(r.hash[:]), strconv.Itoa(r.asked)} {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		h.Write([]byte(part))
	}
	return int64(binary.LittleEndian.Uint64(h.Sum(nil))), true
}

// guard sees to it that a repeated request is executed once. In raw TL, where nothing can be left out, a random_id of 0 is
// filled in as a missing one is elsewhere, if there is a Nats-Msg-Id to derive it from. And a request that repeats another, of
// which it is not known what became, is refused unless it does no harm twice.
func (r *randomID) guard(ms *methods.Methods, m *methods.Method, call []byte, in Encoding, again bool) *Fault {
	fill := in == TL && r.msgID != "" && (m.Random == methods.OneRandom || m.Wraps)
	if !fill && !again {
		return nil
	}
	m, view, err := ms.Innermost(m, call)
	if err != nil {
		return methods.BadRequest(err)
	}
	if at := view.Offset(methods.RandomField); fill && m.Random == methods.OneRandom && at >= 0 && view.Int(methods.RandomField) == 0 {
		v, _ := r.fill(m.Name, methods.RandomField)
		binary.LittleEndian.PutUint64(view.Raw()[at:], uint64(v))
	}
	if again && !r.repeatable(m, view) {
		return answer.Doubt(409, m.Name+" is not repeated: the first request may have been executed, "+
			"and nothing would keep Telegram from executing this one as well")
	}
	return nil
}

// repeatable: Telegram executes the call once, however often it comes, or it only reads.
func (r *randomID) repeatable(m *methods.Method, call codec.View) bool {
	switch {
	case m.ReadOnly:
		return true
	case r.asked > 0 && r.msgID == "": // another one each time
		return false
	case m.Random == methods.OneRandom:
		return call.Int(methods.RandomField) != 0
	case m.Random == methods.ManyRandom:
		ids := call.Longs(methods.RandomField)
		return len(ids) > 0 && !slices.Contains(ids, 0)
	}
	return false
}
