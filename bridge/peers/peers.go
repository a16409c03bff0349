// Package peers knows an account's peers, so that callers may write text where Telegram wants an object that holds an access
// hash (design §3). These are the forms:
//
//	me, self                    the account itself
//	@name                       a username
//	+491701234567               a phone number, as far as its owner lets it be found
//	t.me/name, t.me/c/1234      links, with https:// or without; tg://resolve?domain=name
//	user.5, chat.5, channel.5   an id with its kind, as in the subjects of updates
//	5                           a bare id, of whatever kind it is known to be
//	-1005, -5                   a channel's or basic group's id, as the Bot API writes them
//
// An access hash is the account's own (E22). A [Directory] learns them from what comes with updates and in answers; what it does not know it
// looks for once a minute at most among the account's newest dialogs and its contacts. Names and phone numbers are
// asked of Telegram each time, but for some minutes: they can pass to somebody else, and who has none today may have one tomorrow.
package peers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// Config of a directory.
type Config struct {
	Schema *codec.Schema
	// Invoke asks Telegram.
	Invoke func(ctx context.Context, query []byte) ([]byte, error)
	// Channel is the access hash of a channel that somebody else keeps, 0: not known; may be nil.
	Channel func(id int64) int64
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
	// most is how many peers of each of two generations are kept: some 100 bytes each.
	most = 5000
)

type peer struct {
	kind subjects.Kind
	id   int64
}

// alias is what a name or phone number stands for, or that it stands for nobody.
type alias struct {
	peer  peer
	err   error
	until time.Time
}

// Directory is the peers of one account. It is safe for concurrent use.
type Directory struct {
	c Config

	mu         sync.Mutex
	young, old map[peer]int64 // access hashes; of a basic group 0
	names      map[string]alias
	vain       map[string]alias // that lead to nobody

	asking  singleflight.Group // each question once at a time
	glances []glance           // of who asks it
}

// New makes an empty directory.
func New(c Config) *Directory {
	return &Directory{c: c, young: map[peer]int64{}, names: map[string]alias{}, vain: map[string]alias{}, glances: glances()}
}

// UnknownError is a reference that leads to no peer, or to one of a wrong kind. It is the caller's to mend.
type UnknownError struct{ What string }

// Error says what is wrong with it.
func (e *UnknownError) Error() string { return e.What }

func unknown(format string, args ...any) error { return &UnknownError{fmt.Sprintf(format, args...)} }

// Learn takes in a User or Chat object, in TL. What is min has a hash that is of no use (E21).
func (d *Directory) Learn(object []byte) {
	if v, err := d.c.Schema.View(object); err == nil {
		d.learn(v)
	}
}

// Met takes in the users and chats that an answer holds.
func (d *Directory) Met(objects [][]byte, _ []byte) {
	for _, o := range objects {
		d.Learn(o)
	}
}

func (d *Directory) learn(v codec.View) {
	var kind subjects.Kind
	switch v.Name() {
	case "user":
		kind = subjects.User
	case "chat", "chatForbidden":
		kind = subjects.Chat
	case "channel", "channelForbidden":
		kind = subjects.Channel
	default:
		return
	}
	if kind != subjects.Chat && (v.Bool("min") || !v.Has("access_hash")) {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.put(peer{kind, v.Int("id")}, v.Int("access_hash"))
	if len(d.vain) == 0 {
		return
	}
	delete(d.vain, "@"+strings.ToLower(v.Str("username"))) // somebody has it now
	for o := range v.Objects("usernames") {
		delete(d.vain, "@"+strings.ToLower(o.Str("username")))
	}
}

// put keeps what was learned or used last: when one generation is full, the one before it goes.
func (d *Directory) put(p peer, hash int64) {
	if _, there := d.young[p]; !there && len(d.young) >= most {
		d.old, d.young = d.young, make(map[peer]int64, most)
	}
	d.young[p] = hash
}

func (d *Directory) hash(p peer) (hash int64, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if hash, ok = d.young[p]; ok {
		return hash, true
	}
	if hash, ok = d.old[p]; ok {
		d.put(p, hash)
		return hash, true
	}
	if p.kind == subjects.Channel && d.c.Channel != nil {
		hash = d.c.Channel(p.id)
	}
	return hash, hash != 0
}

// Resolve makes an object of a class of the peer that text names: InputPeer, InputUser, InputChannel, InputDialogPeer or
// InputNotifyPeer; false for other classes. An error is an [*UnknownError], or what became of a question to Telegram.
func (d *Directory) Resolve(ctx context.Context, class, text string) (object []byte, ok bool, err error) {
	wrap, ok := wrappers[class]
	if !ok {
		return nil, false, nil
	}
	r, ok := parse(text)
	if !ok {
		return nil, true, unknown("%.40q names no peer: want me, @name, +phone, a t.me link or an id such as user.1, chat.1, channel.1", text)
	}
	p, hash := peer{}, int64(0)
	if !r.self {
		if p, hash, err = d.find(ctx, r); err != nil {
			return nil, true, err
		}
	}
	object, err = d.object(class, wrap, r, p, hash)
	return object, true, err
}

// Locate is Resolve for who wants to know which peers are the same, and asks nobody: object has no access hash. Where it takes a
// question, of the account's peers or of Telegram, whose text is, it has the id hole instead, and name is what tells texts
// apart that may lead to different peers. False: Resolve would fail.
func (d *Directory) Locate(class, text string, hole int64) (object []byte, name string, ok bool) {
	wrap, ok := wrappers[class]
	if !ok {
		return nil, "", false
	}
	r, ok := parse(text)
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
	object, err := d.object(class, wrap, r, p, 0)
	return object, name, err == nil
}

// Whose is a name that Locate gave, as far as it is known without a question.
func (d *Directory) Whose(name string) (kind subjects.Kind, id int64, ok bool) {
	r, ok := parse(name)
	if !ok {
		return "", 0, false
	}
	if r.name == "" && r.phone == "" {
		p, _, ok := d.known(r)
		return p.kind, p.id, ok
	}
	n, ok := d.remembered(r.key())
	return n.peer.kind, n.peer.id, ok && n.err == nil
}

// object is a peer as an object of a class.
func (d *Directory) object(class, wrap string, r reference, p peer, hash int64) ([]byte, error) {
	m, err := input(class, r, p, hash)
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

func input(class string, r reference, p peer, hash int64) (codec.M, error) {
	if r.self {
		switch class {
		case "InputUser":
			return codec.M{"_": "inputUserSelf"}, nil
		case "InputChannel":
			return nil, unknown("the account itself is no channel")
		}
		return codec.M{"_": "inputPeerSelf"}, nil
	}
	name := map[subjects.Kind]string{subjects.User: "user", subjects.Chat: "basic group", subjects.Channel: "channel"}[p.kind]
	switch {
	case class == "InputUser" && p.kind != subjects.User:
		return nil, unknown("%d is a %s, want a user", p.id, name)
	case class == "InputChannel" && p.kind != subjects.Channel:
		return nil, unknown("%d is a %s, want a channel", p.id, name)
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

func (d *Directory) find(ctx context.Context, r reference) (peer, int64, error) {
	if r.name != "" || r.phone != "" {
		p, err := d.ask(ctx, r)
		if err != nil {
			return peer{}, 0, err
		}
		r = reference{kind: p.kind, id: p.id}
	}
	if p, hash, ok := d.known(r); ok {
		return p, hash, nil
	}
	if err := d.look(ctx, r); err != nil {
		return peer{}, 0, err
	}
	if p, hash, ok := d.known(r); ok {
		return p, hash, nil
	}
	if d.c.Bot && r.kind != subjects.None {
		return peer{r.kind, r.id}, 0, nil
	}
	return peer{}, 0, unknown("no peer with the id %d is known to this account: nothing of it has come since the daemon's start, and it is not among the newest dialogs and contacts", r.id)
}

// known finds an id among what was learned. A basic group needs no access hash.
func (d *Directory) known(r reference) (peer, int64, bool) {
	if r.kind == subjects.Chat {
		return peer{r.kind, r.id}, 0, true
	}
	kinds := []subjects.Kind{r.kind}
	if r.kind == subjects.None {
		kinds = []subjects.Kind{subjects.User, subjects.Channel, subjects.Chat}
	}
	for _, kind := range kinds {
		p := peer{kind, r.id}
		if hash, ok := d.hash(p); ok {
			return p, hash, true
		}
	}
	return peer{}, 0, false
}
