package rpc

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

// Methods is all that a schema can do, and what of it is served. It is made once and shared by all accounts.
type Methods struct {
	schema   *codec.Schema
	decl     *tl.Schema
	byName   map[string]*method
	sorted   []*method
	spaces   []namespace
	withheld *withhold.Rule
	confine  *confine.Rule
	people   *codec.ObjectFinder // users and chats
}

// method is a function of the schema with what has to be known of it before it is called.
type method struct {
	name     string
	fn       *codec.Function
	readOnly bool
	refused  string // why it is not served, empty when it is
	wraps    bool   // it carries another call, which must be looked at as well
	moves    bool   // its result can move the state of the account (D19)
	carries  bool   // it takes what stands in a message to where it is not redacted
	searches bool   // it tells by its hits what stands in messages
	random   random
	order    ordered
	chat     string // the parameter that names the chat, with chatOrder
}

type namespace struct {
	name    string
	methods int
}

// NewMethods judges every function of a schema. allow lists refused methods to serve all the same: names, `ns.*` or `*`.
func NewMethods(schema *codec.Schema, decl *tl.Schema, allow []string) *Methods {
	ms := &Methods{schema: schema, decl: decl, byName: map[string]*method{}, withheld: withhold.New(schema), confine: confine.New(schema)}
	ms.people = schema.NewObjectFinder(func(c *tl.Combinator) bool { return c.Result.Name == "User" || c.Result.Name == "Chat" })
	moving := movingTypes(decl)
	for _, fn := range schema.Functions() {
		m := &method{name: fn.Name(), fn: fn, readOnly: subjects.ReadOnly(fn.Name()), refused: Refusal(fn.Decl(), allow), random: randomOf(fn)}
		m.wraps = slices.ContainsFunc(fn.Decl().Params, func(p tl.Param) bool { return p.Type.Bang })
		m.moves = m.wraps || moving[fn.Decl().Result.Name]
		m.carries, m.searches = ms.carries(m), ms.searches(m)
		m.order, m.chat = orderOf(fn.Decl())
		ms.byName[m.name] = m
		ms.sorted = append(ms.sorted, m)
	}
	slices.SortFunc(ms.sorted, func(a, b *method) int { return strings.Compare(a.name, b.name) })
	ms.spaces = countNamespaces(ms.sorted)
	return ms
}

// Of tells of a method whether it only reads, and whether Telegram executes a repetition with the same Nats-Msg-Id once.
func (ms *Methods) Of(name string) (reads, once bool) {
	m := ms.byName[name]
	return m != nil && m.readOnly, m != nil && m.random != noRandom
}

// Schema is the layer that is served.
func (ms *Methods) Schema() *codec.Schema { return ms.schema }

// Declared is the schema as it is declared.
func (ms *Methods) Declared() *tl.Schema { return ms.decl }

// People finds users and chats in answers.
func (ms *Methods) People() *codec.ObjectFinder { return ms.people }

// Withheld is what answers and updates do not tell; nil: they tell all.
func (ms *Methods) Withheld() *withhold.Rule { return ms.withheld }

// ShowServiceMessages gives out login codes as well. It is for before the methods are served.
func (ms *Methods) ShowServiceMessages() { ms.withheld = nil }

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

func countNamespaces(sorted []*method) (all []namespace) {
	counts := map[string]int{}
	for _, m := range sorted {
		counts[namespaceOf(m.name)]++
	}
	for name, n := range counts {
		all = append(all, namespace{name, n})
	}
	slices.SortFunc(all, func(a, b namespace) int { return strings.Compare(a.name, b.name) })
	return all
}

func (ms *Methods) namespaces() []namespace { return ms.spaces }

func (n namespace) metadata() map[string]string {
	return map[string]string{"methods": strconv.Itoa(n.methods)}
}

func (m *method) metadata() map[string]string {
	return map[string]string{"result": m.fn.Result().String()}
}

func namespaceOf(method string) string {
	ns, _, found := strings.Cut(method, ".")
	if !found {
		return ""
	}
	return ns
}

// carried is the call within a call.
func carried(m *method, view codec.View) (codec.View, bool) {
	for _, p := range m.fn.Decl().Params {
		if p.Type.Bang {
			return view.Object(p.Name)
		}
	}
	return codec.View{}, false
}

// unknown is the answer to a method that the schema does not have.
func (ms *Methods) unknown(name string) *Fault {
	text := "no method " + quote(name) + " in layer " + strconv.Itoa(ms.schema.Layer())
	if near := ms.schema.Nearest(name); len(near) > 0 {
		text += "; did you mean " + strings.Join(near, ", ") + "?"
	}
	return answer.Refuse(404, text)
}

const maxEcho = 80

// quote shortens what a caller sent before it is sent back.
func quote(s string) string {
	if len(s) > maxEcho {
		s = s[:maxEcho] + "..."
	}
	return strconv.Quote(s)
}
