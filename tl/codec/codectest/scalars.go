package codectest

import (
	"math"
	"strings"

	"github.com/natsgram/natsgram/tl/bin"
)

func (g *Generator) long() int64 {
	switch g.r.IntN(4) {
	case 0:
		return int64(g.r.IntN(300)) - 150
	case 1:
		return []int64{math.MinInt64, math.MaxInt64, math.MinInt32, math.MaxInt32, 1 << 53, 0, -1}[g.r.IntN(7)]
	}
	return int64(g.r.Uint64())
}

// double is the bits of one, not-a-numbers of several kinds among them.
func (g *Generator) double() uint64 {
	switch g.r.IntN(4) {
	case 0:
		return math.Float64bits(float64(g.r.IntN(1000)) / 8)
	case 1:
		return []uint64{
			0x7ff8000000000000, 0x7ff8000000000001, 0x7ff0000000000001, 0xfff8000000000000, math.Float64bits(math.Inf(1)),
			math.Float64bits(math.Inf(-1)), 1 << 63, 0, 1, math.Float64bits(math.MaxFloat64), math.Float64bits(1e21),
		}[g.r.IntN(11)]
	}
	return g.r.Uint64()
}

func (g *Generator) random(w *bin.Writer, words int) {
	for range words {
		w.Uint32(g.r.Uint32())
	}
}

var snippets = []string{
	"", "a", "hello, world", "\"quoted\" \\ and /", "line\nline\r\t\b\f\x00\x1f", "<b>&amp;</b>", "привет", "日本語", "👋🏽",
	"\u2028\u2029", "\x7f", "\xff", "ok\xc3", "\xed\xa0\x80", "_", `{"base64":"x"}`,
}

// text is a string, sometimes none that is UTF-8, sometimes long.
func (g *Generator) text() []byte {
	if g.Text != nil {
		return g.Text()
	}
	var b strings.Builder
	for range g.r.IntN(4) {
		b.WriteString(snippets[g.r.IntN(len(snippets))])
	}
	if g.r.IntN(16) == 0 {
		b.WriteString(strings.Repeat("x", 240+g.r.IntN(30)))
	}
	return []byte(b.String())
}
