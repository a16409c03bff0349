package chats

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/bridge/dialogs"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/mtproto/updates/runner"
	"github.com/natsgram/natsgram/tl/api"
	"github.com/natsgram/natsgram/tl/codec"
)

var (
	seeds = flag.Int("seeds", 10, "how many runs of the model")
	seed  = flag.Uint64("seed", 0, "the first of them; 0 draws one")
)

// Programs that begin to read at random moments, through kills, hand-overs, cuts and failing writes, have in the end what Telegram itself says
// of the dialogs, byte for byte; and what they hold for known at any moment is so.
func TestModel(t *testing.T) {
	first := *seed
	if first == 0 {
		first = rand.Uint64N(1 << 40)
	}
	for i := range *seeds {
		n := first + uint64(i) //nolint:gosec // not negative
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newModel(t, n).run() })
		})
	}
}

// model is an account, its streams, the keeper of its dialogs, and who joins.
type model struct {
	*testing.T
	r       *rand.Rand
	server  *mttest.Server
	me      *mttest.Account
	others  []*mttest.Account
	groups  []*mttest.Group
	rooms   []*mttest.Channel
	sent    map[mttest.Peer][]sent
	outside bool // the account is not in the second room

	place  runner.MemoryStore // where the account's updates stand
	runner *runner.Runner
	keeper *Keeper
	end    func() // of both

	streams *memory
	told    uint64 // what of the stream of updates the keeper was told of
	joiners []*joiner
	// silent are chats of which Telegram tells nobody what has happened in them, until it is asked.
	silent  map[updates.Peer]bool
	offline bool // nobody may be connected

	unordered bool // and which dialogs are pinned
}

type sent struct {
	by *mttest.Account
	id int
}

const mostJoiners = 5

func newModel(t *testing.T, n uint64) *model {
	m := &model{T: t, r: rand.New(rand.NewPCG(n, 7)), sent: map[mttest.Peer][]sent{}, silent: map[updates.Peer]bool{}, end: func() {}}
	m.streams = &memory{r: rand.New(rand.NewPCG(n, 8)), trouble: n%3 != 0}
	m.server = mttest.NewServer(t, func(c *mttest.Config) { c.InMemory = true })
	m.me = m.server.AddUser(mttest.User{First: "Me"})
	for i := range 3 {
		m.others = append(m.others, m.server.AddUser(mttest.User{First: fmt.Sprint("User ", i)}))
		m.send(m.others[i], m.others[i]) // whom one has never spoken with is in no list
	}
	for i := range 2 {
		m.groups = append(m.groups, m.server.AddGroup(fmt.Sprint("Group ", i), m.others[0], m.me, m.others[1]))
	}
	m.rooms = []*mttest.Channel{
		m.server.AddChannel(mttest.ChannelConfig{Title: "News", Username: "news", Creator: m.others[0], Members: []*mttest.Account{m.me}}),
		m.server.AddChannel(mttest.ChannelConfig{Title: "Talk", Username: "talk", Megagroup: true, Creator: m.others[1], Members: []*mttest.Account{m.me, m.others[2]}}),
	}
	m.start()
	m.Cleanup(func() { m.end(); time.Sleep(time.Second) }) // of a write on its way nobody waits for the answer
	return m
}

func (m *model) anew() *dialogs.Fold {
	s, err := api.Schema()
	if err != nil {
		m.Fatal(err)
	}
	decl, err := api.Declared()
	if err != nil {
		m.Fatal(err)
	}
	return dialogs.New(s, decl)
}

// start runs the account's client, whose updates go into the stream, and the keeper of its dialogs: a daemon.
func (m *model) start() {
	key, salt, home := m.server.Authorize(m.me)
	o := mtproto.Options{
		API: mtproto.API{ID: 1, Hash: "x"}, Env: m.server.Env(), Dial: m.server.Dial, Throttle: new(mtproto.Throttle),
		State: mtproto.State{Version: mtproto.StateVersion, Home: home, UserID: m.me.ID(), DCs: map[int]mtproto.DCState{
			home: {Key: key.AppendBytes(nil), Created: time.Now(), Salts: []mtproto.Salt{{Salt: salt}}, Authorized: true},
		}},
	}
	o.Events = func(e mtproto.Event) {
		switch e.(type) {
		case mtproto.Connected, mtproto.Migrated, mtproto.NewSession:
			if m.keeper != nil {
				m.keeper.Missed()
			}
		}
	}
	var err error
	m.runner, err = runner.New(o, runner.Config{Store: &m.place, Handle: m.handle, Updates: updates.Config{Rand: rand.New(rand.NewPCG(1, 1)).Float64}})
	if err != nil {
		m.Fatal(err)
	}
	s, _ := api.Schema()
	decl, _ := api.Declared()
	m.keeper = newKeeper(Config{
		Account: "main", User: m.me.ID(), Schema: s, Decl: decl, Invoke: m.slowly(m.runner.Client()), Input: m.inputOf, Unknown: func(error) bool { return false },
		Learn: func([]byte) {}, Fact: m.streams.fact, Log: slog.New(slog.DiscardHandler),
	}, m.streams)
	m.keeper.page, m.keeper.most = 1+m.r.IntN(4), 1+m.r.IntN(4)
	m.streams.mu.Lock()
	m.told = m.streams.last
	m.streams.mu.Unlock()
	m.keeper.Stored(m.told, nil)
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	r, k := m.runner, m.keeper
	work.Go(func() { _ = r.Run(ctx) })
	work.Go(func() { k.Run(ctx) })
	m.end = sync.OnceFunc(func() { cancel(); work.Wait() })
}

func (m *model) handle(it updates.Item) error {
	if it.Live {
		return nil
	}
	it.Update = bytes.Clone(it.Update)
	m.streams.store(dialogs.FactOf(&it))
	return nil
}

// tell has the keeper hear of what is stored.
func (m *model) tell() {
	all := m.streams.behind(m.told, 1<<60)
	if len(all) == 0 {
		return
	}
	var facts []dialogs.Fact
	for _, e := range all {
		if e.tell {
			facts = append(facts, e.fact)
		}
	}
	m.told = all[len(all)-1].seq
	m.keeper.Stored(m.told, facts)
}

// settle lets everything arrive.
func (m *model) settle() {
	time.Sleep(20 * time.Second)
	synctest.Wait()
}

func (m *model) run() {
	for range 150 {
		switch n := m.r.IntN(20); {
		case n < 9:
			m.happen()
		case n < 12:
			time.Sleep(time.Duration(m.r.IntN(1500)) * time.Millisecond)
		case n < 15:
			m.tell()
		case n == 15 && len(m.joiners) < mostJoiners:
			m.joiners = append(m.joiners, &joiner{m: m.streams, anew: m.anew, have: map[updates.Peer]message{}})
		case n < 18:
			for _, j := range m.joiners {
				if err := j.follow(m.r.IntN(4), m.r.IntN(4)); err != nil {
					m.Fatal(err)
				}
			}
		case n == 18 && m.r.IntN(3) == 0:
			m.harm()
		case n == 19 && m.r.IntN(4) == 0:
			m.between()
		}
	}
	m.compare()
}

// harm is done to whoever keeps the dialogs.
func (m *model) harm() {
	m.offline = true
	switch m.r.IntN(4) {
	case 0:
		m.server.Cut()
	case 1: // a hand-over
		m.tell()
		m.keeper.Finish(context.Background())
		fallthrough
	default: // kill -9
		m.end()
		for range m.r.IntN(5) {
			m.happen()
		}
		m.start()
	}
}

// between holds what those who have joined take for known against Telegram's own, at any moment.
func (m *model) between() {
	m.settle()
	truth := m.truth()
	for i, j := range m.joiners {
		if err := j.follow(m.r.IntN(20), 1<<20); err != nil {
			m.Fatal(err)
		}
		if j.through == 0 {
			continue
		}
		f := m.known(j)
		for folder := range 2 {
			for _, p := range truth.Chats(folder) {
				want, _ := truth.Dialog(p)
				if got, stale := f.Dialog(p); !stale && got != nil && !m.silent[p] && !bytes.Equal(got, want) && !m.unordered && !j.listing && f.Next() != dialogs.List {
					m.Errorf("joiner %d takes for known: %v\n%s\nwant\n%s", i, p, m.text(got), m.text(want))
				}
			}
		}
	}
}

func (m *model) known(j *joiner) *dialogs.Fold {
	f, err := j.dialogs()
	if err != nil {
		m.Fatal(err)
	}
	return f
}

// compare holds everybody's dialogs against Telegram's own, when all has come to rest.
func (m *model) compare() {
	m.streams.mu.Lock()
	m.streams.trouble = false
	m.streams.mu.Unlock()
	for n := 0; ; n++ {
		m.settle()
		m.tell()
		if got := m.keeper.Figures(); n > 10 && got != nil && got.Complete && got.Through == m.told && !m.keeper.missed() {
			break
		}
		if n == 500 {
			m.Fatalf("the questions do not end: %+v", m.keeper.Figures())
		}
	}
	truth := m.truth()
	records, _, err := truth.Changed(1 << 20)
	if err != nil {
		m.Fatal(err)
	}
	folders := records[len(records)-1].Body
	m.joiners = append(m.joiners, &joiner{m: m.streams, anew: m.anew, have: map[updates.Peer]message{}})
	for i, j := range m.joiners {
		if err := j.follow(1<<20, 1<<20); err != nil {
			m.Fatal(err)
		}
		m.same(fmt.Sprint("joiner ", i), m.known(j), truth)
		for _, r := range records[:len(records)-1] {
			if got := j.have[r.Chat].data; !bytes.Equal(got, r.Body) {
				m.Errorf("joiner %d: the record is\n%s\nwant\n%s", i, got, r.Body)
			}
		}
		if !bytes.Equal(j.folders, folders) {
			m.Errorf("joiner %d: folders %s, want %s", i, j.folders, folders)
		}
	}
	m.keeper.mu.Lock()
	defer m.keeper.mu.Unlock()
	m.same("the keeper", m.keeper.fold, truth)
}

// missed reports whether the list has to be gone through once more.
func (k *Keeper) missed() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.rounds.wanted
}

// same compares records byte for byte, which ones there are, and their order.
func (m *model) same(who string, f, truth *dialogs.Fold) {
	if !f.Complete() {
		m.Errorf("%s does not know all", who)
	}
	for folder := range 2 {
		if got, want := f.Chats(folder), truth.Chats(folder); !slices.Equal(got, want) {
			m.Errorf("%s: in %d there are %v, want %v", who, folder, got, want)
		}
		for _, p := range truth.Chats(folder) {
			want, err := truth.Record(p)
			got, bad := f.Record(p)
			if err != nil || bad != nil || !bytes.Equal(got, want) {
				m.Errorf("%s: %v %v %v\n%s\nwant\n%s", who, p, err, bad, got, want)
			}
		}
	}
}

// truth is what Telegram says now.
func (m *model) truth() *dialogs.Fold {
	f := m.anew()
	l := f.Listing()
	for folder := range 2 {
		l.Pinned(folder, m.view(m.invoke(codec.M{"_": "messages.getPinnedDialogs", "folder_id": folder})))
	}
	l.Done()
	var pages [2]codec.View
	var there [2][]updates.Peer
	for folder := range 2 {
		pages[folder] = m.view(m.invoke(codec.M{
			"_": "messages.getDialogs", "offset_date": 0, "offset_id": 0, "offset_peer": codec.M{"_": "inputPeerEmpty"}, "limit": 100, "hash": 0, "folder_id": folder,
		}))
		for d := range pages[folder].Objects("dialogs") {
			peer, _ := d.Object("peer")
			f.Doubt(peerOf(peer))
			there[folder] = append(there[folder], peerOf(peer))
		}
	}
	f.Ask(100)
	for folder, v := range pages {
		f.Take(there[folder], v)
	}
	f.AskFolders()
	f.TakeFolders(m.invoke(codec.M{"_": "messages.getDialogFilters"}))
	m.offline = false // it was answered
	return f
}

func (m *model) text(tl []byte) string {
	s, _ := api.Schema()
	b, err := s.AppendJSON(nil, tl, s.AnyObject())
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func peerOf(v codec.View) updates.Peer {
	for field, kind := range map[string]updates.PeerKind{"user_id": updates.PeerUser, "chat_id": updates.PeerChat, "channel_id": updates.PeerChannel} {
		if id := v.Int(field); id != 0 {
			return updates.Peer{Kind: kind, ID: id}
		}
	}
	return updates.Peer{}
}
