package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/bridge"
	"github.com/natsgram/natsgram/bridge/storage"
)

func storageCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "storage",
		Short: "Show what natsgram keeps in JetStream, what it costs, and what differs from the settings",
		Long: `Show what natsgram keeps in JetStream: streams and buckets, their size, and what differs from the settings.

Storage belongs to you. A daemon makes what is missing, and adds what the environment sets; it never takes copies, age or
room away, and no default changes anything. What it leaves alone for that is shown here, and done by natsgram storage apply.`,
		Example: `  natsgram storage
  NATSGRAM_REPLICAS=3 natsgram storage apply
  NATSGRAM_UPDATES_MAX_AGE=24h natsgram storage apply --reduce`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			st, done, err := openStorage(c)
			if err != nil {
				return err
			}
			defer done()
			all, err := st.Reports(c.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(all)
			}
			return printReports(c.OutOrStdout(), all)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "as a JSON array")
	c.AddCommand(storageApplyCommand())
	return c
}

func openStorage(c *cobra.Command) (*storage.Storage, func(), error) {
	set, err := loadSettings(c)
	if err != nil {
		return nil, nil, err
	}
	return bridge.Storage(c.Context(), set, bridge.Options{Version: version})
}

func printReports(out io.Writer, all []storage.Report) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	var notes []string
	if slices.ContainsFunc(all, func(r storage.Report) bool { return !r.Missing }) {
		fmt.Fprintln(w, "NAME\tMESSAGES\tBYTES\tCOPIES\tAGE\tLIMIT\tPLACED")
	}
	for _, r := range all {
		switch {
		case r.Missing && r.Lazy:
			notes = append(notes, r.Name+": not there, made when it is first asked for")
		case r.Missing:
			notes = append(notes, r.Name+": missing, a daemon makes it")
		default:
			fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%s\t%s\t%s\n", r.Name, r.Messages, size(int64(r.Bytes)), r.Replicas, r.Age, storage.Bytes(r.Limit), r.Place)
		}
		for _, d := range r.Differs {
			notes = append(notes, fmt.Sprintf("%s: %s is %s, and %s", r.Name, d.What, d.Have, wanted(d)))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(notes) > 0 {
		fmt.Fprintf(out, "\n%s\n", strings.Join(notes, "\n"))
	}
	return nil
}

// wanted says what would be instead, and what that would take.
func wanted(d storage.Difference) string {
	switch {
	case d.Why == storage.Default:
		return fmt.Sprintf("would be %s if it were made now. It stays", d.Want)
	case d.Loses != "":
		return fmt.Sprintf("%s is set: natsgram storage apply --reduce does that, and loses %s", d.Want, d.Loses)
	default:
		return fmt.Sprintf("%s is %s: natsgram storage apply, or a daemon's next start", d.Want, d.Why)
	}
}

// size is a number of bytes for people.
func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d B", n)
}

func storageApplyCommand() *cobra.Command {
	var reduce, yes bool
	c := &cobra.Command{
		Use:   "apply",
		Short: "Make what is missing, and bring what is there to what the environment sets",
		Long: `Make the streams and buckets that are missing, and bring those that are there to what the environment sets: replicas, age,
limits, placement. Defaults change nothing.

What deletes something (fewer copies, a shorter age, a lower limit) is left alone unless --reduce is given, and then asked for
by name, unless --yes is given too.`,
		Example: `  NATSGRAM_REPLICAS=3 natsgram storage apply
  NATSGRAM_UPDATES_MAX_AGE=24h natsgram storage apply --reduce --yes`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			st, done, err := openStorage(c)
			if err != nil {
				return err
			}
			defer done()
			all, err := st.Reports(c.Context())
			if err != nil {
				return err
			}
			if losses := losses(all); len(losses) > 0 && reduce && !yes {
				if err := agreed(c, "This loses "+strings.Join(losses, ", ")+"."); err != nil {
					return err
				}
			}
			changes, err := st.Apply(c.Context(), reduce)
			changed := printChanges(c.OutOrStdout(), changes)
			if all, err := st.Reports(c.Context()); err == nil {
				printLeft(c.OutOrStdout(), all, changed)
			}
			return err
		},
	}
	c.Flags().BoolVar(&reduce, "reduce", false, "also what deletes something: fewer copies, a shorter age, a lower limit")
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

func losses(all []storage.Report) (what []string) {
	for _, r := range all {
		for _, d := range r.Differs {
			if d.Why != storage.Default && d.Loses != "" {
				what = append(what, d.Loses+" of "+r.Name)
			}
		}
	}
	return what
}

// agreed asks a person whether to go on.
func agreed(c *cobra.Command, what string) error {
	fmt.Fprintf(c.ErrOrStderr(), "%s Go on? [y/N] ", what)
	var answer string
	if _, err := fmt.Fscanln(c.InOrStdin(), &answer); err != nil || strings.ToLower(answer) != "y" && strings.ToLower(answer) != "yes" {
		return errors.New("nothing was changed")
	}
	return nil
}

// printChanges says what was changed, and whether anything was.
func printChanges(out io.Writer, changes map[string][]storage.Difference) (any bool) {
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		for _, d := range changes[name] {
			fmt.Fprintf(out, "%s: %s %s, was %s\n", name, d.What, d.Want, d.Have)
			any = true
		}
	}
	return any
}

// printLeft says what is set or needed and was left as it is, and what brings it there.
func printLeft(out io.Writer, all []storage.Report, changed bool) {
	var left []string
	for _, r := range all {
		for _, d := range r.Differs {
			if d.Why != storage.Default {
				left = append(left, fmt.Sprintf("%s: %s is %s, and %s", r.Name, d.What, d.Have, wanted(d)))
			}
		}
	}
	switch {
	case len(left) == 0 && !changed:
		fmt.Fprintln(out, "Nothing was to be changed.")
	case len(left) > 0 && !changed:
		fmt.Fprintln(out, "Nothing was changed. Left as it is:")
	case len(left) > 0:
		fmt.Fprintln(out, "\nLeft as it is:")
	}
	for _, line := range left {
		fmt.Fprintln(out, line)
	}
}
