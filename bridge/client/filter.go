package client

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/natsgram/natsgram/subjects"
)

// Kind is what sort of chat an update belongs to.
type Kind = subjects.Kind

// The kinds. None is an update that belongs to no chat.
const (
	User    = subjects.User
	Chat    = subjects.Chat
	Channel = subjects.Channel
	Secret  = subjects.Secret
	None    = subjects.None
)

// Filter chooses updates by their subject, and by the topic or thread in their headers. What is zero takes everything.
type Filter struct {
	Update string // constructor: updateNewMessage
	Kind   Kind
	ChatID int64 // bare id of the user, chat or channel

	// Topic is a forum's, or a thread outside of forums, such as the comments on a post in a channel's group, by the id of the message that began it,
	// or General; sorted out here, not at the server. It takes new messages, with Backfill too, edits, reactions, polls, drafts and
	// read marks; of deletions and views no header says in which thread they are.
	Topic int
}

// General is the topic of a forum in which messages stand that are in no other. Of a chat that is no forum a Filter takes all messages by it: headers
// do not say what the chat is.
const General = 1

// gapName stands in a gap's subject for the constructor.
const gapName = "gap"

func (f Filter) subject(s subjects.Scheme, tree, account string) string {
	name, kind, id := "*", "*", "*"
	if f.Update != "" {
		name = subjects.Escape(f.Update)
	}
	if f.Kind != "" {
		kind = string(f.Kind)
	}
	if f.ChatID != 0 {
		id = strconv.FormatInt(f.ChatID, 10)
	}
	all := s.Updates(account)
	if tree == subjects.TreeLive {
		all = s.LiveUpdates(account)
	}
	if name == "*" && kind == "*" && id == "*" {
		return all
	}
	return strings.TrimSuffix(all, ">") + name + "." + kind + "." + id
}

func (f Filter) matches(m *Meta) bool {
	return (f.Update == "" || f.Update == m.Type) && (f.Kind == "" || f.Kind == m.Kind) && (f.ChatID == 0 || f.ChatID == m.ChatID) && f.topic(m)
}

// topic reports whether the message of an update stands in the topic or thread that is wanted.
func (f Filter) topic(m *Meta) bool {
	if f.Topic == General {
		return m.Topic == 0 && len(m.MessageIDs) > 0
	}
	return f.Topic == 0 || m.in(f.Topic)
}

// in reports whether a message stands in a topic, or a thread that is none.
func (m *Meta) in(topic int) bool { return topic == m.Topic || topic == m.Thread }

// covers reports whether by its subject g takes nothing that f does not.
func (f Filter) covers(g Filter) bool {
	return (f.Update == "" || f.Update == g.Update) && (f.Kind == "" || f.Kind == g.Kind) && (f.ChatID == 0 || f.ChatID == g.ChatID)
}

// overlaps reports whether there may be updates that both take by their subject.
func (f Filter) overlaps(g Filter) bool {
	return (f.Update == "" || g.Update == "" || f.Update == g.Update) && (f.Kind == "" || g.Kind == "" || f.Kind == g.Kind) &&
		(f.ChatID == 0 || g.ChatID == 0 || f.ChatID == g.ChatID)
}

func (f Filter) check() error {
	if f.Topic < 0 {
		return fmt.Errorf("filter by topic %d: want the id of a message", f.Topic)
	}
	switch f.Kind {
	case "", User, Chat, Channel, Secret, None:
		return nil
	}
	return fmt.Errorf("filter by %q: want user, chat, channel, secret or none", f.Kind)
}

// selection is what a subscription wants.
type selection struct {
	filters []Filter // any of them; none: all
	boxes   []string // any of them; none: all
}

// newSelection adds the gaps of what is filtered by constructor or topic, so that nobody misses updates without being told.
func newSelection(filters []Filter, boxes []string, gaps bool) (selection, error) {
	s := selection{filters: slices.Clone(filters), boxes: boxes}
	for _, f := range filters {
		if err := f.check(); err != nil {
			return s, err
		}
		if gaps && (f.Update != "" || f.Topic != 0) {
			f.Update, f.Topic = gapName, 0
			s.filters = append(s.filters, f)
		}
	}
	return s, nil
}

func (s selection) wants(m *Meta) bool {
	byFilter := len(s.filters) == 0 || slices.ContainsFunc(s.filters, func(f Filter) bool { return f.matches(m) })
	return byFilter && (len(s.boxes) == 0 || slices.Contains(s.boxes, m.Box))
}

// distinct are filters that do not overlap, as NATS wants those of one consumer, and take at least what s wants. nil: all.
func (s selection) distinct() (kept []Filter) {
	for i, f := range s.filters {
		covered := false
		for j, g := range s.filters {
			if i != j && g.covers(f) && (j < i || !f.covers(g)) {
				covered = true
			} else if i != j && !f.covers(g) && !g.covers(f) && f.overlaps(g) {
				return nil
			}
		}
		if !covered {
			kept = append(kept, f)
		}
	}
	return kept
}
