package dialogs

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/mtproto/updates/runner"
	"github.com/natsgram/natsgram/tl/api"
	"github.com/natsgram/natsgram/tl/codec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	seeds = flag.Int("seeds", 10, "how many runs of the model")
	seed  = flag.Uint64("seed", 0, "the first of them")
)

// What a consumer has that joins at a random moment, and what the keeper of the records has who is killed and goes on, equals in the
// end what Telegram itself says of the dialogs, byte for byte.
func TestModel(t *testing.T) {
	for i := range *seeds {
		n := *seed + uint64(i)
		for _, kills := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d kills %v", n, kills), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { newModel(t, n, kills).run() })
			})
		}
	}
}

// entry is an update in the stream.
type entry struct {
	seq  uint64
	fact Fact
	tell bool
}

// model is an account, its stream, the keeper of its records, and who joins.
type model struct {
	*testing.T
	r       *rand.Rand
	server  *mttest.Server
	me      *mttest.Account
	others  []*mttest.Account
	groups  []*mttest.Group
	rooms   []*mttest.Channel
	sent    map[mttest.Peer][]sent
	kills   bool
	outside bool // the account is not in the second room

	store  runner.MemoryStore
	runner *runner.Runner
	stop   func()

	mu  sync.Mutex
	log []entry

	fold    *Fold
	applied int
	asked   []updates.Peer // and answered by answer, which is not taken yet
	answer  []byte
	records map[updates.Peer]kept
	through uint64
	joiner  *Fold
}

type sent struct {
	by *mttest.Account
	id int
}

// kept is a record as it is stored.
type kept struct {
	seq  uint64
	body []byte
}

func newModel(t *testing.T, n uint64, kills bool) *model {
	m := &model{T: t, r: rand.New(rand.NewPCG(n, 7)), kills: kills, records: map[updates.Peer]kept{}, sent: map[mttest.Peer][]sent{}}
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
	m.fold = m.anew()
	m.start()
	return m
}

func (m *model) anew() *Fold {
	s, err := api.Schema()
	if err != nil {
		m.Fatal(err)
	}
	decl, err := api.Declared()
	if err != nil {
		m.Fatal(err)
	}
	return New(s, decl)
}

// start runs the account's client, whose updates go into the stream.
func (m *model) start() {
	key, salt, home := m.server.Authorize(m.me)
	o := mtproto.Options{
		API: mtproto.API{ID: 1, Hash: "x"}, Env: m.server.Env(), Dial: m.server.Dial, Throttle: new(mtproto.Throttle),
		State: mtproto.State{Version: mtproto.StateVersion, Home: home, UserID: m.me.ID(), DCs: map[int]mtproto.DCState{
			home: {Key: key.AppendBytes(nil), Created: time.Now(), Salts: []mtproto.Salt{{Salt: salt}}, Authorized: true},
		}},
	}
	var err error
	m.runner, err = runner.New(o, runner.Config{Store: &m.store, Handle: m.handle, Updates: updates.Config{Rand: rand.New(rand.NewPCG(1, 1)).Float64}})
	if err != nil {
		m.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	r := m.runner
	go func() { defer close(ended); _ = r.Run(ctx) }()
	m.stop = sync.OnceFunc(func() { cancel(); <-ended })
	m.Cleanup(m.stop)
	m.settle()
}

// settle lets everything arrive.
func (m *model) settle() {
	time.Sleep(20 * time.Second)
	synctest.Wait()
}

func (m *model) handle(it updates.Item) error {
	if it.Live {
		return nil
	}
	it.Update = bytes.Clone(it.Update)
	m.mu.Lock()
	defer m.mu.Unlock()
	fact, ok := FactOf(&it)
	m.log = append(m.log, entry{uint64(len(m.log) + 1), fact, ok})
	return nil
}

func (m *model) run() {
	for step := range 120 {
		switch m.r.IntN(8) {
		case 0, 1, 2, 3:
			m.happen()
		case 4:
			m.apply(1 + m.r.IntN(5))
		case 5:
			m.question()
		case 6:
			m.take()
		case 7:
			m.write()
		}
		if m.r.IntN(10) == 0 {
			time.Sleep(time.Duration(m.r.IntN(3000)) * time.Millisecond)
		}
		if m.joiner == nil && step > 40 && m.r.IntN(20) == 0 {
			m.join()
		}
		if m.kills && m.r.IntN(40) == 0 {
			m.kill()
		}
	}
	m.settle()
	m.catchUp()
	if m.joiner == nil {
		m.join()
	}
	for _, e := range m.stream() {
		if e.seq > m.joiner.Seq() && e.tell {
			m.joiner.Apply(e.seq, &e.fact)
		}
	}
	m.compare()
}

// catchUp has the keeper learn all there is.
func (m *model) catchUp() {
	for range 100 {
		m.settle()
		m.apply(len(m.stream()))
		m.take()
		if m.fold.Next() == Nothing {
			m.write()
			return
		}
		m.question()
	}
	m.Fatalf("the questions do not end: %d", m.fold.Next())
}

// pick is one of some.
func pick[T any](m *model, all []T) T { return all[m.r.IntN(len(all))] }

// chat is a conversation, and who but the account may write there.
func (m *model) chat() (mttest.Peer, *mttest.Account) {
	switch m.r.IntN(7) {
	case 0:
		return m.rooms[0], m.others[0]
	case 1:
		return m.rooms[1], pick(m, m.others[1:])
	case 2, 3:
		return pick(m, m.groups), pick(m, m.others[:2])
	}
	o := pick(m, m.others)
	return o, o
}

// happen is something that the account does on another device, or somebody else.
func (m *model) happen() {
	in, who := m.chat()
	member := true
	if room, ok := in.(*mttest.Channel); ok {
		member = m.member(room)
	}
	switch n := m.r.IntN(20); {
	case n < 7:
		m.send(in, who)
	case n < 9 && member && in != mttest.Peer(m.rooms[0]):
		at := m.me.Send(in, "mine")
		m.sent[in] = append(m.sent[in], sent{m.me, at.ID})
	case n < 11 && member:
		m.read(in)
	case n == 11:
		m.delete(in)
	case n == 12 && len(m.sent[in]) > 0:
		if one := pick(m, m.sent[in]); one.by != m.me || member {
			one.by.Edit(m.as(one.by, in), one.id, fmt.Sprint("edited ", m.r.Uint64()))
		}
	case n == 13 && member:
		m.me.Pin(in, m.r.IntN(2) == 0)
	case n == 14 && member:
		m.me.MarkUnread(in, m.r.IntN(2) == 0)
	case n == 15 && member:
		m.me.Draft(in, pick(m, []string{"", "hm", "well"}))
	case n == 16 && member:
		m.me.Mute(in, m.r.IntN(100))
	case n == 17 && member:
		m.me.Archive(in, m.r.IntN(2) == 0)
	case n == 18:
		if m.member(m.rooms[1]) {
			m.me.Leave(m.rooms[1])
		} else {
			m.me.Join(m.rooms[1])
		}
		m.outside = !m.outside
	case n == 19:
		m.me.OrderPinned(0, m.others[0], m.groups[0])
	}
}

func (m *model) member(c *mttest.Channel) bool { return c == m.rooms[0] || !m.outside }

// as is a conversation as another has it.
func (m *model) as(who *mttest.Account, in mttest.Peer) mttest.Peer {
	if _, ok := in.(*mttest.Account); ok && who != m.me {
		return m.me
	}
	return in
}

func (m *model) send(in mttest.Peer, who *mttest.Account) {
	at := who.Send(m.as(who, in), fmt.Sprint("text ", m.r.Uint64()))
	m.sent[in] = append(m.sent[in], sent{who, at.ID})
}

func (m *model) read(in mttest.Peer) {
	defer func() { _ = recover() }() // where the two have never spoken
	m.me.Read(in, 0)
}

func (m *model) delete(in mttest.Peer) {
	if len(m.sent[in]) == 0 {
		return
	}
	i := m.r.IntN(len(m.sent[in]))
	one := m.sent[in][i]
	m.sent[in] = slices.Delete(m.sent[in], i, i+1)
	one.by.Delete(m.as(one.by, in), one.id)
}

func (m *model) stream() []entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.log
}

// apply has the keeper fold in some of what is in the stream.
func (m *model) apply(most int) {
	all := m.stream()
	for _, e := range all[m.applied:min(m.applied+most, len(all))] {
		if e.tell {
			m.fold.Apply(e.seq, &e.fact)
		}
		m.fold.Through(e.seq)
		m.applied++
	}
}

func (m *model) invoke(call codec.M) []byte {
	s, _ := api.Schema()
	query, err := s.Encode(nil, call)
	if err != nil {
		m.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	result, err := m.runner.Client().Invoke(ctx, query)
	if err != nil {
		m.Fatalf("%v: %v", call["_"], err)
	}
	return result
}

func (m *model) view(tl []byte) codec.View {
	s, _ := api.Schema()
	v, err := s.View(tl)
	if err != nil {
		m.Fatal(err)
	}
	return v
}

// question asks Telegram what is not known. The answer about dialogs is taken later.
func (m *model) question() {
	switch m.fold.Next() {
	case List:
		l := m.fold.Listing()
		for folder := range 2 {
			l.Pinned(folder, m.view(m.invoke(codec.M{"_": "messages.getPinnedDialogs", "folder_id": folder})))
		}
		for folder := range 2 {
			l.Page(m.view(m.invoke(dialogsOf(folder))))
		}
		l.Done()
	case Folders:
		m.fold.AskFolders()
		m.fold.TakeFolders(m.invoke(codec.M{"_": "messages.getDialogFilters"}))
	case Dialogs:
		if m.answer != nil {
			return
		}
		m.asked = m.fold.Ask(100)
		var peers []codec.M
		for _, p := range m.asked {
			peers = append(peers, codec.M{"_": "inputDialogPeer", "peer": m.input(p)})
		}
		m.answer = m.invoke(codec.M{"_": "messages.getPeerDialogs", "peers": peers})
	}
}

func dialogsOf(folder int) codec.M {
	return codec.M{
		"_": "messages.getDialogs", "exclude_pinned": true, "offset_date": 0, "offset_id": 0, "offset_peer": codec.M{"_": "inputPeerEmpty"}, "limit": 100, "hash": 0,
		"folder_id": folder,
	}
}

func (m *model) input(p updates.Peer) codec.M {
	hash := int64(0)
	for _, o := range m.others {
		if o.ID() == p.ID {
			hash = m.me.AccessHash(o)
		}
	}
	for _, c := range m.rooms {
		if c.ID() == p.ID {
			hash = m.me.AccessHash(c)
		}
	}
	switch p.Kind {
	case updates.PeerUser:
		return codec.M{"_": "inputPeerUser", "user_id": p.ID, "access_hash": hash}
	case updates.PeerChat:
		return codec.M{"_": "inputPeerChat", "chat_id": p.ID}
	}
	return codec.M{"_": "inputPeerChannel", "channel_id": p.ID, "access_hash": hash}
}

func (m *model) take() {
	if m.answer != nil {
		m.fold.Take(m.asked, m.view(m.answer))
		m.asked, m.answer = nil, nil
	}
}

// write stores the records, and up to where they go, as one.
func (m *model) write() {
	all, _, err := m.fold.Changed(1 << 20)
	if err != nil {
		m.Fatal(err)
	}
	for _, r := range all {
		if delete(m.records, r.Chat); r.Body != nil {
			m.records[r.Chat] = kept{m.fold.Seq(), r.Body}
		}
	}
	m.through = m.fold.Seq()
}

// load is a fold of what is stored.
func (m *model) load() *Fold {
	f := m.anew()
	if m.through == 0 {
		return f
	}
	l := f.Load()
	for p, k := range m.records {
		err := error(nil)
		if p.ID == 0 {
			err = l.Folders(k.body)
		} else {
			err = l.Record(p, k.seq, k.body)
		}
		if err != nil {
			m.Fatal(err)
		}
	}
	l.Done(m.through)
	return f
}

func (m *model) join() { m.joiner = m.load() }

// kill ends the keeper and the client at once. Who goes on asks for the list: of what was read in channels meanwhile nobody is told.
func (m *model) kill() {
	m.stop()
	m.asked, m.answer = nil, nil
	for range m.r.IntN(5) {
		m.happen()
	}
	m.start()
	m.fold = m.load()
	m.applied = int(m.through)
	m.fold.Relist()
}

// compare holds everybody's dialogs against Telegram's own.
func (m *model) compare() {
	truth := m.anew()
	l := truth.Listing()
	for folder := range 2 {
		l.Pinned(folder, m.view(m.invoke(codec.M{"_": "messages.getPinnedDialogs", "folder_id": folder})))
	}
	l.Done()
	var order [2][]updates.Peer
	for folder := range 2 {
		v := m.view(m.invoke(codec.M{"_": "messages.getDialogs", "offset_date": 0, "offset_id": 0, "offset_peer": codec.M{"_": "inputPeerEmpty"}, "limit": 100, "hash": 0, "folder_id": folder}))
		for d := range v.Objects("dialogs") {
			truth.Doubt(chatOf(d))
			order[folder] = append(order[folder], chatOf(d))
		}
		all := truth.Ask(100)
		truth.Take(all, v)
	}
	for folder, list := range order {
		if got := pinnedOf(m.fold, m.fold.Chats(folder)); !slices.Equal(got, pinnedOf(truth, list)) {
			m.Errorf("pinned in %d: %v, want %v", folder, got, pinnedOf(truth, list))
		}
	}
	if m.fold.Len() != truth.Len() {
		m.Errorf("%d dialogs, Telegram has %d", m.fold.Len(), truth.Len())
	}
	for p := range truth.dialogs {
		want, _ := truth.Dialog(p)
		got, stale := m.fold.Dialog(p)
		if stale || !bytes.Equal(got, want) {
			m.Errorf("%v: stale %v\n%s\nwant\n%s", p, stale, m.text(got), m.text(want))
		}
		if d := m.fold.dialogs[p]; d != nil && d.date != truth.dialogs[p].date {
			m.Errorf("%v: date %d, want %d", p, d.date, truth.dialogs[p].date)
		}
		got, stale = m.joiner.Dialog(p)
		if !m.kills && !stale && got != nil && !m.corrected(p) && !bytes.Equal(got, want) {
			m.Errorf("who joined: %v\n%s\nwant\n%s", p, m.text(got), m.text(want))
		}
	}
	again := m.load()
	for p := range truth.dialogs {
		want, _ := truth.Dialog(p)
		if got, stale := again.Dialog(p); stale || !bytes.Equal(got, want) {
			m.Errorf("read back: %v: stale %v\n%s\nwant\n%s", p, stale, m.text(got), m.text(want))
		}
	}
}

// corrected reports whether a dialog was doubted since somebody joined: Telegram was asked then.
func (m *model) corrected(p updates.Peer) bool { return m.joiner.dialogs[p] == nil }

func pinnedOf(f *Fold, all []updates.Peer) (pinned []updates.Peer) {
	for _, p := range all {
		if d := f.dialogs[p]; d != nil && f.place(d) > 0 {
			pinned = append(pinned, p)
		}
	}
	return pinned
}

func (m *model) text(tl []byte) string {
	s, _ := api.Schema()
	b, err := s.AppendJSON(nil, tl, s.AnyObject())
	if err != nil {
		return err.Error()
	}
	return string(b)
}
