package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/bridge/bus"
	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/bridge/storage"
)

func streamsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "streams",
		Short: "Streams that hold the updates of one account alone",
		Long: `Streams that hold the updates of one account alone, beside the stream of all accounts. NATS can permit consumers of any name
there, which it cannot in the stream of all: see natsgram permissions consumer --stream.

NATS fills such a stream from TG_UPDATES, once and in order, whether natsgram runs or not. The commands make it by JetStream's
own API, so they need a user that may create streams, of natsgram's NATS account.`,
		Example: `  natsgram streams add main
  natsgram streams list
  natsgram streams remove main`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(streamsAddCommand(), streamsListCommand(), streamsRemoveCommand())
	return c
}

// archive is a connection for the commands about streams.
type archive struct {
	set settings.Settings
	nc  *nats.Conn
	js  jetstream.JetStream
}

func openArchive(c *cobra.Command) (*archive, error) {
	set, err := loadSettings(c)
	if err != nil {
		return nil, err
	}
	nc, err := bus.Connect(set, "natsgram-cli")
	if err != nil {
		return nil, err
	}
	js, err := bus.JetStream(nc, set.NATS)
	if err != nil {
		nc.Close()
		return nil, err
	}
	return &archive{set, nc, js}, nil
}

func streamsAddCommand() *cobra.Command {
	var limits storage.OwnLimits
	c := &cobra.Command{
		Use:   "add ACCOUNT",
		Short: "Make a stream of an account's own, with the updates that are still kept",
		Example: `  natsgram streams add main
  natsgram streams add main --max-bytes 1073741824`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkAccount(c, args[0]); err != nil {
				return err
			}
			a, err := openArchive(c)
			if err != nil {
				return err
			}
			defer a.nc.Close()
			if neverRan(c.Context(), a.js, a.set.Scheme(), args[0]) {
				fmt.Fprintf(c.ErrOrStderr(), noneRan+"; the stream waits for one.\n", args[0])
			}
			info, err := storage.AddOwn(c.Context(), a.js, a.set.Scheme(), args[0], limits)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s holds the updates of %s. Rights to it: natsgram permissions consumer %s --stream\n", info.Config.Name, args[0], args[0])
			return nil
		},
	}
	c.Flags().DurationVar(&limits.MaxAge, "max-age", 0, "how long updates are kept, at least as long as in the stream of all (default: as long)")
	c.Flags().Int64Var(&limits.MaxBytes, "max-bytes", 0, "how many bytes of updates are kept (default: no limit)")
	return c
}

func streamsListCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "Show the streams of accounts' own",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			a, err := openArchive(c)
			if err != nil {
				return err
			}
			defer a.nc.Close()
			all, err := storage.Owns(c.Context(), a.js, a.set.Scheme())
			if err != nil {
				return err
			}
			return printStreams(c, all, asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	return c
}

func printStreams(c *cobra.Command, all []storage.Own, asJSON bool) error {
	w := tabwriter.NewWriter(c.OutOrStdout(), 0, 4, 3, ' ', 0)
	lines := json.NewEncoder(c.OutOrStdout())
	if !asJSON && len(all) > 0 {
		fmt.Fprintln(w, "ACCOUNT\tSTREAM\tUPDATES\tBYTES\tCONSUMERS\tBEHIND")
	}
	for _, own := range all {
		var behind uint64
		for _, from := range own.Sources {
			behind += from.Lag
		}
		line := struct {
			Account   string `json:"account"`
			Stream    string `json:"stream"`
			Updates   uint64 `json:"updates"`
			Bytes     uint64 `json:"bytes"`
			Consumers int    `json:"consumers"`
			Behind    uint64 `json:"behind"` // messages of the stream of all
		}{own.Account, own.Config.Name, own.State.Msgs, own.State.Bytes, own.State.Consumers, behind}
		if asJSON {
			if err := lines.Encode(line); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\n", line.Account, line.Stream, line.Updates, line.Bytes, line.Consumers, line.Behind)
	}
	return w.Flush()
}

func streamsRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove ACCOUNT",
		Short: "Delete a stream of an account's own, with its consumers",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkAccount(c, args[0]); err != nil {
				return err
			}
			a, err := openArchive(c)
			if err != nil {
				return err
			}
			defer a.nc.Close()
			return storage.RemoveOwn(c.Context(), a.js, a.set.Scheme(), args[0])
		},
	}
}
