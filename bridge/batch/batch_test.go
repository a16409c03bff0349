package batch

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/subjects"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// streamOf is a stream of the subjects s.>, which takes messages all or nothing or does not.
func streamOf(t *testing.T, atomic bool) (jetstream.Stream, *nats.Conn) {
	t.Helper()
	js, nc := embeddedtest.JetStream(t)
	s, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}, AllowAtomicPublish: atomic})
	if err != nil {
		t.Fatal(err)
	}
	return s, nc
}

func message(subject, data string) *nats.Msg { return &nats.Msg{Subject: subject, Data: []byte(data)} }

func brief(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func held(t *testing.T, s jetstream.Stream) uint64 {
	t.Helper()
	info, err := s.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info.State.Msgs
}

// What one message expects of the stream holds for all of them; each may be published again, together or alone.
func TestPublishAllOrNothing(t *testing.T) {
	s, nc := streamOf(t, true)
	all := []*nats.Msg{message("s.a", "1"), message("s.b", "2"), message("s.c", "3")}
	all[0].Header = nats.Header{jetstream.ExpectedLastSeqHeader: {"7"}}
	var refused *jetstream.APIError
	if _, err := Publish(brief(t), nc, all...); !errors.As(err, &refused) || held(t, s) != 0 {
		t.Fatalf("%v, %d messages", err, held(t, s))
	}
	all[0].Header[jetstream.ExpectedLastSeqHeader] = []string{"0"}
	if ack, err := Publish(brief(t), nc, all...); err != nil || ack.Sequence != 3 || ack.BatchSize != 3 || held(t, s) != 3 {
		t.Fatalf("%+v, %v", ack, err)
	}
	if ack, err := Publish(brief(t), nc, all[2]); err != nil || ack.Sequence != 4 {
		t.Fatalf("%+v, %v", ack, err)
	}
	if m, err := s.GetMsg(t.Context(), 4); err != nil || m.Header.Get(subjects.HeaderBatchID) != "" || m.Header.Get(subjects.HeaderBatchCommit) != "" {
		t.Errorf("%v %v", m, err)
	}
	all[0].Header = nil
	if ack, err := Publish(brief(t), nc, all[2], all[0]); err != nil || ack.Sequence != 6 {
		t.Errorf("the last of one batch as the first of the next: %+v, %v", ack, err)
	}
}

// A server that would store some of them is not taken to have stored all.
func TestPublishWhereNothingIsAtomic(t *testing.T) {
	_, nc := streamOf(t, false)
	if ack, err := Publish(brief(t), nc, message("s.a", "1"), message("s.b", "2")); err == nil {
		t.Errorf("%+v", ack)
	}
	if _, err := Publish(brief(t), nc, message("nobody.takes", "x")); !errors.Is(err, nats.ErrNoResponders) {
		t.Error(err)
	}
	sub, err := nc.Subscribe("strange", func(m *nats.Msg) { _ = m.Respond([]byte(`{"seq":5}`)) })
	if err != nil {
		t.Fatal(err)
	}
	defer sub.Unsubscribe() //nolint:errcheck // the connection ends with the test
	if ack, err := Publish(brief(t), nc, message("strange", "x")); err == nil {
		t.Errorf("an answer that names no stream: %+v", ack)
	}
}

// However many write at once, each is told its own sequence, and what has one key keeps its order.
func TestWriterTellsEachItsSequence(t *testing.T) {
	s, nc := streamOf(t, true)
	w := New(nc)
	const keys, each = 20, 20
	var work sync.WaitGroup
	for k := range keys {
		work.Go(func() {
			last := uint64(0)
			for i := range each {
				subject, data := fmt.Sprint("s.", k), strconv.Itoa(i)
				seq, err := w.Put(brief(t), subject, message(subject, data))
				if err != nil || seq <= last {
					t.Errorf("%s %s: %d after %d, %v", subject, data, seq, last, err)
					return
				}
				last = seq
				if m, err := s.GetMsg(brief(t), seq); err != nil || m.Subject != subject || string(m.Data) != data {
					t.Errorf("%s %s is not at %d: %v", subject, data, seq, err)
				}
			}
		})
	}
	work.Wait()
	if n := held(t, s); n != keys*each {
		t.Errorf("%d messages", n)
	}
}

// Of writes that go together the one that is not as expected fails, and no other.
func TestWriterRefusesOne(t *testing.T) {
	_, nc := streamOf(t, true)
	w := New(nc)
	var work sync.WaitGroup
	for i := range 200 {
		work.Go(func() {
			subject := fmt.Sprint("s.", i)
			m := message(subject, "x")
			if i%50 == 7 {
				m.Header = nats.Header{jetstream.ExpectedLastSubjSeqHeader: {"99"}}
			}
			_, err := w.Put(brief(t), subject, m)
			if refused := new(jetstream.APIError); errors.As(err, &refused) != (i%50 == 7) || err != nil && i%50 != 7 {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	work.Wait()
}
