package stream

import (
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// What is taken out of the stream while it is read ends the reading of nothing else.
func TestReadBesideAnErasure(t *testing.T) {
	g := newRig(t, Retention{}, false)
	l, _, _ := g.open(Options{})
	for n := range 3 * readAhead {
		l.Add(group(false, n+1))
	}
	flush(t, l)
	st, err := g.js.Stream(t.Context(), "TG_UPDATES")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	if err := l.Read(t.Context(), 0, func(jetstream.Msg) error {
		if seen++; seen == 1 {
			return st.Purge(t.Context(), jetstream.WithPurgeSubject("tg.upd.main.>"))
		}
		return nil
	}); err != nil || seen >= 3*readAhead {
		t.Errorf("%d, %v", seen, err)
	}
}
