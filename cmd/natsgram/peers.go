package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/bridge/peers"
	"github.com/natsgram/natsgram/subjects"
)

func peersCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "peers",
		Short: "People, groups and channels that an account knows: look one up, resolve a name, search",
		Long: `People, groups and channels that an account knows: of whom an update or an answer of Telegram's has told it. By their ids they can be
named in every call.`,
		Example: `  natsgram peers get main user.5
  natsgram peers resolve main @durov
  natsgram peers search main ali`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(onePeerCommand("get", "Show what is known of a peer, without asking Telegram",
		`Show what is known of a peer, without asking Telegram. PEER is an id (user.5, -1001234567890, 5), a username or a link.`),
		onePeerCommand("resolve", "Find a peer as a call that names it does, which may ask Telegram",
			`Find a peer as a call that names it does: what is not known is asked of Telegram. PEER is a username, a link, +phone or an id.`),
		searchPeersCommand())
	return c
}

func onePeerCommand(verb, short, long string) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: verb + " ACCOUNT PEER", Short: short, Long: long,
		Example: "  natsgram peers " + verb + " main @durov\n  natsgram peers " + verb + " main user.5 --json | jq -r .name",
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			var one peers.Shown
			if err := askPeers(c, args[0], verb, map[string]any{"peer": peerWord(args[1])}, &one); err != nil {
				return err
			}
			if one.Unseen {
				fmt.Fprintln(c.ErrOrStderr(), "Calls may name it by its id. Whether it is there is not known: no update or answer has told of it.")
			}
			return printPeers(c, []peers.Shown{one}, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return c
}

func searchPeersCommand() *cobra.Command {
	var asJSON bool
	var kind string
	var limit int
	c := &cobra.Command{
		Use:   "search ACCOUNT [TEXT]",
		Short: "Show the peers whose name, a word of it, or a username begins with a text",
		Long:  `Show the peers whose name, a word of it, or a username begins with a text; without one, all. What is searched is what the account has met.`,
		Example: `  natsgram peers search main ali
  natsgram peers search main --kind channel --limit 200 --json`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			if limit < 1 || limit > 200 {
				return misused(c, fmt.Errorf("--limit %d: want 1 to 200", limit))
			}
			var page peers.Page
			if err := askPeers(c, args[0], "search", map[string]any{"text": strings.Join(args[1:], ""), "kind": kind, "limit": limit}, &page); err != nil {
				return err
			}
			if err := printPeers(c, page.Peers, asJSON); err != nil || asJSON {
				return err
			}
			if page.More {
				fmt.Fprintln(c.ErrOrStderr(), "There are more.")
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	c.Flags().StringVar(&kind, "kind", "", "only users, chats or channels: user, chat, channel")
	c.Flags().IntVar(&limit, "limit", 50, "how many at most, up to 200")
	return c
}

func askPeers(c *cobra.Command, account, verb string, body map[string]any, into any) error {
	set, err := loadSettings(c)
	if err = errors.Join(err, checkAccount(c, account)); err != nil {
		return err
	}
	m := nats.NewMsg(set.Scheme().Ctl(account, "peers."+verb))
	m.Data, _ = json.Marshal(body)
	reply, err := request(c.Context(), set, m, askTime)
	if err != nil {
		return err
	}
	if code := reply.Header.Get(subjects.HeaderErrorCode); code != "" {
		return replyError(code, reply.Header)
	}
	if err := json.Unmarshal(reply.Data, into); err != nil {
		return fmt.Errorf("the daemon's answer: %w", err)
	}
	return nil
}

func printPeers(c *cobra.Command, all []peers.Shown, asJSON bool) error {
	if asJSON {
		for i := range all {
			if err := json.NewEncoder(c.OutOrStdout()).Encode(all[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if len(all) == 0 {
		fmt.Fprintln(c.ErrOrStderr(), "Nobody is found.")
		return nil
	}
	w := tabwriter.NewWriter(c.OutOrStdout(), 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "PEER\tTYPE\tNAME\tUSERNAMES")
	for _, p := range all {
		fmt.Fprintf(w, "%s.%d\t%s\t%s\t%s\n", p.Kind, p.ID, dash(p.Type), dash(printable(p.Name)), dash(printable(strings.Join(p.Usernames, " "))))
	}
	return w.Flush()
}
