// Package parts carries answers that are larger than a message (design §13, ADR-47 of NATS): who asks with the header Tg-Reply: parts
// gets as many messages as it takes, each with the header Tg-Part: i/n, and an empty one at the end. The daemon splits, programs join.
//
// Every answer to such a request comes so, errors and small ones too, so that whoever waits for the empty message waits for
// nothing in vain. The empty one has no headers, since by that a NATS server knows that an import of ours needs its reply no more.
package parts

import (
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/subjects"
)

// Wanted reports whether a request asks for its answer in parts. Not ok: it asks for something else, which there is not.
func Wanted(h nats.Header) (parts, ok bool) {
	for k, v := range h {
		if len(k) == len(subjects.HeaderReply) && strings.EqualFold(k, subjects.HeaderReply) {
			return true, len(v) == 1 && v[0] == subjects.ReplyParts
		}
	}
	return false, true
}

// Split calls send with each part of an answer, and with the end. The headers come with the first part. most is what a part may have,
// in bytes; send may keep what it gets only until it returns.
func Split(h nats.Header, data []byte, most int, send func(nats.Header, []byte) error) error {
	n := max((len(data)+most-1)/most, 1)
	for i := 1; i <= n; i++ {
		head := make(nats.Header, len(h)+1)
		if i == 1 {
			maps.Copy(head, h)
		}
		head[subjects.HeaderPart] = []string{strconv.Itoa(i) + "/" + strconv.Itoa(n)}
		if err := send(head, data[(i-1)*most:min(i*most, len(data))]); err != nil {
			return err
		}
	}
	return send(nil, nil)
}

// ErrLost says that a part did not come, or not in its turn.
var ErrLost = errors.New("a part of the answer is missing")

// Joiner makes one answer of the messages that came. The zero value is ready for the first.
type Joiner struct {
	head nats.Header
	data []byte
	next int // the number of the part that is to come; 0: none has come
	of   int
}

// Add takes the next message. It gives the answer when that was the last part: the first part's headers without Tg-Part, and all the
// bytes. A message without the header is an answer by itself.
func (j *Joiner) Add(m *nats.Msg) (whole *nats.Msg, err error) {
	said := m.Header.Get(subjects.HeaderPart)
	if said == "" {
		if j.next > 0 {
			return nil, fmt.Errorf("%w: after %d of %d came a message without %s", ErrLost, j.next-1, j.of, subjects.HeaderPart)
		}
		return m, nil
	}
	i, n, err := parse(said)
	if err != nil {
		return nil, err
	}
	if j.next == 0 {
		j.head, j.next, j.of = m.Header, 1, n
		j.head.Del(subjects.HeaderPart)
	}
	if i != j.next || n != j.of {
		return nil, fmt.Errorf("%w: %s came, want %d/%d", ErrLost, said, j.next, j.of)
	}
	if j.next++; n == 1 {
		return m, nil
	}
	j.data = append(j.data, m.Data...)
	if i < n {
		return nil, nil //nolint:nilnil // the doc says so
	}
	return &nats.Msg{Subject: m.Subject, Header: j.head, Data: j.data}, nil
}

func parse(said string) (i, n int, err error) {
	first, last, ok := strings.Cut(said, "/")
	i, err1 := strconv.Atoi(first)
	n, err2 := strconv.Atoi(last)
	if !ok || err1 != nil || err2 != nil || i < 1 || i > n {
		return 0, 0, fmt.Errorf("%s: want i/n, got %.40q", subjects.HeaderPart, said)
	}
	return i, n, nil
}

// NoResponders reports whether a message is the server's: nobody listens on the subject.
func NoResponders(m *nats.Msg) bool { return len(m.Data) == 0 && m.Header.Get("Status") == "503" }
