package mtproto

import (
	"sync"

	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/mtproto/session"
)

// rpc is one attempt to have a query answered. One that somebody waits for is taken from a pool and goes back after its answer
// came or it was cancelled, which both happen under the link's lock, so that nobody else knows it then.
type rpc struct {
	query []byte
	manner
	safe   bool // see [method]
	packed bool
	doubt  bool // it was sent in a session that was left, and may have been executed
	id     session.CallID
	done   chan struct{} // has one element when there is an answer

	// build makes the query instead, see [session.CallOptions].
	build func(sessionID, msgID int64) ([]byte, error)

	// then is called instead, outside the link's lock, for calls that the client makes for itself.
	then func(*rpc)

	body    []byte
	refusal *mt.RPCError
	err     error // not the server's
	sent    Sent
}

// manner is what may be particular about a call.
type manner struct {
	turn   *turn  // in a [Sequence]
	before []byte // what goes right before the query
	loan   *Loan  // the answer may be lent

	company *Company // the last of it has them all sent
}

// result returns the answer as an error of the method's.
func (k *rpc) result(m method, id int) ([]byte, *Error) {
	switch {
	case k.refusal != nil:
		return nil, newError(k.refusal, m.name, id)
	case k.err != nil:
		return nil, &Error{Method: m.name, DC: id, Sent: k.sent, Err: k.err}
	}
	return k.body, nil
}

// fate returns what is to be said of the call's being sent, if sent is true of the last session that had it.
func (k *rpc) fate(sent Sent) Sent {
	if k.doubt && sent == SentNo {
		return SentUnknown
	}
	return sent
}

// rpcPool is a client's own: channels cannot leave a test with a clock of its own, and a [sync.Pool] for each client would take
// 128 bytes for each processor.
type rpcPool struct {
	mu   sync.Mutex
	free []*rpc
}

// poolMost is how many wait in a pool to be used again.
const poolMost = 64

// get takes an rpc from the pool.
func (p *rpcPool) get(query []byte, m method) *rpc {
	k := p.take()
	k.query, k.safe, k.packed = query, m.safe, m.packed
	return k
}

func (p *rpcPool) take() *rpc {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.free)
	if n == 0 {
		return &rpc{done: make(chan struct{}, 1)}
	}
	k := p.free[n-1]
	p.free = p.free[:n-1]
	return k
}

// put gives an rpc back.
func (p *rpcPool) put(k *rpc) {
	*k = rpc{done: k.done}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) < poolMost {
		p.free = append(p.free, k)
	}
}
