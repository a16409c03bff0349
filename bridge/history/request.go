package history

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/history/walk"
)

// asked is a request for history, as it is written.
type asked struct {
	Peer  json.RawMessage `json:"peer"`  // an InputPeer, or text in its place
	From  json.RawMessage `json:"from"`  // the first message, a bound
	To    json.RawMessage `json:"to"`    // the last
	Limit *int            `json:"limit"` // the newest so many of them
	Topic *int            `json:"topic"` // those of a forum's topic alone, or of a thread
}

// bound is one end of a range as callers write it: the id of a message as a number; a date as text, RFC 3339 or 2026-01-31, or as Unix
// seconds behind an @.
type bound struct {
	walk.Bound
	day bool // a date without a time
}

// readBound reads one; where nothing is said it is none.
func readBound(body json.RawMessage) (b bound, err error) {
	if len(body) == 0 || string(body) == "null" {
		return b, nil
	}
	if id, err := strconv.ParseInt(string(body), 10, 64); err == nil {
		if id < 1 || id > math.MaxInt32 {
			return b, errID
		}
		b.ID = int(id)
		return b, nil
	}
	var text string
	if json.Unmarshal(body, &text) != nil {
		return b, errBound
	}
	at, day, ok := parseDate(text)
	if !ok {
		return b, errBound
	}
	b.Date, b.day = at, day
	return b, nil
}

var (
	errBound = errors.New("want the id of a message such as 17, or a date of 1970 to 2038 such as \"2026-01-31\", " +
		"\"2026-01-31T12:00:00Z\" or \"@1769860800\"")
	errID = errors.New("want the id of a message, of 1 to " + strconv.Itoa(math.MaxInt32))
)

// parseDate reads a date of Telegram's time, which has 31 bits.
func parseDate(text string) (unix int64, day, ok bool) {
	if seconds, found := strings.CutPrefix(text, "@"); found {
		n, err := strconv.ParseInt(seconds, 10, 64)
		return n, false, err == nil && n > 0 && n < math.MaxInt32
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			n := at.Unix()
			return n, layout == time.DateOnly, n > 0 && n < math.MaxInt32-86400
		}
	}
	return 0, false, false
}

// readAsked reads a request. A limit and a topic that are not given are 0.
func readAsked(body []byte) (a asked, r walk.Range, topic int, f *answer.Fault) {
	if err := answer.ReadJSON(body, &a); err != nil {
		return a, r, 0, bad(err.Error())
	}
	from, errFrom := readBound(a.From)
	to, errTo := readBound(a.To)
	r = walk.Range{From: from.Bound, To: to.Bound}
	if to.day {
		r.To.Date += 86399 // the whole of that day
	}
	switch {
	case len(a.Peer) == 0 || string(a.Peer) == "null" || len(a.Peer) > peerMost:
		return a, r, 0, bad("peer: want a chat, such as @name, a t.me link or channel.5")
	case errFrom != nil:
		return a, r, 0, bad("from: " + errFrom.Error())
	case errTo != nil:
		return a, r, 0, bad("to: " + errTo.Error())
	case a.Limit != nil && (*a.Limit < 1 || *a.Limit > math.MaxInt32):
		return a, r, 0, bad("limit: want how many messages at most, of 1 to " + strconv.Itoa(math.MaxInt32) + "; without it all")
	case a.Topic != nil && (*a.Topic < 1 || *a.Topic > math.MaxInt32):
		return a, r, 0, bad("topic: want the id of the message that began it, of 1 to " + strconv.Itoa(math.MaxInt32))
	case r.From.ID > 0 && r.To.ID > 0 && r.From.ID > r.To.ID, r.From.Date > 0 && r.To.Date > 0 && r.From.Date > r.To.Date:
		return a, r, 0, bad("from is behind to")
	}
	if a.Limit != nil {
		r.Limit = *a.Limit
	}
	if a.Topic != nil {
		topic = *a.Topic
	}
	return a, r, topic, nil
}

// peerMost is how long a peer may be written, in bytes.
const peerMost = 4096

func bad(text string) *answer.Fault { return answer.Refuse(400, "history.fetch: "+text) }
