package rpc

import (
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/subjects"
)

// request is what the headers of a request say.
type request struct {
	in, out Encoding
	timeout time.Duration // 0: not said
	msgID   string
	again   bool // it repeats a request of which the caller does not know what became
}

const maxTimeout = 24 * time.Hour

// readHeaders understands a request's headers. Even of a wrong request the encoding of the answer is told as far as possible.
func readHeaders(h nats.Header, layer int) (r request, fault *Fault) {
	if len(h) == 0 {
		return r, nil
	}
	if fault = r.readTypes(h); fault != nil {
		return r, fault
	}
	if text := get(h, subjects.HeaderTimeout); text != "" {
		if r.timeout = parseTimeout(text); r.timeout == 0 {
			return r, &Fault{Code: 400, Text: subjects.HeaderTimeout + ": want seconds, such as 30 or 2.5, got " + quote(text), Sent: "no"}
		}
	}
	r.msgID, r.again = get(h, subjects.HeaderMsgID), get(h, subjects.HeaderRetry) != ""
	return r, r.checkLayer(get(h, subjects.HeaderLayer), layer)
}

func (r *request) readTypes(h nats.Header) *Fault {
	in, accept := get(h, subjects.HeaderContentType), get(h, subjects.HeaderAccept)
	ok := true
	if in != "" {
		r.in, ok = parseType(in)
	}
	r.out = r.in
	if accept != "" {
		out, can := parseAccept(accept, r.in)
		if !can {
			return &Fault{Code: 406, Text: "no answer in " + quote(accept) + ": there are " + strings.Join(answer.ContentTypes[:], ", "), Sent: "no"}
		}
		r.out = out
	}
	if !ok {
		return &Fault{Code: 415, Text: "request in " + quote(in) + ": want " + strings.Join(answer.ContentTypes[:], ", "), Sent: "no"}
	}
	return nil
}

// checkLayer: raw TL means something in one layer only, so it has to say which.
func (r *request) checkLayer(text string, layer int) *Fault {
	if text == "" && r.in != TL {
		return nil
	}
	if text != strconv.Itoa(layer) {
		return &Fault{Code: 400, Text: subjects.HeaderLayer + ": this account is served in layer " + strconv.Itoa(layer) + ", the request says " + quote(text), Sent: "no"}
	}
	return nil
}

// get reads a header by its usual name, or written in another case as some clients do.
func get(h nats.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	for k, v := range h {
		if len(k) == len(name) && len(v) > 0 && strings.EqualFold(k, name) {
			return v[0]
		}
	}
	return ""
}

// parseType understands a content type, parameters ignored.
func parseType(text string) (Encoding, bool) {
	text, _, _ = strings.Cut(text, ";")
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "application/json", "text/json":
		return JSON, true
	case "application/msgpack", "application/x-msgpack", "application/vnd.msgpack":
		return Msgpack, true
	case "application/x-tl":
		return TL, true
	}
	return JSON, false
}

// parseAccept takes the first of the list that there is; weights are ignored. same is what the request came in.
func parseAccept(text string, same Encoding) (Encoding, bool) {
	for one := range strings.SplitSeq(text, ",") {
		if e, ok := parseType(one); ok {
			return e, true
		}
		one, _, _ = strings.Cut(one, ";")
		if one = strings.TrimSpace(one); one == "*/*" || one == "application/*" {
			return same, true
		}
	}
	return JSON, false
}

// parseTimeout reads seconds, or a duration with its unit; 0: it is neither, or not between a millisecond and a day.
func parseTimeout(text string) time.Duration {
	text = strings.TrimSpace(text)
	d, err := time.ParseDuration(text)
	if err != nil {
		d, err = time.ParseDuration(text + "s")
	}
	if err != nil || d < time.Millisecond || d > maxTimeout {
		return 0
	}
	return d
}
