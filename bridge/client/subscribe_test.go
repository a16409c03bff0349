package client_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/client"
)

// archive is a stream as a daemon leaves it, without a daemon: what each message holds and where it stands is the test's.
type archive struct {
	t  *testing.T
	nc *nats.Conn
	js jetstream.JetStream
	at int
}

func newArchive(t *testing.T) *archive {
	t.Helper()
	return archiveAt(t, busOnly(t))
}

func archiveAt(t *testing.T, nc *nats.Conn) *archive {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.CreateStream(soon(t), jetstream.StreamConfig{Name: "TG_UPDATES", Subjects: []string{"tg.upd.>", "tg.own.*"}}); err != nil {
		t.Fatal(err)
	}
	return &archive{t: t, nc: nc, js: js}
}

// add stores a message; headers are name and value in turn.
func (a *archive) add(subject, box, payload string, headers ...string) {
	a.t.Helper()
	msg := nats.NewMsg("tg.upd." + subject)
	a.at++
	msg.Data = []byte(payload)
	for i, h := range append([]string{"Tg-Type", strings.Split(subject, ".")[1], "Tg-Box", box, "Tg-Pts", fmt.Sprint(a.at), "Tg-Layer", "223"}, headers...) {
		if i%2 == 1 {
			msg.Header[append([]string{"Tg-Type", "Tg-Box", "Tg-Pts", "Tg-Layer"}, evens(headers)...)[i/2]] = []string{h}
		}
	}
	if _, err := a.js.PublishMsg(soon(a.t), msg); err != nil {
		a.t.Fatal(err)
	}
}

func evens(all []string) (e []string) {
	for i := 0; i < len(all); i += 2 {
		e = append(e, all[i])
	}
	return e
}

// typing is a payload that is short.
const typing = `{"update":{"_":"updateUserTyping","user_id":"5","action":{"_":"sendMessageTypingAction"}},"users":[],"chats":[]}`

// fill stores what the tests of choosing choose from.
func (a *archive) fill() {
	for _, m := range [][2]string{
		{"main.updateNewMessage.user.5", "common"},
		{"main.updateNewMessage.chat.6", "common"},
		{"main.updateNewChannelMessage.channel.7", "channel.7"},
		{"other.updateNewMessage.user.5", "common"},
		{"main.updateDeleteMessages.none.0", "common"},
		{"main.gap.channel.7", "channel.7"},
		{"main.updateNewMessage.user.5", "common"},
		{"main.gap.none.0", "common"},
	} {
		payload := typing
		if strings.Contains(m[0], "gap") {
			payload = `{"gap":{"box":"` + m[1] + `","from":3,"to":9,"reason":"too long","filled":true}}`
		}
		a.add(m[0], m[1], payload)
	}
}

// rest are the pts of all that a subscription still gives, as they come. It waits for last, which is stored when it is set up.
func rest(t *testing.T, s *client.Subscription, last int) string {
	t.Helper()
	var all []string
	for {
		u, err := s.Next(soon(t))
		if err != nil {
			t.Fatalf("after %v: %v", all, err)
		}
		if err := u.Ack(); err != nil {
			t.Error(err)
		}
		if u.Pts == last {
			return strings.Join(all, " ")
		}
		all = append(all, fmt.Sprint(u.Pts))
	}
}

// Where a subscription begins, and what it takes; each as durable and without.
func TestStartsAndFilters(t *testing.T) {
	a := newArchive(t)
	a.fill()
	st, _ := a.js.Stream(soon(t), "TG_UPDATES")
	fifth, err := st.GetMsg(soon(t), 5)
	if err != nil {
		t.Fatal(err)
	}
	all := client.StartAll()
	end := client.Filter{Update: "updateEnd"} // the message that says that nothing more comes
	c := client.New(a.nc, "main")
	for i, row := range []struct {
		name string
		cfg  client.UpdatesConfig
		want string
	}{
		{"new", client.UpdatesConfig{}, ""},
		{"all", client.UpdatesConfig{Start: all}, "1 2 3 5 6 7 8"},
		{"last", client.UpdatesConfig{Start: client.StartLast()}, "8"},
		{"last per chat", client.UpdatesConfig{Start: client.StartLastPerChat()}, "2 3 5 6 7 8"},
		{"sequence", client.UpdatesConfig{Start: client.StartSequence(6)}, "6 7 8"},
		{"sequence of another account", client.UpdatesConfig{Start: client.StartSequence(4)}, "5 6 7 8"},
		{"time", client.UpdatesConfig{Start: client.StartTime(fifth.Time)}, "5 6 7 8"},
		{"constructor", client.UpdatesConfig{Start: all, Filters: []client.Filter{{Update: "updateNewMessage"}, end}}, "1 2 6 7 8"},
		{"constructor, no gaps", client.UpdatesConfig{Start: all, Filters: []client.Filter{{Update: "updateNewMessage"}, end}, NoGaps: true}, "1 2 7"},
		{"kind", client.UpdatesConfig{Start: all, Filters: []client.Filter{{Kind: client.Channel}, end}, NoGaps: true}, "3 6"},
		{"chat", client.UpdatesConfig{Start: all, Filters: []client.Filter{{Kind: client.User, ChatID: 5}, end}, NoGaps: true}, "1 7"},
		{"one within the other", client.UpdatesConfig{Start: all, Filters: []client.Filter{{Update: "updateNewMessage", ChatID: 6}, {ChatID: 6}, {ChatID: 6}, end}, NoGaps: true}, "2"},
		{"across each other", client.UpdatesConfig{Start: all, Filters: []client.Filter{{Update: "updateNewMessage"}, {ChatID: 7}, end}, NoGaps: true}, "1 2 3 6 7"},
		{"box", client.UpdatesConfig{Start: all, Boxes: []string{"channel.7", "end"}}, "3 6"},
		{"filter and box", client.UpdatesConfig{Start: all, Filters: []client.Filter{{Update: "updateNewMessage"}, end}, Boxes: []string{"common", "end"}}, "1 2 7 8"},
		{"filtered here", client.UpdatesConfig{Start: all, Filters: []client.Filter{{Kind: client.Channel}, end}, FilterHere: true}, "3 6 8"},
	} {
		alone := subscribe(t, c, row.cfg)
		row.cfg.Durable = fmt.Sprint("d", i)
		durable := subscribe(t, c, row.cfg)
		a.add("main.updateEnd.none.0", "end", typing)
		if got := rest(t, alone, a.at); got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
		if got := rest(t, durable, a.at); got != row.want {
			t.Errorf("%s, durable: %s, want %s", row.name, got, row.want)
		}
		alone.Stop()
		durable.Stop()
		if err := st.Purge(soon(t), jetstream.WithPurgeSubject("tg.upd.main.updateEnd.none.0")); err != nil {
			t.Fatal(err)
		}
	}
}

// A message of each sort, and what a program sees of it.
func TestWhatUpdatesHold(t *testing.T) {
	a := newArchive(t)
	a.add("main.updateUserTyping.user.5", "none", typing, "Tg-Date", "1700000000", "Tg-Delay", "1500", "Tg-Backfill", "true", "Tg-Request-Id", "r",
		"Tg-Msg-Id", "7,8", "Tg-Topic", "3", "Tg-Thread", "4", "Tg-Grouped-Id", "-9")
	a.add("main.updateUserTyping.user.5", "none", "\x83\xa6update\x82\xa1_\xadupdateUserName\xa1x\x01\xa5users\x90\xa5chats\x90", "Content-Type", "application/msgpack")
	a.add("main.gap.channel.7", "channel.7", `{"gap":{"box":"channel.7","from":3,"to":9,"reason":"too long","filled":true}}`)
	a.add("main.gap.channel.7", "channel.7", "\x81\xa3gap\x85\xa3box\xa6common\xa4from\xd3\x00\x00\x00\x00\x00\x00\x00\x03\xa2to\x09\xa6reason\xa1x\xa6filled\xc2", "Content-Type", "application/msgpack")
	a.add("main.updateNewThing.user.5", "common", `{"update":{"_":"updateNewThing","what":1},"users":[],"chats":[]}`, "Tg-Layer", "999")
	a.add("main.updateNewMessage.user.777000", "common", `{"update":{"_":"updateNewMessage"},"users":[],"chats":[]}`, "Tg-Redacted", "service message")
	a.add("main.updateUserTyping.user.5", "none", "garbage", "Content-Type", "text/plain")
	s := subscribe(t, client.New(a.nc, "main"), client.UpdatesConfig{Start: client.StartAll()})
	read := func() *client.Update {
		u, err := s.Next(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	u := read()
	want := client.Meta{Type: "updateUserTyping", Kind: client.User, ChatID: 5, Box: "none", Pts: 1, Layer: 223, RequestID: "r",
		Date: time.Unix(1700000000, 0), Delay: 1500 * time.Millisecond, Backfill: true, MessageIDs: []int{7, 8}, Topic: 3, Thread: 4, Album: -9}
	if !reflect.DeepEqual(u.Meta, want) || u.Value == nil || u.Err != nil || u.Sequence != 1 || u.Delivered != 1 || time.Since(u.Stored) > time.Minute {
		t.Errorf("%+v", u)
	}
	if u = read(); u.Err == nil || u.Value != nil || !strings.Contains(u.Err.Error(), "updateUserName") {
		t.Errorf("MessagePack with a field that is not known: %+v", u)
	}
	if u = read(); u.Gap == nil || *u.Gap != (client.Gap{Box: "channel.7", From: 3, To: 9, Reason: "too long", Filled: true}) || u.Value != nil || u.Err != nil {
		t.Errorf("a gap: %+v", u)
	}
	if u = read(); u.Gap == nil || *u.Gap != (client.Gap{Box: "common", From: 3, To: 9, Reason: "x"}) || u.Err != nil {
		t.Errorf("a gap in MessagePack: %+v %v", u.Gap, u.Err)
	}
	if u = read(); u.Err == nil || u.Value != nil || !strings.Contains(u.Err.Error(), "layer 999") || !strings.Contains(string(u.Data()), `"what":1`) {
		t.Errorf("of a newer layer: %+v", u)
	}
	if u = read(); !errors.Is(u.Err, client.ErrRedacted) || u.Redacted != "service message" {
		t.Errorf("redacted: %+v", u)
	}
	if u = read(); u.Err == nil || u.Headers().Get("Content-Type") != "text/plain" {
		t.Errorf("garbage: %+v", u)
	}
}

// Several goroutines may wait at the same subscription, each for as long as it likes; Stop ends them all.
func TestManyWait(t *testing.T) {
	a := newArchive(t)
	for _, cfg := range []client.UpdatesConfig{{}, {Durable: "d"}, {Durable: "p", Partitions: 2}} {
		s := subscribe(t, client.New(a.nc, "main"), cfg)
		var waiting sync.WaitGroup
		for range 3 {
			waiting.Go(func() {
				if u, err := s.Next(soon(t)); !errors.Is(err, jetstream.ErrMsgIteratorClosed) {
					t.Errorf("%+v: %v %v", cfg, u, err)
				}
			})
		}
		for range 2 {
			over, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			if _, err := s.Next(over); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%+v: %v", cfg, err)
			}
			cancel()
		}
		s.Stop()
		waiting.Wait()
	}
}

func TestSubscribeErrors(t *testing.T) {
	nc := busOnly(t)
	c := client.New(nc, "main")
	if _, err := c.Subscribe(soon(t), client.UpdatesConfig{}); !errors.Is(err, jetstream.ErrStreamNotFound) || !strings.Contains(err.Error(), "main") {
		t.Error(err)
	}
	archiveAt(t, nc)
	for _, row := range []struct {
		cfg  client.UpdatesConfig
		want string
	}{
		{client.UpdatesConfig{Durable: "a.b"}, "Durable"},
		{client.UpdatesConfig{Partitions: 4}, "Partitions"},
		{client.UpdatesConfig{Durable: "d", Partitions: 65}, "Partitions"},
		{client.UpdatesConfig{Durable: "d", Partitions: 2, Start: client.StartLast()}, "last"},
		{client.UpdatesConfig{Prefetch: -1}, "Prefetch"},
		{client.UpdatesConfig{MaxInFlight: -1}, "MaxInFlight"},
		{client.UpdatesConfig{Filters: []client.Filter{{Kind: "group"}}}, "group"},
	} {
		if _, err := c.Subscribe(soon(t), row.cfg); err == nil || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%+v: %v", row.cfg, err)
		}
	}
	if _, err := client.New(nc, "").Subscribe(soon(t), client.UpdatesConfig{}); err == nil {
		t.Error("an account without a name")
	}
	for _, cfg := range []client.UpdatesConfig{{}, {Durable: "d"}, {Durable: "p", Partitions: 2}} {
		s := subscribe(t, c, cfg)
		over, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if _, err := s.Next(over); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%+v: %v", cfg, err)
		}
		cancel()
		s.Stop()
		if _, err := s.Next(soon(t)); !errors.Is(err, jetstream.ErrMsgIteratorClosed) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	for _, err := range client.New(nc, "X").Updates(soon(t), client.UpdatesConfig{}) {
		if err == nil {
			t.Error("an account that cannot be")
		}
	}
}

// The newest few are counted among those that are wanted, not among all that the stream holds.
func TestStartNewest(t *testing.T) {
	a := newArchive(t)
	payload := typing
	a.add("main.updateNewMessage.channel.5", "common", payload, "N", "0")
	for i := range 40 {
		a.add("other.updateNewMessage.user.5", "common", payload)
		a.add(fmt.Sprintf("main.updateNewMessage.user.%d", 5+i%2), "common", payload, "N", fmt.Sprint(i))
	}
	a.add("main.gap.user.6", "common", `{"gap":{"box":"common","from":3,"to":9,"reason":"too long","filled":true}}`, "N", "gap")
	for range 30 {
		a.add("other.updateNewMessage.user.5", "common", payload)
	}
	for _, c := range []struct {
		n       int
		filters []client.Filter
		want    string
	}{
		{3, nil, "38 39 gap"},
		{2, []client.Filter{{Update: "updateNewMessage"}}, "39 gap"},
		{2, []client.Filter{{Kind: client.User, ChatID: 5}}, "36 38"},
		{2, []client.Filter{{Kind: client.User}, {Update: "updateNewMessage", ChatID: 5}}, "39 gap"}, // they overlap: sorted out here
		{4, []client.Filter{{Kind: client.Channel}}, "0"},
		{4, []client.Filter{{Kind: client.Secret}}, ""},
	} {
		s := subscribe(t, client.New(a.nc, "main"), client.UpdatesConfig{Start: client.StartNewest(c.n), Filters: c.filters})
		a.add("main.updateNewMessage.secret.1", "common", payload, "N", "end")
		a.add("main.updateNewMessage.user.5", "common", payload, "N", "end")
		a.add("main.updateNewMessage.channel.5", "common", payload, "N", "end")
		var got []string
		for {
			u, err := s.Next(soon(t))
			if err != nil {
				t.Fatal(err)
			}
			if n := u.Headers().Get("N"); n != "end" {
				got = append(got, n)
				continue
			}
			break
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("the newest %d of %v: %v, want %s", c.n, c.filters, got, c.want)
		}
		s.Stop()
		st, err := a.js.Stream(soon(t), "TG_UPDATES")
		if err != nil {
			t.Fatal(err)
		}
		for seq := st.CachedInfo().State.LastSeq - 2; seq <= st.CachedInfo().State.LastSeq; seq++ {
			if err := st.DeleteMsg(soon(t), seq); err != nil {
				t.Fatal(err)
			}
		}
	}
}
