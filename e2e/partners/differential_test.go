package partners

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto/mttest"
)

var (
	seeds = flag.Int("partners.seeds", 2, "how many runs beside TDLib")
	from  = flag.Uint64("partners.from", 1, "the first one's seed")
)

// TDLib and natsgram have the same account, while people write, edit, delete and read, lines are cut, salts and
// sessions forgotten, and each of the two is away now and then. What TDLib ends up knowing of every chat is what the stream
// of updates says.
func TestBesideTDLib(t *testing.T) {
	for i := range *seeds {
		seed := *from + uint64(i)
		t.Run(fmt.Sprint(seed), func(t *testing.T) { besideTDLib(t, seed) })
	}
}

// beside is one run.
type beside struct {
	*fixture
	t            *testing.T
	r            *rand.Rand
	td           *tdClient
	d            *daemon
	tdDir, ngDir string
	said         int
	sent         []sent
	happened     []string
	before       chats // what there was before the stream began
}

// sent is a message that may be edited or deleted later, by whom and under the id that it has there.
type sent struct {
	by *mttest.Account
	in mttest.Peer
	id int
}

func besideTDLib(t *testing.T, seed uint64) {
	w := newFixture(t, "dd"+proxyKey)
	b := &beside{fixture: w, t: t, r: rand.New(rand.NewPCG(seed, 7)), tdDir: t.TempDir(), ngDir: t.TempDir()}
	w.bob.Send(w.alice, "hello")
	w.carol.Send(w.alice, "hello")
	b.td = w.tdlib(t, b.tdDir)
	w.signIn(t, b.td, w.alice)
	b.d = w.startDaemon(t, b.ngDir, w.alice)
	b.td.call(object{"@type": "loadChats", "limit": 100})
	b.before = b.td.chats()
	for range 60 {
		b.step()
	}
	b.compare()
}

// note keeps what happened, for when it ends badly.
func (b *beside) note(format string, args ...any) {
	b.happened = append(b.happened, time.Now().Format("05.000 ")+fmt.Sprintf(format, args...))
}

// step lets something happen.
func (b *beside) step() {
	switch n := b.r.IntN(24); {
	case n < 5:
		b.send(b.pick(b.bob, b.carol), b.pick(b.alice, b.garden))
	case n < 7:
		b.send(b.carol, b.news)
	case n < 9:
		b.send(b.alice, b.pick(b.bob, b.garden))
	case n < 10:
		b.note("TDLib sends")
		b.td.call(object{"@type": "sendMessage", "chat_id": b.bob.ID(), "input_message_content": object{"@type": "inputMessageText",
			"text": object{"@type": "formattedText", "text": b.text()}}})
	case n < 11:
		b.note("natsgram sends")
		b.d.call("messages.sendMessage", object{"peer": "@carol", "message": b.text()})
	case n < 14:
		b.change(func(m sent) {
			b.note("%s edits %d in %v", m.by.Username(), m.id, m.in.Peer())
			m.by.Edit(m.in, m.id, b.text()+" edited")
		})
	case n < 17:
		b.change(func(m sent) {
			b.note("%s deletes %d in %v", m.by.Username(), m.id, m.in.Peer())
			m.by.Delete(m.in, m.id)
		})
	case n < 20:
		b.note("somebody reads")
		b.pickReader().Read(b.garden, 0)
	case n < 23:
		b.trouble()
	default:
		b.absence()
	}
}

func (b *beside) text() string {
	b.said++
	return fmt.Sprintf("text %d", b.said)
}

func (b *beside) pick(all ...mttest.Peer) mttest.Peer { return all[b.r.IntN(len(all))] }

func (b *beside) pickReader() *mttest.Account {
	return []*mttest.Account{b.alice, b.bob, b.carol}[b.r.IntN(3)]
}

func (b *beside) send(who, to mttest.Peer) {
	by, text := who.(*mttest.Account), b.text()
	id := by.Send(to, text).ID
	b.note("%s sends %q to %v: %d", by.Username(), text, to.Peer(), id)
	b.sent = append(b.sent, sent{by, to, id})
}

// change does something to a message, once at most if it is not there any more then.
func (b *beside) change(do func(sent)) {
	if len(b.sent) == 0 {
		return
	}
	i := b.r.IntN(len(b.sent))
	m := b.sent[i]
	b.sent = slices.Delete(b.sent, i, i+1)
	do(m)
}

func (b *beside) trouble() {
	name := []string{"lines cut", "new salts", "sessions forgotten", "proxy cut"}
	n := b.r.IntN(len(name))
	b.note("%s", name[n])
	[]func(){func() { b.Cut() }, b.NewSalts, b.ForgetSessions, b.proxy.Cut}[n]()
}

// absence ends one of the two, and begins it again after a few things have happened.
func (b *beside) absence() {
	if b.r.IntN(2) == 0 {
		b.note("TDLib is away")
		b.td.close()
		b.talk(5)
		b.td = b.tdlib(b.t, b.tdDir)
		b.td.reaches("authorizationStateReady")
		return
	}
	b.note("natsgram is away")
	b.d.stop()
	b.talk(5)
	b.d = b.startDaemon(b.t, b.ngDir, b.alice)
}

func (b *beside) talk(n int) {
	for i := range n {
		b.said++
		b.bob.Send([]mttest.Peer{b.alice, b.garden}[i%2], fmt.Sprintf("meanwhile %d", b.said))
		b.carol.Send(b.news, fmt.Sprintf("meanwhile %d", b.said))
	}
}

// compare waits until both know the same.
func (b *beside) compare() {
	b.t.Helper()
	limit := time.Now().Add(patience / 2)
	for {
		theirs := b.td.chats()
		ours, err := b.d.said(b.before)
		must(b.t, err)
		differ := difference(ours, theirs)
		if differ == "" {
			b.t.Logf("%d chats, %d messages", len(theirs), theirs.size())
			return
		}
		if time.Now().After(limit) {
			b.t.Fatalf("natsgram's stream and TDLib do not say the same:\n%s\nwhat happened:\n%s\nthe stream:\n%s", differ, strings.Join(b.happened, "\n"), strings.Join(b.d.log, "\n"))
		}
		time.Sleep(200 * time.Millisecond) // either may still be fetching; nothing tells when it has ended
	}
}

func (c chats) size() (n int) {
	for _, at := range c {
		n += len(at.messages)
	}
	return n
}

// difference says in lines where two differ.
func difference(ours, theirs chats) string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(theirs)) {
		a, b := ours.of(name), theirs[name]
		for _, id := range slices.Sorted(maps.Keys(b.messages)) {
			if got, ok := a.messages[id]; !ok || got != b.messages[id] {
				lines = append(lines, fmt.Sprintf("%s, message %d: natsgram %q, TDLib %q", name, id, got, b.messages[id]))
			}
		}
		for _, id := range slices.Sorted(maps.Keys(a.messages)) {
			if _, ok := b.messages[id]; !ok {
				lines = append(lines, fmt.Sprintf("%s, message %d: natsgram %q, TDLib has none", name, id, a.messages[id]))
			}
		}
		if strings.HasPrefix(name, "channel.") {
			continue // marks of channels come in no difference
		}
		// TDLib moves its own mark over what the account wrote itself, where nothing unread is between.
		if a.readIn > b.readIn || a.readOut != b.readOut || a.unread() != b.counted {
			lines = append(lines, fmt.Sprintf("%s: read %d and by others %d, %d unread; TDLib %d, %d, %d", name, a.readIn, a.readOut, a.unread(), b.readIn, b.readOut, b.counted))
		}
	}
	return strings.Join(lines, "\n")
}

// serverID is a message's id at Telegram: TDLib leaves room for those that are on their way.
func serverID(id int64) int64 { return id >> 20 }

// chats is what TDLib knows by itself, without asking.
func (c *tdClient) chats() chats {
	c.t.Helper()
	all := chats{}
	list := c.call(object{"@type": "getChats", "limit": 100})
	ids, _ := list["chat_ids"].([]any)
	for _, id := range ids {
		chat := c.call(object{"@type": "getChat", "chat_id": id})
		at := all.of(tdName(chat))
		at.readIn, at.readOut = serverID(chat.number("last_read_inbox_message_id")), serverID(chat.number("last_read_outbox_message_id"))
		at.counted = chat.number("unread_count")
		for last := int64(0); ; {
			page := c.call(object{"@type": "getChatHistory", "chat_id": id, "from_message_id": last, "limit": 100, "only_local": true}).list("messages")
			if len(page) == 0 {
				break
			}
			for _, m := range page {
				if last = m.number("id"); last != serverID(last)<<20 {
					continue // TDLib's own: on its way, or of which it does not know that it arrived before it was ended
				}
				at.add(serverID(last), m.in("content", "text").text("text"), m["is_outgoing"] != true)
			}
		}
	}
	return all
}

func tdName(chat object) string {
	switch kind := chat.in("type"); kind.name() {
	case "chatTypePrivate":
		return fmt.Sprintf("user.%d", kind.number("user_id"))
	case "chatTypeBasicGroup":
		return fmt.Sprintf("chat.%d", kind.number("basic_group_id"))
	case "chatTypeSupergroup":
		return fmt.Sprintf("channel.%d", kind.number("supergroup_id"))
	default:
		return kind.name()
	}
}
