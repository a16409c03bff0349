package mtproto

import (
	"slices"
	"strings"

	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/bin"
	"github.com/natsgram/natsgram/tl/codec"
)

// method is what the client knows of the method of a call.
type method struct {
	id   uint32
	name string // "" of one that the schema does not know

	// safe reports whether executing the call twice does no more than executing it once.
	safe bool

	// packed reports whether the query is a part of a file, which does not compress.
	packed bool
}

// methodOf reads the id that a query begins with, behind wrappers (invokeWithTakeout ...).
func methodOf(s *codec.Schema, query []byte) method {
	m := method{id: idOf(inner(s, query))}
	f, ok := s.FunctionByID(m.id)
	if !ok {
		return m
	}
	m.name = f.Name()
	m.safe = repeatable(f)
	m.packed = strings.HasPrefix(m.name, "upload.")
	return m
}

// isUpload reports whether a method of file traffic sends a file.
func (m method) isUpload() bool { return strings.HasPrefix(m.name, "upload.save") }

// repeatable reports whether executing a call twice does no more than executing it once. That is never so of one that proves a
// password, as Telegram counts the tries (account.getTmpPassword, payments.getStarsRevenueWithdrawalUrl ...).
func repeatable(f *codec.Function) bool {
	for _, p := range f.Decl().Params {
		if p.Type.Name == "InputCheckPasswordSRP" {
			return false
		}
	}
	return readOnly(f.Name()) || hasRandomID(f)
}

// idOf returns the constructor id that TL begins with; 0: it is too short.
func idOf(b []byte) uint32 { return bin.NewReader(b).Peek() }

// safeWords begin the names of methods that change nothing, or change it to the same each time.
var safeWords = []string{"get", "check", "search", "resolve", "read", "saveFilePart", "saveBigFilePart"}

// unsafe are those that begin so and still must not be repeated: every try of a password or code counts, and a button is
// pressed.
var unsafe = map[string]bool{
	"auth.checkPassword":            true,
	"auth.checkRecoveryPassword":    true,
	"auth.checkPaidAuth":            true,
	"messages.getBotCallbackAnswer": true,
}

// harmless are others that may be repeated: what the first one made is never used.
var harmless = map[string]bool{
	"auth.exportAuthorization": true,
	"auth.exportLoginToken":    true,
	"auth.bindTempAuthKey":     true,
}

func readOnly(name string) bool {
	if unsafe[name] || harmless[name] {
		return harmless[name]
	}
	last := name[strings.LastIndexByte(name, '.')+1:]
	for _, w := range safeWords {
		if rest, ok := strings.CutPrefix(last, w); ok && (rest == "" || rest[0] < 'a' || rest[0] > 'z') {
			return true
		}
	}
	return false
}

// hasRandomID reports whether the server tells a repetition by the call's own random_id (D18), a long or, where there are several
// messages, a list of them. One of another type is another thing: bytes name an advertisement, and of an int, in calls and secret
// chats, nobody says what a second one does.
func hasRandomID(f *codec.Function) bool {
	p := f.Decl().Param("random_id")
	if p == nil {
		return false
	}
	return p.Type.Name == "long" || len(p.Type.Args) == 1 && p.Type.Args[0].Name == "long"
}

// inner finds the call that wrappers carry (invokeWithTakeout, invokeWithoutUpdates ...); query itself, if it is none.
func inner(s *codec.Schema, query []byte) []byte {
	for range wrapsDeep {
		f, ok := s.FunctionByID(idOf(query))
		if !ok || !slices.ContainsFunc(f.Decl().Params, func(p tl.Param) bool { return p.Type.Bang }) {
			return query
		}
		v, err := s.View(query)
		if err != nil || v.Offset("query") < 0 {
			return query
		}
		query = v.Raw()[v.Offset("query"):]
	}
	return query
}

// wrapsDeep is how many wrappers around a call are looked through.
const wrapsDeep = 4
