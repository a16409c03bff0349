package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/bridge/bus"
	"github.com/natsgram/natsgram/bridge/client"
	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl"
)

// tailOptions is what the flags of tail choose.
type tailOptions struct {
	types, chats []string
	topics       []int
	since        time.Duration
	last         int
	all, json    bool
	headers      bool
	live, events bool
	own          bool
	durable      string
	count        int
}

func tailCommand() *cobra.Command {
	var o tailOptions
	c := &cobra.Command{
		Use:   "tail ACCOUNT",
		Short: "Watch an account's updates",
		Long: `Watch an account's updates, from now on or from an earlier place in the stream. It is a consumer of its own and takes
nothing away from others, unless --durable names one: then it takes part in that one's work, and goes on where it was.

An update is shown that is of a wanted type, in a wanted chat and in a wanted topic. What is said to be missing is shown in any case.
New and edited messages, reactions, polls, drafts and read marks say in which topic or thread they are (Tg-Topic, Tg-Thread); deletions and views do not,
and are not shown with --topic. The comments on a channel's post are a thread of the channel's group: name that chat, and the
post's copy there.`,
		Example: `  natsgram tail main
  natsgram tail main --last 20 --type updateNewChannelMessage
  natsgram tail main --since 2h --chat channel.1234567890
  natsgram tail main --chat @forum --topic 42
  natsgram tail main --durable archive --json >> updates.jsonl
  natsgram tail main --all --json | jq .update
  natsgram tail main --headers | jq -r '.headers["Tg-Msg-Id"]'`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return &usageError{c.CommandPath(), err}
			}
			set, schema, err := loadSchema(c)
			if err != nil {
				return err
			}
			if err := checkAccount(c, args[0]); err != nil {
				return err
			}
			if err := o.nameChats(c, args[0]); err != nil {
				return err
			}
			for _, name := range o.unknown(schema) {
				fmt.Fprintf(c.ErrOrStderr(), "Layer %d here has no update %s; waiting for it all the same.\n", schema.Layer, name)
			}
			p := &updatePrinter{out: linesTo(c.OutOrStdout()), errs: c.ErrOrStderr(), json: o.json, headers: o.headers, colour: isTerminal(c.OutOrStdout())}
			return tail(c.Context(), set, args[0], o, p)
		},
	}
	f := c.Flags()
	f.StringArrayVar(&o.types, "type", nil, "only updates of this constructor (may be given again)")
	f.StringArrayVar(&o.chats, "chat", nil, "only this chat: user.1, chat.2, channel.3, channel.*, @name, a link (may be given again)")
	f.IntSliceVar(&o.topics, "topic", nil, "only this topic of a forum, or thread of a group, by the id of the message that began it; 1 is General (may be given again)")
	f.DurationVar(&o.since, "since", 0, "begin this long ago")
	f.IntVar(&o.last, "last", 0, "begin with the last N updates of those wanted")
	f.BoolVar(&o.all, "all", false, "begin with the oldest update")
	f.BoolVar(&o.live, "live", false, "also what is not kept: typing, user status")
	f.BoolVar(&o.events, "events", false, "also what happens to the account itself: connected, flood.wait, owner.gained")
	f.StringVar(&o.durable, "durable", "", "remember the place under this name, and acknowledge what was printed")
	f.BoolVar(&o.own, "stream", false, "from the account's own stream (natsgram streams), for users who may not read that of all")
	f.BoolVar(&o.json, "json", false, "one JSON object a line, as published")
	f.BoolVar(&o.headers, "headers", false, "one JSON object a line: subject, seq (of the stream), headers, and what was published as body")
	f.IntVarP(&o.count, "count", "n", 0, "stop after N updates")
	c.MarkFlagsMutuallyExclusive("since", "last", "all")
	c.MarkFlagsMutuallyExclusive("json", "headers")
	return c
}

// wantedChat is what --chat takes without asking who is meant: one, or all of a kind.
var wantedChat = regexp.MustCompile(`^(user|chat|channel|secret|none|\*)\.(\*|\d{1,19})$`)

// nameChats puts KIND.ID where a chat is named otherwise.
func (o tailOptions) nameChats(c *cobra.Command, account string) (err error) {
	for i, chat := range o.chats {
		if wantedChat.MatchString(chat) {
			continue
		}
		if o.chats[i], err = namedChat(c, account, chat); err != nil {
			return err
		}
	}
	return nil
}

// check says which flag makes no sense. A filter that fits no subject would wait for ever.
func (o tailOptions) check() error {
	for _, topic := range o.topics {
		if topic < 1 || topic > math.MaxInt32 {
			return fmt.Errorf("--topic %d: want the id of the message that began it, 1 for General", topic)
		}
	}
	for _, name := range o.types {
		if !wantedType.MatchString(name) {
			return fmt.Errorf("--type %s: want the name of an update, such as updateNewMessage", name)
		}
	}
	if !wantedDurable.MatchString(o.durable) {
		return fmt.Errorf("--durable %q: want letters, digits, _ and -", o.durable)
	}
	if o.last < 0 || o.since < 0 || o.count < 0 {
		return errors.New("--last, --since and --count go back or on from now: want no minus")
	}
	return nil
}

// wantedType is what --type takes: a constructor's name, or gap.
var wantedType = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_]*$`)

// wantedDurable is what --durable takes, and nothing.
var wantedDurable = regexp.MustCompile(`^[a-zA-Z0-9_-]*$`)

// unknown are the wanted types that the schema has not; the daemon may run another layer.
func (o tailOptions) unknown(s *tl.Schema) (all []string) {
	for _, name := range o.types {
		if s.Constructor(name) == nil && name != "gap" {
			all = append(all, name)
		}
	}
	return all
}

// config says where to begin and what to leave out.
func (o tailOptions) config() client.UpdatesConfig {
	c := client.UpdatesConfig{Filters: o.filters(), Own: o.own, Durable: o.durable}
	switch {
	case o.all:
		c.Start = client.StartAll()
	case o.since > 0:
		c.Start = client.StartTime(time.Now().Add(-o.since))
	case o.last > 0:
		c.Start = client.StartNewest(o.last)
	}
	return c
}

// filters are all wanted types in all wanted topics of all wanted chats.
func (o tailOptions) filters() (all []client.Filter) {
	types, chats, topics := o.types, o.chats, o.topics
	if len(types) == 0 {
		types = []string{""}
	}
	if len(chats) == 0 {
		chats = []string{"*.*"}
	}
	if len(topics) == 0 {
		topics = []int{0}
	}
	for _, t := range types {
		for _, chat := range chats {
			for _, topic := range topics {
				f := client.Filter{Update: t, Topic: topic}
				kind, id, _ := strings.Cut(chat, ".")
				if kind != "*" {
					f.Kind = client.Kind(kind)
				}
				f.ChatID, _ = strconv.ParseInt(id, 10, 64) // * is any
				all = append(all, f)
			}
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
	if !o.own && neverRan(ctx, js, set.Scheme(), account) { // who reads an own stream may not ask for the other
		fmt.Fprintf(p.errs, noneRan+"; waiting for one.\n", account)
	}
	c := client.New(nc, account, client.Prefix(set.Prefix), client.JetStream(js))
	sub, err := c.Subscribe(ctx, o.config())
	if err != nil {
		return err
	}
	defer sub.Stop()
	return o.follow(ctx, c, sub, p)
}

// noneRan is said where a command goes on for an account that may be a mistake.
const noneRan = "No daemon has ever run an account %s here"

// ranTime is how long it is waited for an answer to whether an account ever ran. Who may not ask is told so at once.
var ranTime = 2 * time.Second

// neverRan reports whether it is sure that no daemon ever wrote into the stream for the account.
func neverRan(ctx context.Context, js jetstream.JetStream, scheme subjects.Scheme, account string) bool {
	ctx, cancel := context.WithTimeout(ctx, ranTime)
	defer cancel()
	ctx, done := untilRefused(ctx, js.Conn(), "")
	defer done()
	st, err := js.Stream(ctx, scheme.StreamName("UPDATES"))
	if err != nil {
		return false
	}
	_, err = st.GetLastMsgForSubject(ctx, scheme.Own(account))
	return errors.Is(err, jetstream.ErrMsgNotFound)
}

// seen is something to print: an update, kept or live, or an event.
type seen struct {
	update *client.Update
	event  *client.Event
	err    error
	more   func() // the next one may be taken; nil: it comes by itself
}

// follow prints until the context ends or enough was seen.
func (o tailOptions) follow(ctx context.Context, c *client.Client, sub *client.Subscription, p *updatePrinter) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	all := make(chan seen)
	give := func(one seen) bool {
		select {
		case all <- one:
		case <-ctx.Done():
		}
		return ctx.Err() == nil
	}
	go func() {
		wanted := make(chan struct{}, 1) // of a durable nothing is taken that is not printed: it would be kept from others
		for {
			u, err := sub.Next(ctx)
			if !give(seen{update: u, err: err, more: func() { wanted <- struct{}{} }}) || err != nil {
				return
			}
			select {
			case <-wanted:
			case <-ctx.Done():
				return
			}
		}
	}()
	if o.live {
		go func() {
			for u, err := range c.Live(ctx, o.filters()...) {
				give(seen{update: u, err: err})
			}
		}()
	}
	if o.events {
		go func() {
			for e, err := range c.Events(ctx) {
				give(seen{event: e, err: err})
			}
		}()
	}
	return o.printAll(ctx, all, p)
}

func (o tailOptions) printAll(ctx context.Context, all <-chan seen, p *updatePrinter) error {
	for n := 0; ; {
		select {
		case <-ctx.Done():
			return nil // somebody pressed Ctrl-C
		case one := <-all:
			switch {
			case errors.Is(one.err, nats.ErrSlowConsumer):
				fmt.Fprintln(p.errs, "Too slow for what comes live: some of it was missed.")
				continue
			case one.err != nil && ctx.Err() == nil:
				return one.err
			case one.err != nil:
				return nil
			}
			if err := o.print(one, p); err != nil {
				return err
			}
			if n++; n == o.count {
				return nil
			}
			if one.more != nil {
				one.more()
			}
		}
	}
}

func (o tailOptions) print(one seen, p *updatePrinter) error {
	if one.event != nil {
		return p.event(one.event)
	}
	u := one.update
	var err error
	if p.headers {
		err = p.whole(u)
	} else {
		err = p.print(u.Meta, u.Headers(), u.Data())
	}
	if err != nil || o.durable == "" || u.Sequence == 0 {
		return err
	}
	return u.Ack()
}

// updatePrinter writes updates for people, or as they came.
type updatePrinter struct {
	out     io.Writer
	errs    io.Writer
	json    bool
	headers bool // as JSON, with subject and headers
	colour  bool
}

// published is an update with all that its message has.
type published struct {
	Subject  string            `json:"subject"`
	Sequence uint64            `json:"seq,omitempty"` // in the stream; of what comes live, none
	Headers  map[string]string `json:"headers"`
	Body     json.RawMessage   `json:"body"`
}

// whole prints an update with its subject and headers.
func (p *updatePrinter) whole(u *client.Update) error {
	content, _, _ := strings.Cut(u.Headers().Get(subjects.HeaderContentType), ";")
	text, _ := asJSON(content, u.Data()) // what is not JSON is told in it
	line := published{Subject: u.Subject(), Sequence: u.Sequence, Headers: map[string]string{}, Body: text}
	for name := range u.Headers() {
		line.Headers[name] = u.Headers().Get(name)
	}
	return json.NewEncoder(p.out).Encode(line)
}

func (p *updatePrinter) print(meta client.Meta, h nats.Header, data []byte) error {
	content, _, _ := strings.Cut(h.Get(subjects.HeaderContentType), ";")
	text, err := asJSON(content, data)
	if p.json {
		_, err := p.out.Write(append(text, '\n'))
		return err
	}
	var body updateBody
	if err == nil {
		err = body.UnmarshalJSON(text)
	}
	what := fmt.Sprintf("%d bytes of %s that cannot be read", len(data), content)
	if err == nil {
		what = body.text()
	}
	if meta.Redacted != "" {
		what += " [redacted: " + printable(meta.Redacted) + "]"
	}
	_, err = fmt.Fprintf(p.out, "%s  %s  %s  %s\n", p.dim(clock(meta.Date)), p.bold(printable(meta.Type)), body.chat(meta), what)
	return err
}

func (p *updatePrinter) event(e *client.Event) error {
	if p.json || p.headers {
		_, err := p.out.Write(append(e.Data, '\n'))
		return err
	}
	_, err := fmt.Fprintf(p.out, "%s  %s  %s  %s\n", p.dim(clock(e.At)), p.bold("event"), printable(e.Name), shorten(printable(string(e.Data))))
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
