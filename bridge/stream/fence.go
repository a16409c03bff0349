package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/subjects"
)

// Owner is the record on tg.own.<account>.
type Owner struct {
	ID   string    `json:"owner"` // unique for every opening of a log
	Host string    `json:"host,omitempty"`
	User int64     `json:"user,omitempty"` // of Telegram: whose updates it publishes
	At   time.Time `json:"at"`
}

// FencedError says that the account has another owner now: nothing more of this log reaches the stream, and the account's
// client must stop (design §5, D8).
type FencedError struct {
	Account string
	By      Owner
}

// Error names the other.
func (e *FencedError) Error() string {
	return fmt.Sprintf("%s: account was taken over by %s on %q", e.Account, e.By.ID, e.By.Host)
}

// errUnsure keeps a log from taking the account back after its record was lost, and whoever came since may have lost his too.
var errUnsure = errors.New("the owner record is gone, and it is not sure that the account is still this daemon's")

// fence is a log's owner record. Its sequence is the epoch, under which everything of the log is published: what was published
// under an earlier one the server refuses from then on.
type fence struct {
	server  *server
	account string
	subject string // of the record
	owner   Owner
	former  Owner // whose record stood there when the log was opened
	epoch   atomic.Uint64
	isSure  func() bool // the account is this daemon's beyond doubt, at any instant; nil: always
}

// claim writes this log's record over the one that stands there, and takes its sequence as the epoch. Only a compare-and-set
// goes through, so that a claim delayed on its way can never fence a later owner. steal: whoever owns the account now; otherwise
// another owner is a FencedError: one whose record is newer than this log's. An older one is what a server says that lags behind
// the others, or all that is left after this log's own was lost; the compare-and-set tells which.
func (f *fence) claim(ctx context.Context, steal bool) error {
	for {
		looking, answered := f.server.patiently(ctx)
		last, by, err := f.server.store.Owner(looking, f.account)
		if answered(err); err != nil {
			return err
		}
		if !steal && last > f.epoch.Load() && by.ID != f.owner.ID {
			return &FencedError{f.account, by}
		}
		if !steal && last < f.epoch.Load() && !f.sure() {
			return errUnsure
		}
		seq, err := f.write(ctx, last)
		if err == nil {
			if steal {
				f.former = by
			}
			f.epoch.Store(seq)
			return nil
		}
		if code := codeOf(err); code != codeWrongSequence && code != codeInProcess {
			return fmt.Errorf("%s: writing the owner record: %w", f.account, err)
		}
		if err := retry.Pause(ctx, backoff.Min); err != nil { // somebody wrote between reading and writing: look again
			return err
		}
	}
}

func (f *fence) sure() bool { return f.isSure == nil || f.isSure() }

// write gives the record no lifetime, whatever the stream's: an owner lives longer than updates do.
func (f *fence) write(ctx context.Context, last uint64) (uint64, error) {
	f.owner.At = time.Now().UTC().Truncate(time.Millisecond)
	body, err := json.Marshal(f.owner)
	if err != nil {
		return 0, err
	}
	msg := nats.NewMsg(f.subject)
	msg.Data = body
	msg.Header.Set(jetstream.MsgTTLHeader, "never")
	msg.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(last, 10))
	ack, err := f.server.publish(ctx, msg)
	return ack.Sequence, err
}

// stamp has the server refuse a message once the account has another owner.
func (f *fence) stamp(h nats.Header) {
	h[jetstream.ExpectedLastSubjSeqHeader] = []string{strconv.FormatUint(f.epoch.Load(), 10)}
	h[jetstream.ExpectedLastSubjSeqSubjHeader] = []string{f.subject}
}

// stamped tells what a log has published, this one or a former owner's, from what somebody else put on the subject: all of it
// has the account's fence, or is a part of a batch whose first message had it. A user of NATS with the right to publish there
// could imitate that; nobody does it by mistake.
func (f *fence) stamped(h nats.Header) bool {
	return h.Get(jetstream.ExpectedLastSubjSeqSubjHeader) == f.subject || h.Get(subjects.HeaderBatchID) != ""
}

// suspect looks whether another owner's record got into the stream. It has passed by before the stream takes it, or refuses
// it, so that it is looked for more than once; something to publish, of which more tells, is the better question.
func (f *fence) suspect(ctx context.Context, more <-chan struct{}) error {
	for wait := backoff.Min; wait < backoff.Max; wait = backoff.After(wait) {
		seq, o, err := f.server.store.Owner(ctx, f.account)
		if err == nil && o.ID != f.owner.ID && seq > f.epoch.Load() {
			return &FencedError{f.account, o}
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-more:
			t.Stop()
			return nil
		case <-t.C:
		}
	}
	return nil
}

// writes reports whether a message on the record's subject is this log's own.
func (f *fence) writes(body []byte) bool {
	var o Owner
	return json.Unmarshal(body, &o) == nil && o.ID == f.owner.ID
}

// old reports whether the record stands in the older half of the stream.
func (f *fence) old(ctx context.Context) (bool, error) {
	first, last, err := f.server.store.extent(ctx)
	epoch := f.epoch.Load()
	return err == nil && epoch < first+(last-first)/2 && last >= epoch+renewAfter, err
}

// Owner reads who owns an account, and the sequence of the record: 0 when nobody ever did.
func (s *Store) Owner(ctx context.Context, account string) (seq uint64, o Owner, err error) {
	msg, err := s.updates.GetLastMsgForSubject(ctx, s.scheme.Own(account))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, Owner{}, nil
	}
	if err != nil {
		return 0, Owner{}, fmt.Errorf("%s: reading the owner record: %w", account, err)
	}
	// A record that cannot be read is somebody else's: its id is empty.
	_ = json.Unmarshal(msg.Data, &o)
	return msg.Sequence, o, nil
}
