package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// narrowHelp has help fit the narrowest terminal in use. What comes below "Examples:" stays as it is, to be copied.
func narrowHelp(root *cobra.Command) {
	root.SetHelpFunc(func(c *cobra.Command, _ []string) {
		var b strings.Builder
		text := c.Long
		if text == "" {
			text = c.Short
		}
		narrowText(&b, text)
		b.WriteString("\n")
		examples := false
		for line := range strings.Lines(c.UsageString()) {
			line = strings.TrimRight(line, "\n")
			switch {
			case line == "Examples:":
				examples = true
			case !strings.HasPrefix(line, " "):
				examples = false
			}
			if examples {
				b.WriteString(line + "\n")
			} else {
				narrowLine(&b, line)
			}
		}
		fmt.Fprint(c.OutOrStdout(), b.String())
	})
}

// narrowText writes paragraphs and the items of lists anew.
func narrowText(b *strings.Builder, text string) {
	var block string // a paragraph, or an item with the lines that belong to it, which stand deeper
	flush := func() {
		if block != "" {
			narrowLine(b, block)
		}
		block = ""
	}
	for line := range strings.Lines(strings.Trim(text, "\n") + "\n") {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "":
			flush()
			b.WriteString("\n")
		case block != "" && (indentOf(line) == 0 && indentOf(block) == 0 || indentOf(line) > indentOf(block)):
			block += " " + strings.TrimLeft(line, " ")
		default:
			flush()
			block = line
		}
	}
	flush()
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// narrowLine breaks a line that is too long, so that what follows stands below its last column.
func narrowLine(b *strings.Builder, line string) {
	if len(line) <= width {
		b.WriteString(line + "\n")
		return
	}
	column := indentOf(line)
	if gap := strings.LastIndex(line, "  "); gap >= column && gap+2 < width*2/3 {
		column = gap + 2
	}
	wrap(b, line[:column], strings.Repeat(" ", column), line[column:])
}
