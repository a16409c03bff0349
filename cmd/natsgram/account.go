package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/bridge/bus"
	"github.com/natsgram/natsgram/bridge/client"
)

// askTime is how long an account may take to answer for itself.
const askTime = 30 * time.Second

// askAccount asks tg.ctl.<account>.<verb> and prints the answer, for people in lines, for programs as JSON.
func askAccount(c *cobra.Command, account, verb string, in any, asJSON bool) error {
	set, err := loadSettings(c)
	if err != nil {
		return err
	}
	if err := checkAccount(c, account); err != nil {
		return err
	}
	m := nats.NewMsg(set.Scheme().Ctl(account, verb))
	if in != nil {
		if m.Data, err = json.Marshal(in); err != nil {
			return err
		}
	}
	reply, err := request(c.Context(), set, m, askTime)
	if err != nil {
		return err
	}
	var lines bytes.Buffer
	if err := printReply(&lines, reply, true); err != nil || asJSON {
		return errors.Join(err, write(c.OutOrStdout(), lines.Bytes()))
	}
	return printFields(c.OutOrStdout(), lines.Bytes())
}

func write(out io.Writer, b []byte) error {
	_, err := out.Write(b)
	return err
}

// printFields prints JSON in lines of name and value, in its own order.
func printFields(out io.Writer, text []byte) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := fields(w, d, ""); err != nil {
		return fmt.Errorf("the daemon's answer: %w", err)
	}
	return w.Flush()
}

// fields reads one value of JSON and prints what is in it.
func fields(w io.Writer, d *json.Decoder, path string) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	open, isOpen := t.(json.Delim)
	if !isOpen {
		fmt.Fprintf(w, "%s\t%s\n", path, printable(fmt.Sprint(t)))
		return nil
	}
	for i := 0; d.More(); i++ {
		name := strconv.Itoa(i)
		if open == '{' {
			key, err := d.Token()
			if err != nil {
				return err
			}
			name = fmt.Sprint(key)
		}
		if path != "" {
			name = path + "." + name
		}
		if err := fields(w, d, name); err != nil {
			return err
		}
	}
	_, err = d.Token()
	return err
}

func statusCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "status ACCOUNT",
		Short: "Show all that its daemon knows of an account",
		Long: `Show all that its daemon knows of an account: its state and why, the user, the data centre, what waits, the ways to Telegram.
The request is tg.ctl.ACCOUNT.status, for programs too.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return askAccount(c, args[0], "status", nil, asJSON) },
	}
	c.Flags().BoolVar(&asJSON, "json", false, "the daemon's answer as JSON")
	return c
}

func logoutCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "logout ACCOUNT",
		Short: "Sign an account out at Telegram",
		Long: `Sign an account out at Telegram: its device disappears from the account's list, and calls are refused until somebody signs in anew.
The account stays known; 'natsgram accounts remove --logout' forgets it too.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return askAccount(c, args[0], "logout", nil, false) },
	}
}

func watchCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "watch",
		Short: "Look at channels again and again, so that their posts come in time",
		Long: `Look at channels again and again, as an app does for the one that is open, so that Telegram's posts come in time; ten an account
at most. What is added or removed here stays so over restarts. The requests are tg.ctl.ACCOUNT.watch.list, add and remove.`,
		Example: `  natsgram watch list main
  natsgram watch add main 1234567890
  natsgram watch add main @townnews
  natsgram watch remove main 1234567890`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(&cobra.Command{
		Use: "list ACCOUNT", Short: "Show the channels that are watched", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return askAccount(c, args[0], "watch.list", nil, false) },
	})
	for verb, about := range map[string]string{"add": "Watch channels: ids, or whatever names them", "remove": "Watch them no longer"} {
		c.AddCommand(&cobra.Command{
			Use: verb + " ACCOUNT CHANNEL...", Short: about, Args: cobra.MinimumNArgs(2),
			RunE: func(c *cobra.Command, args []string) error {
				channels := make([]any, len(args)-1)
				for i, word := range args[1:] {
					channels[i] = peerWord(word)
				}
				return askAccount(c, args[0], "watch."+verb, map[string]any{"channels": channels}, false)
			},
		})
	}
	return c
}

func eventsCommand() *cobra.Command {
	var asJSON bool
	var count int
	c := &cobra.Command{
		Use:   "events ACCOUNT",
		Short: "Watch what happens to an account: connected, flood.wait, owner.gained ...",
		Long: `Watch what happens to an account itself, as it comes: connections, sign-ins, flood waits, who runs it. The subjects are
tg.evt.ACCOUNT.>; the stream TG_EVENTS keeps the last of each.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			set, err := loadSettings(c)
			if err != nil {
				return err
			}
			if err := checkAccount(c, args[0]); err != nil {
				return err
			}
			nc, err := bus.Connect(set, "natsgram-events")
			if err != nil {
				return err
			}
			defer nc.Close()
			if js, err := bus.JetStream(nc, set.NATS); err == nil && neverRan(c.Context(), js, set.Scheme(), args[0]) {
				fmt.Fprintf(c.ErrOrStderr(), noneRan+"; waiting for one.\n", args[0])
			}
			n, out := 0, linesTo(c.OutOrStdout())
			for e, err := range client.New(nc, args[0], client.Prefix(set.Prefix)).Events(c.Context()) {
				if err != nil {
					return ended(c, err)
				}
				if n++; asJSON {
					_, err = fmt.Fprintf(out, "%s\n", e.Data)
				} else {
					err = printEvent(out, e)
				}
				if err != nil || n == count {
					return err
				}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line, as published")
	c.Flags().IntVarP(&count, "count", "n", 0, "stop after N events")
	return c
}

// ended is nil when a command that goes on for ever was told to stop.
func ended(c *cobra.Command, err error) error {
	if c.Context().Err() != nil {
		return nil
	}
	return err
}

// printEvent prints when, what, and what else is told of it.
func printEvent(out io.Writer, e *client.Event) error {
	line := e.At.Local().Format(time.TimeOnly) + "  " + printable(e.Name)
	var more map[string]any
	if json.Unmarshal(e.Data, &more) == nil {
		for _, known := range []string{"event", "account", "at"} {
			delete(more, known)
		}
	}
	if text, err := json.Marshal(more); err == nil && len(more) > 0 {
		line += "  " + printable(string(text))
	}
	_, err := fmt.Fprintln(out, line)
	return err
}
