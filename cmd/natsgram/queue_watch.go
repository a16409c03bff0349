package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/bridge/bus"
	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/subjects"
)

// queueWatchOptions is what the flags of queue watch choose.
type queueWatchOptions struct {
	chat              string
	since             time.Duration
	all, json, direct bool
	count             int
}

func queueWatchCommand() *cobra.Command {
	var o queueWatchOptions
	c := &cobra.Command{
		Use:   "watch ACCOUNT",
		Short: "Watch what becomes of jobs",
		Long: `Watch what becomes of jobs: done, failed, expired, replaced, cancelled, unknown. From now on, or from an earlier time on; of each
job the last word is kept for as long as NATSGRAM_DONE_MAX_AGE says.`,
		Example: `  natsgram queue watch main
  natsgram queue watch main --since 1h --chat channel.1234567890
  natsgram queue watch main --all --json | jq 'select(.state != "done")'`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkAccount(c, args[0]); err != nil {
				return err
			}
			if o.since < 0 || o.count < 0 {
				return misused(c, errors.New("--since and --count: want no minus"))
			}
			set, err := loadSettings(c)
			if err == nil {
				o.chat, err = namedChat(c, args[0], o.chat)
			}
			if err != nil {
				return err
			}
			return o.watch(c.Context(), set, args[0], linesTo(c.OutOrStdout()))
		},
	}
	chatFlag(c, &o.chat, "only jobs about this chat")
	f := c.Flags()
	f.DurationVar(&o.since, "since", 0, "begin this long ago")
	f.BoolVar(&o.all, "all", false, "begin with the oldest")
	f.BoolVar(&o.direct, "direct", false, "without JetStream, for users who may not use it: from now on")
	f.BoolVar(&o.json, "json", false, "one JSON object a line")
	f.IntVarP(&o.count, "count", "n", 0, "stop after N")
	c.MarkFlagsMutuallyExclusive("since", "all", "direct")
	return c
}

func (o queueWatchOptions) watch(ctx context.Context, set settings.Settings, account string, out io.Writer) error {
	nc, err := bus.Connect(set, "natsgram-queue")
	if err != nil {
		return err
	}
	defer nc.Close()
	filter := subjects.Results(set.Scheme()).Of(account)
	if o.chat != "" {
		where, _ := subjects.ParseChat(o.chat)
		filter = subjects.Results(set.Scheme()).Chat(account, where)
	}
	next, stop, err := o.results(ctx, nc, set, filter)
	if err != nil {
		return err
	}
	defer stop()
	for n := 1; ; n++ {
		subject, h, data, err := next()
		if ctx.Err() != nil {
			return nil // somebody pressed Ctrl-C
		}
		if err != nil {
			return err
		}
		if err := o.print(out, set.Scheme(), subject, h, data); err != nil || n == o.count {
			return err
		}
	}
}

type nextResult func() (subject string, h nats.Header, data []byte, err error)

// results gives one after the other, out of the stream or as they are published.
func (o queueWatchOptions) results(ctx context.Context, nc *nats.Conn, set settings.Settings, filter string) (nextResult, func(), error) {
	if o.direct {
		sub, err := nc.SubscribeSync(filter)
		return func() (string, nats.Header, []byte, error) {
			m, err := sub.NextMsgWithContext(ctx)
			if err != nil {
				return "", nil, nil, err
			}
			return m.Subject, m.Header, m.Data, nil
		}, func() {}, err
	}
	js, err := bus.JetStream(nc, set.NATS)
	if err != nil {
		return nil, nil, err
	}
	c := jetstream.OrderedConsumerConfig{FilterSubjects: []string{filter}, DeliverPolicy: jetstream.DeliverNewPolicy}
	if begin := time.Now().Add(-o.since); o.since > 0 {
		c.DeliverPolicy, c.OptStartTime = jetstream.DeliverByStartTimePolicy, &begin
	} else if o.all {
		c.DeliverPolicy = jetstream.DeliverAllPolicy
	}
	name := set.Scheme().StreamName("DONE")
	consumer, err := js.OrderedConsumer(ctx, name, c)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, nil, fmt.Errorf("there is no stream %s: natsgram makes it when it is started", name)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("stream %s: %w", name, err)
	}
	all, err := consumer.Messages()
	if err != nil {
		return nil, nil, err
	}
	stop := context.AfterFunc(ctx, all.Stop)
	return func() (string, nats.Header, []byte, error) {
		m, err := all.Next()
		if err != nil {
			return "", nil, nil, err
		}
		return m.Subject(), m.Headers(), m.Data(), nil
	}, func() { stop(); all.Stop() }, nil
}

// outcome is what became of a job, as watch --json prints it.
type outcome struct {
	Job    string          `json:"job"`
	Chat   string          `json:"chat"`
	Method string          `json:"method"`
	State  string          `json:"state"`
	Tries  string          `json:"tries"`
	Sent   string          `json:"sent,omitempty"`
	Error  string          `json:"error,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
}

func (o queueWatchOptions) print(out io.Writer, scheme subjects.Scheme, subject string, h nats.Header, data []byte) error {
	_, chat, job, ok := subjects.Results(scheme).Parse(subject)
	if !ok {
		return nil
	}
	method, _ := subjects.Unescape(h.Get(subjects.HeaderMethod))
	e := outcome{
		Job: job, Chat: chat.String(), Method: method, State: h.Get(subjects.HeaderJobState), Tries: h.Get(subjects.HeaderTries),
		Sent: h.Get(subjects.HeaderSent), Error: h.Get(subjects.HeaderErrorText),
	}
	if o.json {
		if json.Valid(data) {
			e.Result = data
		}
		return json.NewEncoder(out).Encode(e)
	}
	what := e.Error
	if what == "" {
		what = shorten(printable(string(data)))
	}
	_, err := fmt.Fprintf(out, "%s  %-9s  %s  %s  %s  %s\n", time.Now().Format(time.TimeOnly), e.State, printable(e.Job), e.Chat, printable(e.Method), printable(what))
	return err
}
