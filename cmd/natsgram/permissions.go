package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/subjects/rights"
	"github.com/natsgram/natsgram/tl"
)

// permissionsFlags are what the flags of permissions choose.
type permissionsFlags struct {
	user, from, to string
	trusted        bool
	nsc, json      bool
	grant          rights.Grant
}

func permissionsCommand() *cobra.Command {
	var f permissionsFlags
	c := &cobra.Command{
		Use:   "permissions ROLE [ACCOUNT]",
		Short: "Print a NATS user with what it has to be allowed for a role",
		Long: `Print a NATS user with what it has to be allowed for a role, on one account or on all, as it stands in nats-server's
configuration. What each role can do at worst: docs/operating.md. Roles:

  reader    call methods that only read, on tg.ro
  writer    call every method that the daemon serves; with --method just those that are named
  consumer  read updates from JetStream: by --durable, which is there and called so, or with --stream from a stream of the
            account's own (natsgram streams add), by consumers of any name
  watcher   see updates and events as they come, without JetStream
  queue     put jobs into the queue and see what becomes of them; with --chat just those about the chats that are named, with
            --method by those methods; without both also list, cancel and retry jobs
  files     fetch files, in the daemon's answers; with --bucket also read and write the objects of that object store, which uploads
            are taken from (TG_FILES)
  operator  sign in and out, ask for the status, watch channels; without an account also list, add, move and remove accounts
  daemon    natsgram itself

With --from the user is in another NATS account than natsgram, called --to: one exports what the other imports. Only so are consumer,
queue, and files with --bucket safe, and so they are printed from the account NATSGRAM unless --from says another. In natsgram's own account whoever may
use JetStream can have it write to any subject, by the reply subject of a request: --trusted prints that. There JetStream
seems to be in the domain natsgram.

Answers come below an inbox prefix of the user's own, which its programs have to be told: NATS_INBOX_PREFIX for natsgram and the
nats CLI, an option of the connection for others.`,
		Example: `  natsgram permissions reader main --user dashboard
  natsgram permissions writer main --method messages.sendMessage
  natsgram permissions consumer main --durable archive --to ARCHIVE
  natsgram permissions queue main --chat channel.1234567890 --user news \
    --method messages.sendMessage --method messages.editMessage
  natsgram permissions files main --bucket TG_FILES --user media
  natsgram permissions operator --nsc           all accounts`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			set, schema, err := loadSchema(c)
			if err != nil {
				return err
			}
			f.grant.Role = rights.Role(args[0])
			if len(args) == 2 {
				f.grant.Account = args[1]
			}
			if err := checkMethods(schema, f.grant); err != nil {
				return misused(c, err)
			}
			u, err := f.natsUser(set.Scheme())
			if err != nil {
				return misused(c, err)
			}
			return f.print(c.OutOrStdout(), u)
		},
	}
	f.flags(c)
	return c
}

func (f *permissionsFlags) flags(c *cobra.Command) {
	fs := c.Flags()
	fs.StringVar(&f.user, "user", "", "name of the NATS user (default: the role and the account)")
	fs.StringVar(&f.grant.Inbox, "inbox", "", "prefix of the user's inboxes (default: _INBOX_. and the user)")
	fs.StringArrayVar(&f.grant.Methods, "method", nil, "with reader, writer or queue: this method alone; may be given again")
	fs.StringArrayVar(&f.grant.Chats, "chat", nil, "with queue: jobs about this chat alone, as KIND.ID; none.0: about no chat; may be given again")
	fs.StringArrayVar(&f.grant.Buckets, "bucket", nil, "with files: an object store that the user reads and writes itself; may be given again")
	fs.StringArrayVar(&f.grant.Durables, "durable", nil, "with consumer: a durable of the stream of updates, by its name in JetStream; may be given again")
	fs.BoolVar(&f.grant.Own, "stream", false, "with consumer: the account's own stream")
	fs.StringArrayVar(&f.grant.Replies, "reply", nil, "with daemon: inbox prefix of callers that --inbox gave one elsewhere; may be given again")
	fs.StringArrayVar(&f.grant.Owns, "own", nil, "with daemon: an account that has a stream of its own, out of which it erases as well; may be given again")
	fs.StringVar(&f.grant.API, "api", "", "with daemon: JetStream's API prefix, such as $JS.hub.API for the domain hub (default: $JS.API)")
	fs.StringVar(&f.from, "from", "", "natsgram's NATS account, where the user is in another")
	fs.StringVar(&f.to, "to", "", "with --from: the user's NATS account (default: the user in capitals)")
	fs.BoolVar(&f.trusted, "trusted", false, "with consumer, queue, or files and --bucket: in natsgram's own NATS account, where it can do everything")
	fs.BoolVar(&f.nsc, "nsc", false, "as commands of nsc, for servers in operator mode")
	fs.BoolVar(&f.json, "json", false, "as JSON, in the shapes that JWTs have")
	c.MarkFlagsMutuallyExclusive("nsc", "json")
	c.MarkFlagsMutuallyExclusive("from", "trusted")
}

// natsUser fills in what was not said.
func (f *permissionsFlags) natsUser(scheme subjects.Scheme) (u rights.User, err error) {
	stored := f.grant.Role == rights.Consumer || f.grant.Role == rights.Sender || len(f.grant.Buckets) > 0
	if f.trusted && !stored {
		return u, errors.New("--trusted goes with consumer, queue, and files with --bucket")
	}
	if f.user == "" {
		f.user = strings.TrimSuffix(string(f.grant.Role)+"-"+f.grant.Account, "-")
	}
	if f.grant.Inbox == "" {
		f.grant.Inbox = rights.DefaultInbox(f.user)
	}
	if f.from == "" && stored && !f.trusted {
		f.from = "NATSGRAM"
	}
	switch {
	case f.from != "" && f.grant.Role == rights.Runner:
		return u, errors.New("--from goes with the roles of others: the daemon is in its own account")
	case f.from == "" && f.to != "" && !f.nsc:
		return u, errors.New("--to goes with --from")
	case f.from != "" && f.to == "":
		f.to = strings.ToUpper(f.user)
	}
	for _, name := range []string{f.user, f.from, f.to} {
		if name == "" {
			continue
		}
		if err := rights.CheckName(name); err != nil {
			return u, err
		}
	}
	u = rights.User{Name: f.user, Account: f.to, From: f.from}
	u.Permissions, err = rights.Of(scheme, f.grant)
	return u, err
}

const trustedWarning = `# In natsgram's own NATS account whoever may use JetStream can have it write to any subject, by the reply subject of a request:
# this user can do everything. Without --trusted it is in an account of its own, and cannot.
`

func (f *permissionsFlags) print(out io.Writer, u rights.User) error {
	if f.json {
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(u)
	}
	text := u.Config()
	if f.nsc {
		text = u.NSC()
	}
	if f.trusted {
		text = trustedWarning + text
	}
	_, err := fmt.Fprint(out, text)
	return err
}

// checkMethods says which method cannot be called so.
func checkMethods(schema *tl.Schema, g rights.Grant) error {
	for _, m := range g.Methods {
		if schema.Function(m) == nil {
			return fmt.Errorf("layer %d has no method %q: see natsgram methods %s", schema.Layer, m, m[strings.LastIndex(m, ".")+1:])
		}
		if f := schema.Function(m); slices.ContainsFunc(f.Params, func(p tl.Param) bool { return p.Type.Bang }) {
			return fmt.Errorf("%s carries any other call: who may make it may make all, so leave --method out", m)
		}
		if g.Role == rights.Reader && !subjects.ReadOnly(m) {
			return fmt.Errorf("%s does not only read", m)
		}
	}
	return nil
}
