// Command tlgen writes a generated package of this module: tlgen PACKAGE FILE. The go:generate line of each such
// package calls it.
package main

import (
	"fmt"
	"os"

	"github.com/natsgram/natsgram/tl/gen"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "tlgen:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 || gen.Packages[args[0]] == nil {
		return fmt.Errorf("want the name of a generated package and a file, got %q", args)
	}
	src, err := gen.Packages[args[0]]()
	if err != nil {
		return err
	}
	return os.WriteFile(args[1], src, 0o644)
}
