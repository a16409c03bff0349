package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/schemas"
	"github.com/natsgram/natsgram/tl"
)

// loadSchema is the layer that the daemon would run: NATSGRAM_SCHEMA's file, else the embedded one.
func loadSchema(c *cobra.Command) (settings.Settings, *tl.Schema, error) {
	set, err := loadSettings(c)
	if err != nil {
		return set, nil, err
	}
	if set.Schema != "" {
		s, err := readSchema(set.Schema)
		return set, s, err
	}
	s, err := tl.Parse("api.tl", schemas.API())
	return set, s, err
}

func readSchema(name string) (*tl.Schema, error) {
	src, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return tl.Import(name, src)
}

func schemaCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "schema",
		Short: "Import, check, compare and export schema files",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(schemaImportCommand(), schemaCheckCommand(), schemaDiffCommand(), schemaShowCommand(), schemaExportCommand())
	return c
}

func schemaImportCommand() *cobra.Command {
	var o importOptions
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Write a schema in canonical TL, one line a combinator",
		Long: `Read a schema and write it in canonical TL, one line a combinator. FILE is TL text, the schema JSON of
core.telegram.org, TDLib's telegram_api.tl, or the api-schema.json of the npm packages @mtcute/core (the newest) and
@mtcute/tl. TDLib's file does not say its layer: --layer does; it is MTPROTO_LAYER in TDLib's Version.h. Every id is checked
against the CRC32 of its line; lines that are known to differ are named, and others make the import fail.`,
		Example: `  natsgram schema import api-schema.json --to schemas/api.tl
  natsgram schema import telegram_api.tl --layer 228 --since 2026-06-15 > my.tl
  natsgram schema import scheme.tl > my.tl
  NATSGRAM_SCHEMA=my.tl natsgram serve`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := o.read(args[0])
			if err != nil {
				return err
			}
			if err := reportCheck(c, args[0], s); err != nil {
				return err
			}
			text := s.Append(nil)
			if o.to == "" {
				_, err = c.OutOrStdout().Write(text)
				return err
			}
			return os.WriteFile(o.to, text, 0o644)
		},
	}
	f := c.Flags()
	f.StringVar(&o.to, "to", "", "the file to write (default: standard output)")
	f.IntVar(&o.layer, "layer", 0, "the layer, where FILE does not say it")
	f.StringVar(&o.since, "since", "", "the day on which the layer came into use, as 2026-06-15, where FILE does not say it")
	return c
}

// importOptions are the flags of schema import.
type importOptions struct {
	to    string
	layer int
	since string
}

// read imports the file, and adds what it does not say of itself.
func (o importOptions) read(name string) (*tl.Schema, error) {
	s, err := readSchema(name)
	if err != nil {
		return nil, err
	}
	switch {
	case s.Layer != 0 && o.layer != 0 && s.Layer != o.layer:
		return nil, fmt.Errorf("%s says that it is layer %d, --layer %d", name, s.Layer, o.layer)
	case s.Layer == 0 && o.layer <= 0:
		return nil, fmt.Errorf("%s does not say which layer it is: add --layer", name)
	case s.Layer == 0:
		s.Layer = o.layer
	}
	if o.since != "" {
		if s.Since, err = time.Parse(time.DateOnly, o.since); err != nil {
			return nil, fmt.Errorf("--since %q is no day: want one as 2026-06-15", o.since)
		}
	}
	return s, nil
}

func schemaCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "check [FILE...]",
		Short:   "Check every id against the CRC32 of its line",
		Example: `  natsgram schema check schemas/api.tl`,
		RunE: func(c *cobra.Command, files []string) error {
			if len(files) == 0 {
				return checkEmbedded(c)
			}
			var failed []error
			for _, name := range files {
				s, err := readSchema(name)
				if err == nil {
					err = reportCheck(c, name, s)
				}
				failed = append(failed, err)
			}
			return errors.Join(failed...)
		},
	}
}

func checkEmbedded(c *cobra.Command) error {
	var failed []error
	for _, e := range []struct {
		name string
		src  []byte
	}{{"api.tl", schemas.API()}, {"mtproto.tl", schemas.MTProto()}, {"secret.tl", schemas.Secret()}} {
		s, err := tl.Parse(e.name, e.src)
		if err == nil {
			err = reportCheck(c, e.name, s)
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// reportCheck tells what the check found on standard error; ids that nobody can explain are an error.
func reportCheck(c *cobra.Command, name string, s *tl.Schema) error {
	errs := c.ErrOrStderr()
	wrong := 0
	for _, m := range tl.Check(s) {
		if m.Known == "" {
			wrong++
		}
		fmt.Fprintf(errs, "%s: %s\n", name, m)
	}
	layer := ""
	if s.Layer > 0 {
		layer = fmt.Sprintf("layer %d%s, ", s.Layer, age(s, time.Now()))
	}
	fmt.Fprintf(errs, "%s: %s%d constructors, %d methods, %d ids that do not fit their line\n",
		name, layer, len(s.Constructors), len(s.Functions), wrong)
	if wrong > 0 {
		return fmt.Errorf("%s: %d ids do not fit their line", name, wrong)
	}
	return nil
}

// oldLayer is from when on a layer is said to be old: updates of a layer that is newer begin to be unreadable (D4).
const oldLayer = 92 * 24 * time.Hour

// age says how old the layer is, where its file says since when it is in use.
func age(s *tl.Schema, now time.Time) string {
	if s.Since.IsZero() {
		return ""
	}
	old := now.Sub(s.Since)
	text := fmt.Sprintf(" since %s, %d days old", s.Since.Format(time.DateOnly), int(old.Hours()/24))
	if old > oldLayer {
		text += " (look for a newer one: docs/layers.md)"
	}
	return text
}

func schemaDiffCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "diff A B",
		Short:   "Show what B changes against A",
		Example: `  natsgram schema diff schemas/api.tl new.tl`,
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			a, err := readSchema(args[0])
			if err != nil {
				return err
			}
			b, err := readSchema(args[1])
			if err != nil {
				return err
			}
			changes := tl.Diff(a, b)
			_, err = fmt.Fprint(c.OutOrStdout(), changes.String())
			return err
		},
	}
}

func schemaShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show NAME",
		Short: "Show a constructor, a method or all of a class",
		Example: `  natsgram schema show InputPeer
  natsgram schema show messages.sendMessage`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			_, s, err := loadSchema(c)
			if err != nil {
				return err
			}
			found := s.Class(args[0])
			if x := s.Constructor(args[0]); x != nil {
				found = append(found, x)
			}
			if x := s.Function(args[0]); x != nil {
				found = append(found, x)
			}
			if len(found) == 0 {
				return fmt.Errorf("layer %d has no constructor, method or class %s", s.Layer, args[0])
			}
			for _, x := range found {
				fmt.Fprintln(c.OutOrStdout(), x)
			}
			return nil
		},
	}
}
