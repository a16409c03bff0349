package client

import (
	"context"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// newest finds the sequence of the n-th newest update that is wanted: it looks at ever longer ends of the stream, at headers
// alone, since how the wanted ones are spread over it nobody knows before.
func (b *binding) newest(ctx context.Context, want selection, n int) (uint64, error) {
	st, err := b.js.Stream(ctx, b.stream)
	if err != nil {
		return 0, err
	}
	state := st.CachedInfo().State
	for back := uint64(n); ; back *= 8 { //nolint:gosec // positive
		from := max(state.FirstSeq, 1)
		if state.LastSeq >= from+back {
			from = state.LastSeq - back + 1
		}
		found, err := b.scan(ctx, want, from, n)
		switch {
		case err != nil:
			return 0, err
		case len(found) == n, from <= max(state.FirstSeq, 1) && len(found) > 0:
			return found[0], nil
		case from <= max(state.FirstSeq, 1):
			return state.LastSeq + 1, nil
		}
	}
}

// scanBatch is how many headers are asked for at a time, scanWait how long they may take.
const (
	scanBatch = 512
	scanWait  = 5 * time.Second
)

// scan reads from a sequence to the end, and tells the sequences of the last n updates that are wanted.
func (b *binding) scan(ctx context.Context, want selection, from uint64, n int) (found []uint64, err error) {
	cfg := jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from, HeadersOnly: true,
		MemoryStorage: true, InactiveThreshold: time.Minute,
	}
	b.filter(&cfg)
	c, err := b.js.CreateConsumer(ctx, b.stream, cfg)
	if err != nil {
		return nil, err
	}
	defer b.js.DeleteConsumer(ctx, b.stream, c.CachedInfo().Name) //nolint:errcheck // it goes by itself after a minute
	for left := int(c.CachedInfo().NumPending); left > 0; {       //nolint:gosec // messages of a stream
		batch, err := c.Fetch(min(left, scanBatch), jetstream.FetchMaxWait(scanWait))
		if err != nil {
			return nil, err
		}
		got := 0
		for msg := range batch.Messages() {
			got++
			meta := readMeta(msg.Subject(), msg.Headers())
			place, err := msg.Metadata()
			if err == nil && meta.Type != stateName && want.wants(&meta) {
				found = append(found, place.Sequence.Stream)
			}
		}
		if found = found[max(len(found)-n, 0):]; got == 0 {
			return found, batch.Error() // what was there has gone
		}
		left -= got
	}
	return found, nil
}

// filter gives a consumer the subjects that are wanted. A single one is the only form that permissions can name.
func (b *binding) filter(cfg *jetstream.ConsumerConfig) {
	if len(b.subjects) == 1 {
		cfg.FilterSubject = b.subjects[0]
	} else {
		cfg.FilterSubjects = b.subjects
	}
}
