package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/subjects"
)

// patient asks the daemon of an account for what takes many requests, or long ones. Once it has answered, its crash, a restart and another
// owner are waited out: a file goes on where it was, without anybody's help.
type patient struct {
	c       *cobra.Command
	nc      *nats.Conn
	scheme  subjects.Scheme
	account string

	answered bool // at all: who never answered is not waited for
	waits    bool // and has said so
}

func newPatient(c *cobra.Command, set settings.Settings, nc *nats.Conn, account string) *patient {
	return &patient{c: c, nc: nc, scheme: set.Scheme(), account: account}
}

const (
	patience   = 5 * time.Minute // for one answer
	aliveEvery = 3 * time.Second // while an answer is waited for
	laterMost  = time.Minute     // that the daemon may want a request to wait
)

var patientPause = retry.Backoff{Min: 200 * time.Millisecond, Max: 3 * time.Second}

// ask makes a request that may be made again, until it is answered with something else than that it is to be made later.
func (p *patient) ask(ctx context.Context, m *nats.Msg, timeout time.Duration) (*nats.Msg, error) {
	begun := time.Now()
	for wait := patientPause.After(0); ; wait = patientPause.After(wait) {
		reply, err := p.once(ctx, m, timeout)
		var later time.Duration
		if err == nil {
			if later = putOff(reply.Header); later == 0 {
				p.answered, p.waits = true, false
				return reply, nil
			}
		}
		if err != nil && !p.answered || ctx.Err() != nil || time.Since(begun) > patience {
			return reply, err
		}
		if !p.waits && err != nil {
			p.waits = true
			fmt.Fprintln(p.c.ErrOrStderr(), "The daemon does not answer; waiting for it.")
		}
		if retry.Pause(ctx, max(wait, later)) != nil {
			return reply, err
		}
	}
}

// putOff is after which time a request may be made again that was not done; 0: it was, or is not to be made again.
func putOff(h nats.Header) time.Duration {
	seconds, err := strconv.ParseFloat(h.Get(subjects.HeaderRetryAfter), 64)
	code, wait := h.Get(subjects.HeaderErrorCode), time.Duration(seconds*float64(time.Second))
	safe := code != "" && code != "504" && h.Get(subjects.HeaderSent) == string(answer.No) // 504: it goes on meanwhile
	if err != nil || !safe || wait < 0 || wait > laterMost {
		return 0
	}
	return wait
}

var errGone = errors.New("the daemon is gone")

// once makes it once. It does not wait for an answer that cannot come any more: without a connection, or a daemon.
func (p *patient) once(ctx context.Context, m *nats.Msg, timeout time.Duration) (*nats.Msg, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	cut := p.nc.StatusChanged(nats.RECONNECTING, nats.CLOSED)
	defer p.nc.RemoveStatusListener(cut)
	go func() {
		alive := time.NewTicker(aliveEvery)
		defer alive.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-cut:
				cancel(errGone)
				return
			case <-alive.C:
				if _, err := p.nc.Request(p.scheme.File(p.account, subjects.FileList), nil, aliveEvery); errors.Is(err, nats.ErrNoResponders) {
					cancel(errGone)
					return
				}
			}
		}
	}()
	reply, err := ask(ctx, p.nc, m, timeout)
	if err != nil && errors.Is(context.Cause(ctx), errGone) {
		return nil, errGone
	}
	return reply, err
}
