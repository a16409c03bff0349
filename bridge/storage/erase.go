package storage

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/retry"
)

// erasable are the buckets that may hold something of a person or chat whom the operator wants erased. Single messages of theirs may be
// deleted, which the buckets of NATS's libraries forbid: so the server writes over their bytes.
var erasable = map[string]bool{Peers: true, Once: true, Jobs: true, Transfers: true}

// codeDeleteFailed is the server's refusal to delete a message, of a bucket that was made by an older version.
const codeDeleteFailed = jetstream.ErrorCode(10057)

// EraseKeys takes keys out of a bucket, those that match a filter, and has the server write over their bytes. It gives how many there were.
// Of a bucket that forbids it the bytes go when the server tidies up its files.
func (s *Storage) EraseKeys(ctx context.Context, name, filter string) (n int, err error) {
	it, err := item(name)
	if err != nil {
		return 0, err
	}
	st, err := s.js.Stream(ctx, it.StreamName(s.o.Scheme))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	info, err := st.Info(ctx, jetstream.WithSubjectFilter("$KV."+s.o.Scheme.StreamName(name)+"."+filter))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", name, err)
	}
	for subject := range info.State.Subjects {
		if err := EraseSubject(ctx, st, subject); err != nil {
			return n, fmt.Errorf("%s: %w", name, err)
		}
		n++
	}
	return n, nil
}

// EraseKey is EraseKeys of one key, and leaves a mark in its place, as of a key that was deleted: whatever was to go over nothing, or over what
// was there, and is still on its way, is refused from then on. Keys whose names must not stay are for EraseKeys.
func (s *Storage) EraseKey(ctx context.Context, name, key string) error {
	for {
		if _, err := s.EraseKeys(ctx, name, key); err != nil {
			return err
		}
		_, err := s.PutKey(ctx, name, key, nil, nats.Header{kvOperation: {kvDeleted}, jetstream.ExpectedLastSubjSeqHeader: {"0"}})
		if !Taken(err) { // else something has come meanwhile
			return err
		}
	}
}

// lagging is before a copy of a stream is asked once more that had not heard of what was deleted.
const lagging = 20 * time.Millisecond

// EraseMsg deletes a message, and has the server write over its bytes. One that is gone already, by age or for want of room, is as good.
func EraseMsg(ctx context.Context, st jetstream.Stream, seq uint64) error {
	err := st.SecureDeleteMsg(ctx, seq)
	if errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) && (strings.Contains(err.Error(), textGone) || strings.Contains(err.Error(), fmt.Sprintf(textNotFound, seq))) {
		return nil
	}
	return err
}

// What a server says of a message that is not there when it is to be deleted. The code of that is the one of all else for which a message is not
// deleted, and the daemon may not read messages of every stream to find out.
const (
	textGone     = "no message found"
	textNotFound = "sequence %d not found" // a stream can be not found as well
)

// deleteRefused reports whether a server has not deleted a message: that is forbidden, or it is gone.
func deleteRefused(err error) bool {
	return errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) || errors.Is(err, jetstream.ErrMsgNotFound) || codeOf(err) == codeDeleteFailed
}

// EraseSubject deletes all messages of a subject, and has the server write over their bytes.
func EraseSubject(ctx context.Context, st jetstream.Stream, subject string) error {
	for {
		m, err := st.GetLastMsgForSubject(ctx, subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		err = st.SecureDeleteMsg(ctx, m.Sequence)
		if deleteRefused(err) {
			if err = st.Purge(ctx, jetstream.WithPurgeSubject(subject)); err == nil {
				err = retry.Pause(ctx, lagging)
			}
		}
		if err != nil {
			return err
		}
	}
}
