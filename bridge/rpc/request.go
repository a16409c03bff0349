package rpc

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/subjects"
)

// request is what the headers of a request say.
type request struct {
	in, out Encoding
	again   bool          // it repeats a request of which the caller does not know what became
	free    bool          // it keeps no order with others
	timeout time.Duration // 0: not said
	msgID   string
}

const (
	maxHeaders = 16 << 10 // all of a request's, in bytes
	maxHeader  = 256      // one that is read here
)

// readHeaders understands a request's headers. Even of a wrong request the encoding of the answer is told as far as possible.
func readHeaders(h nats.Header, layer int) (r request, fault *Fault) {
	if len(h) == 0 {
		return r, nil
	}
	in, wrong := readAll(h)
	if fault = r.readTypes(in.content, in.accept); fault != nil {
		return r, fault
	}
	if wrong != nil {
		return r, wrong
	}
	if in.timeout != "" {
		if r.timeout = answer.ParseTimeout(in.timeout); r.timeout == 0 {
			return r, answer.Refuse(400, subjects.HeaderTimeout+": want seconds, such as 30 or 2.5, got "+answer.Quote(in.timeout))
		}
	}
	if !sane(in.msgID) {
		return r, answer.Refuse(400, subjects.HeaderMsgID+": want printable text")
	}
	if in.reply != "" && in.reply != subjects.ReplyParts {
		return r, answer.Refuse(400, subjects.HeaderReply+": want "+subjects.ReplyParts+", got "+answer.Quote(in.reply))
	}
	if in.order != "" && !strings.EqualFold(in.order, subjects.OrderFree) {
		return r, answer.Refuse(400, subjects.HeaderOrder+": want "+subjects.OrderFree+", or nothing, got "+answer.Quote(in.order))
	}
	r.msgID, r.again, r.free = in.msgID, in.retry != "", in.order != ""
	return r, r.checkLayer(in.layer, layer)
}

// headers are those of a request that mean something here.
type headers struct{ content, accept, layer, timeout, retry, msgID, reply, order string }

// readAll reads them by their usual names, or written in another case as some clients do. Each may be there once: of two it
// would be chance which is meant.
func readAll(h nats.Header) (in headers, wrong *Fault) {
	for _, one := range []struct {
		name string
		to   *string
	}{
		{subjects.HeaderContentType, &in.content}, {subjects.HeaderAccept, &in.accept}, {subjects.HeaderLayer, &in.layer},
		{subjects.HeaderTimeout, &in.timeout}, {subjects.HeaderRetry, &in.retry}, {subjects.HeaderMsgID, &in.msgID},
		{subjects.HeaderReply, &in.reply}, {subjects.HeaderOrder, &in.order},
	} {
		var found int
		if *one.to, found = answer.First(h, one.name); found > 1 {
			wrong = answer.Refuse(400, one.name+": it is there "+strconv.Itoa(found)+" times, want one")
		}
		if len(*one.to) > maxHeader {
			wrong = answer.Refuse(400, one.name+": it has "+strconv.Itoa(len(*one.to))+" bytes, want "+strconv.Itoa(maxHeader)+" at most")
		}
	}
	return in, wrong
}

// sane reports whether a text can go on in a header of an update: what a caller names his request by stands there too.
func sane(id string) bool {
	return utf8.ValidString(id) && !strings.ContainsFunc(id, func(r rune) bool { return !unicode.IsPrint(r) })
}

func (r *request) readTypes(in, accept string) *Fault {
	ok := true
	if in != "" {
		r.in, ok = answer.ParseType(in)
	}
	r.out = r.in
	if accept != "" {
		out, can := parseAccept(accept, r.in)
		if !can {
			return answer.Refuse(406, "no answer in "+answer.Quote(accept)+": there are "+strings.Join(answer.ContentTypes[:], ", "))
		}
		r.out = out
	}
	if !ok {
		return answer.Refuse(415, "request in "+answer.Quote(in)+": want "+strings.Join(answer.ContentTypes[:], ", "))
	}
	return nil
}

// checkLayer: raw TL means something in one layer only, so it has to say which.
func (r *request) checkLayer(text string, layer int) *Fault {
	if text == "" && r.in != TL {
		return nil
	}
	if text != strconv.Itoa(layer) {
		return answer.Refuse(400, subjects.HeaderLayer+": this account is served in layer "+strconv.Itoa(layer)+", the request says "+answer.Quote(text))
	}
	return nil
}

// parseAccept takes the first of the list that there is; weights are ignored. same is what the request came in.
func parseAccept(text string, same Encoding) (Encoding, bool) {
	for one := range strings.SplitSeq(text, ",") {
		if e, ok := answer.ParseType(one); ok {
			return e, true
		}
		one, _, _ = strings.Cut(one, ";")
		if one = strings.TrimSpace(one); one == "*/*" || one == "application/*" {
			return same, true
		}
	}
	return JSON, false
}
