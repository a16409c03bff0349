package client

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/tg"
)

// call is what was tried for one call.
type call struct {
	method, subject, msgID string
	query                  []byte
	attempts, retries      int
	absent                 time.Time     // since when nobody serves the account; zero: somebody does
	flooded                time.Duration // waited for Telegram in all
	lost                   *Error        // of the first attempt of which nobody knows what became
}

// Invoke makes an encoded call and returns its encoded result: what the functions of package tg do with a Client. It
// repeats the call where that is right, for as long as ctx allows; without a deadline in ctx, for as long as the options
// say. Its error is an [*Error].
func (c *Client) Invoke(ctx context.Context, query []byte) ([]byte, error) {
	k, err := c.newCall(ctx, query)
	if err != nil {
		return nil, err
	}
	for {
		result, e := c.try(ctx, k)
		if e == nil {
			return result, nil
		}
		if k.lost != nil && e.Type == "" && e.Code == codeConflict { // the daemon does not dare
			k.lost.Attempts = e.Attempts
			return nil, k.lost
		}
		k.judge(e)
		pause, again := c.mend(k, e)
		if !again {
			return nil, e
		}
		if err := sleep(ctx, pause); err != nil {
			e.Err = errors.Join(e.Err, err)
			return nil, e
		}
	}
}

func (c *Client) newCall(ctx context.Context, query []byte) (*call, error) {
	k := &call{query: query}
	var known bool
	k.method, known = tg.MethodName(query)
	k.msgID, _ = ctx.Value(msgIDKey{}).(string)
	if k.msgID == "" {
		k.msgID = nuid.Next()
	}
	switch {
	case c.err != nil:
		return nil, c.failed(k, &Error{Code: codeBadRequest, Text: c.err.Error(), Sent: SentNo, Err: c.err})
	case !known:
		return nil, c.failed(k, &Error{Code: codeBadRequest, Text: fmt.Sprintf("not a call of layer %d", tg.Layer), Sent: SentNo})
	case ctx.Err() != nil:
		return nil, c.failed(k, &Error{Code: codeNoAnswer, Text: ctx.Err().Error(), Sent: SentNo, Err: ctx.Err()})
	case c.o.readOnly:
		k.subject = c.o.scheme.RO(c.account, k.method)
	default:
		k.subject = c.o.scheme.RPC(c.account, k.method)
	}
	return k, nil
}

// failed completes an error.
func (c *Client) failed(k *call, e *Error) *Error {
	e.Account, e.Method, e.MsgID, e.Attempts = c.account, k.method, k.msgID, k.attempts
	return e
}

// try makes the call once.
func (c *Client) try(ctx context.Context, k *call) ([]byte, *Error) {
	k.attempts++
	if c.nc.IsClosed() {
		return nil, c.failed(k, &Error{Code: codeUnavailable, Text: "the connection to NATS is closed", Sent: SentNo, Err: nats.ErrConnectionClosed})
	}
	attempt, cancel := context.WithTimeout(ctx, c.o.timeout)
	defer cancel()
	deadline, _ := attempt.Deadline()
	reply, err := c.inbox.request(attempt, c.nc, c.message(k, time.Until(deadline)))
	if err != nil {
		return nil, c.failed(k, c.unanswered(ctx, k, err))
	}
	if e := refused(reply.Header); e != nil {
		return nil, c.failed(k, e)
	}
	return reply.Data, nil
}

var layer = strconv.Itoa(tg.Layer)

// message is a request that may take as long as left.
func (c *Client) message(k *call, left time.Duration) *nats.Msg {
	h := nats.Header{
		subjects.HeaderContentType: {subjects.ContentTL}, subjects.HeaderLayer: {layer}, nats.MsgIdHdr: {k.msgID}, subjects.HeaderTimeout: {daemonTimeout(left)},
		subjects.HeaderReply: {subjects.ReplyParts},
	}
	if k.lost != nil {
		h[subjects.HeaderRetry] = []string{strconv.Itoa(k.attempts - 1)}
	}
	return &nats.Msg{Subject: k.subject, Header: h, Data: k.query}
}

// onTheWay is what is left for the daemon's answer to come back, at most.
const onTheWay = 500 * time.Millisecond

// daemonTimeout is shorter than ours, because the daemon knows more of what became of a call than we who wait for it.
func daemonTimeout(left time.Duration) string {
	left -= min(left/10, onTheWay)
	return max(left, time.Millisecond).Truncate(time.Millisecond).String()
}

// unanswered makes an error of what nats.go says of a request.
func (c *Client) unanswered(ctx context.Context, k *call, err error) *Error {
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return &Error{Code: codeUnavailable, Text: ErrNoDaemon.Error() + ": nobody listens on " + k.subject, Sent: SentNo, Err: ErrNoDaemon}
	case ctx.Err() != nil:
		return &Error{Code: codeNoAnswer, Text: ErrNoAnswer.Error() + ": " + ctx.Err().Error(), Sent: SentUnknown, Err: errors.Join(ErrNoAnswer, ctx.Err())}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		return &Error{Code: codeNoAnswer, Text: ErrNoAnswer.Error() + " in " + c.o.timeout.String(), Sent: SentUnknown, Err: ErrNoAnswer}
	case errors.Is(err, nats.ErrConnectionClosed):
		return &Error{Code: codeUnavailable, Text: "the connection to NATS was closed", Sent: SentUnknown, Err: err}
	}
	return &Error{Code: codeBadRequest, Text: err.Error(), Sent: SentNo, Err: err}
}

// judge makes an attempt's error that of the call. Once an attempt may have been executed, only Telegram's own answer says
// more than that.
func (k *call) judge(e *Error) {
	switch {
	case k.lost == nil:
		if e.Sent == SentUnknown {
			k.lost = e
		}
	case e.Kind() == "RANDOM_ID_DUPLICATE":
		e.Err = ErrExecuted
	case e.Sent == SentNo:
		e.Sent = SentUnknown
	}
}
