package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/schemas"
	"github.com/natsgram/natsgram/tl"
)

// loadSchema is the layer that the daemon would run: NATSGRAM_SCHEMA's file, else the embedded one.
func loadSchema() (settings.Settings, *tl.Schema, error) {
	set, err := settings.Load()
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
	var to string
	c := &cobra.Command{
		Use:   "import FILE",
		Short: "Write a schema in canonical TL, one line a combinator",
		Long: `Read a schema and write it in canonical TL, one line a combinator. FILE is TL text, the schema JSON of
core.telegram.org, or the api-schema.json of the npm package @mtcute/tl. Every id is checked against the CRC32 of its
line; lines that are known to differ are named, and others make the import fail.`,
		Example: `  natsgram schema import api-schema.json --to schemas/api.tl
  natsgram schema import scheme.tl > my.tl && NATSGRAM_SCHEMA=my.tl natsgram serve`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := readSchema(args[0])
			if err != nil {
				return err
			}
			if err := reportCheck(c, args[0], s); err != nil {
				return err
			}
			text := s.Append(nil)
			if to == "" {
				_, err = c.OutOrStdout().Write(text)
				return err
			}
			return os.WriteFile(to, text, 0o644)
		},
	}
	c.Flags().StringVar(&to, "to", "", "the file to write (default: standard output)")
	return c
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
		layer = fmt.Sprintf("layer %d, ", s.Layer)
	}
	fmt.Fprintf(errs, "%s: %s%d constructors, %d methods, %d ids that do not fit their line\n",
		name, layer, len(s.Constructors), len(s.Functions), wrong)
	if wrong > 0 {
		return fmt.Errorf("%s: %d ids do not fit their line", name, wrong)
	}
	return nil
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
			_, s, err := loadSchema()
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
