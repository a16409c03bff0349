package vectors

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/bin"
)

// constructors are the vectors of constructor ids. They are used here, not in package tl, which imports nothing of
// mtproto, not even for its tests.
const constructors = "ctor_"

// H6: the ids that package tl computes.
func TestConstructorIDs(t *testing.T) {
	n := 0
	for _, v := range Load(t) {
		if !strings.HasPrefix(v.ID, constructors) {
			continue
		}
		n++
		if got, err := constructorID(v.In(t, "normalised")); err != nil || fmt.Sprintf("%08x", got) != v.Out(t, "id") {
			t.Errorf("%s: %08x, %v", v.ID, got, err)
		}
	}
	if n == 0 {
		t.Error("no vectors of constructor ids")
	}
}

var (
	class = regexp.MustCompile(`\b(?:[a-z]+\.)?[A-Z]\w*`)
	item  = regexp.MustCompile(`Vector (\w+)`)
)

// constructorID is the id of a combinator in normalised form, by way of its declaration: as a function, whose result may
// be anything, after a constructor for each class that it mentions. The vector itself is built into the language.
func constructorID(normalised string) (uint32, error) {
	if strings.HasPrefix(normalised, "vector ") {
		return bin.IDVector, nil
	}
	line := item.ReplaceAllString(normalised, "Vector<$1>") + ";\n"
	src := ""
	for i, c := range class.FindAllString(line, -1) {
		if c != "Vector" {
			src += fmt.Sprintf("other%d = %s;\n", i, c)
		}
	}
	name, _, _ := strings.Cut(normalised, " ")
	s, err := tl.Parse("vector", []byte(src+"---functions---\n"+line))
	if err != nil {
		return 0, err
	}
	return s.Function(name).CRC(), nil
}
