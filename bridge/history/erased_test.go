package history

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/erase"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
)

func whoIs(kind subjects.Kind, id int64, names ...string) erase.Who {
	return erase.Who{Target: erase.Target{Kind: kind, ID: id}, Names: names}
}

const eve = 505

// eves has every fifth message be of eve, and every seventh name her, as far as the daemon's text of them goes.
func (x *rig) eves() {
	before := x.change
	x.change = func(c *Config) {
		if before != nil {
			before(c)
		}
		c.Met = func([]byte, []erase.Who) {}
		of := c.Message
		c.Message = func(item *updates.Item) (nats.Header, []byte) {
			h, data := of(item)
			switch {
			case item.Index%5 == 0:
				data = []byte(`{"from_id":{"_":"peerUser","user_id":"505"}}`)
			case item.Index%7 == 0:
				data = []byte(`{"message":"ask @eve_e"}`)
			}
			return h, data
		}
	}
}

func without(all []int) []int {
	return slices.DeleteFunc(all, func(id int) bool { return id%5 == 0 || id%7 == 0 })
}

// takenOut does to the stream what an erasure does behind Forget.
func (x *rig) takenOut(who erase.Who) {
	x.t.Helper()
	if _, err := erase.Stream(x.t.Context(), x.js, "TG_HISTORY", "tg.hist.main.>", 0, who.In, false); err != nil {
		x.t.Fatal(err)
	}
}

// Jobs that fetch other chats leave out who is erased from then on, those that wait as well, and after a hand-over; what is asked for afterwards
// fetches all that there is, also where an older job of the same range is still at work.
func TestOlderJobsLeaveOutWhoIsErased(t *testing.T) {
	for name, handedOver := range map[string]bool{"same owner": false, "another owner": true} {
		t.Run(name, func(t *testing.T) {
			g := newTelegram(450)
			x := newRig(t, g)
			x.eves()
			reached, proceed := make(chan struct{}), make(chan struct{})
			var held atomic.Bool
			g.before = func(call int) error {
				if call == 4 { // some pages are there
					close(reached)
					<-proceed
				}
				if held.Load() {
					return errors.New("the connection is lost")
				}
				return nil
			}
			s := x.serve()
			j, waits := x.fetch(s, `{"peer":"x"}`), x.fetch(s, `{"peer":"x","limit":440}`)
			<-reached
			held.Store(true)
			close(proceed)
			who := whoIs(subjects.User, eve, "eve_e")
			if err := s.Forget(t.Context(), who); err != nil {
				t.Fatal(err)
			}
			x.takenOut(who)
			later := x.fetch(s, `{"peer":"x"}`)
			if later.ID == j.ID {
				t.Error("who asks anew is given the job that leaves her out")
			}
			if err := x.ask(s, "cancel", `{"job":"`+later.ID+`"}`, new(map[string]string)); err != nil {
				t.Fatal(err)
			}
			held.Store(false)
			if handedOver {
				s.Close()
				s = x.serve()
			}
			if j, waits = x.ended(s, j.ID), x.ended(s, waits.ID); j.State != Done || waits.State != Done {
				t.Fatalf("%+v %+v", j, waits)
			}
			if got := x.stands(); !slices.Equal(got, without(upTo(450))) {
				t.Errorf("%v", got)
			}
			if later = x.ended(s, x.fetch(s, `{"peer":"x"}`).ID); later.State != Done || later.Stored != 450-len(without(upTo(450))) {
				t.Errorf("asked for anew: %+v", later)
			}
			x.until(func() bool { // nobody leaves her out any more
				body, _, err := x.records.History(t.Context(), "main")
				return err == nil && strings.Contains(string(body), later.ID) && !strings.Contains(string(body), "eve_e")
			})
		})
	}
}

// What an older job has asked for when somebody is erased is not stored: neither what it gets then, nor what is on its way to the stream already.
func TestErasedIsNotStoredLateByJobsOfOthers(t *testing.T) {
	for name, before := range map[string]bool{"first messages": false, "later ones": true} {
		t.Run(name, func(t *testing.T) {
			hold := embeddedtest.Hold(embeddedtest.Start(t))
			x := newRigOn(t, newTelegram(300), hold)
			x.eves()
			s := x.serve()
			if before {
				x.ended(s, x.fetch(s, `{"peer":"x","limit":11}`).ID)
			} else if _, err := x.st.Stream(t.Context(), "HISTORY"); err != nil {
				t.Fatal(err)
			}
			hold.Back(func(subject string) bool { return strings.HasPrefix(subject, "tg.hist.main.") })
			j := x.fetch(s, `{"peer":"x"}`)
			x.until(func() bool { return len(hold.Held()) > 0 })
			hold.Back(nil)
			who := whoIs(subjects.User, eve, "eve_e")
			if err := s.Forget(t.Context(), who); err != nil {
				t.Fatal(err)
			}
			x.takenOut(who)
			hold.Release(t)
			if j = x.ended(s, j.ID); j.State != Done {
				t.Fatalf("%+v", j)
			}
			got := x.stands()
			slices.Sort(got)
			if !slices.Equal(got, without(upTo(300))) {
				t.Errorf("%v", got)
			}
		})
	}
}

// What a job that failed has left out is fetched by who asks for the same anew.
func TestFailedThenErased(t *testing.T) {
	g := newTelegram(300)
	x := newRig(t, g)
	x.eves()
	fail := true
	g.before = func(call int) error {
		if fail && call == 3 {
			return errOurs
		}
		return nil
	}
	s := x.serve()
	if j := x.ended(s, x.fetch(s, `{"peer":"x"}`).ID); j.State != Failed || j.Stored == 0 {
		t.Fatalf("%+v", j)
	}
	who := whoIs(subjects.User, eve, "eve_e")
	if err := s.Forget(t.Context(), who); err != nil {
		t.Fatal(err)
	}
	x.takenOut(who)
	g.mu.Lock()
	fail = false
	g.mu.Unlock()
	if j := x.ended(s, x.fetch(s, `{"peer":"x"}`).ID); j.State != Done {
		t.Errorf("%+v", j)
	}
	got := x.stands()
	slices.Sort(got)
	if !slices.Equal(got, upTo(300)) {
		t.Errorf("%v", got)
	}
}

// However often somebody is erased while a job is open, the record has that once, with all names: it has to fit into a message.
func TestErasedAgainAndAgain(t *testing.T) {
	x := newRig(t, newTelegram(1))
	s := x.serve()
	s.hold("frozen", time.Now().Add(time.Hour))
	older := x.fetch(s, `{"peer":"x"}`)
	for _, who := range []erase.Who{whoIs(subjects.User, eve, "eve_e"), whoIs(subjects.User, 6), whoIs(subjects.User, eve, "eve_e", "eva_e"), whoIs(subjects.User, eve)} {
		if err := s.Forget(t.Context(), who); err != nil {
			t.Fatal(err)
		}
	}
	x.fetch(s, `{"peer":"x","limit":5}`)
	if err := s.Forget(t.Context(), whoIs(subjects.User, eve, "eve_e")); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.erasures) != 2 {
		t.Errorf("%+v", s.erasures)
	}
	for _, j := range s.jobs {
		all, want := s.leaves(j), 1
		if j.ID == older.ID {
			want = 2
		}
		if len(all) != want || !slices.Contains(all[want-1].Names, "eve_e") || !slices.Contains(all[want-1].Names, "eva_e") {
			t.Errorf("%s leaves out %+v", j.ID, all)
		}
	}
}
