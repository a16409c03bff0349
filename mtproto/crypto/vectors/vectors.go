// Package vectors reads the published figures that the tests of MTProto are held against. They are not part of the
// repository: the environment variable NATSGRAM_VECTORS names the directory with crypto_vectors.json, and tests that need
// it are skipped without.
package vectors

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Env is the environment variable that names the directory of the figures.
const Env = "NATSGRAM_VECTORS"

// Vector is one entry of crypto_vectors.json. Fields hold the JSON values as they stand there.
type Vector struct {
	ID     string         `json:"id"`
	Source string         `json:"source"`
	Input  map[string]any `json:"input"`
	Output map[string]any `json:"output"`
	Note   string         `json:"note"`
}

// Load returns all vectors, or skips the test where there are none.
func Load(tb testing.TB) []Vector {
	tb.Helper()
	var all []Vector
	if err := json.Unmarshal(File(tb, "crypto_vectors.json"), &all); err != nil {
		tb.Fatalf("crypto_vectors.json: %v", err)
	}
	return all
}

// File returns a file of the directory, or skips the test where there is none.
func File(tb testing.TB, name string) []byte {
	tb.Helper()
	dir := os.Getenv(Env)
	if dir == "" {
		tb.Skipf("%s is not set: the published figures are not compared", Env)
	}
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// Get returns the vector with that id.
func Get(tb testing.TB, id string) Vector {
	tb.Helper()
	for _, v := range Load(tb) {
		if v.ID == id {
			return v
		}
	}
	tb.Fatalf("no vector %q", id)
	return Vector{}
}

// In returns an input as text; numbers are written in decimal.
func (v Vector) In(tb testing.TB, field string) string { tb.Helper(); return text(tb, v.Input, field) }

// Out returns an output as text.
func (v Vector) Out(tb testing.TB, field string) string {
	tb.Helper()
	return text(tb, v.Output, field)
}

// InBytes returns an input as bytes: hexadecimal, or one of the file's descriptions of bytes (see [Bytes]).
func (v Vector) InBytes(tb testing.TB, field string) []byte {
	tb.Helper()
	return mustBytes(tb, v.In(tb, field))
}

// OutBytes returns an output as bytes.
func (v Vector) OutBytes(tb testing.TB, field string) []byte {
	tb.Helper()
	return mustBytes(tb, v.Out(tb, field))
}

func text(tb testing.TB, m map[string]any, field string) string {
	tb.Helper()
	switch x := m[field].(type) {
	case string:
		return x
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	}
	tb.Fatalf("vector has no field %q", field)
	return ""
}

func mustBytes(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := Bytes(s)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// Bytes reads the notations of the file: plain hexadecimal with or without spaces, "00..ff" (consecutive bytes),
// "H repeated N", "H xN", "N zero bytes" and "N x 'c'". A remark in parentheses at the end is ignored.
func Bytes(s string) ([]byte, error) {
	s, _, _ = strings.Cut(s, " (")
	if from, to, ok := strings.Cut(s, ".."); ok {
		return consecutive(from, to)
	}
	if n, ok := strings.CutSuffix(s, " zero bytes"); ok {
		return repeat("00", n)
	}
	if n, c, ok := strings.Cut(s, " x '"); ok {
		return repeat(hex.EncodeToString([]byte(strings.TrimSuffix(c, "'"))), n)
	}
	for _, sep := range []string{" repeated ", " x"} {
		if h, n, ok := strings.Cut(s, sep); ok {
			return repeat(h, strings.TrimSuffix(n, " times"))
		}
	}
	return hex.DecodeString(strings.ReplaceAll(s, " ", ""))
}

func repeat(h, count string) ([]byte, error) {
	b, err := hex.DecodeString(h)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > 1<<16 {
		return nil, fmt.Errorf("vectors: repeated %q times", count)
	}
	return bytes.Repeat(b, n), nil
}

func consecutive(from, to string) ([]byte, error) {
	a, errA := strconv.ParseUint(from, 16, 8)
	b, errB := strconv.ParseUint(to, 16, 8)
	if errA != nil || errB != nil || a > b {
		return nil, fmt.Errorf("vectors: bytes %q to %q", from, to)
	}
	var out []byte
	for c := a; c <= b; c++ {
		out = append(out, byte(c))
	}
	return out, nil
}
