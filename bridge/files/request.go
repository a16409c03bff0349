package files

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/parts"
	"github.com/natsgram/natsgram/subjects"
)

// asked is a request for a file, as it is written.
type asked struct {
	Location json.RawMessage `json:"location,omitempty"` // an InputFileLocation

	Offset int64  `json:"offset,omitempty"`
	Limit  int64  `json:"limit,omitempty"`
	To     string `json:"to,omitempty"` // parts
}

// toParts is where the bytes go that are the answer.
const toParts = "parts"

// read understands a request.
func read(r *answer.Request) (a asked, f *answer.Fault) {
	if r.Size() > askMost {
		return a, answer.Refuse(400, "the request has "+strconv.Itoa(r.Size())+" bytes, more than any that there is has")
	}
	if _, ok := parts.Wanted(r.Header()); !ok {
		return a, answer.Refuse(400, subjects.HeaderReply+": want "+subjects.ReplyParts)
	}
	if err := answer.ReadJSON(r.Data(), &a); err != nil {
		return a, bad(err.Error())
	}
	switch {
	case a.Location == nil:
		return a, bad(`want {"location": an InputFileLocation}`)
	case a.Offset < 0 || a.Limit < 0:
		return a, bad("offset and limit: want 0 or more")
	case a.To != "" && a.To != toParts:
		return a, bad("to: want " + toParts + ", got " + quote(a.To))
	}
	return a, nil
}

func bad(text string) *answer.Fault { return answer.Refuse(400, subjects.FileGet+": "+text) }

// within is how long a request may take.
func (s *Service) within(h nats.Header) (time.Duration, *answer.Fault) {
	for k, v := range h {
		if !strings.EqualFold(k, subjects.HeaderTimeout) || len(v) == 0 {
			continue
		}
		d := answer.ParseTimeout(v[0])
		if d == 0 {
			return 0, answer.Refuse(400, subjects.HeaderTimeout+": want seconds, such as 30 or 2.5, got "+quote(v[0]))
		}
		return min(d, s.c.MaxTimeout), nil
	}
	return s.c.Timeout, nil
}

// quote is the beginning of what a caller wrote.
func quote(text string) string {
	const most = 40
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return strconv.Quote(text)
}
