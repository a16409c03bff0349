package objects

import (
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
)

// ChunkSize is how many bytes the chunks of an object have, as the libraries of NATS have it.
const ChunkSize = 128 << 10

const (
	chunkHead = 256 // what a chunk takes beside its bytes, about
	ahead     = 16  // chunks on their way to JetStream
	ackTime   = 30 * time.Second
)

// Written is how far an object has come: what is in JetStream beyond doubt.
type Written struct {
	NUID   string `json:"nuid"`
	Chunk  int    `json:"chunk"` // bytes of each chunk but the last
	Chunks uint32 `json:"chunks"`
	Bytes  int64  `json:"bytes"`
	Seq    uint64 `json:"seq"` // of the last chunk
	Sum    []byte `json:"sum"` // state of SHA-256
}

// NewWritten is an object of which nothing is there yet.
func NewWritten() Written { return Written{NUID: nuid.Next(), Chunk: ChunkSize} }

// Valid reports whether there can be such an object: whoever may write where it is kept writes what he likes.
func (w *Written) Valid() bool {
	return Token(w.NUID) && w.Chunk == ChunkSize && w.Bytes == int64(w.Chunks)*ChunkSize
}

// Writer writes an object as the libraries of NATS do, and can go on with one that another writer has begun.
type Writer struct {
	b    *Bucket
	sure func() bool // the account is this daemon's
	at   Written     // what is in JetStream
	sum  hash.Hash
	n    uint32 // chunks that were sent
	last bool   // the last one is shorter: nothing follows
	buf  []byte // the next chunk
	sent []sentChunk
	free [][]byte
	err  error // a chunk was not stored: nothing follows
}

type sentChunk struct {
	jetstream.PubAckFuture
	data []byte
}

// Begin begins an object, or goes on with one. What there is of it beyond its record is read, and counts.
func (b *Bucket) Begin(ctx context.Context, at Written, sure func() bool) (*Writer, error) {
	w := &Writer{b: b, at: at, sum: sha256.New(), sure: sure}
	if at.Chunks == 0 {
		w.at.Bytes, w.at.Seq = 0, 0
	} else if err := w.sum.(encoding.BinaryUnmarshaler).UnmarshalBinary(at.Sum); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDisorder, err)
	}
	there, err := b.Count(ctx, at.NUID)
	if err != nil {
		return nil, err
	}
	if there < uint64(at.Chunks) {
		return nil, fmt.Errorf("%w: %d of %d chunks are there", ErrDisorder, there, at.Chunks)
	}
	for w.n = at.Chunks; uint64(w.n) < there; {
		m, err := b.next(ctx, at.NUID, w.at.Seq+1)
		if err != nil {
			return nil, err
		}
		if m.Header.Get(jetstream.MsgIDHeader) != w.id() || len(m.Data) > at.Chunk || w.last {
			return nil, fmt.Errorf("%w: chunk %d is not what was written", ErrDisorder, w.n)
		}
		w.sum.Write(m.Data)
		w.n++
		w.last = len(m.Data) < at.Chunk
		w.stored(m.Sequence, len(m.Data))
	}
	return w, nil
}

// next reads a chunk.
func (b *Bucket) next(ctx context.Context, nuid string, from uint64) (*jetstream.RawStreamMsg, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	return b.stream.GetMsg(ctx, from, jetstream.WithGetMsgSubject(b.chunks(nuid)))
}

// id is the message id of the next chunk. It keeps one that two owners send from being there twice, and says which it is.
func (w *Writer) id() string { return w.at.NUID + "/" + strconv.FormatUint(uint64(w.n), 10) }

func (w *Writer) stored(seq uint64, n int) {
	w.at.Seq = seq
	w.at.Chunks++
	w.at.Bytes += int64(n)
}

// Bytes is how many bytes of the object are in JetStream.
func (w *Writer) Bytes() int64 { return w.at.Bytes }

// Write takes what follows. It waits while many chunks are on their way.
func (w *Writer) Write(ctx context.Context, data []byte) error {
	for rest := data; len(rest) > 0; {
		if w.buf == nil {
			w.buf = w.room()
		}
		n := copy(w.buf[len(w.buf):w.at.Chunk], rest)
		w.buf, rest = w.buf[:len(w.buf)+n], rest[n:]
		if len(w.buf) == w.at.Chunk {
			if err := w.send(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// room is a buffer for a chunk.
func (w *Writer) room() []byte {
	if n := len(w.free); n > 0 {
		b := w.free[n-1]
		w.free = w.free[:n-1]
		return b[:0]
	}
	return make([]byte, 0, w.at.Chunk)
}

// send sends the next chunk.
func (w *Writer) send(ctx context.Context) error {
	if w.err != nil {
		return w.err
	}
	if !w.sure() || w.last {
		return ErrDisorder
	}
	w.sum.Write(w.buf)
	m := &nats.Msg{Subject: w.b.chunks(w.at.NUID), Data: w.buf, Header: nats.Header{jetstream.MsgIDHeader: {w.id()}}}
	f, err := w.b.js.PublishMsgAsync(m)
	if err != nil {
		return err
	}
	w.sent = append(w.sent, sentChunk{f, w.buf})
	w.n++
	w.buf = nil
	for len(w.sent) > 0 && (len(w.sent) >= ahead || len(w.sent[0].Ok()) > 0) {
		if err := w.await(ctx); err != nil {
			return err
		}
	}
	return nil
}

// await waits until the oldest chunk on its way is stored.
func (w *Writer) await(ctx context.Context) error {
	if w.err != nil {
		return w.err
	}
	c := w.sent[0]
	timer := time.NewTimer(ackTime)
	defer timer.Stop()
	select {
	case ack := <-c.Ok():
		if ack.Duplicate || ack.Sequence <= w.at.Seq {
			return ErrDisorder
		}
		w.sent = w.sent[1:]
		w.stored(ack.Sequence, len(c.data))
		w.free = append(w.free, c.data)
		return nil
	case err := <-c.Err():
		if w.sent, w.err = w.sent[1:], err; IsFull(err) {
			w.err = noRoom(w.b.name, err.Error())
		}
		return w.err
	case <-timer.C:
		return nats.ErrTimeout
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Drain waits until all that was sent is stored, and tells how far the object has come. What is not a whole chunk does not count.
func (w *Writer) Drain(ctx context.Context) (Written, error) {
	for len(w.sent) > 0 {
		if err := w.await(ctx); err != nil {
			return w.at, err
		}
	}
	if w.err != nil {
		return w.at, w.err
	}
	var err error
	w.at.Sum, err = w.sum.(encoding.BinaryMarshaler).MarshalBinary()
	return w.at, err
}

// settleTime bounds the wait for chunks of which nobody wants to know whether they are stored.
const settleTime = 3 * time.Second

// Settle waits until it is known of each chunk on its way what became of it. The writer is of no use afterwards. Whoever takes the chunks away
// does so then: of those on their way some are stored behind him else, and stay.
func (w *Writer) Settle() {
	end := time.NewTimer(settleTime)
	defer end.Stop()
	for ; len(w.sent) > 0; w.sent = w.sent[1:] {
		select {
		case <-w.sent[0].Ok():
		case <-w.sent[0].Err():
		case <-end.C:
			return
		}
	}
}

// Finish stores the last chunk, and what describes the object. last is the sequence of what is said of the object now.
func (w *Writer) Finish(ctx context.Context, meta jetstream.ObjectMeta, last uint64) (*jetstream.ObjectInfo, error) {
	if len(w.buf) > 0 {
		if err := w.send(ctx); err != nil {
			return nil, err
		}
	}
	if _, err := w.Drain(ctx); err != nil {
		return nil, err
	}
	there, err := w.b.Count(ctx, w.at.NUID)
	if err == nil && there != uint64(w.at.Chunks) {
		err = fmt.Errorf("%w: %d chunks instead of %d", ErrDisorder, there, w.at.Chunks)
	}
	if err != nil {
		return nil, err
	}
	meta.Opts = &jetstream.ObjectMetaOptions{ChunkSize: uint32(w.at.Chunk)} //nolint:gosec // a chunk's
	info := &jetstream.ObjectInfo{
		ObjectMeta: meta, Bucket: w.b.name, NUID: w.at.NUID, Size: uint64(w.at.Bytes), Chunks: w.at.Chunks, //nolint:gosec // as many as were written
		Digest: "SHA-256=" + base64.URLEncoding.EncodeToString(w.sum.Sum(nil)),
	}
	return info, w.b.Describe(ctx, info, last)
}

// Describe stores what is said of an object. last is the sequence of what is said of it now. Where ctx ends meanwhile, the answer is waited for a
// moment longer: whoever takes the object away then knows whether it is there.
func (b *Bucket) Describe(ctx context.Context, info *jetstream.ObjectInfo, last uint64) error {
	body, err := json.Marshal(info)
	if err != nil {
		return err
	}
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), ackTime)
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(settleTime, cancel) })()
	m := &nats.Msg{Subject: b.meta(info.Name), Data: body, Header: nats.Header{jetstream.MsgRollup: {jetstream.MsgRollupSubject}}}
	if _, err = b.js.PublishMsg(own, m, jetstream.WithExpectLastSequencePerSubject(last)); IsFull(err) {
		return noRoom(b.name, err.Error())
	}
	return err
}
