package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/bridge/bus"
	"github.com/natsgram/natsgram/bridge/queue"
	"github.com/natsgram/natsgram/subjects"
)

func queueCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "queue",
		Short: "Calls that are made later: put jobs into the queue, list, cancel and retry them, watch what becomes of them",
		Long: `Calls that are made later. A job is a call that is kept in a JetStream stream until it may be made: in order within each chat,
when Telegram's limits allow, whatever restarts meanwhile. For programs: publish to tg.queue.ACCOUNT.KIND.ID.METHOD; what became of
it is told on tg.done.ACCOUNT.KIND.ID.JOB.`,
		Example: `  natsgram queue add main @news messages.sendMessage message='in due time'
  natsgram queue list main
  natsgram queue watch main --since 1h`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(queueListCommand(), queueAddCommand(), queueCancelCommand(), queueRetryCommand(), queueWatchCommand())
	return c
}

// chatFlag adds --chat.
func chatFlag(c *cobra.Command, to *string, usage string) {
	c.Flags().StringVar(to, "chat", "", usage+": user.1, chat.2, channel.3, none.0, @name, a link")
}

func queueListCommand() *cobra.Command {
	var chat string
	var asJSON bool
	var limit int
	c := &cobra.Command{
		Use:   "list ACCOUNT",
		Short: "Show the jobs that wait: for what, until when, and the last error",
		Long: `Show the jobs that wait, in the order in which they came.

States: running; ready (its turn comes); behind (another of its chat comes first); waiting (until a time: the last try was told to
wait, or its chat or the account is held); later (its time has not come); unknown (nobody knows whether it was executed: queue
retry runs it again, queue cancel removes it).`,
		Example: `  natsgram queue list main
  natsgram queue list main --chat channel.1234567890 --json |
    jq -r 'select(.state == "unknown") | .job'`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkAccount(c, args[0]); err != nil {
				return err
			}
			if limit < 1 {
				return misused(c, fmt.Errorf("--limit %d: want 1 or more", limit))
			}
			chat, err := namedChat(c, args[0], chat)
			if err != nil {
				return err
			}
			return listJobs(c, args[0], chat, limit, asJSON)
		},
	}
	chatFlag(c, &chat, "only jobs about this chat")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	c.Flags().IntVar(&limit, "limit", 1000, "how many at most")
	return c
}

// listJobs reads page after page.
func listJobs(c *cobra.Command, account, chat string, limit int, asJSON bool) error {
	set, err := loadSettings(c)
	if err != nil {
		return err
	}
	out := c.OutOrStdout()
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	if !asJSON {
		fmt.Fprintln(w, "JOB\tCHAT\tMETHOD\tSTATE\tUNTIL\tTRIES\tWHY")
	}
	shown := 0
	for after := uint64(0); ; {
		m := nats.NewMsg(set.Scheme().Ctl(account, "queue.list"))
		m.Data, _ = json.Marshal(map[string]any{"chat": chat, "after": after, "limit": min(limit-shown, 500)})
		page, err := askJobs(c.Context(), c, m)
		if err != nil {
			return err
		}
		for _, j := range page.Jobs {
			shown++
			if asJSON {
				err = json.NewEncoder(out).Encode(j)
			} else {
				err = printJob(w, j)
			}
			if err != nil {
				return err
			}
		}
		if after = page.Next; after == 0 || shown >= limit {
			return endOfList(c, w, page, uint64(shown), asJSON) //nolint:gosec // a number of lines
		}
	}
}

func endOfList(c *cobra.Command, w *tabwriter.Writer, page *queue.List, shown uint64, asJSON bool) error {
	if asJSON {
		return nil
	}
	if page.Waiting == 0 {
		fmt.Fprintln(c.ErrOrStderr(), "No job waits.")
		return nil
	}
	err := w.Flush()
	if shown < page.Waiting {
		fmt.Fprintf(c.ErrOrStderr(), "%d of %d jobs in %d chats.\n", shown, page.Waiting, page.Chats)
	}
	if page.Held != "" {
		fmt.Fprintf(c.ErrOrStderr(), "The whole account waits: %s.\n", page.Held)
	}
	return err
}

func askJobs(ctx context.Context, c *cobra.Command, m *nats.Msg) (*queue.List, error) {
	set, err := loadSettings(c)
	if err != nil {
		return nil, err
	}
	reply, err := request(ctx, set, m, askTime)
	if err != nil {
		return nil, err
	}
	if code := reply.Header.Get(subjects.HeaderErrorCode); code != "" {
		return nil, replyError(code, reply.Header)
	}
	page := &queue.List{}
	if err := json.Unmarshal(reply.Data, page); err != nil {
		return nil, fmt.Errorf("the daemon's answer: %w", err)
	}
	return page, nil
}

func printJob(w io.Writer, j queue.Listed) error {
	until := "-"
	if j.Until != nil {
		until = j.Until.Local().Format(time.DateTime)
	}
	why := j.Error
	if j.Reason != "" && j.Reason != why {
		if why != "" {
			why += "; "
		}
		why += j.Reason
	}
	_, err := fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\t%s\n", shorten(printable(j.Job)), j.Chat, printable(j.Method), j.State, until, j.Tries, dash(printable(why)))
	return err
}

// queueAddOptions is what the flags of queue add choose.
type queueAddOptions struct {
	id, notBefore, expires, coalesce string
	priority                         int
	headers                          []string
	wait                             time.Duration
	dryRun                           bool
}

func queueAddCommand() *cobra.Command {
	var o queueAddOptions
	c := &cobra.Command{
		Use:   "add ACCOUNT CHAT METHOD [key=value...]",
		Short: "Put a job into the queue, and print its id",
		Long: `Put a job into the queue, and print its id. It is accepted when JetStream has stored it, also while no daemon runs.

CHAT is KIND.ID: user.1, chat.2, channel.3, or none.0 for a method that is about no chat. @name, a link and what else names a peer in a
call will do too, while a daemon runs that knows whom it means. It is the method's peer, which need not be given; no other chat may be
named anywhere in the call. Parameters are as those of natsgram call.`,
		Example: `  natsgram queue add main channel.1234567890 messages.sendMessage \
    message='in due time' --not-before 2h
  natsgram queue add main @alice messages.sendMessage message=hello --wait 1m
  natsgram queue add main user.5 messages.editMessage id=77 message='75 %' \
    --id order-17 --coalesce progress-77`,
		Args: cobra.MinimumNArgs(3),
		RunE: func(c *cobra.Command, args []string) error { return o.add(c, args[0], args[1], args[2], args[3:]) },
	}
	f := c.Flags()
	f.StringVar(&o.id, "id", "", "the job's id (Nats-Msg-Id): the same job again with the same id is not run twice (default: its sequence)")
	f.IntVar(&o.priority, "priority", 0, "-9 to 9: higher goes first")
	f.StringVar(&o.notBefore, "not-before", "", "a time (2026-12-24T18:00:00Z, or Unix seconds), or how long from now (90s, 2h)")
	f.StringVar(&o.expires, "expires", "", "the same: after that it is not to be run")
	f.StringVar(&o.coalesce, "coalesce", "", "any text: of the jobs of the chat that wait with the same one, the newest is run")
	f.StringArrayVar(&o.headers, "header", nil, "a header of the call, as 'Name: value' (may be given again)")
	f.DurationVar(&o.wait, "wait", 0, "wait this long for what becomes of it, and print that")
	f.BoolVar(&o.dryRun, "dry-run", false, "print subject, headers and body, and store nothing")
	return c
}

func (o queueAddOptions) add(c *cobra.Command, account, chat, method string, words []string) error {
	set, schema, err := loadSchema(c)
	if err != nil {
		return err
	}
	if err := checkAccount(c, account); err != nil {
		return err
	}
	f := schema.Function(method)
	if f == nil {
		return misused(c, fmt.Errorf("layer %d has no method %q: see natsgram methods", schema.Layer, method))
	}
	if chat, err = namedChat(c, account, chat); err != nil {
		return err
	}
	where, err := subjects.ParseChat(chat)
	if err != nil {
		return misused(c, err)
	}
	m := nats.NewMsg(subjects.Jobs(set.Scheme()).Subject(account, where, method))
	if m.Data, err = callBody(c.InOrStdin(), words, f); err == nil {
		err = o.fill(m.Header)
	}
	switch {
	case err != nil:
		return misused(c, err)
	case o.dryRun:
		return printRequest(c.OutOrStdout(), m)
	}
	nc, err := bus.Connect(set, "natsgram-cli")
	if err != nil {
		return err
	}
	defer nc.Close()
	var wait *jobWait
	if o.wait > 0 {
		if wait, err = newJobWait(c, set, nc, account, where); err != nil {
			return err
		}
	}
	seq, err := store(c.Context(), nc, m)
	if err != nil {
		return err
	}
	if js, err := bus.JetStream(nc, set.NATS); err == nil && neverRan(c.Context(), js, set.Scheme(), account) {
		fmt.Fprintf(c.ErrOrStderr(), noneRan+"; the job waits for one.\n", account)
	}
	id := o.id
	if id == "" {
		id = strconv.FormatUint(seq, 10)
	}
	if wait != nil {
		wait.stored(m, method, id, seq)
		return wait.await(o.wait)
	}
	_, err = fmt.Fprintln(c.OutOrStdout(), id)
	return err
}

func (o queueAddOptions) fill(h nats.Header) error {
	if err := (callOptions{headers: o.headers}).fill(h); err != nil {
		return err
	}
	h.Del(subjects.HeaderTimeout)
	for name, value := range map[string]string{
		subjects.HeaderMsgID: o.id, subjects.HeaderNotBefore: o.notBefore, subjects.HeaderExpires: o.expires, subjects.HeaderCoalesce: o.coalesce,
	} {
		if value != "" {
			h.Set(name, value)
		}
	}
	if o.priority != 0 {
		h.Set(subjects.HeaderPriority, strconv.Itoa(o.priority))
	}
	return nil
}

// store publishes a job, and gives its sequence once JetStream has it.
func store(ctx context.Context, nc *nats.Conn, m *nats.Msg) (uint64, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	ack, err := js.PublishMsg(ctx, m)
	switch {
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, jetstream.ErrNoStreamResponse):
		return 0, fmt.Errorf("nothing takes %s: has `natsgram serve` ever run here, with this prefix?", m.Subject)
	case err != nil:
		return 0, err
	}
	return ack.Sequence, nil
}

func queueCancelCommand() *cobra.Command {
	var chat string
	var all, asJSON bool
	c := &cobra.Command{
		Use:   "cancel ACCOUNT [JOB]",
		Short: "Take a job out of the queue that is not being run, or all of a chat",
		Example: `  natsgram queue cancel main order-17
  natsgram queue cancel main --chat channel.1234567890 --all`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			if all == (len(args) == 2) || all && chat == "" {
				return misused(c, errors.New("want the id of a job, or --chat with --all"))
			}
			chat, err := namedChat(c, args[0], chat)
			if err != nil {
				return err
			}
			in := map[string]any{"chat": chat}
			if all {
				in["all"] = true
			} else {
				in["job"] = args[1]
			}
			return askAccount(c, args[0], "queue.cancel", in, asJSON)
		},
	}
	chatFlag(c, &chat, "of this chat")
	c.Flags().BoolVar(&all, "all", false, "all jobs of the chat")
	c.Flags().BoolVar(&asJSON, "json", false, "the daemon's answer as JSON")
	return c
}

func queueRetryCommand() *cobra.Command {
	var chat string
	var asJSON bool
	c := &cobra.Command{
		Use:   "retry ACCOUNT JOB",
		Short: "Try a job now that waits after an error, or of which nobody knows whether it was executed",
		Long: `Try a job now that waits after an error; what Telegram itself wants to wait waits on. One of which nobody knows whether it was executed (state unknown) is run again, and
may so be executed twice: look in the chat first.`,
		Example: `  natsgram queue retry main order-17`,
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			chat, err := namedChat(c, args[0], chat)
			if err != nil {
				return err
			}
			return askAccount(c, args[0], "queue.retry", map[string]any{"chat": chat, "job": args[1]}, asJSON)
		},
	}
	chatFlag(c, &chat, "of this chat")
	c.Flags().BoolVar(&asJSON, "json", false, "the daemon's answer as JSON")
	return c
}
