package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/bridge"
	"github.com/natsgram/natsgram/bridge/bus"
	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/subjects"
)

func accountsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "accounts",
		Short: "List, add, remove and move accounts while daemons run",
		Long: `List, add, remove and move accounts while daemons run. Any daemon answers for all: the requests are
tg.ctl._.accounts.list, add, remove and move, for programs too.`,
		Example: `  natsgram accounts list
  natsgram accounts add news
  natsgram accounts move main two
  natsgram accounts remove news --logout`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(accountsListCommand(), accountsAddCommand(), accountsMoveCommand(), accountsRemoveCommand())
	return c
}

func accountsListCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "Show all accounts: how each does, which daemon runs it, since when",
		Long: `Show all accounts: how each does, which daemon runs it, since when.

States: connected, connecting, starting, stopping, stopped; waiting-for-login (nobody ever signed in), signed-out (somebody has
to sign in anew); free (no daemon runs it), silent (its daemon does not answer), removing.`,
		Example: `  natsgram accounts list
  natsgram accounts list --json |
    jq -r 'select(.state != "connected") | .account'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o, err := connectAdmin(c, "")
			if err != nil {
				return err
			}
			defer o.close()
			all, err := o.list(c.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return printLines(c.OutOrStdout(), all)
			}
			if len(all) == 0 {
				fmt.Fprintln(c.ErrOrStderr(), "There is no account yet: natsgram login NAME, or natsgram accounts add NAME.")
				return nil
			}
			return printAccounts(c.OutOrStdout(), all)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	return c
}

func printLines(out io.Writer, all []bridge.Account) error {
	enc := json.NewEncoder(out)
	for _, a := range all {
		if err := enc.Encode(a); err != nil {
			return err
		}
	}
	return nil
}

func printAccounts(out io.Writer, all []bridge.Account) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ACCOUNT\tSTATE\tDAEMON\tSINCE\tUSER\tWHY")
	for _, a := range all {
		since, user := "-", "-"
		if !a.Since.IsZero() {
			since = a.Since.Local().Format(time.DateTime)
		}
		if a.UserID != 0 {
			user = fmt.Sprint(a.UserID)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", a.Account, a.State, dash(a.Daemon), since, user, dash(a.Error))
	}
	return w.Flush()
}

func accountsAddCommand() *cobra.Command {
	return changeCommand(&cobra.Command{
		Use:   "add ACCOUNT",
		Short: "Make an account known; a daemon takes it, and it waits for a login",
		Long: `Make an account known: a daemon takes it, and it waits for a login, by 'natsgram login ACCOUNT' or by requests to
tg.ctl.ACCOUNT.login. Calls are answered 401 until then. A login of an unknown name does the same by itself.`,
		Example: `  natsgram accounts add news
  natsgram login news --bot-token 12345:AbCdEf`,
		Args: cobra.ExactArgs(1),
	}, "add", func(args []string) map[string]any { return map[string]any{"account": args[0]} }, func(a change) string {
		if a.Error != "" && a.Owner == "" {
			return fmt.Sprintf("%s is added, and nobody runs it: %s.", a.Account.Account, a.Error)
		}
		return fmt.Sprintf("%s is added and runs on %s: %s. Now: natsgram login %s", a.Account.Account, dash(a.Daemon), a.State, a.Account.Account)
	})
}

func accountsMoveCommand() *cobra.Command {
	return changeCommand(&cobra.Command{
		Use:   "move ACCOUNT [DAEMON]",
		Short: "Hand an account over to another daemon, without losing a request",
		Long: `Hand an account over to another daemon, by its name (NATSGRAM_NAME) or id, or to the one with least to do. Requests that
come meanwhile wait for the new owner; none is lost, and no update either.

Daemons go on to even out: if one has two accounts more than another, it gives one away, though not the one that came last.`,
		Example: `  natsgram accounts move main
  natsgram accounts move main two`,
		Args: cobra.RangeArgs(1, 2),
	}, "move", func(args []string) map[string]any {
		in := map[string]any{"account": args[0]}
		if len(args) > 1 {
			in["to"] = args[1]
		}
		return in
	}, func(a change) string {
		return fmt.Sprintf("%s went from %s to %s in %.0f ms: %s.", a.Account.Account, a.FromDaemon, a.Daemon, a.Took, a.State)
	})
}

func accountsRemoveCommand() *cobra.Command {
	var logout, purge bool
	c := changeCommand(&cobra.Command{
		Use:   "remove ACCOUNT",
		Short: "Stop an account and delete its session",
		Long: `Stop an account and delete its sealed session. Requests at work are answered first. Unless told otherwise, the account's list
of devices still shows natsgram, and its updates stay in the stream until they age out. If it is cut short, remove it again.`,
		Example: `  natsgram accounts remove news
  natsgram accounts remove news --logout --purge`,
		Args: cobra.ExactArgs(1),
	}, "remove", func(args []string) map[string]any {
		return map[string]any{"account": args[0], "logout": logout, "purge": purge}
	}, func(a change) string {
		text := a.Account.Account + " is removed."
		if len(a.NamedBy) > 0 {
			text += fmt.Sprintf(" NATSGRAM_ACCOUNTS of %s still names it: there it waits for a login.", strings.Join(a.NamedBy, ", "))
		}
		return text
	})
	c.Flags().BoolVar(&logout, "logout", false, "sign out at Telegram first, which has to be connected; if that fails nothing is removed")
	c.Flags().BoolVar(&purge, "purge", false, "delete its updates and events from the streams too, its jobs, its freeze and its budgets")
	return c
}

// change is what add, move and remove answer; each fills some of it.
type change struct {
	bridge.Account
	FromDaemon string   `json:"from_daemon"`
	Took       float64  `json:"took_ms"`
	NamedBy    []string `json:"still_named_by"`
}

// changeCommand makes a command that asks for a change, shows on standard error what happens, and says how it ended.
func changeCommand(c *cobra.Command, verb string, request func(args []string) map[string]any, say func(change) string) *cobra.Command {
	var asJSON bool
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := checkAccount(c, args[0]); err != nil {
			return err
		}
		o, err := connectAdmin(c, args[0])
		if err != nil {
			return err
		}
		defer o.close()
		answer, err := o.ask(c.Context(), verb, request(args))
		if err != nil {
			return err
		}
		if asJSON {
			_, err := c.OutOrStdout().Write(append(answer, '\n'))
			return err
		}
		var done change
		if err := json.Unmarshal(answer, &done); err != nil {
			return fmt.Errorf("the daemon's answer: %w", err)
		}
		fmt.Fprintln(c.OutOrStdout(), say(done))
		return nil
	}
	c.Flags().BoolVar(&asJSON, "json", false, "the daemon's answer as JSON")
	return c
}

// admin asks daemons about accounts, and has them change what there is.
type admin struct {
	set settings.Settings
	nc  *nats.Conn
}

// changeTime is how long a change may take: an owner has 16 s to answer its requests, and some more to let go.
const changeTime = 2 * time.Minute

// connectAdmin connects. What happens to the watched account, if any, is shown on standard error.
func connectAdmin(c *cobra.Command, watched string) (*admin, error) {
	set, err := loadSettings(c)
	if err != nil {
		return nil, err
	}
	nc, err := bus.Connect(set, "natsgram-cli")
	if err != nil {
		return nil, err
	}
	o := &admin{set: set, nc: nc}
	if watched != "" {
		o.watch(watched, c.ErrOrStderr())
	}
	return o, nil
}

func (o *admin) close() { o.nc.Close() }

// watch prints the account's events. Who may not see them goes without.
func (o *admin) watch(account string, out io.Writer) {
	begun := time.Now()
	o.nc.SetErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})
	_, err := o.nc.Subscribe(o.set.Scheme().Events(account), func(m *nats.Msg) {
		var event struct{ Event, Reason, Error string }
		if json.Unmarshal(m.Data, &event) != nil {
			return
		}
		line := fmt.Sprintf("%6.2f s  %s  %s", time.Since(begun).Seconds(), account, event.Event)
		for _, more := range []string{event.Reason, event.Error} {
			if more != "" {
				line += ": " + more
			}
		}
		fmt.Fprintln(out, line)
	})
	if err == nil {
		_ = o.nc.Flush() // without it the first lines may be missing
	}
}

// ask asks tg.ctl._.accounts.<verb>.
func (o *admin) ask(ctx context.Context, verb string, in map[string]any) ([]byte, error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, changeTime)
	defer cancel()
	reply, err := o.nc.RequestWithContext(ctx, o.set.Scheme().Ctl(subjects.Daemon, "accounts."+verb), body)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return nil, errors.New("no daemon answers: is `natsgram serve` running on these NATS servers, with this prefix?")
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("no answer within %s; `natsgram accounts list` shows how it stands", changeTime)
	case err != nil:
		return nil, err
	}
	if code := reply.Header.Get(subjects.HeaderErrorCode); code != "" {
		return nil, replyError(code, reply.Header)
	}
	return reply.Data, nil
}

// list reads all pages.
func (o *admin) list(ctx context.Context) (all []bridge.Account, err error) {
	for after := ""; ; {
		answer, err := o.ask(ctx, "list", map[string]any{"after": after})
		if err != nil {
			return nil, err
		}
		var page struct {
			Accounts []bridge.Account
			Next     string
		}
		if err := json.Unmarshal(answer, &page); err != nil {
			return nil, fmt.Errorf("the daemon's answer: %w", err)
		}
		all = append(all, page.Accounts...)
		if after = page.Next; after == "" {
			return all, nil
		}
	}
}
