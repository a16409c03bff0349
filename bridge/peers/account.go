package peers

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/bridge/vault"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/subjects"
)

// accountStore is what a store holds of one account and its user. Without a store there is nothing, and what is put is lost.
type accountStore struct {
	store Store
	box   vault.Box
	name  string
	user  int64

	doubted chan struct{} // has one when something was found to be lost
	unread  sync.Once     // doubts because of what no key opens
}

// Keys are account.kind.id of a peer, account.name.username of whose a name was found to be, account.mark of how far the stream of updates
// was read, account.asked of how often names have asked Telegram, and account.erased of the last erasure.
func (a *accountStore) peerKey(p peer) string { return a.name + "." + p.String() }

func (a *accountStore) nameKey(name string) string { return a.name + ".name." + name }

func (a *accountStore) markKey() string { return a.name + ".mark" }

func (a *accountStore) askedKey() string { return a.name + ".asked" }

func (a *accountStore) erasedKey() string { return a.name + ".erased" }

// readPeerKey is the reverse of peerKey.
func (a *accountStore) readPeerKey(key string) (p peer, ok bool) {
	rest, ok := strings.CutPrefix(key, a.name+".")
	if !ok {
		return peer{}, false
	}
	return readPeer(rest)
}

// peer is what is kept of a peer; storage.ErrNone: nothing of use. Its revision is for putPeer in either case.
func (a *accountStore) peer(ctx context.Context, p peer) (r record, revision uint64, err error) {
	if a.store == nil {
		return r, 0, storage.ErrNone
	}
	value, revision, err := a.store.Get(ctx, a.peerKey(p))
	if err != nil {
		return r, revision, err
	}
	if r, err = readRecord(value, a.box, a.name, a.user, p); err != nil {
		if errors.Is(err, vault.ErrSealed) {
			a.unread.Do(a.doubt) // whom only an answer told of stays there, and cannot be read
		}
		return r, revision, storage.ErrNone
	}
	return r, revision, nil
}

func (a *accountStore) doubt() {
	select {
	case a.doubted <- struct{}{}:
	default:
	}
}

// putPeer writes a record over the one with a revision, and over nothing else: what is still on its way when a peer is erased does not come behind
// that.
func (a *accountStore) putPeer(ctx context.Context, p peer, r *record, over uint64) (revision uint64, err error) {
	value, err := r.encode(a.box, a.name, p)
	if err != nil {
		return 0, err
	}
	return a.store.Update(ctx, a.peerKey(p), value, a.peerKey(p), over)
}

// peers tells of all peers of a kind, or of all kinds, until yield has enough. What gives access to them stays sealed: see opens.
func (a *accountStore) peers(ctx context.Context, kind subjects.Kind, yield func(p peer, r *record) bool) error {
	if a.store == nil {
		return nil
	}
	filter := a.name + ".*.*"
	if kind != "" {
		filter = a.name + "." + string(kind) + ".*"
	}
	return a.store.Each(ctx, filter, func(key string, value []byte) bool {
		p, ok := a.readPeerKey(key)
		var r record
		return !ok || json.Unmarshal(value, &r) != nil || r.Account != a.user || yield(p, &r)
	})
}

// opens reports whether what a record of peers' has sealed can be read: else nobody can be named by it.
func (a *accountStore) opens(p peer, r *record) bool {
	_, err := a.box.Open(sealedName(a.name, a.user, p), r.Sealed)
	return err == nil
}

// storedName is whose a name was found to be.
type storedName struct {
	Account int64         `json:"account,string"`
	Kind    subjects.Kind `json:"kind,omitempty"`
	ID      int64         `json:"id,string,omitempty"`
	At      time.Time     `json:"at"`
	Error   string        `json:"error,omitempty"` // nobody's, until Until
	Code    int           `json:"code,omitempty"`
	Until   time.Time     `json:"until,omitzero"`
}

// era is the time between two erasures, by the revision of the mark that each of them leaves.
type era struct {
	revision uint64
	known    bool
}

// era is that of now.
func (a *accountStore) era(ctx context.Context) era {
	if a.store == nil {
		return era{}
	}
	_, revision, err := a.store.Get(ctx, a.erasedKey())
	return era{revision, err == nil || errors.Is(err, storage.ErrNone)}
}

// putName keeps whose a name is, for whoever runs the account later, where it was found out in this era. That it fails costs a question.
func (a *accountStore) putName(ctx context.Context, name string, of alias, in era) {
	if !in.known {
		return
	}
	n := storedName{Account: a.user, At: time.Now().UTC().Truncate(time.Second), Kind: of.peer.kind, ID: of.peer.id}
	var e *mtproto.Error
	if errors.As(of.err, &e) {
		n.Error, n.Code, n.Until = e.Type, e.Code, of.until.UTC().Truncate(time.Second)
	}
	b, err := json.Marshal(n)
	if err != nil {
		return
	}
	_ = storage.Beside(ctx, func(ctx context.Context) error { // the bucket's leader looks at the era: a copy may not know it
		_, err := a.store.Update(ctx, a.nameKey(name), b, a.erasedKey(), in.revision)
		return err
	})
}

// names tells of all names of which it is kept whose they are.
func (a *accountStore) names(ctx context.Context, yield func(name string, of peer)) error {
	if a.store == nil {
		return nil
	}
	return a.store.Each(ctx, a.nameKey("*"), func(key string, value []byte) bool {
		var n storedName
		if name, found := strings.CutPrefix(key, a.nameKey("")); found && json.Unmarshal(value, &n) == nil && n.Account == a.user && (peer{n.Kind, n.ID}).real() {
			yield(name, peer{n.Kind, n.ID})
		}
		return true
	})
}

// alias is what Telegram said of a name when it was asked: somebody who had it; or, with a time that is not over, that it was nobody's; or nothing.
func (a *accountStore) alias(ctx context.Context, name string) (of alias, revision uint64, err error) {
	b, revision, err := a.store.Get(ctx, a.nameKey(name))
	if errors.Is(err, storage.ErrNone) {
		return of, revision, nil
	}
	var n storedName
	switch {
	case err != nil || json.Unmarshal(b, &n) != nil || n.Account != a.user:
	case n.Error == "":
		of.peer, _ = readPeer(peer{n.Kind, n.ID}.String())
	case time.Now().Before(n.Until):
		of = alias{err: &mtproto.Error{Code: n.Code, Type: n.Error, Method: "contacts.resolveUsername", Sent: mtproto.SentNo}, until: n.Until}
	}
	return of, revision, err
}

// mark is up to where the bucket knows of whom the stream of updates tells.
type mark struct {
	Account int64     `json:"account,string"`
	Seq     uint64    `json:"seq"`
	Stream  time.Time `json:"stream"` // when that was made
	Sealed  []byte    `json:"sealed"` // the sequence: who cannot open it cannot open the records either
}

// text is what is sealed of it.
func (m mark) text() string { return strconv.FormatUint(m.Seq, 10) }

// markName binds it to what it is about.
func markName(account string, user int64) string {
	return account + "/" + strconv.FormatInt(user, 10) + "/mark"
}

// mark is the sequence that putMark kept for the stream that was made at that time; 0: nothing is sure.
func (a *accountStore) mark(ctx context.Context, made time.Time) (seq, revision uint64, err error) {
	if a.store == nil {
		return 0, 0, nil
	}
	b, revision, err := a.store.Get(ctx, a.markKey())
	if errors.Is(err, storage.ErrNone) {
		return 0, revision, nil
	}
	var m mark
	if err != nil || json.Unmarshal(b, &m) != nil || m.Account != a.user || !m.Stream.Equal(made) {
		return 0, revision, err
	}
	if plain, err := a.box.Open(markName(a.name, a.user), m.Sealed); err != nil || string(plain) != m.text() {
		return 0, revision, nil
	}
	return m.Seq, revision, nil
}

// putMark writes the mark over the one with a revision, and over nothing else.
func (a *accountStore) putMark(ctx context.Context, seq uint64, made time.Time, over uint64) (revision uint64, err error) {
	m := mark{Account: a.user, Seq: seq, Stream: made}
	if m.Sealed, err = a.box.Seal(markName(a.name, a.user), []byte(m.text())); err != nil {
		return 0, err
	}
	b, err := json.Marshal(m)
	if err != nil {
		return 0, err
	}
	return a.store.Update(ctx, a.markKey(), b, a.markKey(), over)
}

// askedRecord is how often names and numbers have asked Telegram of late, by method.
type askedRecord struct {
	Account int64                `json:"account,string"`
	Methods map[string]allowance `json:"methods"`
}

// asked is what putAsked kept. Another user of the name was asked nothing.
func (a *accountStore) asked(ctx context.Context) (map[string]allowance, error) {
	if a.store == nil {
		return nil, nil
	}
	b, _, err := a.store.Get(ctx, a.askedKey())
	if errors.Is(err, storage.ErrNone) {
		return nil, nil
	}
	var r askedRecord
	if err != nil || json.Unmarshal(b, &r) != nil || r.Account != a.user {
		return nil, err
	}
	return r.Methods, nil
}

func (a *accountStore) putAsked(ctx context.Context, methods map[string]allowance) {
	if b, err := json.Marshal(askedRecord{a.user, methods}); err == nil && a.store != nil {
		_ = a.store.Put(ctx, a.askedKey(), b)
	}
}

// erase takes out a peer, and the names that lead to it: those that the bucket knows, and others. Another era begins with it: names that are still
// on their way to the bucket do not come there, and there need be no mark in place of each, which would have the name.
func (a *accountStore) erase(ctx context.Context, p peer, others []string) error {
	if a.store == nil {
		return nil
	}
	if err := a.store.Erase(ctx, a.erasedKey()); err != nil {
		return err
	}
	if r, _, err := a.peer(ctx, p); err == nil {
		others = append(others, r.Usernames...)
	}
	err := a.names(ctx, func(name string, of peer) { // also those that were found lately
		if of == p {
			others = append(others, name)
		}
	})
	if err != nil {
		return err
	}
	for _, name := range others {
		if err := a.store.EraseWhole(ctx, a.nameKey(name)); err != nil {
			return err
		}
	}
	return a.store.Erase(ctx, a.peerKey(p))
}

// eraseAll takes out everything of the account.
func (a *accountStore) eraseAll(ctx context.Context) error {
	if a.store == nil {
		return nil
	}
	return a.store.Remove(ctx, a.name+".>")
}
