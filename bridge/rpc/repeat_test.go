package rpc

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/tl/codec"
)

// sentBefore asks in raw TL or JSON and answers what random_id came of it.
type randoms struct {
	*rig
	mu   sync.Mutex
	seen []int64
}

func newRandoms(t *testing.T) *randoms {
	r := &randoms{}
	r.rig = newRig(t, func(_ context.Context, call codec.View) ([]byte, error) {
		for inner, ok := call.Object("query"); ok; inner, ok = call.Object("query") {
			call = inner
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.seen = append(r.seen, call.Int("random_id"))
		return tlOf(codec.M{"_": "updatesTooLong"})
	})
	return r
}

// tl sends a call in raw TL and gives the random_id that Telegram saw, and the answer.
func (r *randoms) tl(call codec.M, headers ...string) (int64, *nats.Msg) {
	r.t.Helper()
	s, _ := layer()
	query, err := s.Encode(nil, call)
	if err != nil {
		r.t.Fatal(err)
	}
	r.seen = nil
	reply := r.ask("tg.rpc.main."+call["_"].(string), string(query), append(headers, "Content-Type", "application/x-tl", "Tg-Layer", strconv.Itoa(s.Layer()))...)
	if len(r.seen) == 0 {
		return 0, reply
	}
	return r.seen[0], reply
}

func message(id int64) codec.M {
	return codec.M{"_": "messages.sendMessage", "peer": codec.M{"_": "inputPeerSelf"}, "message": "x", "random_id": id}
}

// D18: in raw TL a random_id of 0 is one that was left out, if there is something to derive it from.
func TestRandomIDInRawTL(t *testing.T) {
	r := newRandoms(t)
	first, reply := r.tl(message(0), "Nats-Msg-Id", "a")
	if first == 0 {
		t.Fatalf("not filled in: %v", reply.Header)
	}
	r.ask("tg.rpc.main.messages.sendMessage", `{"peer":{"_":"inputPeerSelf"},"message":"x"}`, "Nats-Msg-Id", "a")
	if asJSON := r.seen[1]; asJSON != first {
		t.Errorf("%d in TL, %d in JSON", first, asJSON)
	}
	wrapped := codec.M{"_": "invokeWithTakeout", "takeout_id": 1, "query": message(0)}
	within, reply := r.tl(wrapped, "Nats-Msg-Id", "a")
	if again, _ := r.tl(wrapped, "Nats-Msg-Id", "a"); within == 0 || within != again || within == first {
		t.Errorf("%d and %d within another call, %d without: it is another request. %v", within, again, first, reply.Header)
	}
	for _, c := range []struct {
		given int64
		msgID string
	}{{7, "a"}, {0, ""}} {
		if got, _ := r.tl(message(c.given), "Nats-Msg-Id", c.msgID); got != c.given {
			t.Errorf("%+v became %d", c, got)
		}
	}
}

// D18: a request that may have been executed before is made again only where that does no harm.
func TestRepeatedRequests(t *testing.T) {
	r := newRandoms(t)
	self := codec.M{"_": "inputPeerSelf"}
	forward := func(ids ...int64) codec.M {
		return codec.M{"_": "messages.forwardMessages", "from_peer": self, "to_peer": self, "id": []int{1, 2}, "random_id": ids}
	}
	for _, c := range []struct {
		name  string
		call  codec.M
		msgID string
		want  string // the code; empty: executed
	}{
		{"reads", codec.M{"_": "help.getNearestDc"}, "", ""},
		{"with a random_id", message(7), "", ""},
		{"with one derived", message(0), "a", ""},
		{"without one", message(0), "", "409"},
		{"several", forward(1, 2), "", ""},
		{"one of several missing", forward(1, 0), "", "409"},
		{"none of several", forward(), "", "409"},
		{"changes something", codec.M{"_": "messages.deleteHistory", "peer": self, "max_id": 0}, "a", "409"},
		{"a number that serves another purpose", codec.M{"_": "phone.createGroupCall", "peer": self, "random_id": 5}, "a", "409"},
		{"within another call", codec.M{"_": "invokeWithTakeout", "takeout_id": 1, "query": message(7)}, "", ""},
		{"within another call, changes something", codec.M{"_": "invokeWithTakeout", "takeout_id": 1, "query": codec.M{"_": "account.updateStatus", "offline": true}}, "", "409"},
	} {
		_, reply := r.tl(c.call, "Tg-Retry", "1", "Nats-Msg-Id", c.msgID)
		if got := reply.Header.Get("Nats-Service-Error-Code"); got != c.want || (got != "") != (len(r.seen) == 0) {
			t.Errorf("%s: %v, executed %d times", c.name, reply.Header, len(r.seen))
		}
		if c.want != "" && reply.Header.Get("Tg-Sent") != "unknown" {
			t.Errorf("%s: %v", c.name, reply.Header)
		}
	}
	const send = `{"peer":{"_":"inputPeerSelf"},"message":"x"}`
	if reply := r.ask("tg.rpc.main.messages.sendMessage", send, "Tg-Retry", "1"); !strings.HasPrefix(reply.Header.Get("Nats-Service-Error-Code"), "409") {
		t.Errorf("a random_id made up each time: %v", reply.Header)
	}
	if reply := r.ask("tg.rpc.main.messages.sendMessage", send, "Tg-Retry", "1", "Nats-Msg-Id", "a"); reply.Header.Get("Nats-Service-Error") != "" {
		t.Errorf("%v", reply.Header)
	}
}
