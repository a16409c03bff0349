package chats

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/mtproto/updates/runner"
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
			synctest.Test(t, func(t *testing.T) {
				var trace func(string)
				if *seeds == 1 && testing.Verbose() {
					trace = func(line string) { t.Log(line) }
				}
				newModel(t, n, trace, None).run()
			})
		})
	}
}

// The same seed is the same run, line by line: what a failing seed found can be looked at.
func TestReplay(t *testing.T) {
	for n := range uint64(8) {
		var lines [2][]string
		for i := range lines {
			synctest.Test(t, func(t *testing.T) {
				newModel(t, n, func(line string) { lines[i] = append(lines[i], line) }, None).run()
			})
		}
		for i, line := range lines[0] {
			if i >= len(lines[1]) || lines[1][i] != line {
				t.Fatalf("seed %d, line %d:\n%s\n%s", n, i, line, lines[1][min(i, len(lines[1])-1)])
			}
		}
		if len(lines[0]) != len(lines[1]) || len(lines[0]) < 100 {
			t.Errorf("seed %d: %d lines and then %d", n, len(lines[0]), len(lines[1]))
		}
	}
}

// model is an account, its streams, the keeper of its dialogs, and who joins.
type model struct {
	*testing.T
	seed    uint64
	lives   int        // daemons so far
	r       *rand.Rand // of the driver alone
	began   time.Time
	tracing sync.Mutex
	trace   func(line string) // nil: nobody wants to know
	server  *mttest.Server
	me      *mttest.Account
	others  []*mttest.Account
	groups  []*mttest.Group
	rooms   []*mttest.Channel
	sent    map[mttest.Peer][]sent
	outside bool // the account is not in the second room
	page    int  // dialogs on a page of the list; 0: as it falls

	place  runner.MemoryStore // where the account's updates stand
	runner *runner.Runner
	keeper *Keeper
	end    func()   // of the client
	former []func() // ends keepers, of which the last is this one

	streams *memory
	told    uint64 // what of the stream of updates the keeper was told of
	joiners []*joiner
	unseen  unseen
	down    outage
	fault   fault
	found   error // where a fault was planted
}

type sent struct {
	by *mttest.Account
	id int
}

const mostJoiners = 5

// hushed are ids: of what is written with the last, Telegram's own, nothing reaches the streams.
var hushed = [3]int64{2: 777000}

// Seeds without trouble, of which a page of dialogs begins at a date and id, or at a peer.
const byPlaceSeed, byPeerSeed = 3, 6

func newModel(t *testing.T, n uint64, trace func(line string), f fault) *model {
	m := &model{
		T: t, seed: n, fault: f, r: part(n, partDriver, 0), began: time.Now(), trace: trace, sent: map[mttest.Peer][]sent{}, unseen: unseen{chats: map[updates.Peer]*hidden{}}, end: func() {},
	}
	m.streams = &memory{fault: f, note: m.note, spoiled: map[string]bool{}, trouble: int(n % 3), seqs: part(n, partSeqs, 0)}
	m.server = mttest.NewServer(t, func(c *mttest.Config) {
		c.InMemory = true
		if n%4 == 1 { // much is too much for a difference
			c.Updates.TooLong, c.Updates.ChannelTooLong = 4, 2
		}
		if n%5 == 1 {
			c.Updates.Page = 2
		}
		c.Updates.Short = n%2 == 1
		c.Dialogs.ByPlace = n%7 == byPlaceSeed
	})
	m.server.Intercept(m.distance)
	m.me = m.server.AddUser(mttest.User{First: "Me"})
	for i := range 3 {
		m.others = append(m.others, m.server.AddUser(mttest.User{First: fmt.Sprint("User ", i), ID: hushed[i]}))
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
	m.Cleanup(func() { m.end(); m.depose(0); time.Sleep(writeTime) }) // of a write on its way nobody waits for the answer
	return m
}

// note tells whoever wants to know what has happened.
func (m *model) note(format string, args ...any) {
	if m.trace != nil {
		m.tracing.Lock()
		defer m.tracing.Unlock()
		m.trace(fmt.Sprintf("%v "+format, append([]any{time.Since(m.began)}, args...)...))
	}
}

// settle lets everything arrive.
func (m *model) settle() {
	time.Sleep(20 * time.Second)
	synctest.Wait()
}

func (m *model) run() {
	for i := range 150 {
		synctest.Wait()
		n := m.r.IntN(20)
		m.note("step %d: %d", i, n)
		switch {
		case n < 9:
			m.happen()
		case n < 12:
			time.Sleep(upTo(m.r, m.pause()))
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
		case n == 19 && m.r.IntN(2) == 0:
			m.between()
		}
	}
	synctest.Wait() // what was begun in this instant goes on as it began
	m.depose(1)
	if m.r.IntN(3) == 0 {
		m.unseen.cut()
		m.outage()
	}
	m.compare()
}

// depose ends keepers but the last ones.
func (m *model) depose(but int) {
	for ; len(m.former) > but; m.former = m.former[1:] {
		m.former[0]()
	}
}

// pause is how long nothing happens, at most: rarely so long that a list may be gone through once more.
func (m *model) pause() time.Duration {
	if m.r.IntN(20) == 0 {
		return 2 * relistPause
	}
	return 1500 * time.Millisecond
}

// harm is done to whoever keeps the dialogs.
func (m *model) harm() {
	m.depose(1)
	m.unseen.cut()
	n := m.r.IntN(6)
	if m.fault == Timeless { // it shows there alone, and seldom
		n = 4
	}
	switch n {
	case 0:
		m.outage()
	case 5:
		m.meddle()
	case 4:
		m.late()
	case 1: // a hand-over
		m.tell()
		synctest.Wait()
		m.keeper.Finish(context.Background())
		fallthrough
	default: // kill -9
		m.mended()
		m.note("killed")
		if m.r.IntN(2) == 0 { // while something is being written
			m.tell()
			time.Sleep(upTo(m.r, flushEvery+slow))
		}
		synctest.Wait()
		m.end()
		synctest.Wait()
		m.depose(m.r.IntN(2)) // 1: it does not know yet, and goes on for a while
		for _, end := range m.former {
			time.AfterFunc(upTo(m.r, patience/2), end)
		}
		for range m.r.IntN(5) {
			m.happen()
		}
		m.start()
	}
	if m.r.IntN(2) == 0 {
		m.unrest()
	}
}

// late is that the keeper hears of what happened only after it has asked for the list, in which there is more.
func (m *model) late() {
	m.note("late")
	in := []mttest.Peer{m.rooms[1], m.groups[0], m.others[0]}
	m.does(10, m.rooms[1], nil)
	for range m.r.IntN(4) {
		m.does(pick(m, []int{10, 13, 15, 17, 19}), pick(m, in), nil)
	}
	time.Sleep(time.Second)
	m.outage()
	if m.r.IntN(2) == 0 { // who leaves and comes back has read nothing
		m.does(18, m.rooms[1], nil)
		m.does(18, m.rooms[1], nil)
	}
	for range m.r.IntN(4) {
		m.does(pick(m, []int{13, 17, 19}), pick(m, in), nil)
	}
	time.Sleep(2 * relistPause)
	m.tell()
}

// unrest is that dialogs are pinned and moved while the list is being read.
func (m *model) unrest() {
	m.invoke(codec.M{"_": "updates.getState"})
	m.unseen.offline = false // it was answered
	for range 1 + m.r.IntN(4) {
		time.Sleep(upTo(m.r, 3*time.Second))
		m.does(pick(m, []int{13, 17, 19, 20}), pick(m, []mttest.Peer{m.others[0], m.groups[0], m.rooms[0]}), nil)
		synctest.Wait()
		m.tell()
	}
	if m.r.IntN(2) == 0 {
		m.between()
	}
}

// outage is a time without a connection. Telegram may have forgotten the session then, and with it what was to be told.
func (m *model) outage() {
	m.note("outage")
	synctest.Wait() // what is sent in this instant arrives; nothing does that is sent after it
	m.down.last(time.Second + upTo(m.r, time.Second))
	m.server.Cut()
	synctest.Wait()
	for range m.r.IntN(8) {
		m.happen()
	}
	m.does(13+m.r.IntN(8), pick(m, m.groups), nil) // what no difference brings
	if m.r.IntN(4) > 0 {
		m.note("forgotten")
		m.server.ForgetSessions()
	}
}
