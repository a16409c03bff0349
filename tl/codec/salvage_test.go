package codec

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/natsgram/natsgram/tl/bin"
)

// vector writes items that are TL already.
func vectorOf(items ...[]byte) []byte {
	w := bin.Writer{}
	w.Vector(len(items))
	return append(w.Buf, bytes.Join(items, nil)...)
}

// newer is an object of a layer that nobody has: an id that no schema has, with n words of anything behind it.
func newer(r *rand.Rand, n int) []byte {
	b := []byte{0xad, 0xde, 0xca, 0xfe}
	for range n {
		b = binary.LittleEndian.AppendUint32(b, r.Uint32()>>(r.UintN(4)*8))
	}
	return b
}

// drawnUpdates is an Updates object, in which the updates and users marked as lost are of a newer layer.
func drawnUpdates(g generator, r *rand.Rand, lost func() bool) (all, kept []byte, cuts [][]byte) {
	names := []string{"updateNewMessage", "updateChannel", "updateUserName", "updateDeleteMessages", "updateBotStopped"}
	list := func(draw func() []byte) (all, kept []byte) {
		var items, good [][]byte
		for range 1 + r.IntN(6) {
			if lost() {
				x := newer(r, r.IntN(12))
				items = append(items, x)
				cuts = append(cuts, x)
				continue
			}
			x := draw()
			items, good = append(items, x), append(good, x)
		}
		return vectorOf(items...), vectorOf(good...)
	}
	head := binary.LittleEndian.AppendUint32(nil, 0x74ae4240)
	updates, keptUpdates := list(func() []byte { return g.boxed(nil, api().ctors[names[r.IntN(len(names))]], 2) })
	users, keptUsers := list(func() []byte { return g.boxed(nil, api().ctors["user"], 2) })
	tail := append(vectorOf(), 1, 0, 0, 0, 2, 0, 0, 0)
	return slices.Concat(head, updates, users, tail), slices.Concat(head, keptUpdates, keptUsers, tail), cuts
}

// The neighbours of what a newer layer wrote are kept as they are, wherever it stands.
func TestSalvageKeepsTheNeighbours(t *testing.T) {
	g := newGenerator(api(), 5)
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 2))
		all, kept, cuts := drawnUpdates(g, r, func() bool { return r.IntN(4) == 0 })
		got, ok := api().Salvage(all)
		if len(cuts) == 0 {
			if ok {
				t.Fatalf("seed %d: something was cut out of what can be read", seed)
			}
			continue
		}
		if !ok || !bytes.Equal(got.Body, kept) || !bytes.Equal(bytes.Join(got.Lost, nil), bytes.Join(cuts, nil)) {
			t.Fatalf("seed %d: %v\n got %x\nwant %x\nlost %x\nwant %x", seed, ok, got.Body, kept, got.Lost, cuts)
		}
	}
}

// A message whose media nobody knows is lost as a whole, the one behind it is not.
func TestSalvageOfWhatIsDeepInside(t *testing.T) {
	g := newGenerator(api(), 6)
	good := g.boxed(nil, api().ctors["updateNewMessage"], 2)
	media, err := api().Encode(nil, M{"_": "updateNewMessage", "pts": 1, "pts_count": 1, "message": M{"_": "message", "id": 1, "peer_id": M{"_": "peerUser", "user_id": 5},
		"date": 1, "message": "x", "media": M{"_": "messageMediaGeo", "geo": M{"_": "geoPointEmpty"}}}})
	if err != nil {
		t.Fatal(err)
	}
	geo := binary.LittleEndian.AppendUint32(nil, api().ctors["messageMediaGeo"].id)
	if media = bytes.Replace(media, geo, []byte{1, 2, 3, 4}, 1); !bytes.Contains(media, []byte{1, 2, 3, 4}) {
		t.Fatal("no media")
	}
	head := binary.LittleEndian.AppendUint32(nil, 0x74ae4240)
	rest := append(append(vectorOf(), vectorOf()...), 1, 0, 0, 0, 2, 0, 0, 0)
	got, ok := api().Salvage(slices.Concat(head, vectorOf(media, good), rest))
	if want := slices.Concat(head, vectorOf(good), rest); !ok || !bytes.Equal(got.Body, want) || len(got.Lost) != 1 || !bytes.Equal(got.Lost[0], media) {
		t.Errorf("%v\n got %x\nwant %x\nlost %x", ok, got.Body, want, got.Lost)
	}
}

// updateShort has nothing but the one update.
func TestSalvageOfAShort(t *testing.T) {
	short := slices.Concat(binary.LittleEndian.AppendUint32(nil, api().ctors["updateShort"].id), []byte{9, 9, 9, 9, 1, 1, 1, 1}, []byte{7, 0, 0, 0})
	got, ok := api().Salvage(short)
	if !ok || got.Body != nil || len(got.Lost) != 1 || !bytes.Equal(got.Lost[0], short[4:12]) {
		t.Errorf("%v %x %x", ok, got.Body, got.Lost)
	}
}

func TestSalvageGivesUp(t *testing.T) {
	head := binary.LittleEndian.AppendUint32(nil, 0x74ae4240)
	for name, src := range map[string][]byte{
		"nothing":                  nil,
		"no constructor":           {1, 2, 3, 4},
		"not only items":           slices.Concat(head, vectorOf()),
		"a count beyond the bytes": slices.Concat(head, vectorOf()[:4], []byte{255, 255, 255, 127}),
		"nowhere to go on":         slices.Concat(head, vectorOf([]byte{9, 9, 9, 9}), []byte{1, 1, 1, 1, 1, 1, 1, 1}),
	} {
		if got, ok := api().Salvage(src); ok {
			t.Errorf("%s: %x, lost %x", name, got.Body, got.Lost)
		}
	}
}

// However much would have to be tried, it ends.
func TestSalvageIsBounded(t *testing.T) {
	n := 1 << 16
	src := slices.Concat(binary.LittleEndian.AppendUint32(nil, 0x74ae4240), vectorOf()[:4], binary.LittleEndian.AppendUint32(nil, uint32(n)), []byte{9, 9, 9, 9})
	src = append(src, bytes.Repeat(binary.LittleEndian.AppendUint32(nil, api().ctors["updateChannel"].id), n)...)
	if _, ok := api().Salvage(src); ok {
		t.Error("it was read")
	}
}

func FuzzSalvage(f *testing.F) {
	g := newGenerator(api(), 7)
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		all, _, _ := drawnUpdates(g, r, func() bool { return r.IntN(3) == 0 })
		f.Add(all)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		got, ok := api().Salvage(src)
		if !ok {
			return
		}
		size := len(got.Body)
		for _, lost := range got.Lost {
			size += len(lost)
		}
		if got.Body == nil {
			if len(got.Lost) != 1 {
				t.Fatalf("%x", got.Lost)
			}
			return
		}
		if v, err := api().View(got.Body); err != nil || len(v.Raw()) != len(got.Body) || size != len(src) {
			t.Fatalf("%v, %d of %d bytes", err, size, len(src))
		}
	})
}
