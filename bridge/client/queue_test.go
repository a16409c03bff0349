package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/natsgram/natsgram/bridge/client"
)

// Jobs of a chat are run in their order, once, and what becomes of each is told.
func TestQueue(t *testing.T) {
	w := newFixture(t)
	bus := client.New(w.nc, "main")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	alice := map[string]any{"_": "inputPeerUser", "user_id": w.alice.ID(), "access_hash": w.dora.AccessHash(w.alice)}
	say := func(id, text string) *client.Queued {
		q, err := bus.Queue(ctx, client.Job{Kind: client.User, ChatID: w.alice.ID(), Method: "messages.sendMessage", Params: map[string]any{"peer": alice, "message": text}, ID: id})
		if err != nil {
			t.Fatal(err)
		}
		return q
	}
	var all []*client.Queued
	for _, text := range []string{"one", "two", "three"} {
		all = append(all, say("queue-"+text, text))
	}
	if q := say("queue-three", "three"); !q.Duplicate || q.Sequence != all[2].Sequence {
		t.Errorf("the same job again: %+v", q)
	}
	last := int64(0)
	for i, q := range all {
		r, err := q.Wait(ctx)
		if err != nil || r.State != client.JobDone || r.ID != q.ID || r.Method != "messages.sendMessage" || r.ChatID != w.alice.ID() {
			t.Fatalf("job %d: %+v, %v", i, r, err)
		}
		var sent struct{ Updates []struct{ ID int64 } }
		if err := json.Unmarshal(r.Data, &sent); err != nil || len(sent.Updates) == 0 || sent.Updates[0].ID <= last {
			t.Fatalf("job %d: %s after message %d, %v", i, r.Data, last, err)
		}
		last = sent.Updates[0].ID
	}
	bad, err := bus.Queue(ctx, client.Job{Kind: client.User, ChatID: w.alice.ID(), Method: "messages.sendMessage", Params: map[string]any{"message": "x", "peer": "chat.5"}})
	if err != nil {
		t.Fatal(err)
	}
	r, err := bad.Wait(ctx)
	var e *client.Error
	if err != nil || r.State != client.JobFailed || !errors.As(r.Err, &e) || e.Sent != client.SentNo {
		t.Errorf("to another chat: %+v, %v", r, err)
	}
}

func TestQueueRefuses(t *testing.T) {
	nc := busOnly(t)
	for _, c := range []struct {
		job  client.Job
		want string
	}{
		{client.Job{Kind: client.Channel, Method: "messages.sendMessage"}, "want KIND.ID"},
		{client.Job{Kind: client.Secret, ChatID: 5, Method: "messages.sendMessage"}, "want KIND.ID"},
		{client.Job{Kind: client.Channel, ChatID: 5, Method: "messages.>"}, "method"},
		{client.Job{Kind: client.Channel, ChatID: 5, Method: "messages.sendMessage", Params: func() {}}, "unsupported type"},
	} {
		if _, err := client.New(nc, "main").Queue(t.Context(), c.job); !errors.Is(err, client.ErrJob) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.job, err, c.want)
		}
	}
}
