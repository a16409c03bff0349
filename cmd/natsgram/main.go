// Command natsgram puts Telegram accounts on NATS: every RPC of the schema is a request subject, every update is in a
// stream. `natsgram demo` shows all of it without a Telegram account.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the Makefile.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the whole program but for the process: tests call it. It returns the exit status: 0 done, 1 failed, 2 called
// with words that make no command.
func run(ctx context.Context, args []string, in *os.File, out, errs *os.File) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errs)
	err := root.ExecuteContext(ctx)
	var usage *usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(errs, "natsgram: %v\n\nSee '%s --help'.\n", err, usage.command)
		return 2
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(errs, "natsgram: interrupted")
		return 1
	default:
		fmt.Fprintf(errs, "natsgram: %v\n", err)
		return 1
	}
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "natsgram",
		Short: "Telegram accounts on NATS",
		Long: `natsgram keeps Telegram accounts connected and puts them on NATS: every RPC of Telegram's schema is a
request/reply subject, every update is a message in a JetStream stream.`,
		Example: `  natsgram demo                               try it, without a Telegram account
  natsgram login main --phone +491701234567   sign an account in
  natsgram serve                              put the accounts on NATS
  natsgram accounts list                      the accounts, and how they do
  natsgram status main                        all that is known of one
  natsgram call main help.getConfig           call a method
  natsgram tail main                          watch updates
  natsgram methods sendMessage                find a method and its parameters`,
		Version:       version,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          knownCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SuggestionsMinimumDistance = 2
	addConnectionFlags(root)
	root.PersistentPreRunE = func(c *cobra.Command, _ []string) error { return misused(c, c.ValidateFlagGroups()) }
	root.AddCommand(demoCommand(), serveCommand(), loginCommand(), accountsCommand(), callCommand(), queueCommand(),
		historyCommand(), peersCommand(), eraseCommand(), chatsCommand(), tailCommand(), uploadCommand(), downloadCommand(),
		statusCommand(), eventsCommand(), watchCommand(), freezeCommand(), unfreezeCommand(), budgetCommand(), logoutCommand(),
		storageCommand(), backupCommand(), restoreCommand(), rotateSecretCommand(),
		methodsCommand(), permissionsCommand(), streamsCommand(), configCommand(), contextCommand(), healthCommand(), schemaCommand())
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		if below := belowZero.FindString(err.Error()); below != "" {
			err = fmt.Errorf("%w: before an id below zero stands --, behind all flags (%s ... -- %s)", err, c.CommandPath(), below)
		}
		return &usageError{c.CommandPath(), err}
	})
	markUsage(root)
	narrowHelp(root)
	return root
}

// belowZero is a number at the end of an error, which was taken for a flag.
var belowZero = regexp.MustCompile(`-[0-9]+$`)

// knownCommand says which command may have been meant.
func knownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("unknown command %q", args[0])
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		err = fmt.Errorf("%w, did you mean %s?", err, strings.Join(near, " or "))
	}
	return err
}

// usageError is a command line that makes no sense, as against a command that failed.
type usageError struct {
	command string
	err     error
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// markUsage makes what is wrong with a command's words a usageError, for the exit status.
func markUsage(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return &usageError{c.CommandPath(), fmt.Errorf("%w (want: %s)", err, c.UseLine())}
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		markUsage(sub)
	}
}
