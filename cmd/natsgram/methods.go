package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/bridge/methods"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl"
)

func methodsCommand() *cobra.Command {
	var asJSON, long bool
	c := &cobra.Command{
		Use:   "methods [WORD...]",
		Short: "Find methods in the schema: parameters, result, subject",
		Long: `Find methods in the schema. Every WORD must occur in the method's name, a parameter or the result. A full name
shows that method alone, with its parameters and what they can be.`,
		Example: `  natsgram methods sendmessage
  natsgram methods channel username
  natsgram methods messages.sendMessage
  natsgram methods --json | jq -r .subject`,
		RunE: func(c *cobra.Command, words []string) error {
			set, s, err := loadSchema(c)
			if err != nil {
				return err
			}
			scheme := set.Scheme()
			found := findMethods(s, words)
			if len(found) == 0 {
				return fmt.Errorf("no method of layer %d has %s", s.Layer, strings.Join(words, " and "))
			}
			out := c.OutOrStdout()
			switch {
			case asJSON:
				return printMethodsJSON(out, scheme, found)
			case long || len(found) == 1:
				for _, f := range found {
					printMethod(out, scheme, s, f)
				}
			default:
				for _, f := range found {
					fmt.Fprintln(out, methodLine(f))
				}
				fmt.Fprintf(out, "\n%d methods of layer %d; `natsgram methods NAME` tells all of one.\n", len(found), s.Layer)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	c.Flags().BoolVarP(&long, "long", "l", false, "tell all of every method found")
	return c
}

// findMethods returns the methods in which all words occur, the best match first: a name that is the word, then names
// that hold it, then parameters and results.
func findMethods(s *tl.Schema, words []string) (found []*tl.Combinator) {
	if len(words) == 1 {
		if f := s.Function(words[0]); f != nil {
			return []*tl.Combinator{f}
		}
	}
	for _, f := range s.Functions {
		text := strings.ToLower(f.String())
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, strings.ToLower(w)) }) {
			found = append(found, f)
		}
	}
	rank := func(f *tl.Combinator) int {
		n := 0
		for _, w := range words {
			name, w := strings.ToLower(f.Name), strings.ToLower(w)
			switch {
			case name == w || strings.HasSuffix(name, "."+w):
			case strings.Contains(name, w):
				n++
			default:
				n += 2
			}
		}
		return n
	}
	slices.SortStableFunc(found, func(a, b *tl.Combinator) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Name, b.Name))
	})
	return found
}

// parameters are those that a caller gives: flags fields follow from what is there.
func parameters(f *tl.Combinator) []tl.Param {
	return slices.DeleteFunc(slices.Clone(f.Params), func(p tl.Param) bool { return p.Type.Name == "#" })
}

// methodLine is a method in one line, optional parameters in brackets.
func methodLine(f *tl.Combinator) string {
	var b strings.Builder
	b.WriteString(f.Name)
	for _, p := range parameters(f) {
		if p.Cond == nil {
			fmt.Fprintf(&b, " %s:%s", p.Name, p.Type)
		} else {
			fmt.Fprintf(&b, " [%s:%s]", p.Name, p.Type)
		}
	}
	return b.String() + " → " + f.Result.String()
}

func printMethod(out io.Writer, scheme subjects.Scheme, s *tl.Schema, f *tl.Combinator) {
	fmt.Fprintf(out, "%s → %s\n  subject  %s\n", f.Name, f.Result, scheme.RPC("ACCOUNT", f.Name))
	if why := methods.Refusal(f, nil); why != "" {
		fmt.Fprintf(out, "  refused  until NATSGRAM_ALLOW names it: it %s\n", why)
	} else if subjects.ReadOnly(f.Name) {
		fmt.Fprintf(out, "  reading  %s\n", scheme.RO("ACCOUNT", f.Name))
	}
	for _, p := range parameters(f) {
		optional := ""
		if p.Cond != nil {
			optional = "optional, "
		}
		fmt.Fprintf(out, "  %-24s %s%s%s\n", p.Name, optional, p.Type, constructorsOf(s, p.Type))
	}
	fmt.Fprintf(out, "  call     natsgram call ACCOUNT %s%s\n\n", f.Name, exampleWords(f))
}

// constructorsOf names what a parameter of a class can be, as far as it fits a line.
func constructorsOf(s *tl.Schema, t tl.Type) string {
	for len(t.Args) > 0 {
		t = t.Args[0]
	}
	class := s.Class(t.Name)
	if len(class) == 0 || t.Bare {
		return ""
	}
	names := make([]string, 0, len(class))
	for _, c := range class {
		names = append(names, c.Name)
	}
	if len(names) > 6 {
		names = append(names[:5], fmt.Sprintf("and %d more", len(class)-5))
	}
	return ": " + strings.Join(names, ", ")
}

func exampleWords(f *tl.Combinator) string {
	var b strings.Builder
	for _, p := range parameters(f) {
		if p.Cond == nil && p.Name != "random_id" {
			fmt.Fprintf(&b, " %s=...", p.Name)
		}
	}
	return b.String()
}

type methodJSON struct {
	Name    string      `json:"name"`
	Subject string      `json:"subject"`
	Params  []paramJSON `json:"params"`
	Result  string      `json:"result"`
	ID      string      `json:"id"`
	TL      string      `json:"tl"`
	Reads   bool        `json:"reads,omitempty"`   // it is served on tg.ro too
	Refused string      `json:"refused,omitempty"` // why, until NATSGRAM_ALLOW names it
}

type paramJSON struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Optional bool   `json:"optional,omitempty"`
}

func printMethodsJSON(out io.Writer, scheme subjects.Scheme, found []*tl.Combinator) error {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	for _, f := range found {
		m := methodJSON{Name: f.Name, Subject: scheme.RPC("ACCOUNT", f.Name), Params: []paramJSON{},
			Result: f.Result.String(), ID: fmt.Sprintf("%08x", f.ID), TL: f.String(),
			Reads: subjects.ReadOnly(f.Name), Refused: methods.Refusal(f, nil)}
		for _, p := range parameters(f) {
			m.Params = append(m.Params, paramJSON{p.Name, p.Type.String(), p.Cond != nil})
		}
		if err := enc.Encode(m); err != nil {
			return err
		}
	}
	return nil
}
