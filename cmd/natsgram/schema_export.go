package main

import (
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/bridge/catalog"
)

//go:generate go run . schema export ../../schemas/api.tl --typescript -o ../../schemas/npm/index.d.ts

func schemaExportCommand() *cobra.Command {
	var to string
	chosen := map[string]*bool{}
	c := &cobra.Command{
		Use:   "export [FILE]",
		Short: "Write the API as AsyncAPI, JSON Schema or TypeScript",
		Long: `Write what the daemon serves as a document for programs in other languages. The layer is that of FILE, else of
NATSGRAM_SCHEMA, else the built-in one. Subjects begin with NATSGRAM_PREFIX.

A running daemon gives the same documents on tg.ctl._.schema.`,
		Example: `  natsgram schema export --asyncapi -o asyncapi.json
  natsgram schema export --jsonschema | jq '."$defs".inputPeerUser'
  natsgram schema export new.tl --typescript -o node_modules/natsgram/index.d.ts`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			f, err := chosenFormat(chosen)
			if err != nil {
				return misused(c, err)
			}
			doc, err := export(c, f, args)
			if err != nil {
				return err
			}
			if to != "" {
				return os.WriteFile(to, doc, 0o644) //nolint:gosec // a document for everybody
			}
			_, err = c.OutOrStdout().Write(doc)
			return err
		},
	}
	for _, f := range catalog.Formats() {
		if f.Name != "tl" { // that is what import writes
			chosen[f.Name] = c.Flags().Bool(f.Name, false, f.About)
		}
	}
	c.Flags().StringVarP(&to, "output", "o", "", "file to write (default: standard output)")
	return c
}

func chosenFormat(chosen map[string]*bool) (found catalog.Format, err error) {
	n := 0
	for name, yes := range chosen {
		if *yes {
			n++
			found, err = catalog.Find(name)
		}
	}
	if n != 1 {
		return found, errors.New("want one of --asyncapi, --jsonschema and --typescript")
	}
	return found, err
}

// export writes the document of a file's layer, else of the layer that the daemon would run.
func export(c *cobra.Command, f catalog.Format, files []string) ([]byte, error) {
	if len(files) == 1 {
		s, err := readSchema(files[0])
		if err != nil {
			return nil, err
		}
		set, err := loadSettings(c)
		if err != nil {
			return nil, err
		}
		return f.Write(s, set.Scheme())
	}
	set, s, err := loadSchema(c)
	if err != nil {
		return nil, err
	}
	return f.Write(s, set.Scheme())
}
