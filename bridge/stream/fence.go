package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/retry"
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

// Error codes of the server that this package answers to.
const (
	codeAccountFull    = jetstream.ErrorCode(10002)
	codeTooLarge       = jetstream.ErrorCode(10054)
	codeHeaderTooLarge = jetstream.ErrorCode(10097)
	codeWrongSequence  = jetstream.ErrorCode(10071) // the fence
	codeInProcess      = jetstream.ErrorCode(10164) // R3: another message with the same expectation is in flight
	codeIncomplete     = jetstream.ErrorCode(10176) // a batch lost one of its messages
	codeDuplicate      = jetstream.ErrorCode(10201) // a batch holds a message id that is known
	codeTooManyBatches = jetstream.ErrorCode(10210)
)

// codeOf is the server's error code, 0 for other errors.
func codeOf(err error) jetstream.ErrorCode {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return api.ErrorCode
	}
	return 0
}

// claim writes this log's record over the one that stands there, and takes its sequence as the epoch. Only a compare-and-set
// goes through, so that a claim delayed on its way can never fence a later owner. steal: whoever owns the account now;
// otherwise another owner is a FencedError: one whose record is newer than this log's. An older one is what a server says that lags
// behind the others, or all that is left after this log's own was lost; the compare-and-set tells which.
func (l *Log) claim(ctx context.Context, steal bool) error {
	for {
		looking, answered := l.patiently(ctx)
		last, by, err := l.store.Owner(looking, l.account)
		if answered(err); err != nil {
			return err
		}
		if !steal && last > l.epoch.Load() && by.ID != l.owner.ID {
			return &FencedError{l.account, by}
		}
		if !steal && last < l.epoch.Load() && !l.sure() {
			return errUnsure
		}
		seq, err := l.writeOwner(ctx, last)
		if err == nil {
			if steal {
				l.former = by
			}
			l.epoch.Store(seq)
			return nil
		}
		if code := codeOf(err); code != codeWrongSequence && code != codeInProcess {
			return fmt.Errorf("%s: writing the owner record: %w", l.account, err)
		}
		if err := retry.Pause(ctx, backoff.Min); err != nil { // somebody wrote between reading and writing: look again
			return err
		}
	}
}

// errUnsure keeps a log from taking the account back after its record was lost, and whoever came since may have lost his too.
var errUnsure = errors.New("the owner record is gone, and it is not sure that the account is still this daemon's")

func (l *Log) sure() bool { return l.opts.Sure == nil || l.opts.Sure() }

// writeOwner gives the record no lifetime, whatever the stream's: an owner lives longer than updates do.
func (l *Log) writeOwner(ctx context.Context, last uint64) (uint64, error) {
	l.owner.At = time.Now().UTC().Truncate(time.Millisecond)
	body, err := json.Marshal(l.owner)
	if err != nil {
		return 0, err
	}
	msg := nats.NewMsg(l.ownSubject)
	msg.Data = body
	msg.Header.Set(jetstream.MsgTTLHeader, "never")
	msg.Header.Set(jetstream.ExpectedLastSubjSeqHeader, strconv.FormatUint(last, 10))
	ack, err := l.request(ctx, msg)
	return ack.Sequence, err
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

// pubAck is the server's answer to a publish or the commit of a batch.
type pubAck struct {
	Error     *jetstream.APIError `json:"error"`
	Stream    string              `json:"stream"`
	Sequence  uint64              `json:"seq"`
	Duplicate bool                `json:"duplicate"`
	BatchID   string              `json:"batch"`
	BatchSize int                 `json:"count"`
}

// request publishes one message and waits for the server's word on it.
func (l *Log) request(ctx context.Context, msg *nats.Msg) (ack pubAck, err error) {
	ctx, answered := l.patiently(ctx)
	reply, err := l.store.js.Conn().RequestMsgWithContext(ctx, msg)
	if answered(err); err != nil {
		return ack, err
	}
	if err := json.Unmarshal(reply.Data, &ack); err != nil {
		return ack, fmt.Errorf("acknowledgement of the server: %w", err)
	}
	if ack.Error != nil {
		return ack, ack.Error
	}
	if ack.Stream == "" {
		return ack, errors.New("acknowledgement of the server names no stream")
	}
	return ack, nil
}
