package index

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/natsgram/natsgram/subjects"
)

func user(id int64) Chat  { return Chat{subjects.User, id} }
func group(id int64) Chat { return Chat{subjects.Chat, id} }

func TestChat(t *testing.T) {
	x := New()
	x.Put(1, user(7))
	x.Put(2, group(7))
	x.Put(3, Chat{subjects.Channel, 7}) // counts for itself
	x.Put(0, user(7))
	x.Put(-5, user(7))
	for id, want := range map[int]Chat{1: user(7), 2: group(7), 3: {}, 0: {}, -5: {}, 4: {}, PageSize + 1: {}, 1 + PageSize*Pages: {}} {
		if got := x.Chat(id); got != want {
			t.Errorf("%d: %+v, want %+v", id, got, want)
		}
	}
}

// Every message of a page may be in another chat, as those of a bot that writes to everybody.
func TestAllChatsOfAPage(t *testing.T) {
	x := New()
	for id := PageSize; id < 2*PageSize; id++ {
		x.Put(id, user(int64(1000+id)))
	}
	for id := PageSize; id < 2*PageSize; id++ {
		if got := x.Chat(id); got != user(int64(1000+id)) {
			t.Fatalf("%d: %+v", id, got)
		}
	}
}

// The newest are kept, in whatever order they are told of.
func TestNewest(t *testing.T) {
	x, last := New(), 3*PageSize*Pages
	for id := last; id > 0; id -= PageSize / 2 {
		x.Put(id, user(1))
	}
	for id := last + 1; id < last+PageSize; id++ {
		x.Put(id, user(2))
	}
	if len(x.pages) > Pages {
		t.Errorf("%d pages", len(x.pages))
	}
	if x.Chat(last) != user(1) || x.Chat(last-(Pages-2)*PageSize) != user(1) || x.Chat(last-(Pages+1)*PageSize) != (Chat{}) {
		t.Error("which are known", x.Chat(last), x.Chat(last-(Pages-2)*PageSize), x.Chat(last-(Pages+1)*PageSize))
	}
}

// What was saved is what is loaded, also into an index that has gone on.
func TestSaved(t *testing.T) {
	x, truth, kept := New(), map[int]Chat{}, map[int][]byte{}
	r := rand.New(rand.NewPCG(1, 2))
	save := func(fails bool) {
		changed := x.Changed()
		for _, p := range changed {
			if !fails {
				kept[p.Slot] = p.Body
			}
		}
		if fails {
			x.Failed(changed)
		}
	}
	for id := 1; id < 20_000; id++ {
		c := user(int64(1 + r.IntN(50)))
		if r.IntN(3) == 0 {
			c = group(c.ID)
		}
		x.Put(id, c)
		truth[id] = c
		if r.IntN(500) == 0 {
			save(r.IntN(2) == 0)
		}
	}
	save(true)
	save(false)
	if more := x.Changed(); len(more) != 0 {
		t.Errorf("%d pages have changed that were saved", len(more))
	}
	x.Lost()
	if all := x.Changed(); len(all) != len(kept) {
		t.Errorf("of %d pages %d are saved again", len(kept), len(all))
	}
	y := New()
	y.Put(19_999+PageSize, user(5))
	for _, body := range kept {
		if err := y.Load(body); err != nil {
			t.Fatal(err)
		}
	}
	if len(y.Changed()) != 1 {
		t.Error("what was loaded has not changed")
	}
	for id, want := range truth {
		if got := y.Chat(id); got != want {
			t.Fatalf("%d: %+v, want %+v", id, got, want)
		}
	}
}

func FuzzLoad(f *testing.F) {
	x := New()
	x.Put(5, user(7))
	x.Put(6, group(8))
	good := x.Changed()[0].Body
	for _, body := range [][]byte{good, nil, {version}, good[:len(good)-1], append(bytes.Clone(good), 0), {version, 0xff, 0xff, 0xff, 0xff, 0x7f, 0}} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		x := New()
		if err := x.Load(body); err != nil {
			if !errors.Is(err, ErrPage) || !x.Empty() {
				t.Error(err)
			}
			return
		}
		x.Lost()
		again := New()
		if err := again.Load(x.Changed()[0].Body); err != nil {
			t.Error(err)
		}
		for slot, p := range x.pages {
			for i := range PageSize {
				if id := p.number*PageSize + i; again.Chat(id) != x.Chat(id) {
					t.Errorf("%d in %d", id, slot)
				}
			}
		}
	})
}

// Of a chat that is forgotten nobody knows any more where its messages are; all others stay, also as they are saved.
func TestForget(t *testing.T) {
	x := New()
	chats := []Chat{user(7), group(7), user(8)}
	for id := 1; id < 3*PageSize; id++ {
		x.Put(id, chats[id%3])
	}
	x.Changed()
	x.Forget(group(7))
	x.Forget(group(9))
	x.Forget(Chat{subjects.Channel, 7})
	again := New()
	for _, s := range x.Changed() {
		if err := again.Load(s.Body); err != nil {
			t.Fatal(err)
		}
	}
	for id := 1; id < 3*PageSize; id++ {
		want := chats[id%3]
		if want == group(7) {
			want = Chat{}
		}
		if got := x.Chat(id); got != want || again.Chat(id) != want {
			t.Fatalf("%d: %+v, read back %+v, want %+v", id, got, again.Chat(id), want)
		}
	}
}
