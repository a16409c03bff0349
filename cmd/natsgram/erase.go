package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/bridge/erase"
	"github.com/natsgram/natsgram/subjects"
)

// eraseTime is how long an erasure may take before the command gives up waiting. It can be asked for again.
const eraseTime = time.Hour

func eraseCommand() *cobra.Command {
	var yes, dry bool
	c := &cobra.Command{
		Use:   "erase ACCOUNT PEER",
		Short: "Take out of NATS what is kept of a person or a chat",
		Long: `Take out of NATS what is kept of a person or a chat: every update that is about it or names it, jobs and their results, answers that are
kept, files of it in TG_FILES, and what the account knows of it. The first line says whom it takes, with the names
that it has and had; whose a username is now Telegram is asked, as for a call. Messages are deleted whole, and the server writes over their bytes. Telegram is not told, and keeps what it has; what comes from
there later is kept again.`,
		Example: `  natsgram erase main user.5 --dry-run
  natsgram erase main channel.1234567890 --yes`,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case yes && dry:
				return misused(c, errors.New("--dry-run only counts, and --yes deletes: say one of them"))
			case !yes && !dry:
				return misused(c, errors.New("say --dry-run to see how much it is, or --yes to have it deleted for good"))
			}
			return eraseNow(c, args[0], args[1], dry)
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "delete it, for good")
	c.Flags().BoolVar(&dry, "dry-run", false, "only count it")
	return c
}

func eraseNow(c *cobra.Command, account, peer string, dry bool) error {
	set, err := loadSettings(c)
	if err = errors.Join(err, checkAccount(c, account)); err != nil {
		return err
	}
	m := nats.NewMsg(set.Scheme().Ctl(account, "erase"))
	m.Data, _ = json.Marshal(map[string]any{"peer": peerWord(peer), "dry_run": dry})
	reply, err := request(c.Context(), set, m, eraseTime)
	if err != nil {
		return err
	}
	if code := reply.Header.Get(subjects.HeaderErrorCode); code != "" {
		return replyError(code, reply.Header)
	}
	var done struct {
		Peer    string                 `json:"peer"`
		Name    string                 `json:"name"`
		Names   []string               `json:"names"`
		Streams map[string]erase.Count `json:"streams"`
		Left    []string               `json:"left"`
	}
	if err := json.Unmarshal(reply.Data, &done); err != nil {
		return fmt.Errorf("the daemon's answer: %w", err)
	}
	for _, name := range done.Left {
		count, err := eraseOwn(c, name, account, done.Peer, done.Names, dry)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%s was not looked through, all else is done; the daemon's NATS user may not (natsgram permissions daemon --own %s), and this one: %w", name, account, err)
		}
		done.Streams[name] = count
	}
	w := tabwriter.NewWriter(c.OutOrStdout(), 0, 4, 2, ' ', 0)
	what := "ERASED"
	if dry {
		what = "TO ERASE"
	}
	fmt.Fprintln(c.OutOrStdout(), whom(done.Peer, done.Name, done.Names))
	fmt.Fprintln(w, "IN\t"+what+"\tOF")
	for _, name := range slices.Sorted(maps.Keys(done.Streams)) {
		fmt.Fprintf(w, "%s\t%d\t%d\n", name, done.Streams[name].Erased, done.Streams[name].Read)
	}
	return w.Flush()
}

// whom says who it is: user.5, Alice, @alice, @alice_was.
func whom(peer, name string, usernames []string) string {
	all := []string{peer}
	if name != "" {
		all = append(all, strconv.QuoteToGraphic(name))
	}
	for _, username := range usernames {
		all = append(all, "@"+username)
	}
	return strings.Join(all, ", ")
}

// eraseOwn does the same with a stream of the account's own, to which the daemon has no right.
func eraseOwn(c *cobra.Command, name, account, peer string, names []string, dry bool) (n erase.Count, err error) {
	t, err := subjects.ParseChat(peer)
	if err != nil {
		return n, err
	}
	a, err := openArchive(c)
	if err != nil {
		return n, err
	}
	defer a.nc.Close()
	return erase.Stream(c.Context(), a.js, name, a.set.Scheme().Updates(account), 0, erase.Who{Target: erase.Target(t), Names: names}.In, dry)
}
