package storage

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

// rewriters is how many keys are rewritten at a time.
const rewriters = 32

// Rewrite replaces the values of a bucket, each by one message that goes over the former one and over nothing else, so that it can be cut off anywhere.
// rewrite, which is called by several at a time, gives nil for what is to stay. A bucket that is not there has no values. Nothing is asked of NATS but
// what a daemon may of each of its buckets.
func (s *Storage) Rewrite(ctx context.Context, name string, rewrite func(key string, value []byte) ([]byte, error)) error {
	it, err := item(name)
	if err != nil {
		return err
	}
	st, err := s.js.Stream(ctx, it.StreamName(s.o.Scheme))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	prefix := "$KV." + s.o.Scheme.StreamName(name) + "."
	info, err := st.Info(ctx, jetstream.WithSubjectFilter(prefix+">"))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	all, under := errgroup.WithContext(ctx)
	all.SetLimit(rewriters)
	for subject := range info.State.Subjects {
		if under.Err() != nil {
			break
		}
		all.Go(func() error {
			if err := s.rewriteOne(under, st, name, strings.TrimPrefix(subject, prefix), subject, rewrite); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		})
	}
	if err := all.Wait(); err != nil {
		return err
	}
	return ctx.Err() // it may have ended between two
}

func (s *Storage) rewriteOne(ctx context.Context, st jetstream.Stream, name, key, subject string, rewrite func(string, []byte) ([]byte, error)) error {
	for {
		m, err := st.GetLastMsgForSubject(ctx, subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && Deleted(m.Header) {
			return nil
		}
		if err != nil {
			return err
		}
		value, err := rewrite(key, m.Data)
		if err != nil || value == nil {
			return err
		}
		_, err = s.PutKey(ctx, name, key, value, nats.Header{jetstream.ExpectedLastSubjSeqHeader: {strconv.FormatUint(m.Sequence, 10)}})
		if !Taken(err) { // else somebody has written meanwhile
			return err
		}
	}
}
