// Package subjects maps what natsgram speaks of to NATS subjects and back: RPC methods, updates, the account's own events,
// its owner and the control verbs (design §2). It is pure strings, so that any program may use it without the daemon.
//
// NATS accepts a subject like `tg.rpc..x` silently and delivers it to nobody. Therefore nothing that comes from data is put
// into a subject as it is: names are checked, everything else goes through Escape.
package subjects

import (
	"fmt"
	"strings"
)

// DefaultPrefix is the first token of every subject unless the operator chose another.
const DefaultPrefix = "tg"

// MaxAccount is the longest account name, in bytes.
const MaxAccount = 32

// maxSubject bounds what the parsers look at, in bytes. NATS itself allows a control line of 4096.
const maxSubject = 2048

// Trees: the token after the prefix, which says what the rest means.
const (
	TreeRPC    = "rpc"  // requests to Telegram
	TreeRO     = "ro"   // the same, read-only methods alone
	TreeUpdate = "upd"  // updates, kept in a stream
	TreeLive   = "live" // updates not worth keeping
	TreeEvent  = "evt"  // the account's own life
	TreeOwn    = "own"  // who owns the account
	TreeCtl    = "ctl"  // the daemon itself
	TreeInside = "int"  // what daemons say to each other: no caller may reach it
)

// Scheme is a prefix and all subjects below it. The zero value uses DefaultPrefix.
type Scheme struct {
	Prefix string // one or more tokens; empty: DefaultPrefix
}

// New checks a prefix: one or more tokens of [A-Za-z0-9_-], separated by single dots.
func New(prefix string) (Scheme, error) {
	for token := range strings.SplitSeq(prefix, ".") {
		if !Plain(token) {
			return Scheme{}, fmt.Errorf("subject prefix %q: every token must be letters, digits, _ or -", prefix)
		}
	}
	for _, token := range answerTokens {
		if strings.HasPrefix(prefix, token) {
			return Scheme{}, fmt.Errorf("subject prefix %q: answers go to subjects that begin with %s", prefix, token)
		}
	}
	return Scheme{Prefix: prefix}, nil
}

func (s Scheme) root() string {
	if s.Prefix == "" {
		return DefaultPrefix
	}
	return s.Prefix
}

// Join is a subject below the prefix, or a pattern of subjects where tokens are wildcards. It checks nothing: see [Plain] and [Escape].
func (s Scheme) Join(tokens ...string) string {
	return s.root() + "." + strings.Join(tokens, ".")
}

// cut gives what stands behind `<prefix>.<tree>.`.
func (s Scheme) cut(subject, tree string) (string, bool) {
	if len(subject) > maxSubject {
		return "", false
	}
	rest, ok := strings.CutPrefix(subject, s.root())
	if !ok || len(rest) < len(tree)+2 || rest[0] != '.' {
		return "", false
	}
	rest, ok = strings.CutPrefix(rest[1:], tree)
	if !ok || rest[0] != '.' {
		return "", false
	}
	return rest[1:], true
}

// StreamName is how a stream or bucket of this scheme is called: `tg` and UPDATES make TG_UPDATES. Dots, which NATS forbids
// there, become underscores.
func (s Scheme) StreamName(what string) string {
	return strings.ToUpper(strings.ReplaceAll(s.root(), ".", "_")) + "_" + what
}

// OwnStream is the name of the stream that holds one account's updates alone, where it was asked for.
func (s Scheme) OwnStream(account string) string { return s.StreamName("UPDATES") + "_" + account }

// FloodBoard matches what is written on the flood board about an account: keys of the bucket TG_FLOOD.
func (s Scheme) FloodBoard(account string) string {
	return "$KV." + s.StreamName("FLOOD") + "." + account + ".>"
}

// CheckAccount says why a name cannot be an account's: it must be 1 to 32 of [a-z0-9_-].
func CheckAccount(name string) error {
	if validAccount(name) {
		return nil
	}
	return fmt.Errorf("account name %q: want 1 to %d of a-z, 0-9, _ and -", name, MaxAccount)
}

func validAccount(name string) bool {
	if name == "" || len(name) > MaxAccount || name == "_" {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// Plain reports whether a token needs no escaping and is not empty.
func Plain(token string) bool {
	for i := range len(token) {
		if !plainByte(token[i]) {
			return false
		}
	}
	return token != ""
}

func plainByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}

const hexDigits = "0123456789ABCDEF"

// Escape makes one subject token of any text: all but [A-Za-z0-9_-] becomes %XX, and empty text a lone %. Unescape undoes it.
func Escape(text string) string {
	if Plain(text) {
		return text
	}
	if text == "" {
		return "%"
	}
	out := make([]byte, 0, len(text)+8)
	for i := range len(text) {
		if c := text[i]; plainByte(c) {
			out = append(out, c)
		} else {
			out = append(out, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return string(out)
}

// Unescape gives the text Escape made a token of, and false for what Escape cannot have made.
func Unescape(token string) (string, bool) {
	if Plain(token) {
		return token, true
	}
	if token == "%" {
		return "", true
	}
	out := make([]byte, 0, len(token))
	for i := 0; i < len(token); i++ {
		c := token[i]
		if c == '%' {
			if i+2 >= len(token) {
				return "", false
			}
			hi, lo := strings.IndexByte(hexDigits, token[i+1]), strings.IndexByte(hexDigits, token[i+2])
			if hi < 0 || lo < 0 || plainByte(byte(hi<<4|lo)) {
				return "", false
			}
			c, i = byte(hi<<4|lo), i+2
		} else if !plainByte(c) {
			return "", false
		}
		out = append(out, c)
	}
	return string(out), len(out) > 0
}

// Documents reports whether an object store is the one of the API as documents. Programs read those as the daemon's word: nobody else
// writes there.
func (s Scheme) Documents(bucket string) bool { return bucket == s.StreamName("SCHEMA") }
