package answer

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/bin"
)

// Sent says whether Telegram may have executed a call.
type Sent string

// The values of Sent.
const (
	No      Sent = "no" // it is safe to try again
	Yes     Sent = "yes"
	Unknown Sent = "unknown"
)

// Fault is why a request failed: whose error it is, whether Telegram may have executed a call, how long to wait.
type Fault struct {
	Code       int           // as in HTTP; Telegram's own where it is Telegram's
	Text       string        // for people
	Telegram   string        // Telegram's text as it came: FLOOD_WAIT_35; empty when it is not Telegram's
	RetryAfter time.Duration // 0: unknown
	Sent       Sent
	Path       string // where in a bad request
	Kept       string // the Nats-Msg-Id with which the same request gets the answer that this one could not hold
}

// Fail returns the fault of a request of which sent says whether it was executed.
func Fail(code int, sent Sent, text string) *Fault { return &Fault{Code: code, Text: text, Sent: sent} }

// Refuse returns the fault of a request that was not executed.
func Refuse(code int, text string) *Fault { return Fail(code, No, text) }

// Later returns the fault of a request that was not executed, and may be made again in a second.
func Later(text string) *Fault { return Refuse(503, text).Soon() }

// Done returns the fault of a request that was executed all the same.
func Done(code int, text string) *Fault { return Fail(code, Yes, text) }

// Doubt returns the fault of a request that may have been executed.
func Doubt(code int, text string) *Fault { return Fail(code, Unknown, text) }

// Soon adds that the request may be made again in a second.
func (f *Fault) Soon() *Fault {
	f.RetryAfter = time.Second
	return f
}

// Error returns the text.
func (f *Fault) Error() string { return f.Text }

// body is how a Fault looks in JSON and MessagePack.
type body struct {
	Code       int     `json:"code" msgpack:"code"`
	Error      string  `json:"error" msgpack:"error"`
	Telegram   string  `json:"telegram,omitempty" msgpack:"telegram,omitempty"`
	RetryAfter float64 `json:"retry_after,omitempty" msgpack:"retry_after,omitempty"`
	Sent       string  `json:"sent" msgpack:"sent"`
	Path       string  `json:"path,omitempty" msgpack:"path,omitempty"`
	Kept       string  `json:"kept,omitempty" msgpack:"kept,omitempty"`
}

const idRPCError = 0x2144ca19 // rpc_error error_code:int error_message:string

// Body returns the fault in an encoding, for callers that read no headers.
func (f *Fault) Body(e Encoding) []byte {
	b := body{f.Code, f.Text, f.Telegram, f.RetryAfter.Seconds(), string(f.Sent), f.Path, f.Kept}
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

// Header returns the headers, which say the same as the body.
func (f *Fault) Header(e Encoding) nats.Header {
	h := nats.Header{
		subjects.HeaderContentType: {e.String()},
		subjects.HeaderErrorCode:   {strconv.Itoa(f.Code)},
		subjects.HeaderErrorText:   {oneLine(cut(f.Text))},
		subjects.HeaderSent:        {string(f.Sent)},
	}
	if f.Telegram != "" {
		h[subjects.HeaderError] = []string{oneLine(f.Telegram)}
	}
	if f.Kept != "" {
		h[subjects.HeaderMsgID] = []string{f.Kept}
	}
	if f.RetryAfter > 0 {
		// Rounded up: a shorter wait would be refused again.
		h[subjects.HeaderRetryAfter] = []string{strconv.Itoa(int((f.RetryAfter + time.Second - 1) / time.Second))}
	}
	return h
}

// cut bounds a header's length; the body has all of the text.
func cut(text string) string {
	const most = 1000
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + " ..."
}

// oneLine makes a text the value of a header.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}

// mostQuoted is how much of what a caller sent is sent back, in bytes.
const mostQuoted = 80

// Quote shortens what a caller sent before it is sent back.
func Quote(text string) string {
	if len(text) > mostQuoted {
		text = strings.ToValidUTF8(text[:mostQuoted], "") + "..."
	}
	return strconv.Quote(text)
}
