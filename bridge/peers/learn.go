package peers

import (
	"hash/maphash"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// learner takes in what passes of peers.
type learner struct {
	schema *codec.Schema
	rules  *updates.Rules
	user   int64 // whose directory it is
	*memory
}

// object takes in a User or Chat object that came just now.
func (x *learner) object(object []byte) (Learned, bool) {
	whole, now := maphash.Bytes(seed, object), now32()
	x.mu.Lock()
	defer x.mu.Unlock()
	if l, ok := x.lately.find(whole, now); ok {
		return l, true
	}
	v, err := x.schema.View(object)
	if err != nil {
		return Learned{}, false
	}
	return x.learn(v, whole, now)
}

// old takes in an object that came some time ago, in a message at a place: what is known by now is newer.
func (x *learner) old(object []byte, at place) (l Learned, ok bool) {
	v, err := x.schema.View(object)
	if err != nil {
		return l, false
	}
	p, ok := whom(v)
	if !ok {
		return l, false
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if upTo, erased := x.erased[keyOf(p)]; erased && !at.behind(upTo) {
		return l, false
	}
	if e, known := x.peers.get(keyOf(p)); known && x.newer(keyOf(p), e) {
		return Learned{p.kind, p.id, !e.full}, true
	}
	return x.learn(v, maphash.Bytes(seed, object), 0)
}

// newer reports whether the bucket has, or is to be told, something newer of somebody than what the stream of updates tells. Of objects that came some
// time ago each is newer than the one before.
func (x *learner) newer(k key, e entry) bool {
	if one := x.pending[k]; one.record != nil && !one.old {
		return true
	}
	return e.kept != 0 && !e.old && (e.seen != 0 || e.full)
}

// met takes in the users and chats that an answer holds, and in which of its messages they were seen.
func (x *learner) met(objects []codec.View, result []byte) {
	now, vague := now32(), false
	x.mu.Lock()
	for _, v := range objects {
		whole := maphash.Bytes(seed, v.Raw())
		l, ok := x.lately.find(whole, now)
		if !ok {
			l, _ = x.learn(v, whole, now)
		}
		vague = vague || l.Vague
	}
	x.mu.Unlock()
	if !vague {
		return
	}
	v, err := x.schema.View(result)
	if err != nil {
		return
	}
	all := x.rules.People(objects)
	for m := range v.Objects("messages") {
		if in, ok := m.Object("peer_id"); ok {
			for _, p := range all.In(m.Raw()) {
				x.seenIn(peer{subjects.Kind(p.Kind), p.ID}, peerOf(in), m.Int("id"))
			}
		}
	}
}

// whom is the peer that an object tells of.
func whom(v codec.View) (p peer, ok bool) {
	switch v.Name() {
	case "user":
		p.kind = subjects.User
	case "chat", "chatForbidden":
		p.kind = subjects.Chat
	case "channel", "channelForbidden":
		p.kind = subjects.Channel
	default:
		return p, false
	}
	p.id = v.Int("id")
	return p, p.real()
}

// rawOf tells an object from one that says something else of what is kept. People come and go and change their photos far more often
// than their names, so what stands behind these is left out where it holds no more usernames.
func rawOf(v codec.View) uint64 {
	raw := v.Raw()
	off := v.Offset("photo")
	if off < 0 {
		off = v.Offset("status")
	}
	if off > 0 && !v.Has("usernames") {
		raw = raw[:off]
	}
	return maphash.Bytes(seed, raw)
}

// learn takes in an object that came at that time, 0: some time ago; whole tells it from all others. What is min says less, and never stands in place of what is
// not (E21).
func (x *learner) learn(v codec.View, whole uint64, at uint32) (l Learned, ok bool) {
	p, ok := whom(v)
	if !ok {
		return l, false
	}
	k := keyOf(p)
	e, known := x.peers.get(k)
	if e.kept != 0 && e.revision < x.first() { // he had to make room, or was purged
		e = e.unkept()
	}
	if !known || e.whole != whole {
		x.lately.drop(e.whole)
		if raw := rawOf(v); !known || e.raw != raw {
			e = x.changed(p, k, e, v, at > 0)
			e.raw = raw
		}
		if e.whole = whole; at == 0 {
			e.raw, e.whole = 0, 0 // as he is now he may be another way
		}
	}
	if e.full && (p.kind == subjects.Chat || !v.Bool("min")) { // what is min confirms no name
		e.seen = max(e.seen, at)
	}
	e.old = e.old && at == 0
	x.peers.put(k, e)
	l = Learned{p.kind, p.id, !e.full}
	if at != 0 && e.full { // who is min may be seen in full meanwhile
		x.lately.note(whole, at, l)
	}
	return l, true
}

// changed is what is known with an object that is not as it came before; now: that came just now.
func (x *learner) changed(p peer, k key, e entry, v codec.View, now bool) entry {
	isMin := p.kind != subjects.Chat && v.Bool("min")
	if isMin && e.full {
		return e
	}
	full := p.kind == subjects.Chat || !isMin && v.Has("access_hash")
	r := record{Account: x.user, Type: typeOf(v), Name: nameOf(v), Usernames: usernamesOf(v), Min: isMin}
	e.bot = r.Type == "bot"
	if full && (now || !e.full) {
		e.full, e.hash, e.sighting, e.untold = true, v.Int("access_hash"), sighting{}, false
	}
	if !isMin && now {
		x.names.own(p, k, r.Usernames)
	}
	if !e.full && !isMin {
		return e // somebody without an access hash: nothing can be done with him
	}
	r.access = e.access()
	if r.sum() != e.kept {
		x.tell(k, pending{record: &r, old: !now})
	} else {
		delete(x.pending, k)
	}
	return e
}

func typeOf(v codec.View) string {
	switch v.Name() {
	case "user":
		if v.Bool("bot") {
			return "bot"
		}
		return "user"
	case "channel", "channelForbidden":
		if v.Bool("megagroup") {
			return "supergroup"
		}
		return "channel"
	}
	return "chat"
}

func nameOf(v codec.View) string {
	name := v.Str("title")
	if v.Name() == "user" {
		name = strings.TrimSpace(v.Str("first_name") + " " + v.Str("last_name"))
	}
	return clip(strings.ToValidUTF8(name, "\uFFFD"), nameMost)
}

// clip cuts a text that has more than n bytes.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// usernamesOf are those by which somebody can be found, in lower case.
func usernamesOf(v codec.View) (names []string) {
	add := func(name string) {
		if r, err := named(name); err == nil && len(names) < namesMost && !slices.Contains(names, r.name) {
			names = append(names, r.name)
		}
	}
	add(v.Str("username"))
	for o := range v.Objects("usernames") {
		if o.Bool("active") {
			add(o.Str("username"))
		}
	}
	return names
}

// seenIn notes a message in which somebody was seen who may be min: by it he can be named.
func (x *learner) seenIn(p, in peer, msg int64) {
	if in.kind != subjects.User && in.kind != subjects.Chat && in.kind != subjects.Channel || !p.real() || !in.real() || p == in || p.kind == subjects.Chat || int64(int32(msg)) != msg || msg <= 0 {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	k := keyOf(p)
	e, known := x.peers.get(k)
	if !known || e.full {
		return
	}
	now := now32()
	switch at := (sighting{keyOf(in), int32(msg)}); {
	case at == e.sighting:
	case at.in == e.in && at.msg < e.msg: // somebody looked at what is long ago
		if e.before.msg == 0 {
			e.before = at
			x.peers.put(k, e)
		}
		return
	default:
		e.sighting, e.before, e.untold = at, e.sighting, true
	}
	if one, there := x.pending[k]; there && one.record != nil {
		one.record.access = e.access()
	} else if now-e.told >= tellAgain {
		x.tell(k, pending{})
	} else {
		x.peers.put(k, e)
		return
	}
	e.told = now
	x.peers.put(k, e)
}

// tellAgain is how often the bucket is told of a newer message of somebody who is min, in seconds: one of long ago may be deleted.
// Who lets go of the account in order tells it of the newest of all.
const tellAgain = 3600

// gone notes that messages were deleted: nobody is named by them any more.
func (x *learner) gone(all []Deleted) {
	deleted := map[sighting]bool{} // those outside of channels have ids of one sequence
	for _, one := range all {
		for _, id := range one.Messages {
			deleted[sighting{channelOf(keyOf(peer{subjects.Channel, one.Channel})), int32(id)}] = true //nolint:gosec // ids are ints
		}
	}
	is := func(s sighting) bool { return s.msg != 0 && deleted[sighting{channelOf(s.in), s.msg}] }
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, k := range x.peersWhere(func(e entry) bool { return is(e.sighting) || is(e.before) }) {
		e, _ := x.peers.get(k)
		if is(e.before) {
			e.before = sighting{}
		}
		if !is(e.sighting) {
			x.peers.put(k, e)
			continue
		}
		e.sighting, e.before, e.untold, e.told = e.before, sighting{}, true, 0
		x.peers.put(k, e)
		if one := x.pending[k]; one.record != nil {
			one.record.access = e.access()
		} else {
			x.tell(k, pending{})
		}
	}
}

// channelOf is a chat where it is a channel, and the same for all others.
func channelOf(chat key) key {
	if p := chat.peer(); p.kind == subjects.Channel && p.id != 0 {
		return chat
	}
	return 0
}

// renamed takes in that a user has other names now.
func (x *learner) renamed(id int64, name string, usernames []string) {
	p := peer{subjects.User, id}
	if !p.real() {
		return
	}
	k := keyOf(p)
	x.mu.Lock()
	defer x.mu.Unlock()
	for i, name := range usernames {
		usernames[i] = strings.ToLower(name)
	}
	usernames = slices.DeleteFunc(usernames, func(name string) bool { _, err := named(name); return err != nil })
	x.names.own(p, k, usernames)
	if e, known := x.peers.get(k); known {
		e.raw, e.whole, e.old = 0, 0, false // the object as it came last is not as he is now
		x.peers.put(k, e)
	}
	n := &naming{clip(name, nameMost), usernames[:min(len(usernames), namesMost)]}
	if one, there := x.pending[k]; there && one.record != nil {
		one.record.Name, one.record.Usernames = n.name, n.usernames
		return
	}
	x.tell(k, pending{naming: n})
}

func now32() uint32 { return uint32(time.Now().Unix()) } //nolint:gosec // until 2106
