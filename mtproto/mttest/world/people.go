package world

import (
	"slices"
	"strings"
)

// Profile is what others see of a user.
type Profile struct {
	First, Last string
	Username    string
	Phone       string // digits only
	About       string
	Bot         bool
	Premium     bool
	DC          int   // where the account lives
	ID          int64 // where it has to be a certain one; 0: the next
}

// User is a user as others see it now.
type User struct {
	ID int64
	Profile
	Online bool
	Seen   int // date of the last change of Online; 0 never
}

type user struct {
	User
	box      box
	shelf    shelf
	dialogs  map[Peer]*dialog
	order    []Peer // conversations, in the order of their first message
	contacts []int64
	sent     map[int64]Sent // by random_id
	joined   []int64        // channels
	qts, seq int
	qtsLog   []Event
	seqLog   []Event
	marks    Marks
}

type dialog struct {
	ids     []int    // of a common box's messages, ascending
	last    *Message // the newest that ever was
	readIn  int
	readOut int
	unread  int // of others' messages after readIn
}

func (u *user) dialog(p Peer) *dialog {
	d := u.dialogs[p]
	if d == nil {
		d = &dialog{}
		u.dialogs[p] = d
		u.order = append(u.order, p)
	}
	return d
}

// AddUser makes a user and gives it an id.
func (w *World) AddUser(p Profile) User {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := p.ID
	if id == 0 {
		w.lastID.user++
		id = w.lastID.user
	}
	u := &user{User: User{ID: id, Profile: p}, dialogs: map[Peer]*dialog{}, sent: map[int64]Sent{}, marks: newMarks()}
	w.users[u.ID] = u
	if p.Phone != "" {
		w.phones[p.Phone] = u.ID
	}
	w.name(p.Username, UserPeer(u.ID))
	return u.User
}

func (w *World) name(name string, p Peer) {
	if name != "" {
		w.names[strings.ToLower(name)] = p
	}
}

// SetUsername gives a user another username; empty: none. What somebody else has is taken from him.
func (w *World) SetUsername(id int64, name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.users[id]
	if u == nil {
		return
	}
	if old := strings.ToLower(u.Username); w.names[old] == UserPeer(id) {
		delete(w.names, old)
	}
	u.Username = name
	w.name(name, UserPeer(id))
}

// User finds a user by id.
func (w *World) User(id int64) (User, bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	u, ok := w.users[id]
	if !ok {
		return User{}, false
	}
	return u.User, true
}

// ByPhone finds a user by its number, digits only.
func (w *World) ByPhone(phone string) (User, bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	u, ok := w.users[w.phones[phone]]
	if !ok {
		return User{}, false
	}
	return u.User, true
}

// ByName finds what a public name stands for.
func (w *World) ByName(name string) (Peer, bool) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	p, ok := w.names[strings.ToLower(strings.TrimPrefix(name, "@"))]
	return p, ok
}

// AddContact puts other into the contact list of owner.
func (w *World) AddContact(owner, other int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if u := w.users[owner]; u != nil && !slices.Contains(u.contacts, other) {
		u.contacts = append(u.contacts, other)
	}
}

// Contacts lists the contacts of a user, in the order they were added.
func (w *World) Contacts(owner int64) []int64 {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if u := w.users[owner]; u != nil {
		return slices.Clone(u.contacts)
	}
	return nil
}

// SetOnline changes a user's status and tells those who have a conversation with it.
func (w *World) SetOnline(id int64, online bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.users[id]
	if u == nil || u.Online == online && u.Seen != 0 {
		return
	}
	u.Online, u.Seen = online, w.Date()
	for _, p := range u.order {
		if p.Kind == KindUser && p.ID != id {
			w.deliver(p.ID, Event{What: Status, Peer: UserPeer(id), From: id, Online: online, Date: u.Seen})
		}
	}
}

// PushRaw hands bodies to a user, as one event. By seq each of them is numbered, and they come back in differences; so
// do those by qts, of which there may be only one. By neither they are handed out once (E27).
func (w *World) PushRaw(id int64, by Numbering, bodies ...any) Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	if u := w.users[id]; u != nil {
		return w.pushRaw(u, by, nil, bodies...)
	}
	return Event{What: Raw, Body: bodies, Date: w.Date()}
}

func (w *World) pushRaw(u *user, by Numbering, origin any, bodies ...any) Event {
	e := Event{What: Raw, Body: bodies, Date: w.Date(), Origin: origin}
	switch by {
	case ByQts:
		u.qts++
		e.Qts, e.Date = u.qts, w.stamp()
		u.qtsLog = append(u.qtsLog, e)
	case BySeq:
		e.SeqStart = u.seq + 1
		u.seq += len(bodies)
		e.Seq, e.Date = u.seq, w.stamp()
		u.seqLog = append(u.seqLog, e)
		w.handed = max(w.handed, e.Date) // who is told knows all up to here
	}
	w.deliver(u.ID, e)
	return e
}

// Numbering says which sequence a raw update belongs to.
type Numbering uint8

// The sequences that are not a pts.
const (
	Unnumbered Numbering = iota
	ByQts
	BySeq
)
