package answer

import (
	"bytes"
	"encoding/json"
	"errors"
	"hash/maphash"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/parts"
	"github.com/natsgram/natsgram/subjects"
)

// Request is a message that [Answers.Accept] has let through. It is answered once: a second answer goes nowhere. One
// goroutine at a time uses it.
type Request struct {
	msg      *nats.Msg
	to       *Answers
	inside   func(h nats.Header, data []byte) // takes the answer, which is not published; nil: it is
	answered bool
}

// Inside makes a request that comes from the daemon itself. It is answered by a call, with data that the one called may keep.
func (a *Answers) Inside(m *nats.Msg, answer func(h nats.Header, data []byte)) Request {
	return Request{msg: m, to: a, inside: answer}
}

// IsInside reports whether the request comes from the daemon itself.
func (r *Request) IsInside() bool { return r.inside != nil }

// Subject is where the request came.
func (r *Request) Subject() string { return r.msg.Subject }

// Header is that of the request.
func (r *Request) Header() nats.Header { return r.msg.Header }

// Data is the body.
func (r *Request) Data() []byte { return r.msg.Data }

// Size is how many bytes the request had on its way here.
func (r *Request) Size() int { return r.msg.Size() }

// HeaderSize is how many of them were headers.
func (r *Request) HeaderSize() int {
	return r.msg.Size() - len(r.msg.Data) - len(r.msg.Subject) - len(r.msg.Reply)
}

// Print tells requests apart, whoever passed them on: by subject, reply and body.
func (r *Request) Print(seed maphash.Seed) uint64 {
	var h maphash.Hash
	h.SetSeed(seed)
	for _, part := range []string{r.msg.Subject, r.msg.Reply} {
		_, _ = h.WriteString(part) // it never fails
		_ = h.WriteByte(0)
	}
	_, _ = h.Write(r.msg.Data)
	return h.Sum64()
}

// Answered reports whether the request has had its answer.
func (r *Request) Answered() bool { return r.answered }

// headerRoom is what an answer's headers may take of max_payload, in bytes.
const headerRoom = 512

// TooLarge is the fault of an answer that no message can hold; nil: it fits, or may come in parts. What was asked for has been done.
func (r *Request) TooLarge(size int) *Fault {
	most := r.to.conn.MaxPayload()
	if in, _ := parts.Wanted(r.msg.Header); in || int64(size+headerRoom) <= most {
		return nil
	}
	return Done(413, "the answer has "+strconv.Itoa(size)+" bytes, more than a message of this NATS server holds (max_payload "+
		strconv.FormatInt(most, 10)+"): take it in parts ("+subjects.HeaderReply+": "+subjects.ReplyParts+"), "+
		"ask for less at a time, or raise max_payload")
}

// Send answers, in parts where the request asks for them. data is the caller's again when it returns.
func (r *Request) Send(h nats.Header, data []byte) {
	if r.answered {
		return
	}
	r.answered = true
	if r.inside != nil {
		r.inside(h, bytes.Clone(data))
		return
	}
	if r.msg.Reply == "" {
		return
	}
	publish := func(h nats.Header, data []byte) error {
		return r.to.conn.PublishMsg(&nats.Msg{Subject: r.msg.Reply, Header: h, Data: data})
	}
	var err error
	if in, _ := parts.Wanted(r.msg.Header); in {
		err = parts.Split(h, data, max(int(r.to.conn.MaxPayload())-headerRoom, 1), publish)
	} else {
		err = publish(h, data)
	}
	if err != nil {
		r.to.log.Warn("answering", "request", short(r.msg.Subject), "err", err)
	}
}

// Fail answers with a fault.
func (r *Request) Fail(e Encoding, f *Fault) { r.Send(f.Header(e), f.Body(e)) }

// JSON answers with a value, or with the fault, and tells which fault it was.
func (r *Request) JSON(v any, f *Fault) *Fault {
	var body []byte
	if f == nil {
		var err error
		if body, err = json.Marshal(v); err != nil {
			f = Doubt(500, err.Error())
		} else {
			f = r.TooLarge(len(body))
		}
	}
	if f != nil {
		r.Fail(JSON, f)
	} else {
		r.Send(JSON.Header(), body)
	}
	return f
}

// ErrReserved is a request that only a NATS server can pass on: it came by a service import, and a client's publishing with the
// server's own reply is refused.
var ErrReserved = errors.New("it came by a service import, and cannot be passed on")

// ParseTimeout reads seconds, or a duration with its unit; 0: it is neither, or less than a millisecond. What is too long for any
// request is cut, and that is no fault: it says how long the caller waits.
func ParseTimeout(text string) time.Duration {
	text = strings.TrimSpace(text)
	d, err := time.ParseDuration(text)
	if err != nil {
		d, err = time.ParseDuration(text + "s")
	}
	if err != nil || d < time.Millisecond {
		return 0
	}
	return d
}

// PassOn publishes the request again, for whoever serves the account now. left is what is left of its time, passed what the next
// owner is told of it.
func (r *Request) PassOn(left time.Duration, passed string) error {
	if strings.HasPrefix(r.msg.Reply, "_R_.") {
		return ErrReserved
	}
	h := nats.Header{}
	for k, v := range r.msg.Header {
		if !strings.EqualFold(k, subjects.HeaderTimeout) && k != subjects.HeaderPassed {
			h[k] = v
		}
	}
	h[subjects.HeaderTimeout] = []string{max(left, time.Millisecond).Truncate(time.Millisecond).String()}
	h[subjects.HeaderPassed] = []string{passed}
	err := r.to.conn.PublishMsg(&nats.Msg{Subject: r.msg.Subject, Reply: r.msg.Reply, Header: h, Data: r.msg.Data})
	r.answered = err == nil
	return err
}

// Caller is who makes the request, where the NATS server says it: the account and the user of a service import. Empty: it
// does not. Anybody may write the header that it stands in, but the reply of an import only servers can, and they write
// both. It serves to share out, and grants nothing.
func (r *Request) Caller() string {
	if !strings.HasPrefix(r.msg.Reply, "_R_.") {
		return ""
	}
	var info struct {
		Account string `json:"acc"`
		User    string `json:"user"` // where the import shares it
	}
	all := r.msg.Header[subjects.HeaderRequestInfo]
	// The server takes away what callers write there, and adds its own behind what it might have overlooked.
	if len(all) == 0 || json.Unmarshal([]byte(all[len(all)-1]), &info) != nil || info.Account == "" {
		return ""
	}
	return info.Account + "/" + info.User
}
