package client

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Partitions are kept by the server itself: a second stream takes over what the subscription wants, under subjects that
// begin with the number of the chat's partition, and drops what is acknowledged. Each partition has a consumer with one
// update in flight, from which all programs of the durable take, so that whoever takes the next update of a chat does so
// after the last one was acknowledged.

// partitionCount is the metadata of such a stream that says how many partitions it has.
const partitionCount = "natsgram-partitions"

func (b *binding) partitions(ctx context.Context) (source, error) {
	st, err := b.partitionStream(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]jetstream.Consumer, b.cfg.Partitions)
	for i := range all {
		cfg := b.consumer("partition-" + strconv.Itoa(i))
		cfg.DeliverPolicy, cfg.MaxAckPending, cfg.FilterSubject = jetstream.DeliverAllPolicy, 1, b.partitionPrefix()+strconv.Itoa(i)+".>"
		if all[i], err = b.consume(ctx, st, cfg); err != nil {
			return nil, err
		}
	}
	return newOnDemand(all, &b.cfg), nil
}

// partitionPrefix begins the subjects in the stream of partitions: tg.part.main.printer.
func (b *binding) partitionPrefix() string {
	return strings.Join([]string{b.c.o.prefix, "part", b.c.account, b.cfg.Durable, ""}, ".")
}

// partitionStream makes the stream, or finds it.
func (b *binding) partitionStream(ctx context.Context) (string, error) {
	name, count := b.stream+"="+b.c.durableName(b.cfg.Durable), strconv.Itoa(b.cfg.Partitions)
	have, err := b.js.Stream(ctx, name)
	if err == nil {
		if n := have.CachedInfo().Config.Metadata[partitionCount]; n != count {
			return "", fmt.Errorf("durable %s has %s partitions, not %s", b.cfg.Durable, n, count)
		}
		return name, nil
	}
	if !errors.Is(err, jetstream.ErrStreamNotFound) {
		return "", err
	}
	from, err := b.js.Stream(ctx, b.stream)
	if err != nil {
		return "", err
	}
	source, err := b.partitionSource()
	if err != nil {
		return "", err
	}
	original := from.CachedInfo().Config
	_, err = b.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: name, Description: "natsgram: " + b.cfg.Durable + ", updates of " + b.c.account + " by chat, until they are acknowledged",
		Retention: jetstream.WorkQueuePolicy, Storage: jetstream.FileStorage, Replicas: original.Replicas, MaxAge: original.MaxAge,
		Sources: []*jetstream.StreamSource{source}, Metadata: map[string]string{partitionCount: count},
	})
	return name, err
}

// partitionSource is what the stream takes over, from where on, and under which subjects.
func (b *binding) partitionSource() (*jetstream.StreamSource, error) {
	source := &jetstream.StreamSource{Name: b.stream, OptStartSeq: b.cfg.Start.sequence}
	switch at := b.cfg.Start.time; b.cfg.Start.policy {
	case jetstream.DeliverAllPolicy, jetstream.DeliverByStartSequencePolicy:
	case jetstream.DeliverByStartTimePolicy:
		source.OptStartTime = &at
	case jetstream.DeliverNewPolicy:
		now := time.Now().UTC()
		source.OptStartTime = &now
	default:
		return nil, errors.New("field Start: with Partitions it cannot be the last update")
	}
	for _, subject := range b.subjects {
		source.SubjectTransforms = append(source.SubjectTransforms, b.partitionTransform(subject))
	}
	return source, nil
}

// partitionTransform puts the partition before an update's own three tokens. The chat's id alone decides, so that all
// filters agree: where it is one of a filter, the partition is computed here as the server would.
func (b *binding) partitionTransform(subject string) jetstream.SubjectTransformConfig {
	head := strings.TrimSuffix(b.c.o.scheme.Updates(b.c.account), ">")
	tokens := strings.Split(strings.TrimPrefix(subject, head), ".")
	if len(tokens) != updateTokens {
		tokens = []string{"*", "*", "*"}
	}
	to := make([]string, updateTokens)
	wild := 0
	for i, t := range tokens {
		if to[i] = t; t == "*" {
			wild++
			to[i] = fmt.Sprintf("{{wildcard(%d)}}", wild)
		}
	}
	partition := fmt.Sprintf("{{partition(%d,%d)}}", b.cfg.Partitions, wild)
	if id := tokens[updateTokens-1]; id != "*" {
		partition = partitionOf(id, b.cfg.Partitions)
	}
	return jetstream.SubjectTransformConfig{
		Source: head + strings.Join(tokens, "."), Destination: b.partitionPrefix() + partition + "." + strings.Join(to, "."),
	}
}

// updateTokens are an update's own: constructor, kind and id of the chat.
const updateTokens = 3

// partitionOf is the server's own way: FNV-1a.
func partitionOf(id string, n int) string {
	h := fnv.New32a()
	h.Write([]byte(id))
	return strconv.Itoa(int(h.Sum32() % uint32(n))) //nolint:gosec // n is at most maxPartitions
}
