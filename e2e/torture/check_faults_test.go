package torture

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// sound is a stream as it should be, with its world: two owners, two boxes, a gap that is filled from history.
func sound() ([]entry, []wanted) {
	var all []entry
	seq := uint64(0)
	epoch := uint64(0)
	add := func(e entry) {
		seq++
		e.seq, e.account = seq, "a"
		if e.owner {
			epoch = seq
		} else {
			e.fence = epoch
			e.id = fmt.Sprintf("a/%s/%d/%d", e.box, e.pts, e.index)
		}
		all = append(all, e)
	}
	w := wanted{account: "a", boxes: map[string][]want{}, gone: map[string]map[int]bool{}}
	message := func(box string, id, pts int) {
		add(entry{box: box, pts: pts, key: fmt.Sprintf("m%d", id), msgID: id, text: fmt.Sprint(id)})
		w.boxes[box] = append(w.boxes[box], want{fmt.Sprintf("m%d", id), pts})
	}
	add(entry{owner: true, ownerID: "one"})
	add(entry{box: "common", begins: true})
	for i := 1; i <= 10; i++ {
		message("common", i, i)
		message("channel.7", 100+i, 50+i)
	}
	add(entry{owner: true, ownerID: "two"})
	for i := 11; i <= 20; i++ {
		message("common", i, i)
	}
	add(entry{box: "channel.7", pts: 64, gap: &gap{from: 60, to: 64, reason: "too long"}})
	for i := 11; i <= 14; i++ {
		w.boxes["channel.7"] = append(w.boxes["channel.7"], want{fmt.Sprintf("m%d", 100+i), 50 + i})
	}
	message("channel.7", 115, 65)
	add(entry{box: "channel.7", index: 112, backfill: true, key: "m112", msgID: 112})
	return all, []wanted{w}
}

// TestChecker plants the faults that a run is there to find into a stream without any, and wants each of them found.
func TestChecker(t *testing.T) {
	all, w := sound()
	if r := check(all, w); len(r.problems) > 0 || r.gaps != 1 || r.excused != 3 || r.handed != 1 || r.updates != 20+10+1+1 {
		t.Fatalf("a sound stream: %+v", r)
	}
	at := func(key string) int { return slices.IndexFunc(all, func(e entry) bool { return e.key == key }) }
	for name, c := range map[string]struct {
		plant func([]entry) []entry
		want  string
	}{
		"begun twice": {func(a []entry) []entry {
			twice := a[1]
			twice.id += "?"
			return slices.Insert(a, 5, twice)
		}, "begins is true"},
		"not begun": {func(a []entry) []entry { return slices.Delete(a, 1, 2) }, "begins is false"},
		"lost":      {func(a []entry) []entry { return slices.Delete(a, at("m5"), at("m5")+1) }, "m5 (pts 5) is missing"},
		"lost last": {func(a []entry) []entry { return slices.Delete(a, at("m20"), at("m20")+1) }, "m20 (pts 20) is missing"},
		"doubled": {func(a []entry) []entry {
			again := a[at("m5")]
			again.seq, again.fence = 1000, 0
			return append(a, again)
		}, "stands twice"},
		// What a daemon does that goes on from a state older than the stream, after a server that forgot the ids.
		"doubled under another id": {func(a []entry) []entry {
			again := a[at("m5")]
			again.seq, again.pts, again.id, again.fence = 1000, 30, "a/common/30/0", 0
			return append(a, again)
		}, "stands twice"},
		"swapped": {func(a []entry) []entry {
			i, j := at("m14"), at("m15")
			a[i], a[j] = a[j], a[i]
			a[i].seq, a[j].seq = a[j].seq, a[i].seq
			return a
		}, "stands behind"},
		"invented":     {func(a []entry) []entry { a[at("m20")].key = "m21"; return a }, "never was"},
		"index reused": {func(a []entry) []entry { a[at("m15")].id = a[at("m14")].id; return a }, "id \"a/common/14/0\" stands at"},
		// A publish of the first owner that is stored after the second one took the account: no fence.
		"no fence":        {func(a []entry) []entry { a[at("m11")].fence = 1; return a }, "published under epoch 1"},
		"no fence at all": {func(a []entry) []entry { a[at("m11")].fence = 0; return a }, "published under epoch 0"},
		"gap too small": {func(a []entry) []entry {
			i := slices.IndexFunc(a, func(e entry) bool { return e.gap != nil })
			a[i].gap.to = 61
			return a
		}, "is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			fresh, w := sound()
			if r := check(c.plant(fresh), w); !strings.Contains(r.String(), c.want) {
				t.Errorf("found %q, want %q", r, c.want)
			}
		})
	}
}

// TestCallChecker does the same for what callers were told.
func TestCallChecker(t *testing.T) {
	good := []call{
		{text: "a", outcome: done}, {text: "b", outcome: refused, sent: "no"}, {text: "c", outcome: silent}, {text: "d", id: "d", outcome: done},
	}
	arrived, shown := map[string]int{"a": 1, "d": 2}, map[string]int{"a": 1, "d": 1}
	if problems := checkCalls(good, arrived, shown); len(problems) > 0 {
		t.Fatal(problems)
	}
	for name, c := range map[string]struct {
		text           string
		arrived, shown int
		want           string
	}{
		"twice":                {"a", 1, 2, "executed 2 times"},
		"asked for twice":      {"a", 2, 1, "reached Telegram 2 times"},
		"answered, not done":   {"a", 0, 0, "was answered"},
		"said no, done":        {"b", 1, 1, "Tg-Sent said no"},
		"retried, lost":        {"d", 0, 0, "was answered"},
		"retried, doubled":     {"d", 2, 2, "executed 2 times"},
		"unknown to everybody": {"z", 1, 1, "nobody called"},
	} {
		t.Run(name, func(t *testing.T) {
			arrived, shown := map[string]int{"a": 1, "d": 2}, map[string]int{"a": 1, "d": 1}
			arrived[c.text], shown[c.text] = c.arrived, c.shown
			if got := strings.Join(checkCalls(good, arrived, shown), "\n"); !strings.Contains(got, c.want) {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}

// TestBurstChecker does the same for calls in bursts.
func TestBurstChecker(t *testing.T) {
	job := func(series string, n int, o outcome, state string, edits bool) numbered {
		return numbered{series: series, n: n, id: "x", job: true, edits: edits, outcome: o, state: state}
	}
	good := []numbered{
		{series: "r", n: 1, outcome: done}, {series: "r", n: 2, outcome: refused, sent: "no"}, {series: "r", n: 3, outcome: silent}, {series: "r", n: 4, outcome: done},
		{series: "r", n: 5, outcome: unserved},
		job("j", 1, done, "done", true), job("j", 2, refused, "unknown", true), job("j", 3, done, "done", true), job("j", 4, silent, "", true),
	}
	ran := []string{"burst r 1", "burst j 1", "burst r 4", "burst r 3", "burst j 3"}
	stands := map[string]bool{"burst j 3": true}
	if problems := checkBursts(good, ran, stands); len(problems) > 0 {
		t.Fatal(problems)
	}
	for name, c := range map[string]struct {
		plant func(all []numbered) ([]numbered, []string)
		want  string
	}{
		"swapped":       {func(all []numbered) ([]numbered, []string) { ran[0], ran[2] = ran[2], ran[0]; return all, ran }, "was executed after"},
		"jobs swapped":  {func(all []numbered) ([]numbered, []string) { ran[1], ran[4] = ran[4], ran[1]; return all, ran }, "is the last edit, and does not stand"},
		"twice":         {func(all []numbered) ([]numbered, []string) { return all, append(ran, ran[3]) }, "executed 2 times"},
		"lost":          {func(all []numbered) ([]numbered, []string) { return all, ran[1:] }, "was answered, and not executed"},
		"said no, done": {func(all []numbered) ([]numbered, []string) { return all, append(ran, "burst r 2") }, "was not to be made"},
		"nobody heard":  {func(all []numbered) ([]numbered, []string) { return all, append(ran, "burst r 5") }, "was not to be made"},
		"invented":      {func(all []numbered) ([]numbered, []string) { return all, append(ran, "burst r 9") }, "nobody called"},
		"job refused": {func(all []numbered) ([]numbered, []string) {
			return append(all, job("j", 5, refused, "failed", true)), ran
		}, "the job is failed"},
		"job forgotten": {func(all []numbered) ([]numbered, []string) {
			return append(all, job("j", 5, unserved, "", true)), ran
		}, "nothing became of the job"},
	} {
		t.Run(name, func(t *testing.T) {
			keep := slices.Clone(ran)
			defer func() { ran = keep }()
			ran = slices.Clone(ran)
			all, executed := c.plant(slices.Clone(good))
			if got := strings.Join(checkBursts(all, executed, stands), "\n"); !strings.Contains(got, c.want) {
				t.Errorf("found %q, want %q", got, c.want)
			}
		})
	}
}
