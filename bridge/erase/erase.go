// Package erase takes out of streams what is kept of a person or a chat: whole messages, so that nothing of their contents is left in
// the files of the server.
package erase

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/subjects"
)

// Target is whom it is about.
type Target struct {
	Kind subjects.Kind
	ID   int64
}

// String is as in the subjects of updates.
func (t Target) String() string { return string(t.Kind) + "." + strconv.FormatInt(t.ID, 10) }

// Of reports whether a message is about the target by its subject.
func (t Target) Of(subject string, _ nats.Header, _ []byte) bool {
	return strings.Contains(subject+".", "."+t.String()+".")
}

// In reports whether a message is about the target, or names it anywhere: as the chat of its subject, or by its id in the payload, links and
// the ids of the Bot API in texts included. An id may be that of something else as well: too much is taken rather than too little.
func (t Target) In(subject string, h nats.Header, payload []byte) bool {
	if t.Of(subject, nil, nil) || t.linked(payload) {
		return true
	}
	switch first(h, subjects.HeaderContentType) {
	case subjects.ContentMsgpack:
		return bytes.Contains(payload, binary.BigEndian.AppendUint64([]byte{0xd3}, uint64(t.ID))) //nolint:gosec // two's complement is meant
	case subjects.ContentTL:
		return bytes.Contains(payload, binary.LittleEndian.AppendUint64(nil, uint64(t.ID))) //nolint:gosec // two's complement is meant
	}
	return bytes.Contains(payload, []byte(`"`+strconv.FormatInt(t.ID, 10)+`"`))
}

// Asked reports the same of what a caller wrote: ids also as numbers, within text, and as the Bot API has them.
func (t Target) Asked(subject string, h nats.Header, body []byte) bool {
	if t.In(subject, h, body) {
		return true
	}
	id := strconv.FormatInt(t.ID, 10)
	switch first(h, subjects.HeaderContentType) {
	case subjects.ContentTL:
		return false
	case subjects.ContentMsgpack:
		number := binary.BigEndian.AppendUint64([]byte{0xcf}, uint64(t.ID)) //nolint:gosec // an id is above 0
		if bytes.Contains(body, number) || t.ID <= math.MaxUint32 && bytes.Contains(body, append([]byte{0xce}, number[5:]...)) ||
			t.ID <= math.MaxInt32 && bytes.Contains(body, append([]byte{0xd2}, number[5:]...)) {
			return true
		}
		for _, below := range t.belowZero() {
			number := binary.BigEndian.AppendUint64([]byte{0xd3}, uint64(below)) //nolint:gosec // two's complement is meant
			if bytes.Contains(body, number) || below >= math.MinInt32 && bytes.Contains(body, append([]byte{0xd2}, number[5:]...)) {
				return true
			}
		}
	}
	for _, below := range t.belowZero() {
		if numbered(body, strconv.FormatInt(-below, 10), anywhere) {
			return true
		}
	}
	return numbered(body, id, anywhere) || numbered(body, "100"+id, anywhere) // people write that before a channel's id however long it is
}

// belowZero is how the Bot API has the id, whether a channel's or a basic group's: too much is taken rather than too little.
func (t Target) belowZero() [2]int64 {
	return [2]int64{subjects.ChatRef{Kind: subjects.Channel, ID: t.ID}.BotAPI(), subjects.ChatRef{Kind: subjects.Chat, ID: t.ID}.BotAPI()}
}

// linked reports whether a link or an id of the Bot API in a text leads to the target. A number alone, as a price, does not.
func (t Target) linked(text []byte) bool {
	id := strconv.FormatInt(t.ID, 10)
	switch t.Kind {
	case subjects.User:
		return numbered(text, id, func(before []byte) bool { return query(before, "user_id=", "user?id=", "&id=", `\u0026id=`) })
	case subjects.Chat:
		return numbered(text, id, func(before []byte) bool { return query(before, "chat_id=") || minus(before) })
	case subjects.Channel:
		below := strconv.FormatInt(-subjects.ChatRef{Kind: t.Kind, ID: t.ID}.BotAPI(), 10)
		return numbered(text, below, minus) || numbered(text, "100"+id, minus) || numbered(text, id, func(before []byte) bool {
			before, private := bytes.CutSuffix(lower(tail(before)), []byte("c/"))
			return private && behindHost(before) || query(before, "channel=")
		})
	}
	return false
}

// query reports whether a text ends with the key of a link's parameter.
func query(text []byte, keys ...string) bool { return endsWith(lower(tail(text)), keys...) }

// tail is the end of a text, as long as what stands before an id in a link.
func tail(text []byte) []byte { return text[max(len(text)-len("telegram.dog:443/s/c/"), 0):] }

func minus(before []byte) bool { return endsWith(before, "-") }

func anywhere([]byte) bool { return true }

// numbered reports whether digits stand anywhere with no other beside them, and where is content with what stands before.
func numbered(body []byte, digits string, where func(before []byte) bool) bool {
	digit := func(i int) bool { return i >= 0 && i < len(body) && body[i] >= '0' && body[i] <= '9' }
	for from := 0; ; {
		at := bytes.Index(body[from:], []byte(digits))
		if at < 0 {
			return false
		}
		at += from
		if !digit(at-1) && !digit(at+len(digits)) && where(body[:at]) {
			return true
		}
		from = at + 1
	}
}

func first(h nats.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

const (
	// nextWait is how long the first message may take.
	nextWait = 10 * time.Second
	// readAhead is how many messages wait here at most.
	readAhead = 100
)

// Count is what was done to a stream.
type Count struct {
	Read   uint64 `json:"read"`
	Erased uint64 `json:"erased"`
}

// Stream goes through those messages of a stream that a filter takes, up to a sequence, 0: to the end, and deletes which are to go;
// the server writes over their bytes. dry: they are only counted. It can be done again: what was deleted is not met any more.
func Stream(ctx context.Context, js jetstream.JetStream, name, filter string, upTo uint64, goes func(subject string, h nats.Header, payload []byte) bool, dry bool) (c Count, err error) {
	s, err := js.Stream(ctx, name)
	if err != nil {
		return c, fmt.Errorf("%s: %w", name, err)
	}
	at := uint64(0)
	each := func(m jetstream.Msg, seq uint64) (more bool, err error) {
		if upTo > 0 && seq > upTo {
			return false, nil
		}
		at = seq
		c.Read++
		if !goes(m.Subject(), m.Headers(), m.Data()) {
			return true, nil
		}
		if !dry {
			if err := storage.EraseMsg(ctx, s, seq); err != nil {
				return false, fmt.Errorf("message %d: %w", seq, err)
			}
		}
		c.Erased++
		return true, nil
	}
	for more := true; more; {
		if more, err = behind(ctx, js, name, filter, at, each); err != nil {
			return c, fmt.Errorf("%s: %w", name, err)
		}
	}
	return c, nil
}

// behind gives the messages behind a sequence that are there now, until each has enough. more: some did not come, as they may have been taken
// out meanwhile.
func behind(ctx context.Context, js jetstream.JetStream, name, filter string, at uint64, each func(m jetstream.Msg, seq uint64) (more bool, err error)) (more bool, err error) {
	consumer, err := js.OrderedConsumer(ctx, name, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{filter}, InactiveThreshold: nextWait, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: at + 1,
	})
	if err != nil {
		return false, err
	}
	left := consumer.CachedInfo().NumPending
	if left == 0 {
		return false, nil
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(readAhead))
	if err != nil {
		return false, err
	}
	defer messages.Stop()
	for wait := nextWait; left > 0; left-- {
		m, err := storage.Next(ctx, messages, wait)
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case errors.Is(err, context.DeadlineExceeded) && (wait < nextWait || spent(ctx, consumer)):
			return true, nil
		case err != nil:
			return false, err
		}
		wait = storage.NextTime
		meta, err := m.Metadata()
		if err != nil {
			return false, err
		}
		if more, err := each(m, meta.Sequence.Stream); !more || err != nil {
			return false, err
		}
	}
	return false, nil
}

// spent reports whether a consumer that has given nothing has nothing to give.
func spent(ctx context.Context, c jetstream.Consumer) bool {
	info, err := c.Info(ctx)
	return err == nil && info.NumPending == 0 && info.Delivered.Consumer == 0
}
