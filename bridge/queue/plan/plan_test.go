package plan

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

// at is so many seconds after noon.
func at(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }

// script is a plan with what it is told and what it answers, line by line.
type script struct {
	t *testing.T
	p *Plan
}

func begin(t *testing.T, l Limits) *script { t.Helper(); return &script{t, New(l)} }

func (s *script) add(second int, jobs ...Job) {
	for _, j := range jobs {
		s.p.Add(at(second), j)
	}
}

// wants compares what there is to do, until there is nothing more: "run 1", "drop 2 replaced by 3", "read a 5 x4", "scan".
func (s *script) wants(second int, want ...string) {
	s.t.Helper()
	var got []string
	for a := s.p.Next(at(second)); a.Verb != Nothing; a = s.p.Next(at(second)) {
		switch a.Verb {
		case Run:
			got = append(got, fmt.Sprint("run ", a.Job.Seq))
		case Drop:
			text := fmt.Sprint("drop ", a.Job.Seq, " ", a.Why)
			if a.Why == Replaced {
				text += fmt.Sprint(" by ", a.By.Seq)
			}
			got = append(got, text)
		case Read:
			got = append(got, fmt.Sprint("read ", a.Chat, " ", a.From))
		case Scan:
			got = append(got, "scan")
		}
	}
	if !slices.Equal(got, want) {
		s.t.Errorf("at %d: got %s, want %s", second, strings.Join(got, ", "), strings.Join(want, ", "))
	}
}

func (s *script) done(second int, seqs ...uint64) {
	for _, seq := range seqs {
		s.p.Done(at(second), seq)
	}
}

func (s *script) wakes(want int) {
	s.t.Helper()
	if got := s.p.Wake(); !got.Equal(at(want)) && (want != 0 || !got.IsZero()) {
		s.t.Errorf("wakes at %v, want %v", got, at(want))
	}
}

func TestOrderInAChat(t *testing.T) {
	s := begin(t, Limits{})
	s.add(0, Job{Seq: 1, Chat: "a"}, Job{Seq: 2, Chat: "a"}, Job{Seq: 3, Chat: "b"})
	s.wants(0, "run 1", "run 3")
	s.done(1, 1)
	s.wants(1, "run 2")
	s.done(1, 2, 3)
	s.wants(1)
	s.wakes(0)
	if len(s.p.chats) != 0 {
		t.Error("chats without jobs are remembered")
	}
}

func TestAChatThatWaitsHoldsNoOther(t *testing.T) {
	s := begin(t, Limits{})
	s.add(0, Job{Seq: 1, Chat: "a"}, Job{Seq: 2, Chat: "a"}, Job{Seq: 3, Chat: "b"}, Job{Seq: 4, Chat: "b"})
	s.wants(0, "run 1", "run 3")
	s.p.Again(at(1), 1, at(3600), "FLOOD_WAIT_3599", true)
	s.done(1, 3)
	s.wants(1, "run 4")
	s.wakes(3600)
	it, _ := s.p.Find(at(2), "a", 1)
	if it.State != Waiting || !it.Until.Equal(at(3600)) || it.Err != "FLOOD_WAIT_3599" || it.Tries != 1 || it.Why != "FLOOD_WAIT_3599" {
		t.Errorf("%+v", it)
	}
	s.wants(3599)
	s.wants(3600, "run 1")
	s.done(3600, 1, 4)
	s.wants(3600, "run 2")
}

// In one chat it may be the chat's limit; in two it is the account's.
func TestAFloodInTwoChatsIsTheMethods(t *testing.T) {
	s := begin(t, Limits{})
	for i, chat := range []string{"a", "b", "c", "d"} {
		s.add(0, Job{Seq: uint64(i + 1), Chat: chat, Method: "m"}, Job{Seq: uint64(i + 11), Chat: chat, Method: "m"})
	}
	s.add(0, Job{Seq: 20, Chat: "e", Method: "other"})
	s.wants(0, "run 1", "run 2", "run 3", "run 4", "run 20")
	s.p.Again(at(1), 1, at(100), "FLOOD_WAIT_99", true)
	s.done(1, 3)
	s.wants(1, "run 13")
	s.p.Again(at(2), 2, at(90), "FLOOD_WAIT_88", true)
	s.done(2, 4, 20)
	s.wants(2)
	if it, _ := s.p.Find(at(2), "d", 14); it.State != Waiting || !strings.Contains(it.Why, "in all chats") {
		t.Errorf("%+v", it)
	}
	s.p.Release(at(3), Job{Chat: "d", Method: "m"})
	s.wants(3, "run 14")
	s.wants(100, "run 2", "run 1")
}

func TestPriority(t *testing.T) {
	s := begin(t, Limits{Work: 1})
	s.add(0, Job{Seq: 1, Chat: "a"}, Job{Seq: 2, Chat: "a"}, Job{Seq: 3, Chat: "b", Priority: -1}, Job{Seq: 4, Chat: "c", Priority: 2}, Job{Seq: 5, Chat: "a", Priority: 1})
	for _, want := range []uint64{4, 5, 1, 2, 3} {
		s.wants(0, fmt.Sprint("run ", want))
		s.done(0, want)
	}
}

// Chats of the same urgency take turns, however much one has.
func TestTurns(t *testing.T) {
	s := begin(t, Limits{Work: 1})
	for i := range uint64(5) {
		s.add(0, Job{Seq: i + 1, Chat: "bulk"})
	}
	s.add(0, Job{Seq: 9, Chat: "b"}, Job{Seq: 10, Chat: "c"})
	for _, want := range []uint64{1, 9, 10, 2, 3} {
		s.wants(0, fmt.Sprint("run ", want))
		s.done(0, want)
	}
}

func TestNotBefore(t *testing.T) {
	s := begin(t, Limits{})
	s.add(0, Job{Seq: 1, Chat: "a", NotBefore: at(60)}, Job{Seq: 2, Chat: "a"}, Job{Seq: 3, Chat: "a"})
	s.wants(0, "run 2")
	s.wakes(60)
	s.wants(60)
	s.done(60, 2)
	s.wants(60, "run 1")
	s.done(60, 1)
	s.wants(60, "run 3")
}

func TestExpires(t *testing.T) {
	s := begin(t, Limits{})
	s.add(0, Job{Seq: 1, Chat: "a"}, Job{Seq: 2, Chat: "a", Expires: at(10)}, Job{Seq: 3, Chat: "a"}, Job{Seq: 4, Chat: "b", NotBefore: at(50), Expires: at(20)},
		Job{Seq: 5, Chat: "c", Expires: at(-1)})
	s.wants(0, "drop 5 expired", "run 1")
	s.wakes(10)
	s.p.Again(at(5), 1, at(100), "FLOOD_WAIT_95", true)
	s.wants(10, "drop 2 expired")
	s.done(10, 2)
	s.wants(20, "drop 4 expired")
	s.done(20, 4, 5)
	s.wants(100, "run 1")
	s.done(100, 1)
	s.wants(100, "run 3")
}

// The newest wins, takes the place of the one that it replaces, and does not run before that one is gone: of both in the
// stream after a crash the older would run last.
func TestCoalesce(t *testing.T) {
	s := begin(t, Limits{})
	s.add(0, Job{Seq: 1, Chat: "a"}, Job{Seq: 2, Chat: "a", Coalesce: "m5"}, Job{Seq: 3, Chat: "a"}, Job{Seq: 4, Chat: "b", Coalesce: "m5"})
	s.wants(0, "run 1", "run 4")
	s.add(1, Job{Seq: 5, Chat: "a", Coalesce: "m5"}, Job{Seq: 6, Chat: "a", Coalesce: "m5"})
	s.wants(1, "drop 2 replaced by 5", "drop 5 replaced by 6")
	s.done(1, 1, 2)
	s.wants(1)
	s.done(1, 5)
	s.wants(1, "run 6")
	s.add(2, Job{Seq: 7, Chat: "a", Coalesce: "m5"})
	s.wants(2)
	s.p.Again(at(2), 6, at(3), "FLOOD_WAIT_1", true) // it was not sent, so it is replaced as well
	s.wants(2, "drop 6 replaced by 7")
	s.done(2, 6)
	s.wants(3, "run 7")
	s.done(3, 7)
	s.wants(3, "run 3")
}

func TestTake(t *testing.T) {
	s := begin(t, Limits{})
	jobs := []Job{{Seq: 1, Chat: "a"}, {Seq: 2, Chat: "a"}, {Seq: 3, Chat: "a", NotBefore: at(9)}, {Seq: 4, Chat: "z"}}
	s.add(0, jobs[:3]...)
	s.wants(0, "run 1")
	if s.p.Take(at(0), jobs[0]) {
		t.Error("a job at work was taken")
	}
	for _, j := range jobs[1:] {
		if !s.p.Take(at(0), j) {
			t.Errorf("%d was not taken", j.Seq)
		}
		s.add(0, j) // told again, it stays away
	}
	s.done(0, 1)
	s.wants(10)
	s.done(10, 2, 3, 4)
	s.wants(10)
}

func TestPark(t *testing.T) {
	s := begin(t, Limits{})
	one := Job{Seq: 1, Chat: "a"}
	s.add(0, one, Job{Seq: 2, Chat: "a"})
	s.wants(0, "run 1")
	s.p.Park(at(0), 1)
	s.add(0, one)
	s.wants(0, "run 2")
	s.done(0, 2)
	s.p.Unpark(1)
	s.add(0, one)
	s.wants(0, "run 1")
}

func TestPause(t *testing.T) {
	s := begin(t, Limits{})
	s.add(0, Job{Seq: 1, Chat: "a"}, Job{Seq: 2, Chat: "b", Expires: at(4)})
	s.p.Pause(at(9), "frozen")
	s.wants(0)
	s.wakes(4)
	s.wants(4, "drop 2 expired")
	if it, _ := s.p.Find(at(4), "a", 1); it.State != Waiting || it.Why != "frozen" {
		t.Errorf("%+v", it)
	}
	s.wants(9, "run 1")
}

func TestALongChatIsReadBitByBit(t *testing.T) {
	s := begin(t, Limits{Known: 1, Work: 1}) // a window of 8
	for i := range uint64(100) {
		s.add(0, Job{Seq: i + 1, Chat: "a"})
	}
	s.add(0, Job{Seq: 101, Chat: "a", Priority: 3}) // overtakes also what is not known
	s.add(0, Job{Seq: 102, Chat: "a", Priority: -3})
	if n := len(s.p.chats["a"].jobs); n != 9 {
		t.Errorf("%d jobs are known", n)
	}
	s.wants(0, "run 101")
	s.done(0, 101)
	for seq := uint64(1); seq < 5; seq++ {
		s.wants(0, fmt.Sprint("run ", seq))
		s.done(0, seq)
	}
	s.wants(0, "run 5", "read a 9")
	s.done(0, 5)
	s.wants(0, "run 6")
	s.add(0, Job{Seq: 103, Chat: "a"})
	s.p.Fill(at(0), "a", []Job{{Seq: 9, Chat: "a"}, {Seq: 10, Chat: "a"}}, 0) // all that were left, as the reader saw it
	if c := s.p.chats["a"]; c.next != 11 || len(c.jobs) != 4 {
		t.Errorf("%+v", c)
	}
}

// Of more jobs than can be known that are not due, those due first are; the others are found in time.
func TestManyThatAreNotDue(t *testing.T) {
	s := begin(t, Limits{Later: 4, Work: 100})
	var all []Job
	for i := range uint64(12) {
		all = append(all, Job{Seq: i + 1, Chat: fmt.Sprint("c", i), NotBefore: at(int(12 - i))})
	}
	s.add(0, all...)
	if len(s.p.later) != 4 {
		t.Errorf("%d are known", len(s.p.later))
	}
	s.wants(1, "run 12")
	s.wants(2, "scan", "run 11")
	s.add(2, all...)
	s.wants(3, "run 10")
	s.wants(4, "scan", "run 9")
	s.add(4, all...)
	s.wants(4)
	s.wakes(5)
}

// model is a stream, its callers and a Telegram, and what may be said of any run of a plan.
type model struct {
	t      *testing.T
	r      *rand.Rand
	now    time.Time
	p      *Plan
	stream map[uint64]Job // what is in it
	seq    uint64
	run    map[uint64]Job // at work
	held   map[string]time.Time
	done   map[uint64]string // how each ended
	last   map[string]uint64 // by chat and priority: the last of those without comforts that has been done
	limits Limits
}

func (m *model) fail(format string, args ...any) { m.t.Helper(); m.t.Fatalf(format, args...) }

func (m *model) publish() {
	m.seq++
	j := Job{Seq: m.seq, Chat: fmt.Sprint("c", m.r.IntN(5)), Method: fmt.Sprint("m", m.r.IntN(2)), Priority: m.r.IntN(3) - 1}
	switch m.r.IntN(6) {
	case 0:
		j.NotBefore = m.now.Add(time.Duration(m.r.IntN(40)) * time.Second)
	case 1:
		j.Expires = m.now.Add(time.Duration(m.r.IntN(40)) * time.Second)
	case 2:
		j.Coalesce = fmt.Sprint("k", m.r.IntN(2))
	}
	m.stream[j.Seq] = j
	if m.r.IntN(20) > 0 { // else the word of it is lost, until somebody looks
		m.p.Add(m.now, j)
	} else {
		m.scan()
	}
}

func (m *model) sorted() (all []Job) {
	for _, j := range m.stream {
		all = append(all, j)
	}
	slices.SortFunc(all, func(a, b Job) int { return int(a.Seq) - int(b.Seq) })
	return all
}

func (m *model) scan() {
	for _, j := range m.sorted() {
		m.p.Add(m.now, j)
	}
}

// restart is the end of a daemon by kill -9: what was at work is not finished, or is.
func (m *model) restart() {
	m.p = New(m.limits)
	clear(m.run)
	clear(m.held)
	m.scan()
}

func (m *model) end(j Job, how string) {
	if before := m.done[j.Seq]; before != "" {
		m.fail("%d ended twice: %s, %s", j.Seq, before, how)
	}
	m.done[j.Seq] = how
	delete(m.stream, j.Seq)
	m.p.Done(m.now, j.Seq)
}

// step does all there is to do.
func (m *model) step() {
	for a := m.p.Next(m.now); a.Verb != Nothing; a = m.p.Next(m.now) {
		switch a.Verb {
		case Run:
			m.mayRun(a.Job)
			m.run[a.Job.Seq] = a.Job
		case Drop:
			m.mayDrop(a)
			m.end(a.Job, string(a.Why))
		case Scan:
			m.scan()
		case Read:
			var found []Job
			next := uint64(0)
			for _, j := range m.sorted() {
				switch {
				case j.Chat != a.Chat || j.Seq < a.From:
				case len(found) == a.Count:
					next = found[len(found)-1].Seq + 1
				default:
					found = append(found, j)
				}
			}
			for range m.r.IntN(3) {
				m.publish()
			}
			m.p.Fill(m.now, a.Chat, found, next)
		}
	}
	known := len(m.p.later)
	for _, c := range m.p.chats {
		known += len(c.jobs)
	}
	if most := 5*(2*leastWindow+m.limits.Later) + m.limits.Later; known > most {
		m.fail("%d jobs are known", known)
	}
}

func (m *model) mayRun(j Job) {
	if m.done[j.Seq] != "" || m.stream[j.Seq].Seq == 0 {
		m.fail("%d runs though it is gone: %s", j.Seq, m.done[j.Seq])
	}
	if j.NotBefore.After(m.now) || expired(m.now, j) || m.held[j.Chat].After(m.now) {
		m.fail("%d runs at %v: %+v, held until %v", j.Seq, m.now, j, m.held[j.Chat])
	}
	for _, other := range m.run {
		if other.Chat == j.Chat {
			m.fail("%d runs beside %d", j.Seq, other.Seq)
		}
	}
	for _, older := range m.stream { // a newer one has had its turn while it waited
		if j.Coalesce != "" && older.Coalesce == j.Coalesce && older.Chat == j.Chat && older.Seq < j.Seq && m.p.knows(older) && !older.NotBefore.After(m.now) {
			m.fail("%d runs before %d, which it replaces, is gone", j.Seq, older.Seq)
		}
	}
}

func (m *model) mayDrop(a Action) {
	switch {
	case a.Why == Expired && !expired(m.now, a.Job):
		m.fail("%d has not expired", a.Job.Seq)
	case a.Why == Replaced && (a.By.Seq <= a.Job.Seq || a.By.Chat != a.Job.Chat || a.By.Coalesce != a.Job.Coalesce || a.Job.Coalesce == ""):
		m.fail("%+v is replaced by %+v", a.Job, a.By)
	}
}

// finish ends one of those at work, or has it wait.
func (m *model) finish() {
	for _, j := range m.run {
		delete(m.run, j.Seq)
		if m.r.IntN(4) == 0 {
			until := m.now.Add(time.Duration(m.r.IntN(10)) * time.Second)
			m.held[j.Chat] = until
			m.p.Again(m.now, j.Seq, until, "FLOOD_WAIT", m.r.IntN(2) == 0)
			return
		}
		if lane := fmt.Sprint(j.Chat, j.Priority); j.NotBefore.IsZero() && j.Coalesce == "" {
			if j.Seq < m.last[lane] {
				m.fail("%d was done after %d", j.Seq, m.last[lane])
			}
			m.last[lane] = j.Seq
		}
		m.end(j, "done")
		return
	}
}

func TestModel(t *testing.T) {
	for seed := range uint64(400) {
		limits := Limits{Work: 1 + int(seed%4), Known: 1, Later: 3}
		m := &model{
			t: t, r: rand.New(rand.NewPCG(seed, 3)), now: noon, p: New(limits), stream: map[uint64]Job{}, run: map[uint64]Job{},
			held: map[string]time.Time{}, done: map[uint64]string{}, last: map[string]uint64{}, limits: limits,
		}
		for range 400 {
			switch n := m.r.IntN(20); {
			case n < 8 && m.seq < 300:
				m.publish()
			case n < 12:
				m.finish()
			case n < 14:
				m.now = m.now.Add(time.Duration(m.r.IntN(5)) * time.Second)
			case n == 14 && m.r.IntN(5) == 0:
				m.restart()
			case n == 15:
				if all := m.sorted(); len(all) > 0 {
					if j := all[m.r.IntN(len(all))]; m.p.Take(m.now, j) {
						m.end(j, "taken")
					}
				}
			}
			m.step()
		}
		m.drain()
	}
}

// drain goes on from one time to be woken to the next, and finds that nothing is left.
func (m *model) drain() {
	for range 100_000 {
		for len(m.run) > 0 {
			m.finish()
			m.step()
		}
		at := m.p.Wake()
		if at.IsZero() {
			break
		}
		if at.After(m.now) {
			m.now = at
		}
		m.step()
	}
	if len(m.stream) > 0 {
		m.fail("%d jobs are left: %+v", len(m.stream), m.sorted()[0])
	}
	if len(m.done) != int(m.seq) || len(m.p.chats) > 0 || len(m.p.gone) > 0 || len(m.p.working) > 0 {
		m.fail("%d of %d jobs ended; %d chats, %d leaving, %d at work are left", len(m.done), m.seq, len(m.p.chats), len(m.p.gone), len(m.p.working))
	}
}

// What a plan needs does not depend on the number of jobs.
func TestManyJobsCostLittle(t *testing.T) {
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	size := func(jobs uint64) uint64 {
		before := heap()
		p := New(Limits{})
		for i := range jobs {
			p.Add(noon, Job{Seq: i + 1, Chat: fmt.Sprint("channel.", i%1000), Method: "messages.sendMessage", ID: fmt.Sprint("order-", i)})
		}
		for i := range jobs {
			p.Add(noon, Job{Seq: jobs + i + 1, Chat: fmt.Sprint("channel.", i%1000), Method: "messages.sendMessage", NotBefore: noon.Add(time.Duration(i+1) * time.Second)})
		}
		after := heap()
		runtime.KeepAlive(p)
		return after - before
	}
	few, many := size(20_000), size(100_000)
	t.Logf("20,000 jobs: %d KB, 100,000: %d KB", few>>10, many>>10)
	if many > few*5/4 || many > 8<<20 {
		t.Errorf("20,000 jobs take %d bytes, 100,000 %d", few, many)
	}
}

func BenchmarkAdd(b *testing.B) {
	for b.Loop() {
		p := New(Limits{})
		for i := range uint64(100_000) {
			p.Add(noon, Job{Seq: i + 1, Chat: fmt.Sprint("channel.", i%1000), Method: "messages.sendMessage"})
		}
	}
}
