package storage

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"
)

// Report is what there is of one item, what it costs, and what differs from the settings.
type Report struct {
	Name     string       `json:"name"` // TG_UPDATES
	Stream   string       `json:"stream"`
	Kind     Kind         `json:"kind"`
	About    string       `json:"about"`
	Missing  bool         `json:"missing,omitempty"`
	Lazy     bool         `json:"on_request,omitempty"` // made when it is first needed
	Messages uint64       `json:"messages"`
	Bytes    uint64       `json:"bytes"` // of one copy
	Replicas int          `json:"replicas"`
	Age      string       `json:"age"`
	Limit    int64        `json:"limit"` // bytes; -1: none
	Place    string       `json:"placement"`
	Differs  []Difference `json:"differs,omitempty"`
}

// Reports looks at every item. It changes nothing.
func (s *Storage) Reports(ctx context.Context) (all []Report, err error) {
	for _, it := range table {
		r := Report{Name: s.o.Scheme.StreamName(it.Name), Stream: it.StreamName(s.o.Scheme), Kind: it.Kind, About: it.About, Lazy: it.Lazy}
		info, err := s.info(ctx, it)
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound):
			r.Missing = true
		case err != nil:
			return nil, s.explain(it, err)
		default:
			c := info.Config
			r.Messages, r.Bytes, r.Replicas, r.Age, r.Limit, r.Place = info.State.Msgs, info.State.Bytes, c.Replicas, age(c.MaxAge), c.MaxBytes, place(c.Placement)
			r.Differs = s.differences(it, info)
		}
		all = append(all, r)
	}
	return all, nil
}

// Apply makes what is missing, but for what is made when it is needed, and brings what is there to what is needed and set. What
// would lose something is done only with reduce. It gives what it did, by item; what the server refuses of one keeps it from no other.
func (s *Storage) Apply(ctx context.Context, reduce bool) (done map[string][]Difference, all error) {
	done = map[string][]Difference{}
	for _, it := range table {
		name := s.o.Scheme.StreamName(it.Name)
		info, err := s.info(ctx, it)
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound) && it.Lazy:
			continue
		case errors.Is(err, jetstream.ErrStreamNotFound):
			if _, err = s.create(ctx, it, 0); err == nil {
				done[name] = []Difference{{What: string(it.Kind), Have: "missing", Want: "made", Why: Needed}}
			}
		case err == nil:
			done[name], err = s.applyTo(ctx, it, info, reduce)
		}
		if all = errors.Join(all, s.explain(it, err)); err != nil && codeOf(err) == 0 {
			return done, all
		}
	}
	return done, all
}

func (s *Storage) applyTo(ctx context.Context, it Item, info *jetstream.StreamInfo, reduce bool) (done []Difference, err error) {
	c := info.Config
	for _, d := range s.differences(it, info) {
		if d.Why != Default && (d.Loses == "" || reduce) {
			d.apply(&c)
			done = append(done, d)
		}
	}
	if len(done) == 0 {
		return nil, nil
	}
	if _, err := s.js.UpdateStream(ctx, c); err != nil {
		return nil, err
	}
	return done, nil
}
