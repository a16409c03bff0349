package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/bridge/settings"
)

func configCommand() *cobra.Command {
	var asJSON, changed bool
	c := &cobra.Command{
		Use:   "config",
		Short: "Print every setting: meaning, default, present value",
		Long: `Print every setting of the environment with its meaning, default and present value. Secrets are masked. Any of the
secrets may come from a file instead: NATSGRAM_API_HASH_FILE names the file that holds NATSGRAM_API_HASH.`,
		Example: `  natsgram config
  natsgram config --set        only what differs from the default`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := settings.Load()
			if err != nil {
				return err
			}
			sayMisspelt(c.ErrOrStderr())
			all := s.Describe()
			if changed {
				all = differing(all)
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(all)
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "SETTING\tVALUE\tDEFAULT\tMEANING")
			for _, one := range all {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", one.Name, dash(one.Value), dash(one.Default), one.Meaning)
			}
			return w.Flush()
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "as a JSON array")
	c.Flags().BoolVar(&changed, "set", false, "only what differs from the default")
	return c
}

func differing(all []settings.Setting) (some []settings.Setting) {
	for _, one := range all {
		if one.Value != one.Default {
			some = append(some, one)
		}
	}
	return some
}

// sayMisspelt names the variables that look like settings and are none.
func sayMisspelt(w io.Writer) {
	for _, one := range settings.Misspelt(os.Environ()) {
		fmt.Fprintf(w, "natsgram: %s\n", one)
	}
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
