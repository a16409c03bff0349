package updates

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
)

// Rules are what [Compile] reads from a schema. They never change, and all accounts share them.
type Rules struct {
	s       *codec.Schema
	updates map[uint32]*rule  // constructors of Update
	results map[uint32]result // constructors of results that hold updates or move a pts
	ids     *codec.LongFinder // of users and chats
	short   shortPlan

	newMessage, newChannelMessage, newEncrypted wrapper
}

// rule is what the machine has to know of a constructor of Update.
type rule struct {
	name    string
	kind    BoxKind // the sequence that it moves
	hint    bool    // has a pts that moves no sequence, but says how far the box is (E29)
	control bool    // only tells a client what to fetch: not published
	live    bool
	fresh   bool   // a new message of the common box or a channel
	message string // name of the field that holds a Message, "" for none
	by      finder // the business connection by which it came
	peers   []finder
	about   aboutPlan
}

// result is what a result of some constructor holds: updates, in a field or as a whole, or a pts that has moved (D19).
type result struct {
	updates  bool
	field    string
	affected bool
	dialogs  bool // with the pts of channels (E29)
}

// none reports whether the machine ignores the result.
func (r result) none() bool { return r == result{} }

// controls are the updates that only tell a client what to fetch.
var controls = []string{"updateChannelTooLong", "updatePtsChanged"}

// live are the updates that are of no use later, each with the reason.
var live = map[string]string{
	"updateUserTyping":                "over in 6 s",
	"updateChatUserTyping":            "over in 6 s",
	"updateChannelUserTyping":         "over in 6 s",
	"updateEncryptedChatTyping":       "over in 6 s",
	"updateUserStatus":                "the next one replaces it; there are very many",
	"updatePhoneCallSignalingData":    "of use only while the call is set up",
	"updateGroupCallConnection":       "of use only while the call is set up",
	"updateGroupCallChainBlocks":      "of use only during the call",
	"updateGroupCallMessage":          "shown for seconds during the call",
	"updateGroupCallEncryptedMessage": "shown for seconds during the call",
	"updateDeleteGroupCallMessages":   "about what was never kept",
	"updateLoginToken":                "belongs to a login that is going on",
	"updateSentPhoneCode":             "belongs to a login that is going on",
	"updateTranscribedAudio":          "pending texts, one after the other", // the last one can be asked for again
	"updateStarGiftAuctionState":      "a running auction: the next one replaces it",
}

// Live reports whether updates of that constructor are of use only at once: they are published and not kept.
func Live(name string) bool { return live[name] != "" }

// Control reports whether updates of that constructor only tell a client what to fetch. They are not published.
func Control(name string) bool { return slices.Contains(controls, name) }

// Compile reads a schema, given in both its forms.
func Compile(s *codec.Schema, decl *tl.Schema) (*Rules, error) {
	r := &Rules{s: s, ids: s.NewLongFinder(idTag), updates: make(map[uint32]*rule), results: make(map[uint32]result)}
	for _, name := range []string{"Update", "Updates", "updates.Difference", "updates.ChannelDifference", "updates.State"} {
		if len(decl.Class(name)) == 0 {
			return nil, fmt.Errorf("updates: the schema has no class %s", name)
		}
	}
	for _, name := range []string{"updates.getState", "updates.getDifference", "updates.getChannelDifference"} {
		if _, ok := s.Function(name); !ok {
			return nil, fmt.Errorf("updates: the schema has no function %s", name)
		}
	}
	for _, c := range decl.Class("Update") {
		r.updates[c.ID] = newRule(decl, c)
		r.updates[c.ID].fresh = c.Name == "updateNewMessage" || c.Name == "updateNewChannelMessage"
	}
	for _, c := range decl.Constructors {
		if found := newResult(c); !found.none() {
			r.results[c.ID] = found
		}
	}
	r.short = newShortPlan(decl)
	return r, r.compileWrappers(decl)
}

func (r *Rules) compileWrappers(decl *tl.Schema) (err error) {
	for _, w := range []struct {
		to   *wrapper
		name string
	}{
		{&r.newMessage, "updateNewMessage"},
		{&r.newChannelMessage, "updateNewChannelMessage"},
		{&r.newEncrypted, "updateNewEncryptedMessage"},
	} {
		if *w.to, err = newWrapper(decl, w.name); err != nil {
			return err
		}
	}
	return nil
}

func newRule(decl *tl.Schema, c *tl.Combinator) *rule {
	u := &rule{name: c.Name, live: Live(c.Name), control: Control(c.Name), peers: findPeers(decl, c), about: planAbout(c)}
	for _, p := range c.Params {
		if p.Type.Name == "Message" && p.Cond == nil && u.message == "" {
			u.message = p.Name
		}
	}
	u.kind, u.hint = sequence(c)
	u.by = findConnection(decl, c)
	return u
}

// findConnection finds where an update has the id of a business connection: in a field, or in the BotBusinessConnection in it.
func findConnection(decl *tl.Schema, c *tl.Combinator) finder {
	const id = "connection_id"
	if has(c, id, "string") {
		return finder{field: id}
	}
	for _, p := range c.Params {
		if p.Type.Name == "BotBusinessConnection" && len(decl.Class(p.Type.Name)) > 0 {
			return finder{field: p.Name, inner: id}
		}
	}
	return finder{}
}

// BusinessConnection returns the id of the business connection by which an update came to a bot, "" if by none.
func (r *Rules) BusinessConnection(it *Item) string {
	if len(it.Update) < 4 {
		return ""
	}
	rule := r.updates[binary.LittleEndian.Uint32(it.Update)]
	if rule == nil || rule.by.field == "" {
		return ""
	}
	v, err := r.s.View(it.Update)
	if err != nil {
		return ""
	}
	if rule.by.inner == "" {
		return v.Str(rule.by.field)
	}
	connection, _ := v.Object(rule.by.field)
	return connection.Str(rule.by.inner)
}

// sequence reads from a declaration which sequence the update moves (E2): with pts and pts_count that of the common box or of
// a channel, with qts that of the secret box. A pts without pts_count moves none.
func sequence(c *tl.Combinator) (kind BoxKind, hint bool) {
	switch {
	case has(c, "qts", "int"):
		return Secret, false
	case !has(c, "pts", "int"):
		return None, false
	case !has(c, "pts_count", "int"):
		return None, true
	case has(c, "channel_id", "long") || strings.Contains(c.Name, "Channel"):
		return Channel, false
	default:
		return Common, false
	}
}

func newResult(c *tl.Combinator) result {
	if c.Result.Name == "Updates" {
		return result{updates: true}
	}
	if strings.HasPrefix(c.Name, "messages.affected") && has(c, "pts", "int") && has(c, "pts_count", "int") {
		return result{affected: true}
	}
	for _, p := range c.Params {
		if p.Type.Name == "Updates" {
			return result{field: p.Name}
		}
		if p.Name == "dialogs" && strings.HasPrefix(c.Result.Name, "messages.") {
			return result{dialogs: true}
		}
	}
	return result{}
}

// resultOf finds a result by its constructor id.
func (r *Rules) resultOf(body []byte) result {
	if len(body) < 4 {
		return result{}
	}
	return r.results[binary.LittleEndian.Uint32(body)]
}

// unseen is the rule of constructors that are no Update.
var unseen = &rule{}

func (r *Rules) rule(u codec.View) *rule {
	if found := r.updates[u.ID()]; found != nil {
		return found
	}
	return unseen
}

// boxOf returns the box that an update moves. The channel is in channel_id, the message's peer or the peer; a message of a
// channel moves the channel's box whatever the update is called. See [unnumbered] for updates that move none.
func (r *Rules) boxOf(u *looked, rule *rule) Box {
	switch {
	case rule.kind == None || unnumbered(u, rule):
		return Box{}
	case rule.kind == Secret:
		return Box{Kind: Secret}
	}
	if id := channelOf(u, rule); id != 0 {
		return Box{Kind: Channel, ID: id}
	}
	if rule.kind == Channel {
		return Box{} // of a channel that the update does not name
	}
	return Box{Kind: Common}
}

// unnumbered reports whether an update has no number although its kind moves a box. Telegram has been seen to send a qts of 0
// between others that count (updateChannelParticipant: message_box of Lonami/grammers, Telethon#3041), and a pts of 0 means
// no more. TDLib takes these for errors and fetches a difference, which has the same update again. Here they are published
// once, in box none.
func unnumbered(u *looked, rule *rule) bool {
	switch rule.kind {
	case None:
		return false
	case Secret:
		return u.Int("qts") <= 0
	}
	return u.Int("pts") <= 0
}

func channelOf(u *looked, rule *rule) int64 {
	if id := u.Int("channel_id"); id != 0 {
		return id
	}
	if rule.message != "" {
		if message := u.inner(rule.message); message.View().Valid() {
			return channelPeer(message, "peer_id")
		}
	}
	if rule.kind == Channel {
		return channelPeer(&u.Fields, "peer")
	}
	return 0
}

func channelPeer(v *codec.Fields, field string) int64 {
	peer, ok := v.Object(field)
	if !ok {
		return 0
	}
	return peer.Int("channel_id")
}
