package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/bridge/bus"
	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl"
)

// tailOptions is what the flags of tail choose.
type tailOptions struct {
	types, chats []string
	since        time.Duration
	last         int
	all, json    bool
	live         bool
	own          bool
	count        int
}

func tailCommand() *cobra.Command {
	var o tailOptions
	c := &cobra.Command{
		Use:   "tail ACCOUNT",
		Short: "Watch an account's updates",
		Long: `Watch an account's updates, from now on or from an earlier place in the stream. It is a consumer of its own and takes
nothing away from others.`,
		Example: `  natsgram tail main
  natsgram tail main --last 20 --type updateNewMessage --type updateNewChannelMessage
  natsgram tail main --since 2h --chat channel.1234567890
  natsgram tail main --all --json | jq .update`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return &usageError{c.CommandPath(), err}
			}
			set, schema, err := loadSchema()
			if err != nil {
				return err
			}
			if err := subjects.CheckAccount(args[0]); err != nil {
				return err
			}
			for _, name := range o.unknown(schema) {
				fmt.Fprintf(c.ErrOrStderr(), "Layer %d here has no update %s; waiting for it all the same.\n", schema.Layer, name)
			}
			p := &updatePrinter{out: c.OutOrStdout(), errs: c.ErrOrStderr(), json: o.json, colour: isTerminal(c.OutOrStdout()), scheme: set.Scheme()}
			return tail(c.Context(), set, args[0], o, p)
		},
	}
	f := c.Flags()
	f.StringArrayVar(&o.types, "type", nil, "only updates of this constructor (may be given again)")
	f.StringArrayVar(&o.chats, "chat", nil, "only this chat, as KIND.ID: user.1, chat.2, channel.3 (may be given again)")
	f.DurationVar(&o.since, "since", 0, "begin this long ago")
	f.IntVar(&o.last, "last", 0, "begin with the last N updates of the stream")
	f.BoolVar(&o.all, "all", false, "begin with the oldest update")
	f.BoolVar(&o.live, "live", false, "also what is not kept: typing, user status")
	f.BoolVar(&o.own, "stream", false, "from the account's own stream (natsgram streams), for users who may not read that of all")
	f.BoolVar(&o.json, "json", false, "one JSON object a line, as published")
	f.IntVarP(&o.count, "count", "n", 0, "stop after N updates")
	c.MarkFlagsMutuallyExclusive("since", "last", "all")
	return c
}

// wantedChat is what --chat takes: one, or all of a kind.
var wantedChat = regexp.MustCompile(`^(user|chat|channel|secret|none|\*)\.(\*|\d{1,19})$`)

// check says which flag makes no sense. A filter that fits no subject would wait for ever.
func (o tailOptions) check() error {
	for _, chat := range o.chats {
		if !wantedChat.MatchString(chat) {
			return fmt.Errorf("--chat %s: want KIND.ID, such as user.1, chat.2, channel.3 or channel.*", chat)
		}
	}
	for _, name := range o.types {
		if !wantedType.MatchString(name) {
			return fmt.Errorf("--type %s: want the name of an update, such as updateNewMessage", name)
		}
	}
	if o.last < 0 || o.since < 0 || o.count < 0 {
		return errors.New("--last, --since and --count go back or on from now: want no minus")
	}
	return nil
}

// wantedType is what --type takes: a constructor's name, or gap.
var wantedType = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]*$`)

// unknown are the wanted types that the schema has not; the daemon may run another layer.
func (o tailOptions) unknown(s *tl.Schema) (all []string) {
	for _, name := range o.types {
		if s.Constructor(name) == nil && name != "gap" {
			all = append(all, name)
		}
	}
	return all
}

func tail(ctx context.Context, set settings.Settings, account string, o tailOptions, p *updatePrinter) error {
	nc, err := bus.Connect(set, "natsgram-tail")
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := bus.JetStream(nc, set.NATS)
	if err != nil {
		return err
	}
	stream, err := o.stream(ctx, js, set.Scheme(), account, p.errs)
	if err != nil {
		return err
	}
	name := stream.CachedInfo().Config.Name
	config, err := o.consumer(ctx, stream, set.Scheme(), account)
	if err != nil {
		return err
	}
	consumer, err := js.OrderedConsumer(ctx, name, config)
	if err != nil {
		return err
	}
	return follow(ctx, nc, consumer, set.Scheme(), account, o, p)
}

// stream finds the stream to read from.
func (o tailOptions) stream(ctx context.Context, js jetstream.JetStream, scheme subjects.Scheme, account string, errs io.Writer) (jetstream.Stream, error) {
	if o.own {
		name := scheme.OwnStream(account)
		st, err := js.Stream(ctx, name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			err = fmt.Errorf("there is no stream %s: natsgram streams add %s", name, account)
		}
		return st, err
	}
	name := scheme.StreamName("UPDATES")
	st, err := js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, fmt.Errorf("there is no stream %s yet: is `natsgram serve` running?", name)
	}
	if err != nil {
		return nil, err
	}
	if _, err := st.GetLastMsgForSubject(ctx, scheme.Own(account)); errors.Is(err, jetstream.ErrMsgNotFound) {
		fmt.Fprintf(errs, "No daemon has ever run an account %s here; waiting for one.\n", account)
	}
	return st, nil
}

// consumer says where to begin and what to leave out.
func (o tailOptions) consumer(ctx context.Context, stream jetstream.Stream, scheme subjects.Scheme, account string) (jetstream.OrderedConsumerConfig, error) {
	c := jetstream.OrderedConsumerConfig{FilterSubjects: o.filters(scheme, account), DeliverPolicy: jetstream.DeliverNewPolicy}
	switch {
	case o.all:
		c.DeliverPolicy = jetstream.DeliverAllPolicy
	case o.since > 0:
		from := time.Now().Add(-o.since)
		c.DeliverPolicy, c.OptStartTime = jetstream.DeliverByStartTimePolicy, &from
	case o.last > 0:
		info, err := stream.Info(ctx)
		if err != nil {
			return c, err
		}
		c.DeliverPolicy = jetstream.DeliverByStartSequencePolicy
		c.OptStartSeq = max(1, info.State.LastSeq-min(info.State.LastSeq, uint64(o.last))+1)
	}
	return c, nil
}

// filters are the subjects of all wanted types in all wanted chats.
func (o tailOptions) filters(scheme subjects.Scheme, account string) (all []string) {
	types, chats := o.types, o.chats
	if len(types) == 0 {
		types = []string{"*"}
	}
	if len(chats) == 0 {
		chats = []string{"*.*"}
	}
	base := strings.TrimSuffix(scheme.Updates(account), ">")
	for _, t := range types {
		for _, chat := range chats {
			all = append(all, base+t+"."+chat)
		}
	}
	return all
}

// follow prints until the context ends or enough was seen.
func follow(ctx context.Context, nc *nats.Conn, consumer jetstream.Consumer, scheme subjects.Scheme, account string, o tailOptions, p *updatePrinter) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	updates := make(chan tailed, 64)
	give := func(t tailed) {
		select {
		case updates <- t:
		case <-ctx.Done():
		}
	}
	consuming, err := consumer.Consume(func(m jetstream.Msg) { give(tailed{m.Subject(), m.Headers(), m.Data()}) })
	if err != nil {
		return err
	}
	defer consuming.Stop()
	if o.live {
		sub, err := nc.Subscribe(scheme.AllLive(account), func(m *nats.Msg) { give(tailed{m.Subject, m.Header, m.Data}) })
		if err != nil {
			return err
		}
		defer func() { _ = sub.Unsubscribe() }()
	}
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return nil // somebody pressed Ctrl-C
		case u := <-updates:
			if err := p.print(u); err != nil {
				return err
			}
			if n == o.count {
				return nil
			}
		}
	}
}

// tailed is an update as it came, kept or live.
type tailed struct {
	subject string
	header  nats.Header
	data    []byte
}

// updatePrinter writes updates for people, or as they came.
type updatePrinter struct {
	out    io.Writer
	errs   io.Writer
	scheme subjects.Scheme
	json   bool
	colour bool
}

func (p *updatePrinter) print(u tailed) error {
	if p.json {
		_, err := p.out.Write(append(u.data, '\n'))
		return err
	}
	_, where, _ := p.scheme.ParseUpdate(u.subject)
	var body updateBody
	if err := json.Unmarshal(u.data, &body); err != nil {
		_, err := fmt.Fprintf(p.out, "%s  %d bytes that are not JSON\n", u.subject, len(u.data))
		return err
	}
	_, err := fmt.Fprintf(p.out, "%s  %s  %s  %s\n", p.dim(body.when(u.header)), p.bold(where.Type), body.chat(where), body.text())
	return err
}

func (p *updatePrinter) dim(s string) string  { return p.paint("2", s) }
func (p *updatePrinter) bold(s string) string { return p.paint("1", s) }

func (p *updatePrinter) paint(code, s string) string {
	if !p.colour {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}
