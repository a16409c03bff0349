package client

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/retry"
)

// controlTries is how often a verb is asked that no daemon answers.
const controlTries = 8

// control asks a verb of tg.ctl until it is answered: only such as may be asked twice. Its error is an [*Error].
func (c *Client) control(ctx context.Context, verb string, in, out any) error {
	k := &call{method: verb, subject: c.o.scheme.Ctl(c.account, verb)}
	if c.err != nil {
		return c.failed(k, &Error{Code: codeBadRequest, Text: c.err.Error(), Sent: SentNo, Err: c.err})
	}
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return retry.Do(ctx, retry.Backoff{Min: 100 * time.Millisecond, Max: 2 * time.Second}, func(ctx context.Context) (bool, error) {
		k.attempts++
		attempt, cancel := context.WithTimeout(ctx, c.o.timeout)
		defer cancel()
		reply, err := c.inbox.request(attempt, c.nc, &nats.Msg{Subject: k.subject, Data: body})
		var e *Error
		switch {
		case err != nil:
			e = c.unanswered(ctx, k, err)
		default:
			e = refused(reply.Header)
		}
		if e != nil {
			return k.attempts < controlTries && (e.Code == codeUnavailable || e.Code == codeNoAnswer), c.failed(k, e)
		}
		if err := json.Unmarshal(reply.Data, out); err != nil {
			return false, c.failed(k, &Error{Code: codeInternal, Text: fmt.Sprintf("the daemon's answer: %v", err), Sent: SentYes, Err: err})
		}
		return false, nil
	})
}
