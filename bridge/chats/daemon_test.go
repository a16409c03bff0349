package chats

import (
	"bytes"
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/dialogs"
	"github.com/natsgram/natsgram/bridge/withhold"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/mtproto/updates/runner"
	"github.com/natsgram/natsgram/tl/api/apitest"
)

// rule is what is withheld.
var rule = sync.OnceValue(func() *withhold.Rule {
	s, _ := apitest.Layer()
	return withhold.New(s)
})

// anew is a fold of a program's own: what is withheld is none of its business, it has never come there.
func (m *model) anew() *dialogs.Fold {
	s, decl := apitest.Layer()
	return dialogs.New(s, decl, nil)
}

// start runs the account's client, whose updates go into the stream, and the keeper of its dialogs: a daemon.
func (m *model) start() {
	m.lives++
	w := way{m.streams, newChance(m.seed, m.lives)}
	m.streams.mu.Lock()
	m.told = m.streams.last
	m.streams.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	key, salt, home := m.server.Authorize(m.me)
	o := mtproto.Options{
		API: mtproto.API{ID: 1, Hash: "x"}, Env: m.server.Env(), Dial: m.dial, NoPFS: true, Throttle: new(mtproto.Throttle),
		State: mtproto.State{Version: mtproto.StateVersion, Home: home, UserID: m.me.ID(), DCs: map[int]mtproto.DCState{
			home: {Key: key.AppendBytes(nil), Created: time.Now(), Salts: []mtproto.Salt{{Salt: salt}}, Authorized: true},
		}},
	}
	o.Events = func(e mtproto.Event) {
		switch e.(type) {
		case mtproto.Connected, mtproto.Migrated, mtproto.NewSession:
			if m.keeper != nil && m.fault != DeafToMissed {
				m.keeper.Missed()
			}
		}
	}
	spread := part(m.seed, partSpread, m.lives).Float64()
	var err error
	m.runner, err = runner.New(o, runner.Config{Store: &m.place, Handle: m.handle(ctx, part(m.seed, partStores, m.lives)), Updates: updates.Config{Rand: func() float64 { return spread }}})
	if err != nil {
		m.Fatal(err)
	}
	s, decl := apitest.Layer()
	m.keeper = newKeeper(Config{
		Account: "main", User: m.me.ID(), Schema: s, Decl: decl, Invoke: m.slowly(m.runner.Client(), w), Input: m.inputOf, Unknown: func(error) bool { return false },
		Learn: func([]byte) {}, Fact: m.streams.fact, Rule: rule(), Log: slog.New(slog.DiscardHandler),
	}, w)
	m.keeper.page, m.keeper.most = 1+m.r.IntN(4), 1+m.r.IntN(4)
	if m.page > 0 {
		m.keeper.page = m.page
	}
	m.keeper.audit, m.keeper.whole = 5*time.Second, 30*time.Second
	if m.fault == BlindToOthers || m.fault == TwoOwners { // who looks finds the other one
		m.keeper.audit = 1000 * time.Hour
	}
	jitter := part(m.seed, partJitter, m.lives)
	m.keeper.jitter = func(d time.Duration) time.Duration { return upTo(jitter, d) }
	m.keeper.Stored(m.told, nil)
	r, k := m.runner, m.keeper
	m.end = running(ctx, cancel, func(ctx context.Context) { _ = r.Run(ctx) })
	kept, depose := context.WithCancel(context.Background())
	m.former = append(m.former, running(kept, depose, k.Run))
}

// running runs something until end is called.
func running(ctx context.Context, cancel func(), run func(context.Context)) (end func()) {
	var work sync.WaitGroup
	work.Go(func() { run(ctx) })
	return sync.OnceFunc(func() { cancel(); work.Wait() })
}

// outage is until when nobody can connect.
type outage struct {
	mu    sync.Mutex
	until time.Time
}

func (o *outage) left() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	return time.Until(o.until)
}

// last makes it last that long from now, or longer.
func (o *outage) last(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if until := time.Now().Add(d); until.After(o.until) {
		o.until = until
	}
}

// dial connects, once that is possible: the pauses before attempts are drawn by nobody knows whom.
func (m *model) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if !strings.HasSuffix(addr, ":443") { // of several ways at once it is not known which is the first
		return nil, errTrouble
	}
	for wait := m.down.left(); wait > 0; wait = m.down.left() {
		if err := pause(ctx, wait); err != nil {
			return nil, err
		}
	}
	return m.server.Dial(ctx, network, addr)
}

// distance is the time that a query takes to Telegram: each its own, so that of two it is known which comes first.
func (m *model) distance(r *mttest.Request) mttest.Action {
	h := fnv.New64a()
	fmt.Fprint(h, m.seed, r.Query)
	return mttest.Delay(time.Duration(h.Sum64()%uint64(50*time.Millisecond)), mttest.Pass())
}

// handle stores updates, which takes its time.
func (m *model) handle(ctx context.Context, r *rand.Rand) func(updates.Item) error {
	return func(it updates.Item) error {
		if it.Live {
			return nil
		}
		it.Update = bytes.Clone(it.Update)
		fact, tells := dialogs.FactOf(&it)
		if m.fault != Timeless {
			fact.At = time.Now()
		}
		if err := pause(ctx, upTo(r, slow/10)); err != nil {
			return err
		}
		m.streams.store(fact, m.published(fact), tells)
		return nil
	}
}

// published is a fact as the stream has it, in which some texts are withheld. Programs that read it have no other.
func (m *model) published(f dialogs.Fact) dialogs.Fact {
	s, _ := apitest.Layer()
	if f.Update == nil {
		return f
	}
	clean, _, err := rule().Redact(nil, f.Update, s.AnyObject())
	if err != nil {
		m.Error(err)
	}
	f.Update = clean
	return f
}

// tell has the keeper hear of what is stored.
func (m *model) tell() {
	all := m.streams.behind(m.told, 1<<60)
	if len(all) == 0 {
		return
	}
	var facts []dialogs.Fact
	for _, e := range all {
		if e.tell && !m.planted(DropFact, e.seq) {
			facts = append(facts, e.heard)
		}
	}
	m.told = all[len(all)-1].seq
	m.keeper.Stored(m.told, facts)
}
