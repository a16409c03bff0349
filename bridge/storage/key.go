package storage

import (
	"context"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// PutKey writes a key of a bucket with a header of its own, for what the buckets of the library have no words for. It gives the
// revision.
func (s *Storage) PutKey(ctx context.Context, name, key string, value []byte, header nats.Header) (uint64, error) {
	msg := &nats.Msg{Subject: s.apiPrefix() + "$KV." + s.o.Scheme.StreamName(name) + "." + key, Header: header, Data: value}
	ack, err := s.js.PublishMsg(ctx, msg)
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

// apiPrefix stands before the subjects of keys where JetStream is reached by a domain or prefix.
func (s *Storage) apiPrefix() string {
	o := s.js.Options()
	switch {
	case o.Domain != "":
		return "$JS." + o.Domain + ".API."
	case o.APIPrefix != "" && o.APIPrefix+"." != jetstream.DefaultAPIPrefix && o.APIPrefix != jetstream.DefaultAPIPrefix:
		return o.APIPrefix + "."
	}
	return ""
}
