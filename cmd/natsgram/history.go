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
	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/bridge/history"
	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/subjects"
)

func historyCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "history",
		Short: "Messages of the past: have them fetched into a stream, list and cancel that",
		Long: `Messages of the past. A job writes those of a chat into the stream TG_HISTORY, oldest first and each once, whatever restarts
meanwhile. For programs: request tg.ctl.ACCOUNT.history.fetch; the messages stand on tg.hist.ACCOUNT.KIND.ID.`,
		Example: `  natsgram history fetch main @durov --limit 1000
  natsgram history list main`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(historyFetchCommand(), historyListCommand(), historyCancelCommand())
	return c
}

// historyFetchOptions is what the flags of history fetch choose.
type historyFetchOptions struct {
	from, to       string
	limit, topic   int
	noWait, asJSON bool
}

func historyFetchCommand() *cobra.Command {
	var o historyFetchOptions
	c := &cobra.Command{
		Use:   "fetch ACCOUNT CHAT",
		Short: "Have a chat's messages fetched into the stream TG_HISTORY",
		Long: `Have a chat's messages fetched into the stream TG_HISTORY, and wait until they are there. Without --limit, all of them.

CHAT is @name, a t.me link, user.1, chat.2, channel.3, me ... --from and --to are ids of messages, or dates: 2026-01-31,
2026-01-31T12:00:00Z, @1769860800 (Unix seconds). The same command again is the same job; what is in the stream is not written twice.
Ctrl-C ends the waiting and not the job.`,
		Example: `  natsgram history fetch main @durov --limit 1000
  natsgram history fetch main me --from 2026-01-01 --no-wait
  natsgram history fetch main t.me/gophers --topic 17 --json`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if err := errors.Join(checkAccount(c, args[0]), o.check(c)); err != nil {
				return err
			}
			return o.fetch(c, args[0], args[1])
		},
	}
	f := c.Flags()
	f.IntVar(&o.limit, "limit", 0, "the newest so many (default: all)")
	f.StringVar(&o.from, "from", "", "the first message: its id, or a date")
	f.StringVar(&o.to, "to", "", "the last: its id, or a date")
	f.IntVar(&o.topic, "topic", 0, "only those of a forum's topic, or of a thread, by the id of the message that began it")
	f.BoolVar(&o.noWait, "no-wait", false, "print the job, and do not wait for it")
	f.BoolVar(&o.asJSON, "json", false, "the job as one JSON object")
	return c
}

// check refuses flags that say nothing: a script's empty variable is not to fetch a whole chat.
func (o historyFetchOptions) check(c *cobra.Command) (err error) {
	for name, n := range map[string]int{"limit": o.limit, "topic": o.topic} {
		if c.Flags().Changed(name) && n < 1 {
			err = errors.Join(err, misused(c, fmt.Errorf("--%s %d: want 1 or more", name, n)))
		}
	}
	for name, text := range map[string]string{"from": o.from, "to": o.to} {
		if c.Flags().Changed(name) && text == "" {
			err = errors.Join(err, misused(c, fmt.Errorf("--%s is empty: want the id of a message, or a date", name)))
		}
	}
	return err
}

// request is what is asked for.
func (o historyFetchOptions) request(chat string) map[string]any {
	in := map[string]any{"peer": peerWord(chat)}
	for name, text := range map[string]string{"from": o.from, "to": o.to} {
		if id, err := strconv.Atoi(text); err == nil {
			in[name] = id
		} else if text != "" {
			in[name] = text
		}
	}
	if o.limit > 0 {
		in["limit"] = o.limit
	}
	if o.topic > 0 {
		in["topic"] = o.topic
	}
	return in
}

func (o historyFetchOptions) fetch(c *cobra.Command, account, chat string) error {
	var begun history.Fetched
	if err := askHistory(c.Context(), c, account, "fetch", o.request(chat), &begun); err != nil {
		return err
	}
	j := begun.Job
	if !o.noWait {
		var err error
		if j, err = awaitHistory(c, account, j); err != nil {
			return err
		}
	}
	if o.asJSON {
		if err := json.NewEncoder(c.OutOrStdout()).Encode(j); err != nil {
			return err
		}
	}
	switch {
	case j.State == history.Failed || j.State == history.Cancelled:
		return fmt.Errorf("history of %s: %s", j.Peer, j.Error)
	case o.asJSON:
	case o.noWait:
		fmt.Fprintln(c.OutOrStdout(), j.ID)
	default:
		fmt.Fprintf(c.OutOrStdout(), "%d messages of %s are in TG_HISTORY, %d of them new: %s\n", j.Done, j.Peer, j.Stored, j.Subject)
		if j.Former != "" {
			fmt.Fprintf(c.ErrOrStderr(), "It was the basic group %s before, whose messages are a history of their own: natsgram history fetch %s %s\n", j.Former, account, j.Former)
		}
	}
	return nil
}

// historyEvery is how often it is asked how far a job is.
var historyEvery = retry.Backoff{Min: 50 * time.Millisecond, Max: time.Second}

// awaitHistory waits for a job's end, whatever becomes of daemons meanwhile.
func awaitHistory(c *cobra.Command, account string, j history.Job) (history.Job, error) {
	line := newProgress(c.ErrOrStderr(), j.Peer, 100, 0)
	line.told = func() string { return historyLine(j) }
	defer line.end()
	said, answered, silent := "", time.Now(), false
	for wait := historyEvery.After(0); j.Ended == nil; wait = historyEvery.After(wait) {
		if retry.Pause(c.Context(), wait) != nil {
			line.end()
			fmt.Fprintf(c.ErrOrStderr(), "The job goes on; natsgram history list %s shows it, natsgram history cancel %s %s ends it.\n", account, account, j.ID)
			return j, c.Context().Err()
		}
		var all history.Jobs
		err := askHistory(c.Context(), c, account, "list", map[string]any{"job": j.ID}, &all)
		switch {
		case c.Context().Err() != nil:
		case err != nil && passing(err) && time.Since(answered) < patience:
			if !silent {
				line.end()
				fmt.Fprintln(c.ErrOrStderr(), "The daemon does not answer; waiting for it.")
			}
			silent = true
		case hasCode(err, "404"):
			line.end()
			return j, fmt.Errorf("job %s is not in the list any more, which has the last 50 that ended, for a week: it ended, and how is not known. It was last seen with %s looked at.\n"+
				"The same command again fetches what is missing, and nothing twice.", j.ID, messagesDone(j))
		case err != nil:
			line.end()
			return j, fmt.Errorf("job %s cannot be seen any more: %w", j.ID, err)
		default:
			j, answered, silent = all.Jobs[0], time.Now(), false
			if line.out == nil && j.Reason != said && j.Reason != "" {
				fmt.Fprintf(c.ErrOrStderr(), "It waits: %s\n", printable(j.Reason))
				said = j.Reason
			}
			line.at(int64(j.Percent))
		}
	}
	return j, nil
}

// historyLine is how far a job is, in words.
func historyLine(j history.Job) string {
	text := messagesDone(j)
	if j.State == history.Waiting && j.Reason != "" {
		text += ", waits: " + shorten(printable(j.Reason))
	}
	return text
}

func messagesDone(j history.Job) string {
	if j.Of > 0 {
		return fmt.Sprintf("%d of %d messages", j.Done, j.Of)
	}
	return strconv.Itoa(j.Done) + " messages"
}

func askHistory(ctx context.Context, c *cobra.Command, account, verb string, in, out any) error {
	set, err := loadSettings(c)
	if err != nil {
		return err
	}
	m := nats.NewMsg(set.Scheme().Ctl(account, "history."+verb))
	if m.Data, err = json.Marshal(in); err != nil {
		return err
	}
	reply, err := request(ctx, set, m, askTime)
	if err != nil {
		return err
	}
	if code := reply.Header.Get(subjects.HeaderErrorCode); code != "" {
		return replyError(code, reply.Header)
	}
	if err := json.Unmarshal(reply.Data, out); err != nil {
		return fmt.Errorf("the daemon's answer: %w", err)
	}
	return nil
}

func historyListCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list ACCOUNT",
		Short: "Show the jobs that fetch history, and those that ended lately",
		Example: `  natsgram history list main
  natsgram history list main --json | jq -r 'select(.code > 0) | .error'`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkAccount(c, args[0]); err != nil {
				return err
			}
			var all history.Jobs
			if err := askHistory(c.Context(), c, args[0], "list", struct{}{}, &all); err != nil {
				return err
			}
			return printHistory(c.OutOrStdout(), c.ErrOrStderr(), all.Jobs, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	return c
}

func printHistory(out, errs io.Writer, jobs []history.Job, asJSON bool) error {
	if asJSON {
		for _, j := range jobs {
			if err := json.NewEncoder(out).Encode(j); err != nil {
				return err
			}
		}
		return nil
	}
	if len(jobs) == 0 {
		fmt.Fprintln(errs, "No history is fetched.")
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "JOB\tCHAT\tSTATE\tDONE\tNEW\t%\tUNTIL\tWHY")
	for _, j := range jobs {
		until := "-"
		if j.Until != nil {
			until = j.Until.Local().Format(time.DateTime)
		}
		why := j.Reason
		if j.Error != "" {
			why = j.Error
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%s\t%s\n", j.ID, j.Peer, j.State, j.Done, j.Stored, j.Percent, until, dash(printable(why)))
	}
	return w.Flush()
}

func historyCancelCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "cancel ACCOUNT JOB...",
		Short:   "End jobs that fetch history; what they have fetched stays",
		Example: "  natsgram history cancel main 4iQ2nZ0y1uXvT7cKpL3wRb",
		Args:    cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkAccount(c, args[0]); err != nil {
				return err
			}
			for _, id := range args[1:] {
				var done struct {
					Cancelled string `json:"cancelled"`
				}
				if err := askHistory(c.Context(), c, args[0], "cancel", map[string]any{"job": id}, &done); err != nil {
					return err
				}
				fmt.Fprintf(c.OutOrStdout(), "%s  cancelled\n", done.Cancelled)
			}
			return nil
		},
	}
}
