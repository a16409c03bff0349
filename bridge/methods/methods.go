// Package methods says what a schema can do, and what of that is served: it judges every function of a layer, and the calls that are made
// of them, whatever they came in.
package methods

import (
	"slices"
	"strconv"
	"strings"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/confine"
	"github.com/natsgram/natsgram/bridge/withhold"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
)

// Methods are those of a schema. They are made once and shared by all accounts.
type Methods struct {
	schema   *codec.Schema
	decl     *tl.Schema
	byName   map[string]*Method
	sorted   []*Method
	messages messages
	confine  *confine.Rule
	people   *codec.ObjectFinder
}

// Method is a function of the schema with what has to be known of it before it is called.
type Method struct {
	Name      string
	Fn        *codec.Function
	ReadOnly  bool
	Wraps     bool // it carries another call, which must be looked at as well
	Moves     bool // its result can move the state of the account (D19)
	Random    Random
	Order     Order
	ChatParam string // the parameter that names the chat, with ChatOrder

	refused  string // why it is not served, empty when it is
	carries  bool   // it takes what stands in a message to where it is not redacted
	searches bool   // it tells by its hits what stands in messages
}

// New judges every function of a schema. allow lists refused methods to serve all the same: names, `ns.*` or `*`.
func New(schema *codec.Schema, decl *tl.Schema, allow []string) *Methods {
	ms := &Methods{
		schema: schema, decl: decl, byName: map[string]*Method{}, messages: messages{schema, withhold.New(schema)}, confine: confine.New(schema),
	}
	ms.people = schema.NewObjectFinder(func(c *tl.Combinator) bool { return c.Result.Name == "User" || c.Result.Name == "Chat" })
	moving := movingTypes(decl)
	for _, fn := range schema.Functions() {
		m := &Method{Name: fn.Name(), Fn: fn, ReadOnly: subjects.ReadOnly(fn.Name()), refused: Refusal(fn.Decl(), allow), Random: randomOf(fn)}
		m.Wraps = slices.ContainsFunc(fn.Decl().Params, func(p tl.Param) bool { return p.Type.Bang })
		m.Moves = m.Wraps || moving[fn.Decl().Result.Name]
		m.carries, m.searches = ms.messages.carries(fn, m.ReadOnly), ms.messages.searches(fn)
		m.Order, m.ChatParam = orderOf(fn.Decl())
		ms.byName[m.Name] = m
		ms.sorted = append(ms.sorted, m)
	}
	slices.SortFunc(ms.sorted, func(a, b *Method) int { return strings.Compare(a.Name, b.Name) })
	return ms
}

// Get is a method; nil: there is no such.
func (ms *Methods) Get(name string) *Method { return ms.byName[name] }

// All are the methods by their names' order.
func (ms *Methods) All() []*Method { return ms.sorted }

// Of tells of a method whether it only reads, and whether Telegram executes a repetition with the same Nats-Msg-Id once.
func (ms *Methods) Of(name string) (reads, once bool) {
	m := ms.byName[name]
	return m != nil && m.ReadOnly, m != nil && m.Random != NoRandom
}

// Schema is the layer that is served.
func (ms *Methods) Schema() *codec.Schema { return ms.schema }

// Declared is the schema as it is declared.
func (ms *Methods) Declared() *tl.Schema { return ms.decl }

// People finds users and chats in answers.
func (ms *Methods) People() *codec.ObjectFinder { return ms.people }

// Confine holds calls against the chat that their subject names.
func (ms *Methods) Confine() *confine.Rule { return ms.confine }

// Withheld is what answers and updates do not tell; nil: they tell all.
func (ms *Methods) Withheld() *withhold.Rule { return ms.messages.withheld }

// ShowServiceMessages gives out login codes as well. It is for before the methods are served.
func (ms *Methods) ShowServiceMessages() { ms.messages.withheld = nil }

// Unknown is the answer to a method that the schema does not have.
func (ms *Methods) Unknown(name string) *answer.Fault {
	text := "no method " + answer.Quote(name) + " in layer " + strconv.Itoa(ms.schema.Layer())
	if near := ms.schema.Nearest(name); len(near) > 0 {
		text += "; did you mean " + strings.Join(near, ", ") + "?"
	}
	return answer.Refuse(404, text)
}

// Check says why a method may not be called, by itself or within another.
func (m *Method) Check(readOnly bool) *answer.Fault {
	switch {
	case m.refused != "":
		return answer.Refuse(403, m.Name+" is not served: it "+m.refused+" (NATSGRAM_ALLOW="+m.Name+" serves it)")
	case readOnly && !m.ReadOnly:
		return answer.Refuse(403, m.Name+" is not a method that only reads")
	}
	return nil
}

// movingTypes are the results that hold updates or a new pts: Updates itself, what has a field of it, and what tells pts and
// pts_count (D19).
func movingTypes(decl *tl.Schema) map[string]bool {
	moving := map[string]bool{"Updates": true}
	for _, c := range decl.Constructors {
		pts, count := false, false
		for _, p := range c.Params {
			pts = pts || p.Name == "pts"
			count = count || p.Name == "pts_count"
			if p.Type.Name == "Updates" {
				moving[c.Result.Name] = true
			}
		}
		if pts && count && strings.HasPrefix(c.Result.Name, "messages.") {
			moving[c.Result.Name] = true
		}
	}
	return moving
}
