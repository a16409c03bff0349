package chats

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/dialogs"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/api/apitest"
)

// shop is a keeper of a crowd's dialogs whose records are in a stream in memory.
type shop struct {
	*testing.T
	c *crowd
	m *memory
	k *Keeper
}

func newShop(t *testing.T, n int) *shop {
	c, k := newCrowd(n)
	m := &memory{note: func(string, ...any) {}, spoiled: map[string]bool{}}
	x := &shop{t, c, m, newKeeper(k.c, way{m, newChance(1, 1)})}
	t.Cleanup(func() { time.Sleep(writeTime) }) // of a write on its way nobody waits for the answer
	x.k.Stored(1, nil)
	x.k.running(t)
	time.Sleep(time.Minute)
	synctest.Wait()
	if f := x.k.Figures(); f == nil || !f.Complete || f.Error != "" || f.Kept != n {
		t.Fatalf("%+v", f)
	}
	time.Sleep(2 * writeTime)
	synctest.Wait()
	return x
}

// records are what the stream has, by subject.
func (x *shop) records() map[string]string {
	all := map[string]string{}
	for _, one := range x.m.all() {
		all[one.subject] = string(one.data)
	}
	return all
}

// do does something with the stream.
func (x *shop) do(what func(m *memory)) {
	x.m.mu.Lock()
	defer x.m.mu.Unlock()
	what(x.m)
}

func (m *memory) delete(subject string) {
	m.held = slices.DeleteFunc(m.held, func(one message) bool { return one.subject == subject })
}

const (
	aDialog  = "tg.state.main.dialog.user.3"
	aFolders = "tg.state.main.folders.none.0"
	aThrough = "tg.state.main.through.none.0"
)

// What somebody else writes over records, or takes out of them, is noticed within a minute and some where nothing else is written, and within ten
// where something is; it is told of, and written again. Telegram is not asked.
func TestMeddledRecordsAreWrittenAgain(t *testing.T) {
	overwrite := func(all ...string) func(*memory) {
		return func(m *memory) {
			for _, one := range all {
				m.overwrite(one)
			}
		}
	}
	takeOut := func(all ...string) func(*memory) {
		return func(m *memory) {
			for _, one := range all {
				m.delete(one)
			}
		}
	}
	for name, meddle := range map[string]func(*memory){
		"a dialog": overwrite(aDialog), "the folders": overwrite(aFolders), "through": overwrite(aThrough), "all of them": overwrite(aDialog, aFolders, aThrough),
		"a dialog is taken out": takeOut(aDialog), "the folders are": takeOut(aFolders), "through is": takeOut(aThrough),
		"one of each":               func(m *memory) { m.overwrite(aDialog); m.delete(aFolders) },
		"all are":                   func(m *memory) { m.held = nil },
		"a dialog that is nobody's": overwrite("tg.state.main.dialog.user.77777"),
	} {
		for _, busy := range []bool{false, true} {
			t.Run(name+map[bool]string{true: ", while updates come"}[busy], func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					x := newShop(t, 5)
					within := 2*(auditEvery+auditEvery/4) + 2*writeTime
					if busy {
						within += wholeEvery
						x.stir()
					}
					before := x.records()
					_, asked, _ := x.c.tally()
					x.do(meddle)
					told := false
					for begun := time.Now(); time.Since(begun) < within; time.Sleep(time.Second) {
						f := x.k.Figures()
						told = told || strings.Contains(f.Error, "somebody else has written over records") && !f.Held.IsZero() && f.Unanswered.IsZero()
					}
					synctest.Wait()
					after := x.records()
					if strings.Contains(name, "nobody's") {
						if after["tg.state.main.dialog.user.77777"] != string(gone) {
							t.Errorf("it is %q", after["tg.state.main.dialog.user.77777"])
						}
						delete(after, "tg.state.main.dialog.user.77777")
					}
					if busy { // it goes further all the time
						delete(before, aThrough)
						if after[aThrough] == "" {
							t.Error("how far they go is not there")
						}
						delete(after, aThrough)
					}
					if !maps.Equal(before, after) {
						t.Errorf("there are %q, want %q", after, before)
					}
					if _, again, _ := x.c.tally(); !maps.Equal(asked, again) {
						t.Errorf("Telegram was asked: %v and then %v", asked, again)
					}
					if !told {
						t.Error("nobody was told")
					}
					time.Sleep(2 * auditEvery)
					synctest.Wait()
					if f := x.k.Figures(); f.Error != "" || !f.Held.IsZero() || !f.Complete {
						t.Errorf("still told %+v", f)
					}
				})
			})
		}
	}
}

// stir has an update come every second, which changes no dialog, until the test ends.
func (x *shop) stir() {
	ctx, cancel := context.WithCancel(x.Context())
	x.Cleanup(running(ctx, cancel, func(ctx context.Context) {
		for seq := uint64(2); pause(ctx, time.Second) == nil; seq++ {
			x.k.Stored(seq, nil)
		}
	}))
}

// Who meddles without end is told of for as long as that goes on, and has few records written: those that he spoils, once a minute.
func TestMeddlingWithoutEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newShop(t, 5)
		before, begun := x.records(), time.Now()
		_, asked, _ := x.c.tally()
		written := 0
		x.do(func(m *memory) {
			m.note = func(format string, _ ...any) {
				if strings.HasPrefix(format, "written") {
					written++
				}
			}
		})
		const minutes = 60
		for range minutes * 60 {
			x.do(func(m *memory) { m.overwrite(aDialog); m.overwrite(aFolders); m.overwrite(aThrough) })
			time.Sleep(time.Second)
		}
		if f := x.k.Figures(); !strings.Contains(f.Error, "somebody else has written over records") || f.Held.Sub(begun) > 2*auditEvery || !f.Complete {
			t.Errorf("told %+v", f)
		}
		x.do(func(*memory) {
			if most := 12 * minutes; written > most {
				t.Errorf("%d records were written in %d minutes", written, minutes)
			}
			t.Log(written, "records written")
		})
		time.Sleep(3 * auditEvery)
		synctest.Wait()
		if after := x.records(); !maps.Equal(before, after) {
			t.Errorf("there are %q, want %q", after, before)
		}
		if _, again, _ := x.c.tally(); !maps.Equal(asked, again) {
			t.Errorf("Telegram was asked: %v and then %v", asked, again)
		}
		if f := x.k.Figures(); f.Error != "" {
			t.Errorf("still told %+v", f)
		}
	})
}

// A record that is erased is not missing, whatever happens between its being forgotten and its being taken out.
func TestErasedRecordsStayAway(t *testing.T) {
	for _, anew := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			x := newShop(t, 5)
			if _, err := x.k.Forget(t.Context(), updates.Peer{Kind: updates.PeerUser, ID: 3}, 0); err != nil {
				t.Fatal(err)
			}
			if anew {
				x.k.Lost() // all is read anew
			}
			time.Sleep(2 * auditEvery)
			x.do(func(m *memory) { m.delete(aDialog) })
			time.Sleep(relistPause / 2)
			synctest.Wait()
			if there := x.records(); there[aDialog] != "" {
				t.Errorf("it is there again: %s", there[aDialog])
			}
			if f := x.k.Figures(); strings.Contains(f.Error, "somebody else") {
				t.Errorf("told %+v", f)
			}
		})
	}
}

// breaking is a stream that breaks off as often as it is to, when all of what is asked for was given.
type breaking struct {
	way
	marksFail, recordsFail int
}

func (b *breaking) marks(ctx context.Context, account string, from, until uint64, each func(message)) error {
	if err := b.memory.marks(ctx, account, from, until, each); err != nil || b.marksFail == 0 {
		return err
	}
	b.marksFail--
	return errTrouble
}

func (b *breaking) records(ctx context.Context, filter string, each func(message)) error {
	if err := b.way.records(ctx, filter, each); err != nil || b.recordsFail == 0 || filter != aThrough {
		return err
	}
	b.recordsFail--
	return errTrouble
}

// A look that breaks off, also where it was to find out who has written how far the records go, is made once more, and finds the same.
func TestLooksThatBreakOff(t *testing.T) {
	for _, kept := range []bool{false, true} {
		s, decl := apitest.Layer()
		m := &memory{note: func(string, ...any) {}, spoiled: map[string]bool{}}
		b := &breaking{way{m, newChance(1, 1)}, 1, 1}
		k := newKeeper(Config{Account: "main", User: 1, Schema: s, Decl: decl, Log: slog.New(slog.DiscardHandler)}, b)
		w := &writer{k: &k.shared, fold: dialogs.New(s, decl, nil)}
		a := newAuditor(&k.shared, w.fold, w)
		const before = 2
		k.written.is(subjects.StateDialog, updates.Peer{Kind: updates.PeerUser, ID: 3}, before-1)
		k.written.is(subjects.StateThrough, updates.Peer{}, before)
		m.seq = before
		m.overwrite(aDialog)
		m.overwrite(aThrough)
		if kept {
			m.held[1].data = []byte(`{"seq":9,"user":5,"stream":"2026-01-01T00:00:00Z"}`)
		}
		if found, err := a.look(t.Context()); !errors.Is(err, errTrouble) || found.any() {
			t.Errorf("at first %+v, %v", found, err)
		}
		found, err := a.look(t.Context())
		if !errors.Is(err, errTrouble) || len(found.chats) != 1 || !found.through || k.written.through != before || w.lost {
			t.Errorf("then %+v, %v; through at %d", found, err, k.written.through)
		}
		found, err = a.look(t.Context())
		if !found.through || kept != errors.Is(err, errTaken) || kept != (k.written.through == before) || w.lost == kept {
			t.Errorf("at last %+v, %v; through at %d", found, err, k.written.through)
		}
	}
}

// The word of another daemon that keeps the dialogs is not written over.
func TestReclaim(t *testing.T) {
	s, decl := apitest.Layer()
	for data, want := range map[string]error{
		`{"seq":9,"user":5,"stream":"2026-01-01T00:00:00Z"}`: errTaken, `{"seq":0,"user":5,"stream":"2026-01-01T00:00:00Z","listing":true}`: errTaken,
		``: nil, `{}`: nil, `{"seq":9}`: nil, `null`: nil, `[]`: nil, `{"seq":"a"}`: nil,
	} {
		m := &memory{note: func(string, ...any) {}, seq: 7, held: []message{{subject: aThrough, data: []byte(data), seq: 7}}}
		k := newKeeper(Config{Account: "main", User: 1, Schema: s, Decl: decl, Log: slog.New(slog.DiscardHandler)}, way{m, newChance(1, 1)})
		w := &writer{k: &k.shared, fold: dialogs.New(s, decl, nil)}
		if err := w.reclaim(t.Context()); !errors.Is(err, want) || w.lost != (want == nil) || k.written.through != map[bool]uint64{true: 7}[want == nil] {
			t.Errorf("%s: %v, lost %v, at %d", data, err, w.lost, k.written.through)
		}
	}
}

// Where records stand in the stream itself: those of a batch one behind the other, each without its contents; and what a consumer delivers there.
func TestMarks(t *testing.T) {
	s := open(t)
	ctx := t.Context()
	other := record(9, "another's")
	other.Subject = strings.Replace(other.Subject, ".main.", ".other.", 1)
	if _, err := s.write(ctx, []*nats.Msg{other}, 0); err != nil {
		t.Fatal(err)
	}
	stood, err := s.tail(ctx)
	if err != nil {
		t.Fatal(err)
	}
	batch := []*nats.Msg{record(1, "a"), record(2, "b"), record(3, "c"), record(0, "1")}
	at, err := s.write(ctx, batch, 0)
	if err != nil {
		t.Fatal(err)
	}
	marks := func(from uint64) (all []string) {
		now, err := s.tail(ctx)
		if err == nil {
			err = s.marks(ctx, "main", from, now.last, func(m message) {
				if len(m.data) > 0 {
					t.Errorf("%s has contents: %q", m.subject, m.data)
				}
				all = append(all, strings.TrimPrefix(m.subject, "tg.state.main.")+" "+string(rune('0'+m.seq)))
			})
		}
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	want := "dialog.user.1 2,dialog.user.2 3,dialog.user.3 4,through.none.0 5"
	for _, from := range []uint64{0, stood.last + 1} {
		if got := strings.Join(marks(from), ","); got != want || at != 5 {
			t.Errorf("from %d: %s, want %s; written at %d", from, got, want, at)
		}
	}
	if _, err := s.js.CreateConsumer(ctx, s.scheme.StreamName(storage.State), jetstream.ConsumerConfig{Durable: "c", FilterSubject: "tg.state.other.>", AckPolicy: jetstream.AckExplicitPolicy, DeliverPolicy: jetstream.DeliverNewPolicy}); err != nil {
		t.Fatal(err)
	}
	if err := s.js.Conn().PublishRequest("$JS.API.CONSUMER.MSG.NEXT.TG_STATE.c", "tg.state.main.dialog.user.2", []byte(`{"batch":1,"no_wait":true}`)); err != nil {
		t.Fatal(err)
	}
	for now := stood; now.last < 6; {
		if now, err = s.tail(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if got := strings.Join(marks(6), ","); got != "dialog.user.2 6" {
		t.Errorf("delivered: %s", got)
	}
	st, err := s.js.Stream(ctx, s.scheme.StreamName(storage.State))
	if err != nil {
		t.Fatal(err)
	}
	before, _ := s.tail(ctx)
	if err := st.DeleteMsg(ctx, 2); err != nil {
		t.Fatal(err)
	}
	if after, err := s.tail(ctx); err != nil || after == before || after.last != before.last {
		t.Errorf("%+v and then %+v: %v", before, after, err)
	}
	if got := strings.Join(marks(0), ","); got != "dialog.user.3 4,through.none.0 5,dialog.user.2 6" {
		t.Errorf("%s", got)
	}
	if got := marks(7); got != nil {
		t.Errorf("%s", got)
	}
	var through []byte
	if err := s.records(ctx, aThrough, func(m message) { through = append(through, m.data...) }); err != nil || !bytes.Equal(through, []byte("1")) {
		t.Errorf("%s %v", through, err)
	}
	if _, _, _, id, ok := subjects.Records(s.scheme).Parse(aDialog); !ok || id != 3 {
		t.Error(id, ok)
	}
}
