package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/bridge/chats"
	"github.com/natsgram/natsgram/subjects"
)

func chatsCommand() *cobra.Command {
	var asJSON, archived bool
	limit := 100
	c := &cobra.Command{
		Use:   "chats ACCOUNT",
		Short: "Show the dialogs of an account as they are now",
		Long: `Show the dialogs of an account as they are now: the pinned ones, then by their newest message. They are kept for accounts
that NATSGRAM_STATE names, in the stream TG_STATE.`,
		Example: `  natsgram chats main
  natsgram chats main --archived
  natsgram chats main --json |
    jq -r 'select(.record.dialog.unread_count > 0) | .record.name'`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if limit < 1 {
				return misused(c, fmt.Errorf("--limit %d: want 1 or more", limit))
			}
			q := chats.Query{}
			if archived {
				q.Folder = 1
			}
			return showChats(c, args[0], q, limit, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	c.Flags().BoolVar(&archived, "archived", false, "those in the archive")
	c.Flags().IntVar(&limit, "limit", limit, "how many at most")
	return c
}

// showChats asks for page after page.
func showChats(c *cobra.Command, account string, q chats.Query, limit int, asJSON bool) error {
	var all []chats.Chat
	for {
		q.Offset, q.Limit = len(all), limit-len(all)
		page, err := askChats(c, account, q)
		if err != nil {
			return err
		}
		all = append(all, page.Chats...)
		if len(page.Chats) == 0 || len(all) >= min(limit, page.Total) {
			return printChats(c, all, page, asJSON)
		}
	}
}

func askChats(c *cobra.Command, account string, q chats.Query) (page chats.Page, err error) {
	set, err := loadSettings(c)
	if err = errors.Join(err, checkAccount(c, account)); err != nil {
		return page, err
	}
	m := nats.NewMsg(set.Scheme().Ctl(account, "chats"))
	m.Data, _ = json.Marshal(q)
	reply, err := request(c.Context(), set, m, askTime)
	if err != nil {
		return page, err
	}
	if code := reply.Header.Get(subjects.HeaderErrorCode); code != "" {
		return page, replyError(code, reply.Header)
	}
	if err := json.Unmarshal(reply.Data, &page); err != nil {
		return page, fmt.Errorf("the daemon's answer: %w", err)
	}
	return page, nil
}

func printChats(c *cobra.Command, all []chats.Chat, page chats.Page, asJSON bool) error {
	if asJSON {
		for i := range all {
			if err := json.NewEncoder(c.OutOrStdout()).Encode(all[i]); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(c.OutOrStdout(), 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "CHAT\tNAME\tNEWEST\tUNREAD\t")
	for _, one := range all {
		var r struct {
			Name   string
			Date   int64
			Pin    int
			Stale  bool
			Dialog struct {
				Unread   int  `json:"unread_count"`
				Mentions int  `json:"unread_mentions_count"`
				Mark     bool `json:"unread_mark"`
				Draft    *struct{}
			}
		}
		if err := json.Unmarshal(one.Record, &r); err != nil {
			return fmt.Errorf("the daemon's answer: %w", err)
		}
		var notes []string
		for _, note := range []struct {
			is   bool
			text string
		}{
			{r.Pin > 0, "pinned"}, {r.Dialog.Mark, "marked unread"}, {r.Dialog.Mentions > 0, strconv.Itoa(r.Dialog.Mentions) + " mentions"},
			{r.Dialog.Draft != nil, "draft"}, {r.Stale, "being asked for"},
		} {
			if note.is {
				notes = append(notes, note.text)
			}
		}
		newest := "-"
		if r.Date > 0 {
			newest = time.Unix(r.Date, 0).Format("2006-01-02 15:04")
		}
		fmt.Fprintf(w, "%s.%d\t%s\t%s\t%d\t%s\n", one.Kind, one.ID, dash(printable(r.Name)), newest, r.Dialog.Unread, strings.Join(notes, ", "))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(all) < page.Total {
		fmt.Fprintf(c.ErrOrStderr(), "%d of %d; --limit shows more.\n", len(all), page.Total)
	}
	if !page.Complete {
		fmt.Fprintln(c.ErrOrStderr(), "Telegram is still being asked for some of it.")
	}
	return nil
}
