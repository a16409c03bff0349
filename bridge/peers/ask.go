package peers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

const (
	// retryLife is how long an error of Telegram's own is taken to go on.
	retryLife = 10 * time.Second
	// lookEvery is how often dialogs and contacts are looked through for an id that is not known.
	lookEvery = time.Minute
)

// asker asks Telegram whose a name is, and who an id is. What it hears it has learned.
type asker struct {
	schema  *codec.Schema
	people  *codec.ObjectFinder
	invoke  func(ctx context.Context, query []byte) ([]byte, error)
	bot     bool
	memory  *memory
	account *accountStore
	finder  *finder
	holders *holders
	learner *learner

	asking  questions // each once at a time
	glances []glance  // of who asks it

	allowed *allowances // of what is asked of names and numbers
}

// whoIs finds out whose a name or phone number is, now or some minutes ago.
func (x *asker) whoIs(ctx context.Context, r reference) (peer, error) {
	key := r.key()
	if n, ok := x.memory.remembered(key); ok {
		return n.peer, n.err
	}
	leave := 0 // of the questions that are free
	if answer.OnlyReads(ctx) {
		leave = forWriters
	}
	n, err := x.asking.once(ctx, key, func(ctx context.Context) alias {
		if n, ok := x.memory.remembered(key); ok { // somebody asked just before
			return n
		}
		n, ok, away := x.askOwner(ctx, r)
		if ok {
			return n
		}
		n = x.askTelegram(ctx, key, r, leave)
		if refused := (*answer.Fault)(nil); away != nil && errors.As(n.err, &refused) { // whoever is known is found without a question
			n.err = away
		}
		return n
	})
	var flood *mtproto.Error
	if errors.As(err, &flood) {
		return peer{}, fmt.Errorf("%s: %w", key, questionError{err})
	}
	if err != nil {
		return peer{}, err
	}
	return n.peer, n.err
}

// askOwner asks who had a name when it was last seen whether he has it still. That costs nothing of what Telegram allows an account to ask
// by name. False: it is not known who that is, or he has it no more; away says that the bucket may know others.
func (x *asker) askOwner(ctx context.Context, r reference) (n alias, ok bool, away error) {
	if r.name == "" {
		return n, false, nil
	}
	if n, ok = x.memory.alias(r.key()); ok {
		n, ok = x.askWhether(ctx, r, n.peer)
		return n, ok, nil
	}
	erasures := x.memory.erasures()
	all, vain, away := x.holders.of(ctx, r.name)
	if vain.err != nil {
		vain.err = fmt.Errorf("%s: %w", r.key(), questionError{vain.err})
		x.memory.remember(r.key(), vain, erasures)
		return vain, true, nil
	}
	for _, h := range all[:min(len(all), askedMost)] {
		if n, ok = x.askWhether(ctx, r, h.peer); ok {
			return n, true, nil
		}
	}
	return n, false, away
}

// askedMost is how many who had a name are asked whether they have it still.
const askedMost = 3

// askWhether asks somebody whether he has a name.
func (x *asker) askWhether(ctx context.Context, r reference, p peer) (n alias, ok bool) {
	erasures := x.memory.erasures()
	_ = x.finder.recall(ctx, reference{kind: p.kind, id: p.id})
	f, ok := x.finder.known(reference{kind: p.kind, id: p.id}, true)
	if !ok {
		return n, false
	}
	met, err := x.lookAt(ctx, f)
	if err != nil || !slices.ContainsFunc(met, func(v codec.View) bool {
		of, told := whom(v)
		return told && of == p && !v.Bool("min") && slices.Contains(usernamesOf(v), r.name)
	}) {
		return n, false
	}
	n = alias{peer: p, until: time.Now().Add(nameLife)}
	x.memory.remember(r.key(), n, erasures)
	return n, true
}

// lookAt asks Telegram how a peer is now, and learns whom the answer tells of.
func (x *asker) lookAt(ctx context.Context, f callable) ([]codec.View, error) {
	class, call := "InputUser", codec.M{"_": "users.getUsers"}
	switch f.peer.kind {
	case subjects.Channel:
		class, call = "InputChannel", codec.M{"_": "channels.getChannels"}
	case subjects.Chat:
		_, met, err := x.call(ctx, codec.M{"_": "messages.getChats", "id": []int64{f.peer.id}})
		return met, err
	}
	m, err := input(class, reference{}, f)
	if err != nil {
		return nil, err
	}
	call["id"] = []codec.M{m}
	_, met, err := x.call(ctx, call)
	return met, err
}

// meet asks Telegram about a peer of which nothing was seen, unless that was asked lately. What comes of it is learned; that Telegram tells
// nothing is no error.
func (x *asker) meet(ctx context.Context, f callable) error {
	key := f.peer.String()
	if _, asked := x.memory.remembered(key); asked {
		return nil
	}
	_, err := x.asking.once(ctx, key, func(ctx context.Context) alias {
		n, life, erasures := alias{err: storage.ErrNone}, nameLife, x.memory.erasures()
		if _, err := x.lookAt(ctx, f); err != nil {
			n.err, life = err, lifeOf(err)
		}
		if life > 0 {
			n.until = time.Now().Add(life)
			x.memory.remember(key, n, erasures)
		}
		return n
	})
	return err
}

// askTelegram asks, and remembers.
func (x *asker) askTelegram(ctx context.Context, key string, r reference, leave int) (n alias) {
	call := codec.M{"_": "contacts.resolveUsername", "username": r.name}
	if r.phone != "" {
		call = codec.M{"_": "contacts.resolvePhone", "phone": r.phone}
	}
	erasures, era := x.memory.erasures(), x.account.era(ctx)
	answer, err := x.callAllowed(ctx, call, leave)
	if err != nil {
		n.err = fmt.Errorf("%s: %w", key, err)
		if life := lifeOf(err); life > 0 {
			n.until = time.Now().Add(life)
			x.found(ctx, key, r, n, erasures, era)
		}
		return n
	}
	v, _ := x.schema.View(answer) // which learnt of it has read it
	to, _ := v.Object("peer")
	if n.peer = peerOf(to); !n.peer.real() {
		n.err = fmt.Errorf("%s: Telegram's answer names no peer", key)
		return n
	}
	n.until = time.Now().Add(nameLife)
	x.found(ctx, key, r, n, erasures, era)
	return n
}

// callAllowed makes a call of which text may make few, and leaves so many of them. What does not reach Telegram does not count.
func (x *asker) callAllowed(ctx context.Context, m codec.M, leave int) ([]byte, error) {
	method, _ := m["_"].(string)
	if wait, ok := x.allowed.spend(ctx, method, leave); !ok {
		return nil, askedOut(method, leave, wait)
	}
	b, _, err := x.call(ctx, m)
	if err != nil && mtproto.Reached(err) == mtproto.SentNo {
		x.allowed.refund(ctx, method)
	}
	return b, err
}

// found notes whose a name was found to be, and tells the bucket, where nobody was erased since it was asked. Phone numbers are not written down;
// nor is a refusal that is not about the name.
func (x *asker) found(ctx context.Context, key string, r reference, n alias, erasures int, era era) {
	if x.memory.remember(key, n, erasures) && r.name != "" && (n.err == nil || Nobodys(n.err)) {
		x.account.putName(ctx, r.name, n, era)
	}
}

// lifeOf is how long an error is the answer to the same question: a name that nobody has is asked for again as seldom as one
// that somebody has, since Telegram allows a client few such questions a day. 0: it may be another one at once.
func lifeOf(err error) time.Duration {
	var e *mtproto.Error
	switch {
	case !errors.As(err, &e) || e.Code == 0: // no answer: it says nothing of the name
		return 0
	case e.Code == 420:
		return min(time.Duration(e.Arg)*time.Second, nameLife)
	case e.Code >= 400 && e.Code < 420:
		return nameLife
	}
	return retryLife
}

// glance is a question in whose answer many peers are, with what became of it when it was asked last.
type glance struct {
	call codec.M
	at   time.Time
	err  error
}

// glances are the newest dialogs and the contacts.
func glances() []glance {
	return []glance{
		{call: codec.M{"_": "messages.getDialogs", "offset_date": 0, "offset_id": 0, "offset_peer": codec.M{"_": "inputPeerEmpty"}, "limit": 100, "hash": 0}},
		{call: codec.M{"_": "contacts.getContacts", "hash": 0}},
	}
}

// look goes through the newest dialogs and the contacts, but for what somebody looked through within the last minute, also in
// vain. All who look at the same time look once.
func (x *asker) look(ctx context.Context, r reference) error {
	if x.bot { // bots have neither (E25)
		return nil
	}
	for i := range x.glances {
		if _, ok := x.finder.known(r, true); ok {
			return nil
		}
		n, err := x.asking.once(ctx, "look "+strconv.Itoa(i), func(ctx context.Context) alias { return alias{err: x.glanceAt(ctx, i)} })
		if err == nil {
			err = n.err
		}
		if _, ok := x.finder.known(r, true); !ok && err != nil {
			return err
		}
	}
	return nil
}

// glanceAt asks, and learns, unless somebody did so lately; then what came of that counts.
func (x *asker) glanceAt(ctx context.Context, i int) error {
	g := &x.glances[i]
	if time.Since(g.at) < lookEvery {
		return g.err
	}
	_, _, err := x.call(ctx, g.call)
	if err != nil && lifeOf(err) == 0 {
		return err
	}
	g.at, g.err = time.Now(), err
	return err
}

// questionError is what became of a question, for who has written a name and knows of no package that asks for it.
type questionError struct{ error }

// Error is that of the call without the package's name.
func (e questionError) Error() string { return strings.TrimPrefix(e.error.Error(), "mtproto: ") }

// Unwrap returns it.
func (e questionError) Unwrap() error { return e.error }

// call makes a call, and learns whom its answer tells of.
func (x *asker) call(ctx context.Context, m codec.M) (answer []byte, met []codec.View, err error) {
	query, err := x.schema.Encode(nil, m)
	if err != nil {
		return nil, nil, err
	}
	t, err := x.schema.ResultOf(query)
	if err != nil {
		return nil, nil, err
	}
	if answer, err = x.invoke(ctx, query); err != nil {
		return nil, nil, questionError{err}
	}
	met = x.people.Append(nil, answer, t)
	x.learner.met(met, answer)
	return answer, met, nil
}
