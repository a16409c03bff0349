package codec

import (
	"cmp"
	"container/heap"
	"encoding/binary"
	"slices"
)

// Salvaged is what [Schema.Salvage] could read of an object, and what it could not.
type Salvaged struct {
	// Body is the object without the items that cannot be read; nil where nothing else is in it.
	Body []byte
	// Lost are the bytes that were left out, in their order: an item each, or several that stood side by side. They
	// alias the input.
	Lost [][]byte
}

// Salvage reads an object some of whose parts a newer layer wrote, so that [Schema.View] fails: one constructor that the
// schema lacks takes none of its neighbours along. It leaves out those items of the object's own vectors that cannot be
// read. TL tells no lengths: where the item after an unreadable one begins is found by trying, and a place counts only if
// everything behind it can be read up to the last byte of src. Of all ways to read src so, the one that loses the fewest
// bytes is taken. False: there is none, or too much would have to be tried; nothing of the object is to be trusted then.
func (s *Schema) Salvage(src []byte) (Salvaged, bool) {
	g := salvager{walker: walker{s: s, src: src}, work: 64*len(src) + 1<<16, seen: make(map[unread]bool)}
	c, off := g.boxed(0, objectType)
	if off < 0 {
		return Salvaged{}, false
	}
	g.c = c
	g.fields(0, off, [maxFlags]uint32{}, nil)
	for len(g.queue) > 0 && g.done == nil && g.work > 0 {
		g.step(heap.Pop(&g.queue).(*trial))
	}
	if g.done == nil {
		return Salvaged{}, false
	}
	return g.result()
}

// salvager is a search for the reading that loses the fewest bytes: trials are taken up by what they have lost, and
// reading on loses nothing, so the first that comes to the end is the best.
type salvager struct {
	walker
	c     *comb
	queue trials
	seen  map[unread]bool
	done  *cut
	work  int // bytes that may yet be looked at
}

// cut is a run of items that are left out, and those before it.
type cut struct {
	before     *cut
	count, n   int // where the vector's count stands, and how many items of it they are; 0: not in a vector
	start, end int
}

// vectorOfItems is the vector that is being read.
type vectorOfItems struct {
	field, count, n int
	flags           [maxFlags]uint32
}

// unread is an item that cannot be read.
type unread struct{ field, item, off int }

// trial is an unreadable item, and where the next thing to be read may begin.
type trial struct {
	list   vectorOfItems
	item   int
	start  int
	next   int
	before *cut
	lost   int // bytes, up to next
}

// trials is a heap.
type trials []*trial

func (q trials) Len() int { return len(q) }

func (q trials) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(q[i].lost, q[j].lost), cmp.Compare(q[j].start, q[i].start)) < 0
}

func (q trials) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push implements [heap.Interface].
func (q *trials) Push(x any) { *q = append(*q, x.(*trial)) }

// Pop implements [heap.Interface].
func (q *trials) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}

// fields reads the fields from the i-th on, which begins at off, up to the end or the first item that cannot be read.
func (g *salvager) fields(i, off int, flags [maxFlags]uint32, before *cut) {
	for ; i < len(g.c.fields); i++ {
		f := &g.c.fields[i]
		if f.mask != 0 && flags[f.slot%maxFlags]&f.mask == 0 {
			continue
		}
		if f.op == opVector && f.t.elem.op == opClass {
			if n, next := g.count(off, f.t); next >= 0 {
				g.items(vectorOfItems{field: i, count: next - 4, n: n, flags: flags}, 0, next, before)
			}
			return
		}
		next := g.value(off, f.t, MaxDepth)
		if next < 0 {
			if f.op == opClass && before == nil {
				g.single(i, off)
			}
			return
		}
		if f.op == opFlags {
			flags[f.slot%maxFlags] = binary.LittleEndian.Uint32(g.src[off:])
		}
		off = next
	}
	if off == len(g.src) && g.done == nil {
		g.done = before
	}
}

// single is an unreadable object with nothing behind it but fields of fixed length, as in updateShort. Without it, nothing
// of the whole is left.
func (g *salvager) single(i, off int) {
	end := len(g.src)
	for _, f := range g.c.fields[i+1:] {
		if f.mask != 0 || f.op != opInt && f.op != opLong {
			return
		}
		end -= f.t.min
	}
	if end >= off+4 {
		g.done = &cut{start: off, end: end}
	}
}

// items reads the items of a vector from the j-th on, and all that follows.
func (g *salvager) items(l vectorOfItems, j, off int, before *cut) {
	elem := g.c.fields[l.field].t.elem
	for ; j < l.n; j++ {
		next := g.value(off, elem, MaxDepth)
		if next < 0 {
			g.work -= g.err.Offset - off
			g.unreadable(l, j, off, before)
			return
		}
		g.work -= next - off
		off = next
	}
	g.fields(l.field+1, off, l.flags, before)
}

// unreadable begins the trials behind an item that cannot be read. Who comes to it first has lost the least.
func (g *salvager) unreadable(l vectorOfItems, j, off int, before *cut) {
	at := unread{l.field, j, off}
	if g.seen[at] || off+4 > len(g.src) {
		return
	}
	g.seen[at] = true
	t := &trial{list: l, item: j, start: off, next: off + 4, before: before, lost: 4}
	for x := before; x != nil; x = x.before {
		t.lost += x.end - x.start
	}
	heap.Push(&g.queue, t)
}

// step reads on from where a trial stands, as whichever item it may be, and moves it by one word.
func (g *salvager) step(t *trial) {
	last := t.list.n
	if !g.plausible(t.list, t.next) {
		last = 0
	}
	for j := t.item + 1; j < last && g.done == nil && g.work > 0; j++ {
		g.items(t.list, j, t.next, &cut{t.before, t.list.count, j - t.item, t.start, t.next})
	}
	if g.done == nil {
		g.fields(t.list.field+1, t.next, t.list.flags, &cut{t.before, t.list.count, t.list.n - t.item, t.start, t.next})
	}
	g.work -= 16
	if t.next += 4; t.next <= len(g.src) {
		t.lost += 4
		heap.Push(&g.queue, t)
	}
}

// plausible reports whether an item can begin at p.
func (g *salvager) plausible(l vectorOfItems, p int) bool {
	if len(g.src)-p < 4 {
		return false
	}
	c := g.s.ids.get(binary.LittleEndian.Uint32(g.src[p:]))
	return c != nil && g.c.fields[l.field].t.elem.admits(c)
}

// result puts together what is left, and reads it once more as it will be read.
func (g *salvager) result() (r Salvaged, ok bool) {
	var cuts []*cut
	missing := make(map[int]uint32) // by where the vector's count stands
	for x := g.done; x != nil; x = x.before {
		cuts = append(cuts, x)
		missing[x.count] += uint32(x.n)
	}
	slices.Reverse(cuts)
	for _, x := range cuts {
		r.Lost = append(r.Lost, g.src[x.start:x.end:x.end])
	}
	if cuts[0].count == 0 {
		return r, true
	}
	at := 0
	for _, x := range cuts {
		if n := missing[x.count]; n > 0 {
			delete(missing, x.count)
			r.Body = append(r.Body, g.src[at:x.count]...)
			r.Body = binary.LittleEndian.AppendUint32(r.Body, binary.LittleEndian.Uint32(g.src[x.count:])-n)
			at = x.count + 4
		}
		r.Body = append(r.Body, g.src[at:x.start]...)
		at = x.end
	}
	r.Body = append(r.Body, g.src[at:]...)
	v, err := g.s.View(r.Body)
	return r, err == nil && len(v.Raw()) == len(r.Body)
}
