package subjects

import (
	"strconv"
	"strings"
)

// Kind says what sort of chat an update belongs to.
type Kind string

// The kinds. Secret is an end-to-end chat; None an update that belongs to no chat, whose id is 0.
const (
	User    Kind = "user"
	Chat    Kind = "chat"
	Channel Kind = "channel"
	Secret  Kind = "secret"
	None    Kind = "none"
)

func (k Kind) valid() bool {
	switch k {
	case User, Chat, Channel, Secret, None:
		return true
	}
	return false
}

// Update is what an update's subject tells of it. Every such subject has the same depth, so that consumers can filter by
// `*` and NATS can partition by chat.
type Update struct {
	Type string // constructor: updateNewMessage
	Kind Kind   // empty: None
	ID   int64  // bare id of the chat, 0 with None
}

func (u Update) tokens() [3]string {
	kind := u.Kind
	if !kind.valid() {
		kind = None
	}
	id := u.ID
	if kind == None {
		id = 0
	}
	return [3]string{Escape(u.Type), string(kind), strconv.FormatInt(id, 10)}
}

// Update is where a kept update is published: tg.upd.<account>.<update>.<kind>.<id>.
func (s Scheme) Update(account string, u Update) string { return s.update(TreeUpdate, account, u) }

// Live is where an update not worth keeping is published, on core NATS.
func (s Scheme) Live(account string, u Update) string { return s.update(TreeLive, account, u) }

func (s Scheme) update(tree, account string, u Update) string {
	t := u.tokens()
	return s.Join(tree, account, t[0], t[1], t[2])
}

// Updates matches all kept updates of an account.
func (s Scheme) Updates(account string) string { return s.Join(TreeUpdate, account, ">") }

// AllUpdates matches the kept updates of all accounts.
func (s Scheme) AllUpdates() string { return s.Join(TreeUpdate, ">") }

// LiveUpdates matches all updates of an account that are not kept.
func (s Scheme) LiveUpdates(account string) string { return s.Join(TreeLive, account, ">") }

// ParseUpdate takes the subject of an update apart, kept or live.
func (s Scheme) ParseUpdate(subject string) (account string, u Update, ok bool) {
	if account, u, ok = s.parseUpdate(TreeUpdate, subject); ok {
		return account, u, true
	}
	return s.parseUpdate(TreeLive, subject)
}

func (s Scheme) parseUpdate(tree, subject string) (account string, u Update, ok bool) {
	rest, ok := s.cut(subject, tree)
	tokens := strings.SplitN(rest, ".", 5)
	if !ok || len(tokens) != 4 || !validAccount(tokens[0]) {
		return "", Update{}, false
	}
	name, ok := Unescape(tokens[1])
	id, valid := parseID(tokens[3])
	u = Update{Type: name, Kind: Kind(tokens[2]), ID: id}
	if !ok || !valid || !u.Kind.valid() || u.Kind == None && id != 0 {
		return "", Update{}, false
	}
	return tokens[0], u, true
}

// parseID reads an id as the daemon writes it: no plus sign, no leading zeros, so that one chat has one subject.
func parseID(token string) (int64, bool) {
	id, err := strconv.ParseInt(token, 10, 64)
	return id, err == nil && strconv.FormatInt(id, 10) == token
}

// Event is where something in the account's own life is told. An event's name may have several tokens: flood.wait.
func (s Scheme) Event(account, event string) string {
	tokens := strings.Split(event, ".")
	for i, t := range tokens {
		tokens[i] = Escape(t)
	}
	return s.Join(TreeEvent, account, strings.Join(tokens, "."))
}

// Events matches all events of an account.
func (s Scheme) Events(account string) string { return s.Join(TreeEvent, account, ">") }

// AllEvents matches every account's events.
func (s Scheme) AllEvents() string { return s.Join(TreeEvent, ">") }

// Own is where an account's owner is written down, in the updates stream.
func (s Scheme) Own(account string) string { return s.Join(TreeOwn, account) }

// AllOwners matches every account's owner record.
func (s Scheme) AllOwners() string { return s.Join(TreeOwn, "*") }

// Daemon stands in a control subject where the account would: the verb is the daemon's own.
const Daemon = "_"

// Ctl is where the daemon is asked about an account, or with Daemon about itself: tg.ctl.<account>.<verb>.
func (s Scheme) Ctl(account, verb string) string { return s.Join(TreeCtl, account, verb) }

// Inside is where one daemon asks another: tg.int.<instance>.<what>.
func (s Scheme) Inside(instance, what string) string { return s.Join(TreeInside, instance, what) }

// ParseCtl takes a control subject apart; account may be Daemon.
func (s Scheme) ParseCtl(subject string) (account, verb string, ok bool) {
	rest, ok := s.cut(subject, TreeCtl)
	if !ok {
		return "", "", false
	}
	account, verb, ok = strings.Cut(rest, ".")
	if !ok || account != Daemon && !validAccount(account) {
		return "", "", false
	}
	for token := range strings.SplitSeq(verb, ".") {
		if !Plain(token) {
			return "", "", false
		}
	}
	return account, verb, true
}
