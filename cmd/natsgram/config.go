package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/bridge/settings"
)

func configCommand() *cobra.Command {
	var asJSON, changed bool
	c := &cobra.Command{
		Use:   "config [NAME...]",
		Short: "Print every setting, or those named: meaning, default, present value",
		Long: `Print every setting of the environment, or those named, with its meaning, default and present value. Secrets are masked. Any of the
secrets may come from a file instead: NATSGRAM_API_HASH_FILE names the file that holds NATSGRAM_API_HASH. An empty variable is one
that is not set.`,
		Example: `  natsgram config
  natsgram config --set                 only what differs from the default
  natsgram config NATSGRAM_WAYS`,
		RunE: func(c *cobra.Command, names []string) error {
			s, err := loadSettings(c)
			if err != nil {
				return err
			}
			sayMisspelt(c.ErrOrStderr())
			all, err := named(s.Describe(), names)
			if err != nil {
				return misused(c, err)
			}
			if changed {
				all = differing(all)
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(all)
			}
			return printSettings(c.OutOrStdout(), all)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "as a JSON array")
	c.Flags().BoolVar(&changed, "set", false, "only what differs from the default")
	return c
}

// named are the settings of these names; all without any.
func named(all []settings.Setting, names []string) (some []settings.Setting, err error) {
	if len(names) == 0 {
		return all, nil
	}
	for _, name := range names {
		i := slices.IndexFunc(all, func(s settings.Setting) bool { return strings.EqualFold(s.Name, name) })
		if i < 0 {
			if near := settings.Misspelt([]string{strings.ToUpper(name) + "=x"}); len(near) > 0 {
				return nil, errors.New(near[0])
			}
			return nil, fmt.Errorf("%s is no setting", name)
		}
		some = append(some, all[i])
	}
	return some, nil
}

// width is that of the narrowest terminal in use.
const width = 80

// printSettings prints a setting's name and value in a line, and below it, indented, what it means.
func printSettings(out io.Writer, all []settings.Setting) error {
	var b strings.Builder
	for _, one := range all {
		fmt.Fprintf(&b, "%s=%s\n", one.Name, one.Value)
		meaning := one.Meaning
		if one.Default != "" && one.Default != one.Value {
			meaning += " (default: " + one.Default + ")"
		}
		wrap(&b, "    ", "    ", meaning)
	}
	_, err := io.WriteString(out, b.String())
	return err
}

// wrap writes text in lines of the width, the first one behind first and the others behind indent, which is as long.
func wrap(b *strings.Builder, first, indent, text string) {
	line := first
	for _, word := range strings.Fields(text) {
		if len(line) > len(indent) && len(line)+1+len(word) > width {
			b.WriteString(line + "\n")
			line = indent
		}
		if len(line) > len(indent) {
			line += " "
		}
		line += word
	}
	b.WriteString(line + "\n")
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
