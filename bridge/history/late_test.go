package history

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/subjects"
)

// Messages of a chat that are still on their way to the stream when the chat is erased do not come there: neither the first of the chat nor later ones,
// also where the stream has others'.
func TestErasedIsNotStoredLate(t *testing.T) {
	for name, c := range map[string]struct{ before, others bool }{
		"the first of all": {}, "the first of the chat": {others: true}, "later ones": {before: true}, "later ones among others": {before: true, others: true},
	} {
		t.Run(name, func(t *testing.T) {
			hold := embeddedtest.Hold(embeddedtest.Start(t))
			x := newRigOn(t, newTelegram(300), hold)
			s := x.serve()
			if c.before {
				x.ended(s, x.fetch(s, `{"peer":"x","limit":5}`).ID)
			}
			st, err := x.st.Stream(t.Context(), "HISTORY")
			if err == nil && c.others {
				_, err = x.js.Publish(t.Context(), "tg.hist.main.user.5", nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			hold.Back(func(subject string) bool { return strings.HasPrefix(subject, "tg.hist.main.") })
			x.fetch(s, `{"peer":"x"}`)
			x.until(func() bool { return len(hold.Held()) > 0 })
			hold.Back(nil)
			if err := s.Forget(t.Context(), whoIs(subjects.Channel, chat)); err != nil {
				t.Fatal(err)
			}
			if err := st.Purge(t.Context(), jetstream.WithPurgeSubject("tg.hist.main.channel.*")); err != nil {
				t.Fatal(err)
			}
			hold.Release(t)
			if _, err := x.js.Publish(t.Context(), "tg.hist.other.user.5", nil); err != nil { // behind it
				t.Fatal(err)
			}
			if n, want := len(x.stands()), map[bool]int{false: 1, true: 2}[c.others]; n != want {
				t.Errorf("%d messages, want %d", n, want)
			}
			if j := x.ended(s, x.fetch(s, `{"peer":"x"}`).ID); j.State != Done || j.Stored != 300 {
				t.Errorf("asked for anew: %+v", j)
			}
		})
	}
}

// A daemon that stands still right behind the moment at which the account was still its own writes nothing behind what the next owner erases meanwhile.
func TestFormerOwnerStoresNothingLate(t *testing.T) {
	x := newRigOn(t, newTelegram(1), embeddedtest.Start(t))
	store, asked := NewStore(x.st), 0
	shelf, err := store.open(t.Context(), "main", 1, subjects.User, 5, func() bool {
		if asked++; asked == 1 {
			if err := store.void(t.Context()); err != nil {
				t.Error(err)
			}
		}
		return asked == 1
	})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := shelf.put(t.Context(), []message{{1, &nats.Msg{Subject: shelf.subject, Header: nats.Header{}}}}); n != 0 || !errors.Is(err, errUnsure) {
		t.Errorf("%d are stored, %v", n, err)
	}
}

// An erasure does not wait for what a job reads of the stream, however long that takes; nor does who lets go of the account.
func TestReadingEndsWithTheJob(t *testing.T) {
	defer func(d time.Duration) { firstTime = d }(firstTime)
	firstTime = time.Hour
	hold := embeddedtest.Hold(embeddedtest.Start(t))
	x := newRigOn(t, newTelegram(30), hold)
	s := x.serve()
	x.ended(s, x.fetch(s, `{"peer":"x","limit":5}`).ID)
	hold.Back(func(subject string) bool { return strings.HasPrefix(subject, "$JS.API.CONSUMER.MSG.NEXT.") })
	x.fetch(s, `{"peer":"x"}`)
	x.until(func() bool { return len(hold.Held()) > 0 })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Forget(ctx, whoIs(subjects.Channel, chat)); err != nil {
		t.Error(err)
	}
}
