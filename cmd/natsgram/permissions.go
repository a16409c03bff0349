package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl"
)

func permissionsCommand() *cobra.Command {
	var methods []string
	c := &cobra.Command{
		Use:   "permissions ROLE [ACCOUNT]",
		Short: "Print what a NATS user has to be allowed for a role",
		Long: `Print the permissions of a NATS user for one account, or for all, as nats-server's configuration has them. Roles:

  reader    call methods that only read, on tg.ro
  writer    call every method that the daemon serves; with --method just those that are named
  consumer  read the stream of updates by JetStream consumers
  watcher   see updates and events as they come, without the stream
  operator  sign in, ask for the status, watch channels; without an account also add, move and remove accounts

A user may have several: join the lists. The daemon itself needs to be allowed everything.`,
		Example: `  natsgram permissions consumer main
  natsgram permissions writer main --method messages.sendMessage --method messages.editMessage
  natsgram permissions operator                 all accounts`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			set, schema, err := loadSchema()
			if err != nil {
				return err
			}
			account := "*"
			if len(args) == 2 {
				account = args[1]
			}
			p, err := set.Scheme().Permissions(subjects.Role(args[0]), account)
			if err == nil && len(methods) > 0 {
				p.Publish, err = only(set.Scheme(), schema, subjects.Role(args[0]), account, methods)
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(c.OutOrStdout(), p)
			return err
		},
	}
	c.Flags().StringArrayVar(&methods, "method", nil, "with reader or writer: this method alone; may be given again")
	return c
}

// only are the subjects of some methods.
func only(scheme subjects.Scheme, schema *tl.Schema, role subjects.Role, account string, methods []string) (allowed []string, err error) {
	subject := scheme.RPC
	switch role {
	case subjects.Reader:
		subject = scheme.RO
	case subjects.Writer:
	default:
		return nil, errors.New("--method goes with reader and writer")
	}
	for _, m := range methods {
		if schema.Function(m) == nil {
			return nil, fmt.Errorf("layer %d has no method %q: see natsgram methods %s", schema.Layer, m, m[strings.LastIndex(m, ".")+1:])
		}
		if role == subjects.Reader && !subjects.ReadOnly(m) {
			return nil, fmt.Errorf("%s does not only read", m)
		}
		allowed = append(allowed, subject(account, m))
	}
	return allowed, nil
}
