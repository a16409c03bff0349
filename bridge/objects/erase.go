package objects

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"
)

// blockMost is the largest file in which a server keeps messages of a stream, in chunks: what stands further from another message does not
// share a file with it.
const blockMost = 8<<20/ChunkSize + 1

// Erase takes the chunks of an object away, so that none of their bytes is left in the files of the server. To write over a chunk the server
// writes a whole file of its store; so that is done with chunks that may share one with something else, and files that hold nothing
// but the object are deleted.
func (b *Bucket) Erase(ctx context.Context, nuid string) error {
	if err := b.arrived(ctx, nuid); err != nil {
		return err
	}
	seqs, err := b.sequences(ctx, nuid)
	if err != nil {
		return err
	}
	for _, seq := range shared(seqs) {
		err := b.stream.SecureDeleteMsg(ctx, seq)
		if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) && !errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) {
			return err
		}
	}
	return b.Purge(ctx, nuid)
}

// arrived waits until the server has come to all that was sent to it of an object: to an empty chunk that is sent last. The stream takes what one
// connection sends in that order.
func (b *Bucket) arrived(ctx context.Context, nuid string) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	_, err := b.js.Publish(ctx, b.chunks(nuid), nil, jetstream.WithRetryAttempts(0))
	if refused := new(jetstream.APIError); errors.As(err, &refused) { // there is no room for it, say: it has come all the same
		return nil
	}
	return err
}

// sequences are those of an object's chunks.
func (b *Bucket) sequences(ctx context.Context, nuid string) (all []uint64, err error) {
	for next := uint64(1); ; {
		m, err := b.next(ctx, nuid, next)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, m.Sequence)
		next = m.Sequence + 1
	}
}

// shared are those of some sequences that may stand in a file with others: that have others before or behind them, no further away than a
// file is large.
func shared(seqs []uint64) (some []uint64) {
	behind := make([]int, len(seqs)) // how far the next other is, in chunks
	for i := len(seqs) - 1; i >= 0; i-- {
		if i+1 < len(seqs) && seqs[i+1] == seqs[i]+1 {
			behind[i] = behind[i+1] + 1
		}
	}
	before := 0
	for i, seq := range seqs {
		if i == 0 || seqs[i-1]+1 != seq {
			before = 0
		}
		if before < blockMost || behind[i] < blockMost {
			some = append(some, seq)
		}
		before++
	}
	return some
}
