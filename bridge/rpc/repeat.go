package rpc

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strconv"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/once"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
)

// random says how a method has the random_id by which Telegram knows a call that it has executed before (D18).
type random uint8

const (
	noRandom   random = iota // none, or one that serves another purpose: an int numbers calls and secret chats
	oneRandom                // a long
	manyRandom               // one for each of several messages
)

const randomField = "random_id"

func randomOf(fn *codec.Function) random {
	p := fn.Decl().Param(randomField)
	switch {
	case p == nil:
	case p.Type.Name == "long":
		return oneRandom
	case slices.ContainsFunc(p.Type.Args, func(t tl.Type) bool { return t.Name == "long" }):
		return manyRandom
	}
	return noRandom
}

// guard sees to it that a repeated request is executed once. In raw TL, where nothing can be left out, a random_id of 0 is
// filled in as a missing one is elsewhere, if there is a Nats-Msg-Id to derive it from. And a request that repeats another, of
// which it is not known what became, is refused unless it does no harm twice.
func (s *Service) guard(m *method, call []byte, r *request, again bool, id *randomID) *Fault {
	fill := r.in == TL && r.msgID != "" && (m.random == oneRandom || m.wraps)
	if !fill && !again {
		return nil
	}
	m, view, err := s.c.Methods.innermost(m, call)
	if err != nil {
		return badRequest(err)
	}
	if at := view.Offset(randomField); fill && m.random == oneRandom && at >= 0 && view.Int(randomField) == 0 {
		v, _ := id.fill(m.name, randomField)
		binary.LittleEndian.PutUint64(view.Raw()[at:], uint64(v))
	}
	if again && !m.repeatable(view, id) {
		return answer.Doubt(409, m.name+" is not repeated: the first request may have been executed, "+
			"and nothing would keep Telegram from executing this one as well")
	}
	return nil
}

// repeated reports whether a request may have been executed before: its caller says so, or the journal. Of an id that the
// journal knows well not to have been used, it knows better than its caller.
func (s *Service) repeated(ctx context.Context, j *job, r *request) bool {
	if j.run == nil {
		return r.again
	}
	return j.run.Unknown() || r.again && !j.run.New(ctx)
}

// repeatable: Telegram executes the call once, however often it comes, or it only reads.
func (m *method) repeatable(call codec.View, id *randomID) bool {
	switch {
	case m.readOnly:
		return true
	case id.asked > 0 && id.msgID == "": // another one each time
		return false
	case m.random == oneRandom:
		return call.Int(randomField) != 0
	case m.random == manyRandom:
		ids := call.Longs(randomField)
		return len(ids) > 0 && !slices.Contains(ids, 0)
	}
	return false
}

// innermost is the call that is carried in the end, and what is known of it.
func (ms *Methods) innermost(m *method, call []byte) (*method, codec.View, error) {
	view, err := ms.schema.View(call)
	if err != nil {
		return m, view, err
	}
	for inner, ok := carried(m, view); ok; inner, ok = carried(m, view) {
		view, m = inner, ms.byName[inner.Name()] // checkInner has seen that it is one
	}
	return m, view, nil
}

// randomID fills in what callers leave out of one request.
type randomID struct {
	account, caller, msgID string
	hash                   once.Hash // of the request: another one with the same id has others
	asked                  int
}

// fill answers for a missing random_id: derived from the request's Nats-Msg-Id, so that a request repeated after a timeout
// has the same one and Telegram executes it once (D18); random otherwise. Several of one request are set apart by their order.
func (r *randomID) fill(fn, param string) (int64, bool) {
	if param != "random_id" {
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
