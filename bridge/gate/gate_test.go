package gate

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/tl/api"
	"github.com/natsgram/natsgram/tl/codec"
)

var schema = sync.OnceValue(func() *codec.Schema {
	s, err := api.Schema()
	if err != nil {
		panic(err)
	}
	return s
})

var rules = sync.OnceValue(func() *Rules { return NewRules(schema()) })

// shelf is a Store in memory.
type shelf struct {
	mu     sync.Mutex
	all    map[string][]byte
	broken error
	writes int
}

func (s *shelf) Get(_ context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v, there := s.all[key]
	if !there && s.broken == nil {
		return nil, storage.ErrNone
	}
	return v, s.broken
}

func (s *shelf) Put(_ context.Context, key string, value []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil {
		s.all[key] = value
		s.writes++
	}
	return s.broken
}

func (s *shelf) Delete(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken == nil {
		delete(s.all, key)
	}
	return s.broken
}

func (s *shelf) Below(_ context.Context, prefix string) (map[string][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	below := map[string][]byte{}
	for k, v := range s.all {
		if strings.HasPrefix(k, prefix+".") {
			below[k] = v
		}
	}
	return below, s.broken
}

// rig is an account whose owners come one after the other.
type rig struct {
	t *testing.T
	*shelf
	c    Config
	made atomic.Int32
	fail error
	hold chan struct{}
}

func newRig(t *testing.T) *rig {
	t.Helper()
	g := &rig{t: t, shelf: &shelf{all: map[string][]byte{}}}
	g.c = Config{Account: "main", Rules: rules(), Store: g.shelf, Invoke: func(ctx context.Context, _ []byte) ([]byte, error) {
		g.made.Add(1)
		if g.hold != nil {
			select {
			case <-g.hold:
			case <-ctx.Done():
				return nil, &mtproto.Error{Sent: mtproto.SentUnknown, Err: ctx.Err()}
			}
		}
		return []byte("ok"), g.fail
	}}
	return g
}

func (g *rig) owner() *Gate {
	g.t.Helper()
	x := New(g.c)
	if err := x.Load(g.t.Context()); err != nil {
		g.t.Fatal(err)
	}
	return x
}

func encode(t *testing.T, m codec.M) []byte {
	t.Helper()
	b, err := schema().Encode(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func message(stars int64) codec.M {
	m := codec.M{"_": "messages.sendMessage", "peer": codec.M{"_": "inputPeerSelf"}, "message": "x", "random_id": 1}
	if stars != 0 {
		m["allow_paid_stars"] = stars
	}
	return m
}

var reading = codec.M{"_": "help.getConfig"}

// code is that of a refusal; 0: the call was made.
func (g *rig) code(x *Gate, m codec.M, callers ...string) int {
	g.t.Helper()
	ctx := g.t.Context()
	for _, c := range callers {
		ctx = WithCaller(ctx, c)
	}
	before := g.made.Load()
	_, err := x.Invoke(ctx, encode(g.t, m))
	var f *answer.Fault
	if errors.As(err, &f) {
		if g.made.Load() != before || f.Sent != answer.No {
			g.t.Errorf("%s: %+v, and the call was made", m["_"], f)
		}
		return f.Code
	}
	if g.made.Load() == before {
		g.t.Errorf("%s: the call was not made: %v", m["_"], err)
	}
	return 0
}

func some(n int64) *int64 { return &n }

func (g *rig) set(x *Gate, u Budget) {
	g.t.Helper()
	if _, f := x.SetBudget(g.t.Context(), u); f != nil {
		g.t.Fatal(f)
	}
}

func TestFrozen(t *testing.T) {
	g := newRig(t)
	x := g.owner()
	var told []*Frozen
	x.c.Tell = func(f *Frozen) { told = append(told, f) }
	if _, f := x.Freeze(t.Context(), "it was hacked"); f != nil {
		t.Fatal(f)
	}
	wrapped := codec.M{"_": "invokeWithTakeout", "takeout_id": 1, "query": message(0)}
	for _, x := range []*Gate{x, g.owner()} {
		for _, m := range []codec.M{message(0), wrapped} {
			if code := g.code(x, m); code != codeLocked {
				t.Errorf("%s: %d", m["_"], code)
			}
		}
		if code := g.code(x, reading); code != 0 {
			t.Errorf("reading: %d", code)
		}
		if f := x.Frozen(); f == nil || f.Reason != "it was hacked" || f.Since.IsZero() {
			t.Errorf("%+v", f)
		}
		if _, err := x.Invoke(t.Context(), []byte{1, 2, 3, 4}); err == nil {
			t.Error("what is no call is made")
		}
	}
	if f := x.Unfreeze(t.Context()); f != nil {
		t.Fatal(f)
	}
	for _, x := range []*Gate{x, g.owner()} {
		if code := g.code(x, message(0)); code != 0 || x.Frozen() != nil {
			t.Error(code)
		}
	}
	if len(told) != 2 || told[0] == nil || told[1] != nil {
		t.Errorf("%v", told)
	}
	if _, f := x.Freeze(t.Context(), strings.Repeat("x", 201)); f == nil || f.Code != 400 {
		t.Error(f)
	}
}

// When the answer to a freeze comes, no write is at work: those that were have ended, or were stopped.
func TestFreezeWaitsForWrites(t *testing.T) {
	for _, ends := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			g := newRig(t)
			g.hold = make(chan struct{})
			x := g.owner()
			write, read := make(chan error, 1), make(chan error, 1)
			go func() {
				_, err := x.Invoke(t.Context(), encode(t, message(0)))
				write <- err
			}()
			go func() {
				_, err := x.Invoke(t.Context(), encode(t, reading))
				read <- err
			}()
			synctest.Wait()
			frozen := make(chan *answer.Fault, 1)
			go func() {
				_, f := x.Freeze(t.Context(), "")
				frozen <- f
			}()
			synctest.Wait()
			if len(frozen) != 0 {
				t.Fatal("it did not wait")
			}
			if ends {
				close(g.hold)
			}
			if f := <-frozen; f != nil {
				t.Error(f)
			}
			err := <-write
			var f *answer.Fault
			if ends && err != nil || !ends && (!errors.As(err, &f) || f.Code != codeLocked || f.Sent != answer.Unknown) {
				t.Errorf("%v", err)
			}
			if !ends {
				if len(read) != 0 {
					t.Error("a reading was stopped")
				}
				close(g.hold)
			}
			if err := <-read; err != nil {
				t.Error(err)
			}
		})
	}
}

// Frozen under load: after the answer nothing is written.
func TestFreezeUnderLoad(t *testing.T) {
	g := newRig(t)
	x := g.owner()
	var frozen atomic.Bool
	g.c.Invoke = func(context.Context, []byte) ([]byte, error) {
		if frozen.Load() {
			t.Error("a write after the answer")
		}
		return nil, nil
	}
	x.c.Invoke = g.c.Invoke
	query := encode(t, message(0))
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			for range 2000 {
				if _, err := x.Invoke(t.Context(), query); err != nil {
					return
				}
			}
		})
	}
	if _, f := x.Freeze(t.Context(), ""); f != nil {
		t.Error(f)
	}
	frozen.Store(true)
	work.Wait()
}

// A freeze that is not stored, or that another owner may not know of, is not said to be one; here nothing is written all the same.
func TestFreezeThatMayNotLast(t *testing.T) {
	g := newRig(t)
	x := g.owner()
	g.broken = errors.New("no responders")
	if _, f := x.Freeze(t.Context(), ""); f == nil || f.Code != 503 || f.Sent != answer.Unknown {
		t.Errorf("%+v", f)
	}
	if code := g.code(x, message(0)); code != codeLocked {
		t.Error(code)
	}
	if err := New(g.c).Load(t.Context()); err == nil {
		t.Error("an owner that does not know begins")
	}
	g.broken = nil

	x = g.owner()
	sure := true
	x.c.Sure = func() bool { defer func() { sure = false }(); return sure }
	if _, f := x.Freeze(t.Context(), ""); f == nil || f.Code != 503 {
		t.Errorf("%+v", f)
	}
	x = g.owner()
	x.Close(t.Context())
	if _, f := x.Freeze(t.Context(), ""); f == nil || f.Code != 503 || f.Sent != answer.No {
		t.Errorf("%+v", f)
	}
	g.all["main.freeze"] = []byte("nonsense")
	if g.owner().Frozen() == nil {
		t.Error("a record that cannot be read is passed over")
	}
}

func TestBudgets(t *testing.T) {
	g := newRig(t)
	now := time.Date(2026, 11, 27, 23, 0, 0, 0, time.UTC)
	g.c.Now = func() time.Time { return now }
	x := g.owner()
	g.set(x, Budget{Name: "sends", Methods: []string{"messages.*"}, Calls: some(40)})
	for i := range 40 {
		if code := g.code(x, message(0)); code != 0 {
			t.Fatalf("%d: %d", i, code)
		}
		if i == 20 { // a restart, as planned
			x.Close(t.Context())
			x = g.owner()
		}
	}
	if code := g.code(x, message(0)); code != 429 {
		t.Error(code)
	}
	if code := g.code(g.owner(), codec.M{"_": "messages.getDialogs", "offset_date": 0, "offset_id": 0, "offset_peer": codec.M{"_": "inputPeerEmpty"}, "limit": 1, "hash": 0}); code != 429 {
		t.Errorf("a reading of the same budget: %d", code)
	}
	if code := g.code(x, reading); code != 0 {
		t.Errorf("another method: %d", code)
	}
	_, err := x.Invoke(t.Context(), encode(t, message(0)))
	var f *answer.Fault
	if !errors.As(err, &f) || f.RetryAfter != time.Hour || !strings.Contains(f.Text, "sends") || !strings.Contains(f.Text, "2026-11-28T00:00:00Z") {
		t.Errorf("%+v", f)
	}
	if all := x.Budgets(); len(all) != 1 || all[0].Used[""].Calls != 40 || !all[0].FreeAt.Equal(now.Add(time.Hour)) {
		t.Errorf("%+v", all)
	}
	now = now.Add(time.Hour)
	if code := g.code(x, message(0)); code != 0 {
		t.Errorf("the next day: %d", code)
	}
	if f := x.RemoveBudget(t.Context(), "sends"); f != nil || len(g.all) != 0 {
		t.Error(f, g.all)
	}
	if f := x.RemoveBudget(t.Context(), "sends"); f == nil || f.Code != 404 {
		t.Error(f)
	}
}

// A daemon that is killed loses none of what was used: never more calls are made than there are.
func TestKilledOwnersSpendNoMore(t *testing.T) {
	g := newRig(t)
	g.set(g.owner(), Budget{Name: "b", Methods: []string{"*"}, Calls: some(100)})
	made := 0
	for range 30 {
		x := g.owner()
		for range 7 {
			if g.code(x, message(0)) == 0 {
				made++
			}
		}
	}
	if made > 100 || made < 50 {
		t.Errorf("%d calls were made", made)
	}
	if g.writes > 60 {
		t.Errorf("%d writes for %d calls", g.writes, made)
	}
}

func TestCallers(t *testing.T) {
	g := newRig(t)
	x := g.owner()
	g.set(x, Budget{Name: "each", Methods: []string{"messages.sendMessage"}, Caller: "*", Calls: some(2)})
	g.set(x, Budget{Name: "alice", Methods: []string{"messages.sendMessage"}, Caller: "APP/alice", Calls: some(1)})
	for _, c := range []struct {
		caller string
		want   []int
	}{{"APP/alice", []int{0, 429}}, {"APP/bob", []int{0, 0, 429}}, {"", []int{0, 0, 429}}} {
		for i, want := range c.want {
			if code := g.code(x, message(0), c.caller); code != want {
				t.Errorf("%s, call %d: %d", c.caller, i+1, code)
			}
		}
	}
	for i := range callersMost + 10 {
		g.code(x, message(0), fmt.Sprint("APP/", i))
	}
	if n := len(x.budgets.all["each"].used); n > callersMost+1 {
		t.Errorf("%d callers are counted", n)
	}
}

// What Telegram did not execute costs nothing.
func TestGivenBack(t *testing.T) {
	g := newRig(t)
	x := g.owner()
	g.set(x, Budget{Name: "b", Methods: []string{"*"}, Calls: some(5), Stars: some(10)})
	for _, c := range []struct {
		err  error
		used int64
	}{
		{&mtproto.Error{Code: 420, Type: "FLOOD_WAIT_5", Sent: mtproto.SentRefused}, 0}, {&mtproto.Error{Sent: mtproto.SentNo}, 0},
		{&mtproto.Error{Sent: mtproto.SentUnknown}, 1}, {nil, 2},
	} {
		g.fail = c.err
		_, _ = x.Invoke(t.Context(), encode(t, message(3)))
		if used := x.Budgets()[0].Used[""]; used.Calls != c.used || used.Stars != 3*c.used {
			t.Errorf("%v: %+v", c.err, used)
		}
	}
}

func TestStars(t *testing.T) {
	g := newRig(t)
	x := g.owner()
	peer := codec.M{"_": "inputPeerSelf"}
	suggested := message(0)
	suggested["suggested_post"] = codec.M{"_": "suggestedPost", "price": codec.M{"_": "starsAmount", "amount": 5, "nanos": 1}}
	ton := message(0)
	ton["suggested_post"] = codec.M{"_": "suggestedPost", "price": codec.M{"_": "starsTonAmount", "amount": 5}}
	form := codec.M{"_": "payments.sendStarsForm", "form_id": 1, "invoice": codec.M{"_": "inputInvoiceSlug", "slug": "x"}}
	calls := []struct {
		about               string
		call                codec.M
		none, six, anyPrice int
	}{
		{"no Stars", message(0), 0, 0, 0},
		{"some", message(5), 403, 0, 403},
		{"more than granted", message(7), 403, 429, 403},
		{"more than there are", message(1<<63 - 1), 403, 429, 403},
		{"less than nothing", message(-5), 0, 0, 0},
		{"within a wrapper", codec.M{"_": "invokeWithTakeout", "takeout_id": 1, "query": message(7)}, 403, 429, 403},
		{"a reaction", codec.M{"_": "messages.sendPaidReaction", "peer": peer, "msg_id": 1, "count": 6, "random_id": 1}, 403, 0, 403},
		{"a price that is offered", suggested, 403, 0, 403},
		{"in another currency", ton, 403, 403, 403},
		{"an offer for a gift", codec.M{"_": "payments.sendStarGiftOffer", "peer": peer, "slug": "x", "price": codec.M{"_": "starsAmount", "amount": 4, "nanos": 0},
			"duration": 1, "random_id": 1, "allow_paid_stars": 3}, 403, 429, 0},
		{"an invoice", form, 403, 403, 0},
		{"a subscription", codec.M{"_": "payments.fulfillStarsSubscription", "peer": peer, "subscription_id": "x"}, 403, 403, 0},
		{"looking at an invoice", codec.M{"_": "payments.getPaymentForm", "invoice": form["invoice"]}, 0, 0, 0},
		{"a search that is paid", codec.M{"_": "channels.searchPosts", "offset_rate": 0, "offset_peer": peer, "offset_id": 0, "limit": 1, "allow_paid_stars": 7}, 403, 429, 403},
	}
	for _, c := range calls {
		if code := g.code(x, c.call); code != c.none {
			t.Errorf("%s, without a budget: %d", c.about, code)
		}
	}
	for _, c := range calls {
		g.set(x, Budget{Name: "stars", Methods: []string{"*"}, Stars: some(6)})
		if code := g.code(x, c.call); code != c.six {
			t.Errorf("%s, with 6 Stars: %d", c.about, code)
		}
		if f := x.RemoveBudget(t.Context(), "stars"); f != nil {
			t.Fatal(f)
		}
	}
	g.set(x, Budget{Name: "any", Methods: []string{"payments.*"}, AnyPrice: true})
	for _, c := range calls {
		if code := g.code(x, c.call); code != c.anyPrice {
			t.Errorf("%s, with any price: %d", c.about, code)
		}
	}
	if f := x.RemoveBudget(t.Context(), "any"); f != nil {
		t.Fatal(f)
	}
	g.set(x, Budget{Name: "stars", Methods: []string{"*"}, Stars: some(6)})
	if a, b := g.code(x, message(4)), g.code(g.owner(), message(4)); a != 0 || b != 429 {
		t.Errorf("%d and, after a kill, %d", a, b)
	}
}

// Each method of the schema that has a parameter about paying is judged.
func TestMoneyIsDeclared(t *testing.T) {
	paying := 0
	for _, fn := range schema().Functions() {
		for _, p := range fn.Decl().Params {
			if p.Name == paramAllowed || p.Name == paramForm && !rules().byID[fn.ID()].reads {
				paying++
				if !rules().byID[fn.ID()].money {
					t.Errorf("%s spends Stars for nothing", fn.Name())
				}
			}
		}
	}
	if paying < 8 {
		t.Errorf("%d methods", paying)
	}
}

func TestBudgetsOfSettings(t *testing.T) {
	g := newRig(t)
	g.c.Standing = []Budget{Standing("messages.*", 1)}
	x := g.owner()
	if a, b := g.code(x, message(0)), g.code(x, message(0)); a != 0 || b != 429 {
		t.Error(a, b)
	}
	if code := g.code(g.owner(), message(0)); code != 429 {
		t.Errorf("after a restart: %d", code)
	}
	if f := x.RemoveBudget(t.Context(), "setting-messages_all"); f == nil || f.Code != 409 || !strings.Contains(f.Text, "NATSGRAM_BUDGETS") {
		t.Error(f)
	}
}

func TestBadBudgets(t *testing.T) {
	g := newRig(t)
	x := g.owner()
	for want, u := range map[string]Budget{
		"name: ":          {Name: "A", Methods: []string{"*"}, Calls: some(1)},
		"not to begin":    {Name: "setting-x", Methods: []string{"*"}, Calls: some(1)},
		"methods: there":  {Name: "a", Calls: some(1)},
		"has no":          {Name: "a", Methods: []string{"messages.sendMesage"}, Calls: some(1)},
		"want calls":      {Name: "a", Methods: []string{"*"}},
		"want 0 or more":  {Name: "a", Methods: []string{"*"}, Calls: some(-1)},
		"caller: want":    {Name: "a", Methods: []string{"*"}, Calls: some(1), Caller: strings.Repeat("x", 300)},
		"has no \"nope.*": {Name: "a", Methods: []string{"nope.*"}, Calls: some(1)},
	} {
		if _, f := x.SetBudget(t.Context(), u); f == nil || f.Code != 400 || !strings.Contains(f.Text, want) {
			t.Errorf("%+v: %v, want %s", u, f, want)
		}
	}
	for i := range budgetsMost {
		g.set(x, Budget{Name: fmt.Sprint("b", i), Methods: []string{"*"}, Calls: some(1)})
	}
	if _, f := x.SetBudget(t.Context(), Budget{Name: "more", Methods: []string{"*"}, Calls: some(1)}); f == nil || f.Code != 400 {
		t.Error(f)
	}
	g.all["main.budget.b1"] = []byte("nonsense")
	if err := New(g.c).Load(t.Context()); err == nil || !strings.Contains(err.Error(), "main.budget.b1") {
		t.Error(err)
	}
}

// Without the bucket what is budgeted is not made, and the rest is; a bucket that was lost is written again.
func TestBucketAway(t *testing.T) {
	g := newRig(t)
	x := g.owner()
	g.set(x, Budget{Name: "b", Methods: []string{"messages.sendMessage"}, Calls: some(5)})
	g.broken = errors.New("no responders")
	if code := g.code(x, message(0)); code != 503 {
		t.Error(code)
	}
	if code := g.code(x, reading); code != 0 {
		t.Error(code)
	}
	g.broken = nil
	if code := g.code(x, message(0)); code != 0 {
		t.Error(code)
	}
	if _, f := x.Freeze(t.Context(), "why"); f != nil {
		t.Fatal(f)
	}
	kept := maps.Clone(g.all)
	clear(g.all)
	if err := x.Rewrite(t.Context()); err != nil || fmt.Sprint(g.all) != fmt.Sprint(kept) {
		t.Errorf("%v\n%s\n%s", err, g.all, kept)
	}
}
