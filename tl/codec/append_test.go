package codec

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
)

// Our own writers of numbers, base64 and strings against the standard library's.
func TestAppendDecimal(t *testing.T) {
	check := func(v int64) {
		if got, want := string(appendDecimal([]byte("x"), v)), "x"+strconv.FormatInt(v, 10); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if back, ok := parseInteger(strconv.AppendInt(nil, v, 10)); !ok || back != v {
			t.Errorf("%d read as %d", v, back)
		}
	}
	for _, v := range []int64{0, math.MinInt64, math.MaxInt64, math.MinInt32, math.MaxInt32} {
		check(v)
	}
	for p := int64(1); p < 1e18; p *= 10 {
		for d := int64(-2); d <= 2; d++ {
			check(p + d)
			check(-p + d)
			check(p*3 + d)
		}
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 10000 {
		check(int64(r.Uint64()) >> r.IntN(64))
	}
}

func TestAppendBase64(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for n := range 100 {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		want := "x" + `"` + base64.StdEncoding.EncodeToString(b) + `"`
		if got := string(appendBase64([]byte("x"), b)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// Every byte at every place around the borders of words.
func TestAppendJSONString(t *testing.T) {
	for n := 1; n < 20; n++ {
		for at := range n {
			for c := range 128 {
				s := strings.Repeat("a", at) + string(rune(c)) + strings.Repeat("é", n-at-1)
				text := appendJSONString(nil, []byte(s))
				var back string
				if err := json.Unmarshal(text, &back); err != nil || back != s {
					t.Fatalf("%q: %s, %v", s, text, err)
				}
				var buf []byte
				sc := scanner{src: append(text, ' '), buf: &buf}
				if got, ok := sc.string(); !ok || string(got) != s || sc.pos != len(text) {
					t.Fatalf("%q: %s read as %q, %v", s, text, got, sc.err)
				}
				sc = scanner{src: append([]byte{'"'}, s+`"`...), buf: &buf}
				_, ok := sc.string()
				if want := c >= ' ' && c != '"' && c != '\\' || c == '"'; ok != want && c != '\\' {
					t.Fatalf("%q raw: %v", s, ok)
				}
			}
		}
	}
}

func TestInspect(t *testing.T) {
	for n := range 20 {
		for at := range n {
			for c := range 256 {
				s := []byte(strings.Repeat("a", n))
				s[at] = byte(c)
				escapes, high := inspect(s)
				if want := c < ' ' || c == '"' || c == '\\'; escapes != want || high != (c >= 128) {
					t.Fatalf("%q: %v %v", s, escapes, high)
				}
			}
		}
	}
}
