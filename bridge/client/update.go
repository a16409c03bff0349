package client

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/tg"
)

// ErrRedacted is the Err of an update whose contents the daemon keeps to itself, so far that there is no Value: one too large
// for NATS. Meta.Redacted says why. A message of Telegram's own, which may hold a login code, has a Value without its text.
var ErrRedacted = errors.New("natsgram: the contents are not on the bus")

// ErrUnknown is the Err of an update, or several side by side, that Telegram wrote in a newer layer than the daemon has. Data
// is its TL.
var ErrUnknown = errors.New("natsgram: an update of a newer layer")

// unknownName is Meta.Type of such an update.
const unknownName = "unknown"

// Meta is what is known of an update without reading it.
type Meta struct {
	Type       string        // constructor: updateNewMessage; gap for a [Gap], unknown with [ErrUnknown]
	Kind       Kind          // of the chat
	ChatID     int64         // bare id of the chat, 0 with None
	Box        string        // common, secret, none, or channel.<id>: what Pts counts in
	Pts        int           // place in the box (qts in secret); 0 without one
	Date       time.Time     // of the message, or when Telegram sent the update; to the second
	Layer      int           // of the API, in which the daemon has read it
	RequestID  string        // Nats-Msg-Id of the call that caused it; empty when it was not one on this bus
	Delay      time.Duration // of a new message: how late Telegram told of it
	Backfill   bool          // out of history, into a gap that was said before
	MessageIDs []int         // of the messages that it is about: one, or as many as were deleted; of more than 100 none, they are in the update
	Topic      int           // the forum topic that the message stands in, by the id of the message that made it; 0: none, or General
	Thread     int           // the thread of a supergroup that it stands in, by the id of the message that began it; 0: none. The same as Topic: it may be either
	Album      int64         // what the messages of an album share; 0: of none
	Redacted   string        // why contents are missing, all or some: service message, too large; empty: they are not
}

// Update is one message of the stream, or of the live updates.
type Update struct {
	Meta

	// Value is the update, a pointer to one of the types of package tg; Users and Chats are those that it mentions. Value is
	// nil where Gap or Err is not.
	Value tg.UpdateClass
	Users []tg.UserClass
	Chats []tg.ChatClass

	// Gap: not an update, but word that some are missing.
	Gap *Gap

	// Err is why there is no Value: [ErrRedacted], or that the payload holds what this layer of package tg does not know. Data
	// has it as it came; nothing is lost.
	Err error

	Sequence  uint64    // in the stream; 0 of live updates
	Stored    time.Time // in the stream
	Delivered int       // how often it was, 1 the first time; 0 of live updates

	msg  message
	acks acker // nil: wants none
}

// Gap says that updates of the box between two places were lost by Telegram itself, or cannot be read.
type Gap struct {
	Box      string
	From, To int    // pts, exclusive and inclusive; equal: not known how many, or nothing but messages
	Reason   string // too long, reset, first seen ..., or Telegram's own: CHANNEL_PRIVATE
	Filled   bool   // messages come out of history, with Backfill
}

// message is a jetstream.Msg, as far as an update needs it.
type message interface {
	Subject() string
	Data() []byte
	Headers() nats.Header
}

// Subject returns where the update was published.
func (u *Update) Subject() string { return u.msg.Subject() }

// Data returns the payload as it came, in the encoding that the header Content-Type names.
func (u *Update) Data() []byte { return u.msg.Data() }

// Headers returns those of the message.
func (u *Update) Headers() nats.Header { return u.msg.Headers() }

// readMeta takes the headers of an update and the last three tokens of its subject, which are the same wherever it is read.
func readMeta(subject string, h nats.Header) Meta {
	m := Meta{
		Type: h.Get(subjects.HeaderType), Box: h.Get(subjects.HeaderBox), Pts: int(number(h, subjects.HeaderPts)), Layer: int(number(h, subjects.HeaderLayer)),
		RequestID: h.Get(subjects.HeaderRequestID), Delay: time.Duration(number(h, subjects.HeaderDelay)) * time.Millisecond,
		Backfill: h.Get(subjects.HeaderBackfill) == "true", Redacted: h.Get(subjects.HeaderRedacted),
	}
	m.MessageIDs, m.Album = messageIDs(h.Get(subjects.HeaderMessage)), number(h, subjects.HeaderAlbum)
	m.Topic, m.Thread = int(number(h, subjects.HeaderTopic)), int(number(h, subjects.HeaderThread))
	if at := number(h, subjects.HeaderDate); at > 0 {
		m.Date = time.Unix(at, 0)
	}
	tokens := strings.Split(subject, ".")
	if len(tokens) < 3 {
		return m
	}
	tokens = tokens[len(tokens)-3:]
	m.Kind = Kind(tokens[1])
	m.ChatID, _ = strconv.ParseInt(tokens[2], 10, 64)
	if name, ok := subjects.Unescape(tokens[0]); ok {
		m.Type = name
	}
	return m
}

// messageIDs reads ids between commas. Of a text that is anything else it takes what comes before that.
func messageIDs(text string) (all []int) {
	for one := range strings.SplitSeq(text, ",") {
		id, err := strconv.Atoi(one)
		if err != nil {
			break
		}
		all = append(all, id)
	}
	return all
}

// number is a header's, 0 where there is none.
func number(h nats.Header, name string) int64 {
	n, _ := strconv.ParseInt(h.Get(name), 10, 64)
	return n
}

// newUpdate reads a message. It never fails: what cannot be read says so itself.
func newUpdate(meta Meta, msg message) *Update {
	u := &Update{Meta: meta, msg: msg}
	if u.Type == unknownName {
		u.Err = ErrUnknown
	} else {
		u.Err = u.read(msg.Headers().Get(subjects.HeaderContentType), msg.Data())
	}
	if u.Err != nil && u.Redacted != "" {
		u.Err = ErrRedacted
	}
	return u
}
