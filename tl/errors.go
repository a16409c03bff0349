package tl

import (
	"fmt"
	"strconv"
)

// Error is what is wrong with a schema, and where.
type Error struct {
	File      string
	Line, Col int    // from 1; 0 where the source has no lines
	Where     string // the entry, where the source has no lines
	Msg       string
}

func (e *Error) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Col, e.Msg)
	}
	if e.Where != "" {
		return fmt.Sprintf("%s: %s: %s", e.File, e.Where, e.Msg)
	}
	return e.File + ": " + e.Msg
}

func errorAt(file string, at position, format string, args ...any) error {
	return &Error{File: file, Line: at.line, Col: at.col, Where: at.where, Msg: fmt.Sprintf(format, args...)}
}

// quote shows a piece of the input in an error, shortened: the input may be anything.
func quote(s string) string {
	const most = 60
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "..."
	}
	return strconv.QuoteToASCII(s)
}
