package peers

import (
	"context"
	"fmt"

	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// resolver makes objects of the peers that text names.
type resolver struct {
	schema *codec.Schema
	bot    bool
	user   int64 // the account's
	memory *memory
	finder *finder
	asker  *asker
}

// parse reads a text as this account means it: a bot's bare id is a user's, as the Bot API has it; and its own is itself.
func (x *resolver) parse(text string) (reference, error) {
	r, err := parse(text)
	if err != nil {
		return reference{}, &UnknownError{fmt.Sprintf("%.40q names no peer: %v", text, err), true}
	}
	if x.bot && r.id > 0 && r.kind == subjects.None {
		r.kind = subjects.User
	}
	if x.user != 0 && r.id == x.user && r.kind == subjects.User {
		r = reference{self: true}
	}
	return r, nil
}

// resolve is [Directory.Resolve].
func (x *resolver) resolve(ctx context.Context, class, text string) (object []byte, ok bool, err error) {
	wrap, ok := wrappers[class]
	if !ok {
		return nil, false, nil
	}
	r, err := x.parse(text)
	if err != nil {
		return nil, true, err
	}
	var f callable
	if !r.self {
		if f, err = x.find(ctx, r); err != nil {
			return nil, true, err
		}
	}
	object, err = x.object(class, wrap, r, f)
	return object, true, err
}

// locate is [Directory.Locate].
func (x *resolver) locate(class, text string, hole int64) (object []byte, name string, ok bool) {
	wrap, ok := wrappers[class]
	if !ok {
		return nil, "", false
	}
	r, err := x.parse(text)
	if err != nil {
		return nil, "", false
	}
	p := peer{r.kind, r.id}
	if !r.self && (r.id == 0 || r.kind == subjects.None) {
		name = r.key()
		if p = (peer{subjects.User, hole}); class == "InputChannel" {
			p.kind = subjects.Channel
		}
	}
	object, err = x.object(class, wrap, r, callable{peer: p})
	return object, name, err == nil
}

// whose is [Directory.Whose].
func (x *resolver) whose(name string) (p peer, ok bool) {
	r, err := x.parse(name)
	if err != nil {
		return peer{}, false
	}
	if r.name == "" && r.phone == "" {
		f, ok := x.finder.known(r, true)
		return f.peer, ok
	}
	n, ok := x.memory.remembered(r.key())
	return n.peer, ok && n.err == nil
}

// object is a peer as an object of a class.
func (x *resolver) object(class, wrap string, r reference, f callable) ([]byte, error) {
	m, err := input(class, r, f)
	if err != nil {
		return nil, err
	}
	if wrap != "" {
		m = codec.M{"_": wrap, "peer": m}
	}
	return x.schema.Encode(nil, m)
}

// find finds whom a reference means, and asks Telegram where nobody else knows.
func (x *resolver) find(ctx context.Context, r reference) (callable, error) {
	if r.name != "" || r.phone != "" {
		p, err := x.asker.whoIs(ctx, r)
		if err != nil {
			return callable{}, err
		}
		r = reference{kind: p.kind, id: p.id}
	}
	if f, ok := x.finder.known(r, false); ok {
		return f, nil
	}
	away := x.finder.recall(ctx, r)
	if ctx.Err() != nil {
		return callable{}, ctx.Err()
	}
	if f, ok := x.finder.known(r, true); ok {
		return f, nil
	}
	if err := x.asker.look(ctx, r); err != nil {
		return callable{}, err
	}
	if f, ok := x.finder.known(r, true); ok {
		return f, nil
	}
	if x.bot && r.kind != subjects.None {
		return callable{peer: peer{r.kind, r.id}}, nil
	}
	if away != nil { // who is not found may be there
		return callable{}, fmt.Errorf("reading the bucket of peers: %w", away)
	}
	if x.finder.vague(r) {
		return callable{}, unknown("no %s with the id %d can be named by this account: it was shown without an access hash (min), and no message is known in which it was seen and that is not deleted", r.kindName(), r.id)
	}
	return callable{}, unknown("no %s with the id %d is known to this account: nothing of it has come, and it is not among the newest dialogs and contacts", r.kindName(), r.id)
}
