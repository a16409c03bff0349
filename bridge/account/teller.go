package account

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/metrics"
	"github.com/natsgram/natsgram/subjects"
)

// teller tells what happens to an account: on the daemon's log, on tg.evt and in the metrics.
type teller struct {
	name    string
	log     *slog.Logger
	conn    *nats.Conn
	scheme  subjects.Scheme
	metrics *metrics.Metrics // nil: nobody looks
}

// event tells of the account's own life on tg.evt.<account>.<name>. It does not wait: the stream that keeps the last of each
// listens on the subject like everybody else. fields go beside "event", "account" and "at".
func (t *teller) event(name string, fields map[string]any) {
	body, err := t.body(name, fields)
	if err == nil {
		err = t.conn.Publish(t.scheme.Event(t.name, name), body)
	}
	if err != nil {
		t.log.Debug("telling an event", "event", name, "err", err)
	}
}

// stored is event of one that is told of each chat by itself, on tg.evt.<account>.<name>.<kind>.<id>, so that the stream keeps the last of each.
// It waits until the stream has it.
func (t *teller) stored(ctx context.Context, js jetstream.JetStream, name, chat string, fields map[string]any) error {
	body, err := t.body(name, fields)
	if err == nil {
		_, err = js.Publish(ctx, t.scheme.Event(t.name, name+"."+chat), body)
	}
	return err
}

func (t *teller) body(name string, fields map[string]any) ([]byte, error) {
	all := map[string]any{"event": name, "account": t.name, "at": time.Now().UTC().Format(time.RFC3339Nano)}
	maps.Copy(all, fields)
	return json.Marshal(all)
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
