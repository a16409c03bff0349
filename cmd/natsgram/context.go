package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/bridge/bus"
)

func contextCommand() *cobra.Command {
	var force bool
	c := &cobra.Command{
		Use:   "context [NAME]",
		Short: "Write a context of the nats CLI for the NATS server inside",
		Long: `Write a context of the nats CLI, called natsgram unless it is given another name, that leads to the NATS server inside
'natsgram serve', with the user and password of the state folder. It is where 'nats context ls' finds it, readable by you alone.`,
		Example: `  natsgram context
  nats --context natsgram req tg.rpc.main.help.getConfig '{}'
  nats context select natsgram`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			set, err := loadSettings(c)
			if err != nil {
				return err
			}
			name := "natsgram"
			if len(args) > 0 {
				name = args[0]
			}
			file, err := bus.SaveContext(set, name, force)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "Context %s is in %s: nats --context %s micro ls\n", name, file, name)
			return nil
		},
	}
	c.Flags().BoolVar(&force, "force", false, "also in the place of a context that is not by natsgram")
	return c
}
