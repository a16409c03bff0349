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
//	-1000000000005, -5          a channel's or basic group's id, as the Bot API writes them
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
	"encoding/json"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/vault"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// Config of a directory.
type Config struct {
	Schema *codec.Schema
	// Rules tell whom a message mentions.
	Rules *updates.Rules
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

// Directory is the peers of one account. It is safe for concurrent use.
type Directory struct {
	memory   *memory
	account  *accountStore
	keeper   *keeper
	learner  *learner
	finder   *finder
	resolver *resolver
	verbs    *verbs
	allowed  *allowances
}

// New makes a directory, with what the store knows.
func New(c Config) *Directory {
	d := &Directory{memory: newMemory(), account: &accountStore{store: c.Store, box: c.Box, name: c.Account, user: c.User, doubted: make(chan struct{}, 1)}}
	d.keeper = newKeeper(d.memory, d.account)
	d.learner = &learner{c.Schema, c.Rules, c.User, d.memory}
	d.finder = &finder{d.memory, d.keeper, c.Channel}
	d.allowed = &allowances{account: d.account, all: map[string]*allowance{}}
	asker := &asker{
		schema: c.Schema, people: c.People, invoke: c.Invoke, bot: c.Bot, memory: d.memory, account: d.account, finder: d.finder, learner: d.learner,
		holders: &holders{d.account, d.keeper, d.keeper.index}, glances: glances(), allowed: d.allowed,
	}
	d.resolver = &resolver{c.Schema, c.Bot, c.User, d.memory, d.finder, asker}
	d.verbs = &verbs{c.User, d.memory, d.account, d.keeper, d.resolver, &search{user: c.User, account: d.account, keeper: d.keeper}}
	return d
}

// Learn takes in a User or Chat object, in TL; false: it tells of nobody.
func (d *Directory) Learn(object []byte) (Learned, bool) { return d.learner.object(object) }

// LearnOld takes in an object that came some time ago, in a message of the stream of updates, made at that time: what is known by now is newer.
func (d *Directory) LearnOld(object []byte, seq uint64, made time.Time) (Learned, bool) {
	return d.learner.old(object, place{seq, made})
}

// Whom is the peer that a User or Chat object tells of; the id 0: nobody.
func (d *Directory) Whom(object []byte) (subjects.Kind, int64) {
	v, err := d.learner.schema.View(object)
	if err != nil {
		return "", 0
	}
	if p, ok := whom(v); ok {
		return p.kind, p.id
	}
	return "", 0
}

// Met takes in the users and chats that an answer holds.
func (d *Directory) Met(objects []codec.View, result []byte) { d.learner.met(objects, result) }

// SeenIn notes a message in which somebody was seen who may be min: by it he can be named.
func (d *Directory) SeenIn(kind subjects.Kind, id int64, chat subjects.Kind, chatID, msg int64) {
	d.learner.seenIn(peer{kind, id}, peer{chat, chatID}, msg)
}

// Deleted are messages that are deleted: of a channel, or with 0 of any other chats.
type Deleted struct {
	Channel  int64
	Messages []int64
}

// Gone notes that messages were deleted: nobody is named by them any more.
func (d *Directory) Gone(all []Deleted) { d.learner.gone(all) }

// Renamed takes in that a user has other names now.
func (d *Directory) Renamed(id int64, name string, usernames []string) {
	d.learner.renamed(id, name, usernames)
}

// Resolve makes an object of a class of the peer that text names: InputPeer, InputUser, InputChannel, InputDialogPeer or
// InputNotifyPeer; false for other classes. An error is an [*UnknownError], or what became of a question to Telegram.
func (d *Directory) Resolve(ctx context.Context, class, text string) (object []byte, ok bool, err error) {
	return d.resolver.resolve(ctx, class, text)
}

// Locate is Resolve for who wants to know which peers are the same, and asks nobody: object has no access hash. Where it takes a
// question, of the account's peers or of Telegram, whose text is, it has the id hole instead, and name is what tells texts
// apart that may lead to different peers. False: Resolve would fail.
func (d *Directory) Locate(class, text string, hole int64) (object []byte, name string, ok bool) {
	return d.resolver.locate(class, text, hole)
}

// Whose is a name that Locate gave, as far as it is known without a question.
func (d *Directory) Whose(name string) (kind subjects.Kind, id int64, ok bool) {
	p, ok := d.resolver.whose(name)
	return p.kind, p.id, ok
}

// Text is what a caller has written for a peer in JSON, in any way that calls take: text, a number or an object. [Directory.Resolve] and
// [Directory.Named] understand it. Nobody is looked for. An error is an [*UnknownError] where it is the caller's.
func (d *Directory) Text(written json.RawMessage) (string, error) { return d.resolver.text(written) }

// Named is the peer that a text names, whom somebody is to be sure to mean: whose a name is Telegram is asked as for a call. An id with its kind need
// not be known.
func (d *Directory) Named(ctx context.Context, text string) (subjects.Kind, int64, error) {
	return d.verbs.named(ctx, text)
}

// NameOf is how somebody is called, as far as that is known.
func (d *Directory) NameOf(ctx context.Context, kind subjects.Kind, id int64) string {
	s, _, err := d.verbs.show(ctx, peer{kind, id})
	if err != nil {
		return ""
	}
	return s.Name
}

// Answer answers a request for a verb: get tells what is known, resolve asks Telegram too, search looks for names. explain makes a
// fault of an error of a call.
func (d *Directory) Answer(ctx context.Context, verb string, body []byte, explain func(error) answer.Fault) ([]byte, *answer.Fault) {
	return d.verbs.answer(ctx, verb, body, explain)
}

// Figures are how much a directory holds.
type Figures struct {
	InMemory int    // peers
	Learned  uint64 // peers written to the bucket because they are new, or not as they were; since the directory was made
	// Left is how many questions names and numbers in calls may ask Telegram at once, by method; of methods that were not used of late there is
	// none.
	Left map[string]int
}

// Figures are those of now.
func (d *Directory) Figures() Figures {
	return Figures{d.memory.size(), d.keeper.learned.Load(), d.allowed.left(time.Now())}
}

// Mark is the sequence in the stream, made at that time, up to which the bucket knows all of whom it tells; 0: nothing is sure.
func (d *Directory) Mark(ctx context.Context, made time.Time) (uint64, error) {
	return d.keeper.mark(ctx, made)
}

// SaveMark notes that all that was learned belongs to the stream up to a sequence, once it is written. That it fails makes the next
// owner read more. False: the mark is not there any more that was read or written last, so that the bucket was lost.
func (d *Directory) SaveMark(ctx context.Context, seq uint64, made time.Time) bool {
	return d.keeper.saveMark(ctx, seq, made)
}

// Unmark takes it back: whoever comes next learns everything again.
func (d *Directory) Unmark(ctx context.Context, made time.Time) error {
	return d.keeper.unmark(ctx, made)
}

// Missing reports whether something is gone from the bucket that had not to make room: the mark, or any of some who should be there.
func (d *Directory) Missing(ctx context.Context) bool { return d.keeper.missing(ctx) }

// Doubted tells that somebody was found not to be in the bucket who should be, or, once, that there is what no key opens.
func (d *Directory) Doubted() <-chan struct{} { return d.account.doubted }

// Settle writes all that was learned.
func (d *Directory) Settle(ctx context.Context) error { return d.keeper.settle(ctx) }

// WriteKnown writes what is in memory of whom the bucket may lack, with a pause behind each part, and how often names have asked Telegram. Names are
// not in memory: they are written when somebody comes again.
func (d *Directory) WriteKnown(ctx context.Context, pause func(context.Context) error) error {
	d.allowed.save(ctx)
	return d.keeper.writeKnown(ctx, pause)
}

// StorageLost is for when the bucket was lost: what is in memory is to be written again.
func (d *Directory) StorageLost() { d.memory.storageLost() }

// NamesOf are the usernames that somebody has or had, as far as that is known: former are those that others have seen him with. What is
// known to be somebody else's by now is not among them: who writes it means that one.
func (d *Directory) NamesOf(ctx context.Context, kind subjects.Kind, id int64, former []string) ([]string, error) {
	return d.keeper.namesOf(ctx, peer{kind, id}, former)
}

// Forget takes out of memory and bucket what is known of a peer, and whose these names are, which it has or had. What the stream of updates, made at
// that time, tells of it up to a sequence is not learned any more.
func (d *Directory) Forget(ctx context.Context, kind subjects.Kind, id int64, names []string, upTo uint64, made time.Time) error {
	return d.keeper.erase(ctx, peer{kind, id}, names, place{upTo, made})
}

// ForgetAll takes everything of the account out of the bucket: it is another user's.
func (d *Directory) ForgetAll(ctx context.Context) error { return d.keeper.eraseAll(ctx) }

// Close writes what is pending, until ctx ends.
func (d *Directory) Close(ctx context.Context) { d.keeper.close(ctx) }
