package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func freezeCommand() *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:   "freeze ACCOUNT",
		Short: "Stop everything that an account writes, at once",
		Long: `Stop everything that an account writes, at once: when this returns, no call that writes is at work, and none is made any more by
any daemon, over restarts, until 'natsgram unfreeze'. Calls that only read go on. The request is tg.ctl.ACCOUNT.freeze.`,
		Example: `  natsgram freeze main --reason "it sends nonsense"`,
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return askAccount(c, args[0], "freeze", map[string]string{"reason": reason}, false)
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why: callers are told, and whoever asks for the status")
	return c
}

func unfreezeCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "unfreeze ACCOUNT",
		Short: "Let an account write again",
		Long:  "Let an account write again that 'natsgram freeze' has stopped. The request is tg.ctl.ACCOUNT.unfreeze.",
		Args:  cobra.ExactArgs(1),
		RunE:  func(c *cobra.Command, args []string) error { return askAccount(c, args[0], "unfreeze", nil, false) },
	}
}

func budgetCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "budget",
		Short: "Limit how often methods are called in a day, and grant Stars",
		Long: `Limit how often methods are called in a day (UTC), by one caller or by all together, and grant how many Stars calls may spend:
without a budget of Stars none are spent. A call has to fit into every budget that is about it; one that does not is refused,
429. The requests are tg.ctl.ACCOUNT.budget.set, list and remove.`,
		Example: `  natsgram budget set main alerts --method messages.sendMessage --calls 500
  natsgram budget set main shop --method messages.* --caller APP/shop --stars 50
  natsgram budget list main`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(budgetSetCommand(),
		&cobra.Command{
			Use: "list ACCOUNT", Short: "Show the budgets, and what was used of them today", Args: cobra.ExactArgs(1),
			RunE: func(c *cobra.Command, args []string) error { return askAccount(c, args[0], "budget.list", nil, false) },
		},
		&cobra.Command{
			Use: "remove ACCOUNT NAME", Short: "Forget a budget", Args: cobra.ExactArgs(2),
			RunE: func(c *cobra.Command, args []string) error {
				return askAccount(c, args[0], "budget.remove", map[string]string{"name": args[1]}, false)
			},
		})
	return c
}

func budgetSetCommand() *cobra.Command {
	var methods []string
	var caller string
	var calls, stars int64
	var anyPrice bool
	c := &cobra.Command{
		Use:   "set ACCOUNT NAME",
		Short: "Make a budget, or change it; what was used of it today stays used",
		Args:  cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			in := map[string]any{"name": args[1], "methods": methods}
			if caller != "" {
				in["caller"] = caller
			}
			for name, n := range map[string]int64{"calls": calls, "stars": stars} {
				if c.Flags().Changed(name) {
					in[name] = n
				}
			}
			if anyPrice {
				in["any_price"] = true
			}
			if len(in) == 2 {
				return misused(c, errors.New("want --calls, --stars or --any-price"))
			}
			return askAccount(c, args[0], "budget.set", in, false)
		},
	}
	f := c.Flags()
	f.StringSliceVar(&methods, "method", []string{"*"}, "what it is about: methods, ns.* or *")
	f.StringVar(&caller, "caller", "", "whose calls, as NATS names him: account/user of a service import; * for each by himself")
	f.Int64Var(&calls, "calls", 0, "how many calls in a day; 0: none")
	f.Int64Var(&stars, "stars", 0, "how many Stars they may spend in a day")
	f.BoolVar(&anyPrice, "any-price", false, "allow calls whatever they cost, also those that do not say it: invoices, subscriptions")
	return c
}
