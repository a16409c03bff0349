package rpc

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	protocol "github.com/nats-io/nats.go/micro"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/bin"
	"github.com/natsgram/natsgram/tl/codec"
)

// Fault is why a request failed: whose fault it is, whether anything was sent, how long to wait.
type Fault struct {
	Code       int           // as in HTTP; Telegram's own where it is Telegram's
	Text       string        // for people
	Telegram   string        // Telegram's text as it came: FLOOD_WAIT_35; empty when it is not Telegram's
	RetryAfter time.Duration // 0: not said
	Sent       string        // yes, no or unknown: whether Telegram may have executed the call
	Path       string        // in a bad request, the place
}

// Error is the text.
func (f *Fault) Error() string { return f.Text }

// badRequest tells what is wrong with a request, and where; and why, where Telegram was asked for a part of it.
func badRequest(err error) *Fault {
	f := &Fault{Code: 400}
	var asked *Fault
	if errors.As(err, &asked) {
		*f = *asked
	}
	f.Text, f.Sent = err.Error(), "no"
	var e *codec.Error
	if errors.As(err, &e) {
		f.Path = e.Path
	}
	return f
}

// body is a Fault as callers read it.
type body struct {
	Code       int     `json:"code" msgpack:"code"`
	Error      string  `json:"error" msgpack:"error"`
	Telegram   string  `json:"telegram,omitempty" msgpack:"telegram,omitempty"`
	RetryAfter float64 `json:"retry_after,omitempty" msgpack:"retry_after,omitempty"`
	Sent       string  `json:"sent" msgpack:"sent"`
	Path       string  `json:"path,omitempty" msgpack:"path,omitempty"`
}

const idRPCError = 0x2144ca19 // rpc_error error_code:int error_message:string

func (f *Fault) body(e Encoding) []byte {
	b := body{f.Code, f.Text, f.Telegram, f.RetryAfter.Seconds(), f.Sent, f.Path}
	var out []byte
	switch e {
	case Msgpack:
		out, _ = msgpack.Marshal(&b) // numbers and strings: cannot fail
	case TL:
		text := f.Telegram
		if text == "" {
			text = f.Text
		}
		w := bin.Writer{}
		w.Uint32(idRPCError)
		w.Int32(int32(f.Code)) //nolint:gosec // three digits
		w.Str(text)
		out = w.Buf
	default:
		out, _ = json.Marshal(&b)
	}
	return out
}

func (f *Fault) header(e Encoding) nats.Header {
	h := nats.Header{
		subjects.HeaderContentType: {e.String()},
		protocol.ErrorCodeHeader:   {strconv.Itoa(f.Code)},
		protocol.ErrorHeader:       {oneLine(f.Text)},
		subjects.HeaderSent:        {f.Sent},
	}
	if f.Telegram != "" {
		h[subjects.HeaderError] = []string{oneLine(f.Telegram)}
	}
	if f.RetryAfter > 0 {
		// Rounded up: who waits less is refused again.
		h[subjects.HeaderRetryAfter] = []string{strconv.Itoa(int((f.RetryAfter + time.Second - 1) / time.Second))}
	}
	return h
}

// BadJSON tells what is wrong with a request that encoding/json cannot read, in words of JSON and not of Go.
func BadJSON(err error) string {
	var e *json.UnmarshalTypeError
	if !errors.As(err, &e) {
		return strings.TrimPrefix(err.Error(), "json: ")
	}
	want := map[reflect.Kind]string{
		reflect.String: "a string", reflect.Bool: "true or false", reflect.Int: "a whole number", reflect.Slice: "an array", reflect.Struct: "an object",
	}[e.Type.Kind()]
	where := ""
	if e.Field != "" {
		where = e.Field + ": "
	}
	return where + "want " + want + ", got " + strings.Replace(e.Value, "bool", "true or false", 1)
}

// oneLine makes a header's value of any text.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}

// plainHeaders are shared by all good answers; nobody writes to them.
var plainHeaders = [...]nats.Header{
	JSON:    {subjects.HeaderContentType: {JSON.String()}},
	Msgpack: {subjects.HeaderContentType: {Msgpack.String()}},
	TL:      nil, // with the layer
}

func (s *Service) headerOf(j *job) nats.Header {
	h := plainHeaders[j.out]
	if j.out == TL {
		h = nats.Header{subjects.HeaderContentType: {TL.String()}, subjects.HeaderLayer: {strconv.Itoa(s.c.Methods.schema.Layer())}}
	}
	if j.redacted != "" {
		h = maps.Clone(h)
		h[subjects.HeaderRedacted] = []string{j.redacted}
	}
	return h
}

// headerRoom is what an answer's headers may take of max_payload, in bytes.
const headerRoom = 512

// reply sends a result, or a fault, and counts. Nothing of data is kept.
func (s *Service) reply(j *job, data []byte, fault *Fault) {
	if fault == nil && int64(len(data)+headerRoom) > s.c.Conn.MaxPayload() {
		fault = &Fault{Code: 413, Sent: "yes", Text: "the answer has " + strconv.Itoa(len(data)) + " bytes, more than a message of this NATS server holds (max_payload " +
			strconv.FormatInt(s.c.Conn.MaxPayload(), 10) + "): ask for less at a time, or raise max_payload"}
	}
	var header nats.Header
	if fault != nil {
		header, data = fault.header(j.out), fault.body(j.out)
	} else {
		header = s.headerOf(j)
	}
	s.measure(j, fault)
	if j.msg.Reply == "" {
		return
	}
	if err := s.c.Conn.PublishMsg(&nats.Msg{Subject: j.msg.Reply, Header: header, Data: data}); err != nil {
		s.c.Log.Warn("answering", "account", s.c.Account, "method", j.method, "err", err)
	}
}

// measure counts an answer.
func (s *Service) measure(j *job, fault *Fault) {
	took := time.Since(j.at)
	j.endpoint.done(took, fault)
	if s.c.Measure == nil {
		return
	}
	code, namespace := 0, ""
	if fault != nil {
		code = fault.Code
	}
	if s.c.Methods.byName[j.method] != nil {
		namespace = namespaceOf(j.method)
	}
	s.c.Measure(endpointName(namespace), took, code)
}

func jsonInt(n int64) string { return strconv.FormatInt(n, 10) }
