package stream

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/storage"
)

// slim is a Smaller that leaves one byte, and no header that the server finds fault with.
func slim(m Message, _ Limits, _ string) []Message {
	m.Header = nats.Header{"Nats-Msg-Id": m.Header["Nats-Msg-Id"]}
	m.Data, m.Form = []byte("-"), m.Form+1
	return []Message{m}
}

// A message that is refused for a reason that waiting does not mend, and that is not its size, goes in another form in the
// end; what comes with it keeps its contents.
func TestRefusedForGood(t *testing.T) {
	for _, whole := range []bool{false, true} {
		t.Run(fmt.Sprint("whole=", whole), func(t *testing.T) {
			g := newRig(t, Retention{}, false)
			l, _, _ := g.open(Options{Smaller: slim})
			bad := group(whole, 2, 3)
			bad.Messages[0].Header["Nats-TTL"] = []string{"whenever"} // 10165
			before := l.Epoch()
			l.Add(group(false, 1))
			l.Add(bad)
			l.Add(group(false, 4))
			flush(t, l)
			want := "1 - 3 4"
			if whole {
				want = "1 - - 4" // there is no telling which of them it is
			}
			if got := g.payloads(); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if d := l.Doing(); d.Err != nil || !d.Failing.IsZero() {
				t.Errorf("%+v", d)
			}
			if l.Epoch() != before {
				t.Error("a refusal is no reason for another owner record")
			}
		})
	}
}

// Where every form is refused it is not the messages' fault: they stay whole, and the reason is told meanwhile.
func TestRefusedInEveryForm(t *testing.T) {
	g := newRig(t, Retention{}, false)
	told := make(chan struct{}, 100)
	l, _, _ := g.open(Options{Troubled: func() { told <- struct{}{} }, Smaller: func(m Message, _ Limits, _ string) []Message {
		m.Data = []byte("-")
		return []Message{m}
	}})
	c := g.store.updates.CachedInfo().Config
	refusing := c
	refusing.AllowMsgTTL = false
	bad := group(false, 1)
	bad.Messages[0].Header["Nats-TTL"] = []string{"1h"}
	name := c.Name
	if err := g.js.DeleteStream(context.Background(), name); err != nil {
		t.Fatal(err)
	}
	if _, err := storage.Create(context.Background(), g.js, refusing); err != nil { // it takes no lifetimes
		t.Fatal(err)
	}
	l.Add(bad)
	for range 8 {
		<-told
	}
	if err := l.Doing().Err; err == nil || !strings.Contains(err.Error(), "TTL") {
		t.Errorf("%v", err)
	}
	if _, err := g.js.UpdateStream(context.Background(), c); err != nil {
		t.Fatal(err)
	}
	flush(t, l)
	if got := g.payloads(); got != "1" {
		t.Error(got)
	}
}

// What a header measures is what the client library makes of it.
func TestHeaderSize(t *testing.T) {
	g := newRig(t, Retention{}, false)
	h := nats.Header{"Nats-Msg-Id": {"main/common/1/0"}, "Tg-State": {strings.Repeat("c1=1;", 100)}, "Tg-Box": {"common"}}
	sub, err := g.nc.SubscribeSync("sizes")
	if err != nil {
		t.Fatal(err)
	}
	if err := g.nc.PublishMsg(&nats.Msg{Subject: "sizes", Header: h, Data: []byte("12345")}); err != nil {
		t.Fatal(err)
	}
	msg, err := sub.NextMsg(5 * time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(msg.Size() - len("sizes") - len("12345")); HeaderSize(h) != want {
		t.Errorf("%d, want %d", HeaderSize(h), want)
	}
}
