package peers

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/subjects"
)

// Shown is what is told of a peer: no access hash.
type Shown struct {
	Kind      subjects.Kind `json:"kind"`
	ID        int64         `json:"id,string"`
	Type      string        `json:"type,omitempty"` // user, bot, chat, supergroup, channel
	Name      string        `json:"name,omitempty"`
	Usernames []string      `json:"usernames,omitempty"`
	Min       bool          `json:"min,omitempty"`
	Self      bool          `json:"self,omitempty"`
	Unseen    bool          `json:"unseen,omitempty"` // calls may name it, and nothing has ever told that it is there
}

// Page is what a search has found.
type Page struct {
	Peers []Shown `json:"peers"`
	More  bool    `json:"more,omitempty"` // there are others
}

// Verbs are those of tg.ctl.<account>.peers.
func Verbs() []string { return []string{"get", "resolve", "search"} }

// verbs answers requests for them.
type verbs struct {
	user     int64 // the account's
	memory   *memory
	account  *accountStore
	keeper   *keeper
	resolver *resolver
	search   *search
}

// answer is [Directory.Answer].
func (x *verbs) answer(ctx context.Context, verb string, body []byte, explain func(error) answer.Fault) ([]byte, *answer.Fault) {
	var in struct {
		Peer  json.RawMessage `json:"peer"`
		Text  string          `json:"text"`
		Kind  string          `json:"kind"`
		Limit int             `json:"limit"`
	}
	reads := []string{"peer"}
	if verb == "search" {
		reads = []string{"text", "kind", "limit"}
	}
	if err := answer.ReadJSON(body, &in, reads...); err != nil {
		return nil, answer.Refuse(400, "peers."+verb+": "+err.Error())
	}
	var out any
	var err error
	var peer string
	if !Missing(in.Peer) {
		if peer, err = x.resolver.text(in.Peer); err != nil {
			return nil, answer.Refuse(400, "peers."+verb+": peer: "+err.Error())
		}
	}
	switch kind := subjects.Kind(in.Kind); {
	case verb != "search" && peer == "":
		return nil, answer.Refuse(400, "peers."+verb+`: peer: missing, want "@name", an id or a link`)
	case verb == "search" && kind != "" && kind != subjects.User && kind != subjects.Chat && kind != subjects.Channel:
		return nil, answer.Refuse(400, "peers.search: kind: want user, chat or channel")
	case in.Limit < 0:
		return nil, answer.Refuse(400, "peers."+verb+": limit: want 0 or more")
	case verb == "search":
		out, err = x.search.find(ctx, in.Text, kind, in.Limit)
	case verb == "get":
		out, err = x.get(ctx, peer)
	default:
		out, err = x.resolved(answer.Reading(ctx), peer)
	}
	if err != nil {
		f := Refusal(err, explain)
		if f.Text = "peers." + verb + ": "; peer != "" {
			f.Text += "peer: "
		}
		f.Text, f.Sent = f.Text+err.Error(), answer.No // nothing was changed: to ask again is safe
		return nil, &f
	}
	b, err := json.Marshal(out)
	if err != nil {
		return nil, answer.Refuse(500, err.Error())
	}
	return b, nil
}

// Refusal is the fault of who is not found: 400 of text that names nobody, 404 of whom nobody knows and of a name that is nobody's.
func Refusal(err error, explain func(error) answer.Fault) answer.Fault {
	var none *UnknownError
	switch {
	case errors.As(err, &none) && none.Unread:
		return answer.Fault{Code: 400}
	case errors.As(err, &none):
		return answer.Fault{Code: 404}
	}
	f := explain(err)
	if Nobodys(err) {
		f.Code = 404
	}
	return f
}

func (x *verbs) read(text string) (reference, error) {
	r, err := x.resolver.parse(text)
	if err != nil {
		return r, err
	}
	if r.self && x.user != 0 {
		r.kind, r.id = subjects.User, x.user
	}
	return r, nil
}

// get is what is known of a peer without a question to Telegram.
func (x *verbs) get(ctx context.Context, text string) (*Shown, error) {
	r, err := x.read(text)
	if err != nil {
		return nil, err
	}
	if r.phone != "" {
		return nil, unknown("%.40q: phone numbers are not kept", text)
	}
	if r.name != "" {
		p, had, err := x.last(ctx, r)
		if err != nil || !had {
			return nil, cmp.Or(err, unknown("%.40q is nobody's who is known", text))
		}
		r = reference{kind: p.kind, id: p.id}
	}
	for _, kind := range kindsOf(r) {
		s, there, err := x.show(ctx, peer{kind, r.id})
		if err != nil || there {
			return s, err
		}
	}
	if r.kind != subjects.None {
		return nil, unknown("no %s with the id %d is known", r.kindName(), r.id)
	}
	return nil, unknown("nobody with the id %d is known", r.id)
}

// last is who had a name or a number when he was last seen.
func (x *verbs) last(ctx context.Context, r reference) (p peer, had bool, err error) {
	if n, ok := x.memory.alias(r.key()); ok || r.name == "" {
		return n.peer, ok, nil
	}
	all, _, err := x.resolver.asker.holders.of(ctx, r.name)
	if len(all) == 0 || all[0].gone {
		return p, false, err
	}
	return all[0].peer, true, nil
}

// resolved is a peer as a call that names it finds it.
func (x *verbs) resolved(ctx context.Context, text string) (*Shown, error) {
	r, err := x.read(text)
	if err != nil {
		return nil, err
	}
	f := callable{peer: peer{r.kind, r.id}}
	if !r.self {
		if f, err = x.resolver.find(ctx, r); err != nil {
			return nil, err
		}
	}
	s, there, err := x.show(ctx, f.peer)
	if err != nil || there || r.self || f.hash != 0 || f.in != nil {
		return s, err
	}
	// A call needs no more of it than its id: of a basic group, and of everybody for a bot.
	if err = x.resolver.asker.meet(ctx, f); err != nil {
		return nil, err
	}
	s, there, err = x.show(ctx, f.peer)
	s.Unseen = !there
	return s, err
}

// show is what memory and the bucket tell of a peer; false: nothing.
func (x *verbs) show(ctx context.Context, p peer) (s *Shown, there bool, err error) {
	s = &Shown{Kind: p.kind, ID: p.id, Self: p == peer{subjects.User, x.user}}
	e, known, next := x.memory.shown(keyOf(p))
	if next != nil {
		s.fill(next)
		return s, true, nil
	}
	stored, _, err := x.account.peer(ctx, p)
	switch {
	case err == nil:
		s.fill(&stored)
		return s, true, nil
	case !errors.Is(err, storage.ErrNone):
		return s, known, err
	}
	if known && e.kept != 0 { // it was taken out by somebody else
		x.keeper.missed(ctx, keyOf(p), e.revision)
	}
	s.Min = known && !e.full
	return s, known || s.Self, nil
}

func (s *Shown) fill(r *record) {
	s.Type, s.Name, s.Usernames, s.Min = r.Type, r.Name, slices.Clone(r.Usernames), r.Min
}

// named is [Directory.Named]. Whoever had a name when it was last seen may have given it up without a word.
func (x *verbs) named(ctx context.Context, text string) (subjects.Kind, int64, error) {
	r, err := x.read(text)
	if err != nil {
		return "", 0, err
	}
	if r.id > 0 && r.kind != subjects.None {
		return r.kind, r.id, nil
	}
	if r.name != "" || r.phone != "" {
		return x.holder(ctx, r)
	}
	s, err := x.get(ctx, text)
	if err != nil {
		return "", 0, err
	}
	return s.Kind, s.ID, nil
}

// holder is who has a name or a number now, as calls find it out.
func (x *verbs) holder(ctx context.Context, r reference) (subjects.Kind, int64, error) {
	former, had, _ := x.last(ctx, r)
	p, err := x.resolver.asker.whoIs(ctx, r)
	if !Nobodys(err) {
		return p.kind, p.id, err
	}
	var e *mtproto.Error
	errors.As(err, &e)
	was := ""
	if had {
		was = fmt.Sprintf("; it was %s's when it was last seen: whoever means that one has to give the id", former)
	}
	return "", 0, unknown("%s is nobody's now (%s)%s", r.key(), e.Type, was)
}
