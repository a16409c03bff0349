package confine

import (
	"strings"

	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl"
)

// peerClasses are those whose objects are peers, also where one says no id.
var peerClasses = []string{"InputPeer", "InputUser", "InputChannel"}

// idFields are how numbers are called that are ids of peers, by the end of their names.
var idFields = []struct {
	end  string
	kind subjects.Kind
}{
	{"user_id", subjects.User}, {"bot_id", subjects.User}, {"chat_id", subjects.Chat}, {"channel_id", subjects.Channel}, {"peer", subjects.None},
}

// idVectors are the same, several of them.
var idVectors = map[string]subjects.Kind{"users": subjects.User, "chats": subjects.Chat, "channels": subjects.Channel}

// reaching is what can stand in a call, and what of it can hold a peer.
type reaching struct {
	all     []*tl.Combinator            // methods, and constructors that they can hold
	classes map[string][]*tl.Combinator // by class
	bare    map[string]*tl.Combinator
	holds   map[string]bool // by class or bare constructor: a peer is in it, at some depth
}

// reach goes through the schema from the methods' parameters, and then, as a fixed point from below, finds who holds peers.
func (r *Rule) reach() *reaching {
	x := &reaching{classes: map[string][]*tl.Combinator{}, bare: map[string]*tl.Combinator{}, holds: map[string]bool{}}
	for _, name := range peerClasses {
		x.holds[name] = true
	}
	for _, c := range r.schema.Constructors() {
		x.classes[c.Result.Name] = append(x.classes[c.Result.Name], c)
		x.bare[c.Name] = c
	}
	seen := map[*tl.Combinator]bool{}
	for _, fn := range r.schema.Functions() {
		x.visit(fn.Decl(), seen)
	}
	for changed := true; changed; {
		changed = false
		for _, c := range x.all {
			if len(x.looks(c)) > 0 && !c.Function && !(x.holds[c.Name] && x.holds[c.Result.Name]) {
				x.holds[c.Name], x.holds[c.Result.Name], changed = true, true, true
			}
		}
	}
	return x
}

func (x *reaching) visit(c *tl.Combinator, seen map[*tl.Combinator]bool) {
	if seen[c] {
		return
	}
	seen[c] = true
	x.all = append(x.all, c)
	for _, p := range c.Params {
		for t := &p.Type; t != nil; t = element(t) {
			for _, inner := range x.classes[t.Name] {
				x.visit(inner, seen)
			}
			if inner := x.bare[t.Name]; inner != nil {
				x.visit(inner, seen)
			}
		}
	}
}

func element(t *tl.Type) *tl.Type {
	if len(t.Args) == 1 {
		return &t.Args[0]
	}
	return nil
}

// looks are the fields of a combinator that name or hold peers, as far as is known yet.
func (x *reaching) looks(c *tl.Combinator) (all []field) {
	for _, p := range c.Params {
		if kind, ok := idOf(p); ok {
			all = append(all, field{p.Name, anID, kind})
		} else if kind, ok := idsOf(p); ok {
			all = append(all, field{p.Name, someIDs, kind})
		} else if x.holds[p.Type.Name] {
			all = append(all, field{name: p.Name, holds: object})
		} else if e := element(&p.Type); e != nil && x.holds[e.Name] {
			all = append(all, field{name: p.Name, holds: objects})
		}
	}
	return all
}

// idOf tells whether a parameter is the id of a peer. One of type int is a secret chat's.
func idOf(p tl.Param) (subjects.Kind, bool) {
	for _, f := range idFields {
		if strings.HasSuffix(p.Name, f.end) {
			switch {
			case p.Type.Name == "long":
				return f.kind, true
			case p.Type.Name == "int" && f.kind == subjects.Chat:
				return subjects.Secret, true
			}
		}
	}
	return "", false
}

// idsOf tells whether a parameter is ids of peers.
func idsOf(p tl.Param) (subjects.Kind, bool) {
	kind, named := idVectors[p.Name]
	return kind, named && len(p.Type.Args) == 1 && p.Type.Args[0].Name == "long"
}
