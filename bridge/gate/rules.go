package gate

import (
	"slices"
	"strings"

	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
)

// rule is what has to be known of a method.
type rule struct {
	name    string
	reads   bool
	wraps   bool   // it carries another call, in the parameter carries
	carries string // empty: none
	money   bool   // a call of it may spend Stars or money
	unnamed bool   // and does not say how many
}

// Parameters by which a call says how many Stars it spends.
const (
	paramAllowed   = "allow_paid_stars" // for messages to who wants to be paid for them
	paramPrice     = "price"            // a StarsAmount that is offered
	paramSuggested = "suggested_post"   // which holds a price
	paramForm      = "form_id"          // an invoice that is paid; what it costs the form says, and not the call
)

// spendsUnnamed are methods of payments that spend Stars by what they are about.
var spendsUnnamed = []string{"payments.fulfillStarsSubscription", "payments.changeStarsSubscription"}

// reaction is paid by its count.
const reaction = "messages.sendPaidReaction"

// NewRules judges every function of a schema by its declaration.
func NewRules(schema *codec.Schema) *Rules {
	rs := &Rules{schema: schema, byID: map[uint32]*rule{}}
	for _, fn := range schema.Functions() {
		rs.byID[fn.ID()] = newRule(fn.Decl())
	}
	return rs
}

func newRule(f *tl.Combinator) *rule {
	r := &rule{name: f.Name, reads: subjects.ReadOnly(f.Name)}
	if i := slices.IndexFunc(f.Params, func(p tl.Param) bool { return p.Type.Bang }); i >= 0 {
		r.wraps, r.carries = true, f.Params[i].Name
	}
	form := f.Param(paramForm) != nil && !r.reads
	r.unnamed = form || slices.Contains(spendsUnnamed, f.Name)
	price := f.Param(paramPrice)
	r.money = r.unnamed || f.Name == reaction || f.Param(paramAllowed) != nil || f.Param(paramSuggested) != nil ||
		price != nil && price.Type.Name == "StarsAmount"
	return r
}

// spends is how many Stars a call may spend. Unnamed: more than can be known.
func (r *rule) spends(v codec.View) (stars int64, unnamed bool) {
	if !r.money {
		return 0, false
	}
	unnamed = r.unnamed
	add := func(n int64) {
		if n > 0 && stars+n < stars {
			unnamed = true // nobody has so many
		}
		stars += max(n, 0)
	}
	if v.Has(paramAllowed) {
		add(v.Int(paramAllowed))
	}
	if r.name == reaction {
		add(v.Int("count"))
	}
	offer := v
	if post, ok := v.Object(paramSuggested); ok {
		offer = post
	}
	if price, ok := offer.Object(paramPrice); ok && price.Class() == "StarsAmount" {
		add(price.Int("amount"))
		if price.Int("nanos") > 0 {
			add(1)
		}
		unnamed = unnamed || price.Name() != "starsAmount" // another currency
	}
	return stars, unnamed
}

// covers reports whether a list of methods, `ns.*` or `*` names a method.
func covers(list []string, method string) bool {
	namespace, _, _ := strings.Cut(method, ".")
	return slices.ContainsFunc(list, func(m string) bool { return m == "*" || m == method || m == namespace+".*" })
}
