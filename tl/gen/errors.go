package gen

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/natsgram/natsgram/tl"
)

// errorName is what Telegram calls an error. X stands for a number.
var errorName = regexp.MustCompile(`^[A-Z0-9][A-Z0-9_]*$`)

// ImportErrors writes schemas/errors.json from raw-errors.json of the npm package @mtcute/tl: which errors each method of s
// is known to give. Only facts are taken, codes and names. A line of the file is a method, in order.
func ImportErrors(s *tl.Schema, src []byte) ([]byte, error) {
	var raw struct {
		Errors map[string]struct{ Code int }
		Throws map[string][]string
	}
	if err := json.Unmarshal(src, &raw); err != nil {
		return nil, fmt.Errorf("gen: errors: %w", err)
	}
	known := map[string][]string{}
	for method, names := range raw.Throws {
		f := function(s, method)
		if f == nil {
			continue
		}
		for _, name := range names {
			code := raw.Errors[name].Code
			name = strings.ReplaceAll(name, "%d", "X")
			if code != 0 && errorName.MatchString(name) {
				known[f.Name] = append(known[f.Name], fmt.Sprintf("%d %s", code, name))
			}
		}
	}
	return writeErrorFile(known), nil
}

// function finds a method by name, or by its id in decimal.
func function(s *tl.Schema, name string) *tl.Combinator {
	if id, err := strconv.ParseInt(name, 10, 64); err == nil {
		if c := s.ByID(uint32(id)); c != nil && c.Function {
			return c
		}
		return nil
	}
	return s.Function(name)
}

func writeErrorFile(known map[string][]string) []byte {
	b := []byte("{")
	for i, method := range slices.Sorted(maps.Keys(known)) {
		if i > 0 {
			b = append(b, ',')
		}
		list := slices.Compact(slices.Sorted(slices.Values(known[method])))
		b = fmt.Appendf(b, "\n%q: [\"%s\"]", method, strings.Join(list, `", "`))
	}
	return append(b, "\n}\n"...)
}

// ReadErrors reads what [ImportErrors] wrote: by method, errors as "400 PEER_ID_INVALID".
func ReadErrors(src []byte) (map[string][]string, error) {
	var known map[string][]string
	d := json.NewDecoder(bytes.NewReader(src))
	if err := d.Decode(&known); err != nil {
		return nil, fmt.Errorf("gen: schemas/errors.json: %w", err)
	}
	return known, nil
}
