package chats

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/natsgram/natsgram/bridge/dialogs"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/updates"
)

// setback is that a question was not answered: why, since when, and when it is asked again. The zero one: it was, or was not asked.
type setback struct {
	why   string
	since time.Time
	next  time.Time
	wait  time.Duration // before next
}

const (
	leastWait = 2 * time.Second
	worstWait = 10 * time.Minute
)

// note takes in that it was not answered once more, and reports whether that is news.
func (s *setback) note(now time.Time, err error, jitter func(time.Duration) time.Duration) (news bool) {
	if s.since.IsZero() {
		s.since = now
	}
	s.wait = min(max(2*s.wait, leastWait), worstWait)
	if r := refusal(err); r.Code == 420 {
		s.wait = max(s.wait, time.Duration(r.Arg)*time.Second)
	}
	s.next = now.Add(s.wait + jitter(s.wait/4))
	why := strings.ReplaceAll(err.Error(), "mtproto: ", "")
	news, s.why = why != s.why, why
	return news
}

// repeat has it wait as long as it did before, if it was not answered since.
func (s *setback) repeat(now time.Time, jitter func(time.Duration) time.Duration) {
	if !s.since.IsZero() {
		s.next = now.Add(s.wait + jitter(s.wait/4))
	}
}

func (s *setback) waits(now time.Time) bool { return s.next.After(now) }

// asks are what was not answered, under Keeper.mu.
type asks struct {
	next  time.Time // before that nothing is asked
	of    [dialogs.Questions]setback
	held  []held
	again setback // of asking for those once more: however many they are, one is asked for at a time
}

// held is a dialog about which a question was refused that asked for nothing else. It counts as asked for until it is asked for once more.
type held struct {
	chat updates.Peer
	setback
}

// waiting are the questions that have to wait.
func (x *asks) waiting(now time.Time) (all []dialogs.Question) {
	for q := range x.of {
		if x.of[q].waits(now) {
			all = append(all, dialogs.Question(q)) //nolint:gosec // few
		}
	}
	return all
}

// waits are until when something has to wait.
func (x *asks) waits(now time.Time) (all []time.Time) {
	for q := range x.of {
		if x.of[q].waits(now) {
			all = append(all, x.of[q].next)
		}
	}
	for i := range x.held {
		if next := x.sooner(&x.held[i]); next.After(now) {
			all = append(all, next)
		}
	}
	return all
}

// sooner is when a dialog that is held is asked for once more at the soonest.
func (x *asks) sooner(h *held) time.Time {
	return slices.MaxFunc([]time.Time{h.next, x.again.next, x.of[dialogs.Dialogs].next}, time.Time.Compare)
}

// hold notes that a question about a dialog alone was refused.
func (x *asks) hold(chat updates.Peer, now time.Time, err error, jitter func(time.Duration) time.Duration) {
	i := slices.IndexFunc(x.held, func(h held) bool { return h.chat == chat })
	if i < 0 {
		i, x.held = len(x.held), append(x.held, held{chat: chat})
	}
	x.held[i].note(now, err, jitter)
}

// release notes that questions about dialogs were not refused.
func (x *asks) release(all []updates.Peer) {
	if x.held = slices.DeleteFunc(x.held, func(h held) bool { return slices.Contains(all, h.chat) }); len(x.held) == 0 {
		x.again = setback{}
	}
}

// due is the dialog that is to be asked for once more, of several the one for which it has been time for longest; nil: none is.
func (x *asks) due(now time.Time) *updates.Peer {
	var first *held
	if x.again.waits(now) {
		return nil
	}
	for i := range x.held {
		if h := &x.held[i]; !h.waits(now) && (first == nil || h.next.Before(first.next)) {
			first = h
		}
	}
	if first == nil {
		return nil
	}
	return &first.chat
}

// forget forgets what nobody asks any more.
func (x *asks) forget(f *dialogs.Fold) {
	for q := range x.of {
		if !f.Wants(dialogs.Question(q)) { //nolint:gosec // few
			x.of[q] = setback{}
		}
	}
}

// worst is what has not been answered for longest, and when that is asked again at the soonest; the zero one: nothing is like that. What nobody asks any
// more is none.
func (x *asks) worst(f *dialogs.Fold) (worst setback) {
	take := func(s setback, sooner time.Time) {
		if !s.since.IsZero() && (worst.since.IsZero() || s.since.Before(worst.since)) {
			worst, worst.next = s, slices.MaxFunc([]time.Time{sooner, x.next}, time.Time.Compare)
		}
	}
	for i := range x.held {
		take(x.held[i].setback, x.sooner(&x.held[i]))
	}
	for q := range x.of {
		if f == nil || f.Wants(dialogs.Question(q)) { //nolint:gosec // few
			take(x.of[q], x.of[q].next)
		}
	}
	return worst
}

// refusal is Telegram's word; the zero one: it said nothing.
func refusal(err error) *mtproto.Error {
	var r *mtproto.Error
	if errors.As(err, &r) {
		return r
	}
	return &mtproto.Error{}
}

// refused reports whether Telegram will not answer a question, rather than not now: what it does when it is asked once more it has done now.
func refused(err error) bool {
	switch r := refusal(err); r.Code {
	case 400, 403, 404, 406:
		return true
	case 420:
		return r.Arg == 0 // for an account that it has frozen
	}
	return false
}

// gone are the refusals that are about the chat: the account has no such dialog.
var gonePeers = map[string]bool{
	"PEER_ID_INVALID": true, "CHANNEL_INVALID": true, "CHANNEL_PRIVATE": true, "CHANNEL_PUBLIC_GROUP_NA": true, "USER_BANNED_IN_CHANNEL": true,
	"CHAT_ID_INVALID": true, "CHAT_FORBIDDEN": true, "USER_ID_INVALID": true, "INPUT_USER_DEACTIVATED": true, "MSG_ID_INVALID": true,
}

// unreachable reports whether a refusal says that the account has no dialog with a chat.
func unreachable(err error) bool { return gonePeers[refusal(err).Type] }
