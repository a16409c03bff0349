package mtproto

import (
	"strings"
	"sync"

	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/mtproto/session"
	"github.com/natsgram/natsgram/tl/bin"
	"github.com/natsgram/natsgram/tl/codec"
)

// method is what the client knows of a call it carries.
type method struct {
	id   uint32
	name string // "" of one that the schema does not know

	// safe says that executing the call twice does no more than executing it once.
	safe bool

	// packed says that the query is a part of a file, which does not compress.
	packed bool
}

// method reads the id that a query begins with, behind wrappers (invokeWithTakeout ...).
func (c *Client) method(query []byte) method {
	m := method{id: idOf(inner(c.o.Schema, query))}
	f, ok := c.o.Schema.FunctionByID(m.id)
	if !ok {
		return m
	}
	m.name = f.Name()
	m.safe = repeatable(f)
	m.packed = strings.HasPrefix(m.name, "upload.")
	return m
}

// repeatable says that executing a call twice does no more than executing it once. That is never so of one that proves a
// password, as Telegram counts the tries (account.getTmpPassword, payments.getStarsRevenueWithdrawalUrl ...).
func repeatable(f *codec.Function) bool {
	for _, p := range f.Decl().Params {
		if p.Type.Name == "InputCheckPasswordSRP" {
			return false
		}
	}
	return readOnly(f.Name()) || hasRandomID(f)
}

// idOf is the constructor id that TL begins with; 0: it is too short.
func idOf(b []byte) uint32 { return bin.NewReader(b).Peek() }

// safeWords begin the names of methods that change nothing, or change it to the same each time.
var safeWords = []string{"get", "check", "search", "resolve", "read", "saveFilePart", "saveBigFilePart"}

// unsafe are those that begin so and still must not be repeated: every try of a password or code counts, and a button is
// pressed.
var unsafe = map[string]bool{
	"auth.checkPassword":            true,
	"auth.checkRecoveryPassword":    true,
	"auth.checkPaidAuth":            true,
	"messages.getBotCallbackAnswer": true,
}

// harmless are others that may be repeated: what the first one made is never used.
var harmless = map[string]bool{
	"auth.exportAuthorization": true,
	"auth.exportLoginToken":    true,
	"auth.bindTempAuthKey":     true,
}

func readOnly(name string) bool {
	if unsafe[name] || harmless[name] {
		return harmless[name]
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	for _, w := range safeWords {
		if rest, ok := strings.CutPrefix(last, w); ok && (rest == "" || rest[0] < 'a' || rest[0] > 'z') {
			return true
		}
	}
	return false
}

// hasRandomID says whether the server tells a repetition by the call's own random_id (D18), a long or, where there are several
// messages, a list of them. One of another type is another thing: bytes name an advertisement, and of an int, in calls and secret
// chats, nobody says what a second one does.
func hasRandomID(f *codec.Function) bool {
	p := f.Decl().Param("random_id")
	if p == nil {
		return false
	}
	return p.Type.Name == "long" || len(p.Type.Args) == 1 && p.Type.Args[0].Name == "long"
}

// call is one attempt to have a query answered. A call that somebody waits for is taken from a pool and goes back after
// its answer came or it was cancelled, which both happen under the link's lock, so that nobody else knows it then.
type call struct {
	query  []byte
	turn   *turn
	safe   bool // see [method]
	packed bool
	id     session.CallID
	done   chan struct{} // has one element when there is an answer

	// build makes the query instead, see [session.CallOptions].
	build func(sessionID, msgID int64) ([]byte, error)

	// then is called instead, outside the link's lock, for calls that the client makes for itself.
	then func(*call)

	body []byte
	rpc  *mt.RPCError
	err  error // not the server's
	sent Sent
}

// spare is a client's own pool of calls: channels cannot leave a test with a clock of its own, and a [sync.Pool] for each
// client would take 128 bytes for each processor.
type spare struct {
	mu    sync.Mutex
	calls []*call
}

// spareMost is how many calls wait to be used again.
const spareMost = 64

// newCall takes a call from the pool.
func (c *Client) newCall(query []byte, m method) *call {
	k := c.spare.take()
	k.query, k.safe, k.packed = query, m.safe, m.packed
	return k
}

func (s *spare) take() *call {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.calls)
	if n == 0 {
		return &call{done: make(chan struct{}, 1)}
	}
	k := s.calls[n-1]
	s.calls = s.calls[:n-1]
	return k
}

func (c *Client) freeCall(k *call) {
	*k = call{done: k.done}
	c.spare.mu.Lock()
	defer c.spare.mu.Unlock()
	if len(c.spare.calls) < spareMost {
		c.spare.calls = append(c.spare.calls, k)
	}
}

// result is the answer as an error of the method's.
func (k *call) result(m method, id int) ([]byte, *Error) {
	switch {
	case k.rpc != nil:
		return nil, newError(k.rpc, m.name, id)
	case k.err != nil:
		return nil, &Error{Method: m.name, DC: id, Sent: k.sent, Err: k.err}
	}
	return k.body, nil
}
