// Package peers knows an account's peers, so that callers may write text where Telegram wants an object that holds an access
// hash (design §3). These are the forms:
//
//	me, self                    the account itself
//	@name, name                 a username; without @ it has four letters or more
//	+491701234567               a phone number, as far as its owner lets it be found
//	t.me/name, name.t.me        links, with https:// or without; also t.me/s/name, t.me/+491701234567
//	t.me/c/1234/5               a channel, whatever message of it
//	tg://resolve?domain=name    the same, and ?phone=; tg://user?id=5, tg://openmessage?user_id=5, tg://privatepost?channel=5
//	user.5, chat.5, channel.5   an id with its kind, as in the subjects of updates
//	5                           a bare id, of whatever kind it is known to be; for a bot, a user
//	-1005, -5                   a channel's or basic group's id, as the Bot API writes them
//
// So may the objects of [Forms].
//
// An access hash is the account's own (E22). A [Directory] learns them from what comes with updates and in answers. It has those of
// late in memory and all in a bucket, where the account's next owner finds them. What neither knows it looks for once a minute at
// most among the account's newest dialogs and its contacts. Who is min has none that is of use (E21): he is named by a message in
// which he was seen.
//
// Whose a name is can change at any time. What passes says so at once: an update, and users and chats seen with other names. Where nothing
// of its owner passed for some minutes, he himself is asked whether he still has the name; and only for a name that he does not, or
// that nobody was seen with, the question is used of which Telegram allows an account some hundred a day.
package peers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/natsgram/natsgram/bridge/vault"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// Config of a directory.
type Config struct {
	Schema *codec.Schema
	// People finds users and chats.
	People *codec.ObjectFinder
	// Invoke asks Telegram.
	Invoke func(ctx context.Context, query []byte) ([]byte, error)
	// Channel is the access hash of a channel that somebody else keeps, 0: not known; may be nil.
	Channel func(id int64) int64
	// Account and User say whose directory it is.
	Account string
	User    int64
	// Store is where it is kept, sealed by Box; nil: nowhere.
	Store Store
	Box   vault.Box
	// Bot: bots may use 0 for an access hash that they do not know.
	Bot bool
}

const (
	// nameLife is how long a name or a phone number is taken to be the same peer's.
	nameLife = 5 * time.Minute
	// retryLife is how long an error of Telegram's own is taken to go on.
	retryLife = 10 * time.Second
	// lookEvery is how often dialogs and contacts are looked through for an id that is not known.
	lookEvery = time.Minute
	// namesMany is how many names are known at once.
	namesMany = 10_000
)

type peer struct {
	kind subjects.Kind
	id   int64
}

// String is how the subjects of updates write a peer.
func (p peer) String() string { return string(p.kind) + "." + formatID(p.id) }

func formatID(id int64) string { return strconv.FormatInt(id, 10) }

// alias is what a name or phone number stands for, or that it stands for nobody.
type alias struct {
	peer  peer
	err   error
	until time.Time // it is so without a question; a peer that was seen since has his names without one too
}

// Directory is the peers of one account. It is safe for concurrent use.
type Directory struct {
	c Config

	mu     sync.Mutex
	memory memory
	lately lately
	names  map[string]alias
	owned  map[key][]string // the usernames among them, by whose they are
	vain   map[string]alias // that lead to nobody
	keeping

	asking  singleflight.Group // each question once at a time
	glances []glance           // of who asks it

	allowed map[string]*allowance // by method, of what is asked of names and numbers; with mu
}

// New makes a directory, with what the store knows.
func New(c Config) *Directory {
	d := &Directory{
		c: c, names: map[string]alias{}, owned: map[key][]string{}, vain: map[string]alias{}, glances: glances(), allowed: map[string]*allowance{},
		keeping: keeping{pending: map[key]pending{}, stop: make(chan struct{})},
	}
	d.life, d.cancel = context.WithCancel(context.Background())
	return d
}

// UnknownError is a reference that leads to no peer, or to one of a wrong kind. It is the caller's to mend.
type UnknownError struct{ What string }

// Error says what is wrong with it.
func (e *UnknownError) Error() string { return e.What }

func unknown(format string, args ...any) error { return &UnknownError{fmt.Sprintf(format, args...)} }

// Resolve makes an object of a class of the peer that text names: InputPeer, InputUser, InputChannel, InputDialogPeer or
// InputNotifyPeer; false for other classes. An error is an [*UnknownError], or what became of a question to Telegram.
func (d *Directory) Resolve(ctx context.Context, class, text string) (object []byte, ok bool, err error) {
	wrap, ok := wrappers[class]
	if !ok {
		return nil, false, nil
	}
	r, ok := d.parse(text)
	if !ok {
		return nil, true, noPeer(text)
	}
	var f found
	if !r.self {
		if f, err = d.find(ctx, r); err != nil {
			return nil, true, err
		}
	}
	object, err = d.object(class, wrap, r, f)
	return object, true, err
}

func noPeer(text string) error {
	return unknown("%.40q names no peer: want me, @name, +phone, a t.me link or an id such as user.1, chat.1, channel.1", text)
}

// Locate is Resolve for who wants to know which peers are the same, and asks nobody: object has no access hash. Where it takes a
// question, of the account's peers or of Telegram, whose text is, it has the id hole instead, and name is what tells texts
// apart that may lead to different peers. False: Resolve would fail.
func (d *Directory) Locate(class, text string, hole int64) (object []byte, name string, ok bool) {
	wrap, ok := wrappers[class]
	if !ok {
		return nil, "", false
	}
	r, ok := d.parse(text)
	if !ok {
		return nil, "", false
	}
	p := peer{r.kind, r.id}
	if !r.self && (r.id == 0 || r.kind == subjects.None) {
		name = r.key()
		if p = (peer{subjects.User, hole}); class == "InputChannel" {
			p.kind = subjects.Channel
		}
	}
	object, err := d.object(class, wrap, r, found{peer: p})
	return object, name, err == nil
}

// Whose is a name that Locate gave, as far as it is known without a question.
func (d *Directory) Whose(name string) (kind subjects.Kind, id int64, ok bool) {
	r, ok := d.parse(name)
	if !ok {
		return "", 0, false
	}
	if r.name == "" && r.phone == "" {
		f, ok := d.known(r, true)
		return f.peer.kind, f.peer.id, ok
	}
	n, ok := d.remembered(r.key())
	return n.peer.kind, n.peer.id, ok && n.err == nil
}

// parse reads a text as this account means it: a bot's bare id is a user's, as the Bot API has it; and its own is itself.
func (d *Directory) parse(text string) (reference, bool) {
	r, ok := parse(text)
	if d.c.Bot && r.id > 0 && r.kind == subjects.None {
		r.kind = subjects.User
	}
	if d.c.User != 0 && r.id == d.c.User && r.kind == subjects.User {
		r = reference{self: true}
	}
	return r, ok
}

// object is a peer as an object of a class.
func (d *Directory) object(class, wrap string, r reference, f found) ([]byte, error) {
	m, err := input(class, r, f)
	if err != nil {
		return nil, err
	}
	if wrap != "" {
		m = codec.M{"_": wrap, "peer": m}
	}
	return d.c.Schema.Encode(nil, m)
}

// Classes are those in whose place Resolve understands text, sorted.
func Classes() []string { return slices.Sorted(maps.Keys(wrappers)) }

// wrappers are the classes that a peer can stand for, and the constructors of those that hold an InputPeer.
var wrappers = map[string]string{"InputPeer": "", "InputUser": "", "InputChannel": "", "InputDialogPeer": "inputDialogPeer", "InputNotifyPeer": "inputNotifyPeer"}

func input(class string, r reference, f found) (codec.M, error) {
	if r.self {
		switch class {
		case "InputUser":
			return codec.M{"_": "inputUserSelf"}, nil
		case "InputChannel":
			return nil, unknown("the account itself is no channel")
		}
		return codec.M{"_": "inputPeerSelf"}, nil
	}
	p, hash := f.peer, f.hash
	name := map[subjects.Kind]string{subjects.User: "user", subjects.Chat: "basic group", subjects.Channel: "channel"}[p.kind]
	switch {
	case class == "InputUser" && p.kind != subjects.User:
		return nil, unknown("%d is a %s, want a user", p.id, name)
	case class == "InputChannel" && p.kind != subjects.Channel:
		return nil, unknown("%d is a %s, want a channel", p.id, name)
	case f.in != nil:
		return f.fromMessage(class)
	case class == "InputUser":
		return codec.M{"_": "inputUser", "user_id": p.id, "access_hash": hash}, nil
	case class == "InputChannel":
		return codec.M{"_": "inputChannel", "channel_id": p.id, "access_hash": hash}, nil
	case p.kind == subjects.User:
		return codec.M{"_": "inputPeerUser", "user_id": p.id, "access_hash": hash}, nil
	case p.kind == subjects.Chat:
		return codec.M{"_": "inputPeerChat", "chat_id": p.id}, nil
	default:
		return codec.M{"_": "inputPeerChannel", "channel_id": p.id, "access_hash": hash}, nil
	}
}

// found is a peer with what Telegram wants to know of it: the access hash; or, of who is min, a message in which it was seen.
type found struct {
	peer peer
	hash int64
	in   *found // the chat of the message; nil: there is the access hash
	msg  int32
}

// fromMessage is a peer by a message in which it was seen.
func (f found) fromMessage(class string) (codec.M, error) {
	in, err := input("InputPeer", reference{}, *f.in)
	if err != nil {
		return nil, err
	}
	name := map[subjects.Kind]string{subjects.User: "User", subjects.Channel: "Channel"}[f.peer.kind]
	m := codec.M{"_": "inputPeer" + name + "FromMessage", "peer": in, "msg_id": f.msg}
	if class != "InputPeer" && class != "InputDialogPeer" && class != "InputNotifyPeer" {
		m["_"] = "input" + name + "FromMessage"
	}
	m[strings.ToLower(name)+"_id"] = f.peer.id
	return m, nil
}

func (d *Directory) find(ctx context.Context, r reference) (found, error) {
	if r.name != "" || r.phone != "" {
		p, err := d.ask(ctx, r)
		if err != nil {
			return found{}, err
		}
		r = reference{kind: p.kind, id: p.id}
	}
	if f, ok := d.known(r, false); ok {
		return f, nil
	}
	for _, look := range []func(context.Context, reference) error{d.recallAny, d.look} {
		if err := look(ctx, r); err != nil {
			return found{}, err
		}
		if f, ok := d.known(r, true); ok {
			return f, nil
		}
	}
	if d.c.Bot && r.kind != subjects.None {
		return found{peer: peer{r.kind, r.id}}, nil
	}
	return found{}, unknown("no peer with the id %d is known to this account: nothing of it has come, and it is not among the newest dialogs and contacts", r.id)
}

// kindsOf are the kinds that a reference may be of.
func kindsOf(r reference) []subjects.Kind {
	if r.kind == subjects.None {
		return []subjects.Kind{subjects.User, subjects.Channel, subjects.Chat}
	}
	return []subjects.Kind{r.kind}
}

// recallAny reads what the bucket knows of an id, and of the chat in which it was seen.
func (d *Directory) recallAny(ctx context.Context, r reference) error {
	for _, kind := range kindsOf(r) {
		if e, ok := d.recall(ctx, peer{kind, r.id}); ok && !e.full && e.msg != 0 {
			d.recall(ctx, e.in.peer())
		}
	}
	return ctx.Err()
}

// known finds an id among what is in memory. A basic group needs no access hash. asked: so was the bucket, and knows no more of who is min.
func (d *Directory) known(r reference, asked bool) (found, bool) {
	if r.kind == subjects.Chat {
		return found{peer: peer{r.kind, r.id}}, true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, kind := range kindsOf(r) {
		if kind == subjects.Chat && r.kind != kind {
			if _, known := d.memory.get(keyOf(peer{kind, r.id})); !known {
				continue // a bare id is a group's only where there is such a group
			}
		}
		if f, ok := d.inMemory(peer{kind, r.id}, asked); ok {
			return f, true
		}
	}
	return found{}, false
}

// inMemory is what memory knows of a peer, with d.mu held.
func (d *Directory) inMemory(p peer, asked bool) (found, bool) {
	e, known := d.memory.get(keyOf(p))
	if known && e.full || p.kind == subjects.Chat {
		return found{peer: p, hash: e.hash}, true
	}
	if p.kind == subjects.Channel && d.c.Channel != nil {
		if hash := d.c.Channel(p.id); hash != 0 {
			return found{peer: p, hash: hash}, true
		}
	}
	if !known || e.msg == 0 || e.kept == 0 && !asked {
		return found{}, false
	}
	in, ok := d.inMemory(e.in.peer(), true)
	if !ok || in.in != nil {
		return found{}, false
	}
	return found{peer: p, in: &in, msg: e.msg}, true
}
