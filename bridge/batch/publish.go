package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/natsgram/natsgram/subjects"
)

// Ack is JetStream's answer to a publish.
type Ack struct {
	Error     *jetstream.APIError `json:"error"`
	Stream    string              `json:"stream"`
	Sequence  uint64              `json:"seq"` // of the last message
	Duplicate bool                `json:"duplicate"`
	BatchID   string              `json:"batch"`
	BatchSize int                 `json:"count"`
}

// ErrApart says that the server does not store messages all or nothing.
var ErrApart = errors.New("the server did not take the messages as one batch: atomic publishing needs nats-server 2.12 or newer")

// Publish stores messages of one stream, all or nothing, and waits for the server's word on them. What they expect of the stream they say
// by headers of their own; those of a batch are set here. What the server refuses is a [*jetstream.APIError].
func Publish(ctx context.Context, conn *nats.Conn, all ...*nats.Msg) (Ack, error) {
	if len(all) == 1 {
		plain(all[0])
		return request(ctx, conn, all[0])
	}
	id := []string{nuid.Next()}
	for i, m := range all {
		if m.Header == nil {
			m.Header = nats.Header{}
		}
		m.Header[subjects.HeaderBatchID], m.Header[subjects.HeaderBatchSequence] = id, []string{strconv.Itoa(i + 1)}
		if i == len(all)-1 {
			m.Header[subjects.HeaderBatchCommit] = []string{"1"}
			break
		}
		delete(m.Header, subjects.HeaderBatchCommit) // of an attempt before
		if err := conn.PublishMsg(m); err != nil {
			return Ack{}, err
		}
	}
	ack, err := request(ctx, conn, all[len(all)-1])
	if err == nil && (ack.BatchID != id[0] || ack.BatchSize != len(all)) {
		err = ErrApart
	}
	return ack, err
}

// plain makes a message one that is stored by itself, whatever it was in an attempt before.
func plain(m *nats.Msg) {
	for _, h := range []string{subjects.HeaderBatchID, subjects.HeaderBatchSequence, subjects.HeaderBatchCommit} {
		delete(m.Header, h)
	}
}

// request publishes a message, of which only this one is answered.
func request(ctx context.Context, conn *nats.Conn, m *nats.Msg) (ack Ack, err error) {
	reply, err := conn.RequestMsgWithContext(ctx, m)
	switch {
	case err != nil:
		return ack, err
	case json.Unmarshal(reply.Data, &ack) != nil || ack.Error == nil && ack.Stream == "":
		return ack, fmt.Errorf("acknowledgement of the server: %.80q", reply.Data)
	case ack.Error != nil:
		return ack, ack.Error
	}
	return ack, nil
}
