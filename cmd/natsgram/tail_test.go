package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/client"
	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/subjects"
)

func TestUpdatesForPeople(t *testing.T) {
	users := `"users":[{"_":"user","id":"7","first_name":"Alice","last_name":"A."},{"_":"user","id":"1","first_name":"Me"}]`
	for _, c := range []struct {
		name, subject, body string
		want, not           string
		content, redacted   string
	}{
		{"in a group", "tg.upd.main.updateNewMessage.chat.5",
			`{"update":{"_":"updateNewMessage","message":{"_":"message","from_id":{"_":"peerUser","user_id":"7"},"message":"hello"}},` + users + `,"chats":[{"id":"5","title":"Garden"}]}`,
			"Garden (chat.5)  Alice A.: hello", "", "", ""},
		{"private", "tg.upd.main.updateNewMessage.user.7",
			`{"update":{"_":"updateNewMessage","message":{"_":"message","peer_id":{"_":"peerUser","user_id":"7"},"message":"hi"}},` + users + `}`,
			"Alice A. (user.7)  Alice A.: hi", "", "", ""},
		{"our own", "tg.upd.main.updateNewMessage.user.7",
			`{"update":{"_":"updateNewMessage","message":{"_":"message","out":true,"peer_id":{"_":"peerUser","user_id":"7"},"message":"hi"}},` + users + `}`,
			"me: hi", "", "", ""},
		{"a photo", "tg.upd.main.updateNewChannelMessage.channel.9",
			`{"update":{"message":{"_":"message","message":"look","media":{"_":"messageMediaPhoto"}}},"chats":[{"id":"9","title":"News"}]}`,
			"News (channel.9)  look [messageMediaPhoto]", "", "", ""},
		{"no message", "tg.upd.main.updateReadHistoryInbox.none.0", `{"update":{"_":"updateReadHistoryInbox","max_id":3}}`, `"max_id":3`, "", "", ""},
		{"terminal control", "tg.upd.main.updateNewMessage.chat.5", `{"update":{"message":{"message":"\u001b[2Jgone\u202e"}}}`, "[2Jgone", "\x1b", "", ""},
		{"not JSON", "tg.upd.main.updateNewMessage.chat.5", "\x81", "1 bytes of  that cannot be read", "", "", ""},
		{"a gap", "tg.upd.main.gap.channel.7", `{"gap":{"box":"channel.7","from":10,"to":90,"reason":"too long","filled":true}}`,
			"updates of channel.7 are missing, after 10, up to 90: too long; filled from history", "", "", ""},
		{"a gap for good", "tg.upd.main.gap.none.0", `{"gap":{"box":"common","from":10,"to":10,"reason":"first seen","filled":false}}`,
			"updates of common are missing, nobody knows how many: first seen; not filled", "", "", ""},
		{"the beginning", "tg.upd.main.gap.none.0", `{"gap":{"box":"common","from":0,"to":12,"reason":"beginning","filled":false}}`,
			"the account's updates begin here, after pts 12", "missing", "", ""},
		{"somebody else", "tg.upd.main.gap.none.0", `{"gap":{"box":"common","from":0,"to":12,"reason":"another user","filled":false}}`,
			"the updates of another user begin here, after pts 12", "missing", "", ""},
		{"withheld", "tg.upd.main.updateNewMessage.user.777000", `{"update":{"_":"updateNewMessage","message":{"_":"message","id":5,"message":""}}}`,
			`"id":5`, "", "application/json", "service message"},
		{"too large", "tg.upd.main.updateNewMessage.user.5", `{"update":{"_":"updateNewMessage"},"users":[],"chats":[],"redacted":{"reason":"too large","ids":["7"]}}`,
			`"ids":["7"]} [redacted: too large]`, "", "", "too large"},
		{"nothing but headers", "tg.upd.main.updateNewMessage.user.5", "", "[redacted: too large]", "", "application/json", "too large"},
		{"in MessagePack", "tg.upd.main.updateNewMessage.chat.5", "\x81\xa6update\x81\xa7message\x81\xa7message\xa5hello", "hello", "bytes", "application/msgpack", ""},
		{"of a newer layer", "tg.upd.main.unknown.none.0", "\x01\x02\x03\x04", "4 bytes of application/x-tl", "", "application/x-tl", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			p := &updatePrinter{out: &out}
			if err := p.print(metaOf(c.subject, c.redacted), nats.Header{subjects.HeaderContentType: {c.content}}, []byte(c.body)); err != nil {
				t.Fatal(err)
			}
			got := out.String()
			if !strings.Contains(got, c.want) || c.not != "" && strings.Contains(got, c.not) {
				t.Errorf("got %q, want it to hold %q and not %q", got, c.want, c.not)
			}
		})
	}
}

// metaOf is what a subject says of an update.
func metaOf(subject, redacted string) client.Meta {
	_, u, _ := subjects.Scheme{}.ParseUpdate(subject)
	return client.Meta{Type: u.Type, Kind: u.Kind, ChatID: u.ID, Redacted: redacted, Date: time.Unix(1700000000, 0)}
}

// A line is a line, and an object, whatever is published: jq would end at anything else.
func TestUpdatesAsJSON(t *testing.T) {
	for body, content := range map[string]string{
		`{"update":{}}`: "application/json", "\x81\xa6update\x80": "application/msgpack", "\x01\x02\n\x04": "application/x-tl", "": "application/json", "\n{": "",
	} {
		var out bytes.Buffer
		p := &updatePrinter{out: &out, json: true}
		if err := p.print(client.Meta{}, nats.Header{subjects.HeaderContentType: {content}}, []byte(body)); err != nil {
			t.Fatal(err)
		}
		var object map[string]any
		if line := out.String(); strings.Count(line, "\n") != 1 || json.Unmarshal(out.Bytes(), &object) != nil {
			t.Errorf("%q: %q", body, line)
		}
	}
}

// tailRig is a stream with some updates, and what tail prints of it.
type tailRig struct {
	t   *testing.T
	set settings.Settings
	nc  *nats.Conn
	js  jetstream.JetStream
}

func newTailRig(t *testing.T) *tailRig {
	t.Helper()
	srv := embeddedtest.Start(t)
	r := &tailRig{t: t, set: settings.Defaults()}
	r.set.NATS.URL = srv.ClientURL()
	var err error
	if r.nc, err = nats.Connect(srv.ClientURL()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.nc.Close)
	if r.js, err = jetstream.New(r.nc); err != nil {
		t.Fatal(err)
	}
	if _, err := r.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "TG_UPDATES", Subjects: []string{"tg.upd.>", "tg.own.*"}}); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *tailRig) add(subject, n string) {
	r.t.Helper()
	if _, err := r.js.Publish(r.t.Context(), "tg.upd."+subject, []byte(`{"n":"`+n+`"}`)); err != nil {
		r.t.Fatal(err)
	}
}

// tail prints so many updates, and tells their numbers.
func (r *tailRig) tail(account string, o tailOptions) string {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), time.Minute)
	defer cancel()
	var out bytes.Buffer
	o.json = true
	if err := tail(ctx, r.set, account, o, &updatePrinter{out: &out, errs: io.Discard, json: true}); err != nil {
		r.t.Fatal(err)
	}
	return strings.NewReplacer(`{"n":"`, "", `"}`, "", "\n", " ").Replace(out.String())
}

// --last counts what is wanted, of this account; filters may overlap; --durable goes on where it was.
func TestTail(t *testing.T) {
	r := newTailRig(t)
	for i := range 5 {
		r.add("main.updateNewMessage.channel.5", fmt.Sprint("c", i))
		r.add("main.updateNewMessage.user.6", fmt.Sprint("u", i))
		for range 9 {
			r.add("other.updateNewMessage.channel.5", "other")
		}
	}
	for _, c := range []struct {
		o    tailOptions
		want string
	}{
		{tailOptions{last: 3, count: 3}, "u3 c4 u4 "},
		{tailOptions{last: 2, count: 2, chats: []string{"channel.*"}}, "c3 c4 "},
		{tailOptions{last: 3, count: 3, chats: []string{"channel.*", "channel.5"}}, "c2 c3 c4 "},
		{tailOptions{all: true, count: 3, chats: []string{"channel.*", "*.6"}}, "c0 u0 c1 "},
		{tailOptions{all: true, count: 2, types: []string{"updateNewMessage", "updateOther"}, chats: []string{"user.6", "user.*"}}, "u0 u1 "},
		{tailOptions{all: true, count: 2, durable: "d"}, "c0 u0 "},
		{tailOptions{all: true, count: 2, durable: "d"}, "c1 u1 "},
	} {
		if got := r.tail("main", c.o); got != c.want {
			t.Errorf("%+v: %s, want %s", c.o, got, c.want)
		}
	}
}

// --topic: by headers; General's messages have none, threads outside of forums one of their own, and what is missing is told in any topic.
func TestTailOfATopic(t *testing.T) {
	r := newTailRig(t)
	say := func(subject, n, id, topic, thread string) {
		t.Helper()
		m := nats.NewMsg("tg.upd.main." + subject)
		m.Data = []byte(`{"n":"` + n + `"}`)
		for name, value := range map[string]string{subjects.HeaderMessage: id, subjects.HeaderTopic: topic, subjects.HeaderThread: thread} {
			if value != "" {
				m.Header.Set(name, value)
			}
		}
		if _, err := r.js.PublishMsg(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	say("updateNewChannelMessage.channel.5", "seven", "8", "7", "")
	say("updateNewChannelMessage.channel.5", "general", "9", "", "")
	say("updateNewChannelMessage.channel.6", "elsewhere", "8", "7", "")
	say("updateChannelTooLong.channel.5", "none", "", "", "")
	say("gap.channel.5", "gap", "", "", "")
	say("updateNewChannelMessage.channel.5", "again", "10", "7", "")
	say("updateNewChannelMessage.channel.9", "first", "11", "", "7")
	say("updateNewChannelMessage.channel.9", "beside", "12", "", "")
	say("updateNewChannelMessage.channel.9", "another", "13", "", "8")
	say("updateEditChannelMessage.channel.9", "edited", "11", "", "7")
	for _, c := range []struct {
		o    tailOptions
		want string
	}{
		{tailOptions{all: true, count: 3, chats: []string{"channel.5"}, topics: []int{7}}, "seven gap again "},
		{tailOptions{all: true, count: 2, chats: []string{"channel.5"}, topics: []int{client.General}}, "general gap "},
		{tailOptions{all: true, count: 2, chats: []string{"channel.9"}, topics: []int{7}}, "first edited "},
		{tailOptions{all: true, count: 3, chats: []string{"channel.9"}, topics: []int{7, 8}}, "first another edited "},
		{tailOptions{last: 3, count: 3, types: []string{"updateNewChannelMessage"}, topics: []int{7}}, "gap again first "},
		{tailOptions{all: true, count: 4, chats: []string{"channel.5"}, topics: []int{7, client.General}}, "seven general gap again "},
	} {
		if got := r.tail("main", c.o); got != c.want {
			t.Errorf("%+v: %s, want %s", c.o, got, c.want)
		}
	}
}

// --headers: all that a message has, in a line.
func TestTailWithHeaders(t *testing.T) {
	r := newTailRig(t)
	m := nats.NewMsg("tg.upd.main.updateDeleteMessages.chat.5")
	m.Header.Set(subjects.HeaderMessage, "7,8")
	m.Data = []byte(`{"update":{}}`)
	if _, err := r.js.PublishMsg(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := tail(t.Context(), r.set, "main", tailOptions{all: true, count: 1}, &updatePrinter{out: &out, errs: io.Discard, headers: true}); err != nil {
		t.Fatal(err)
	}
	const want = `{"subject":"tg.upd.main.updateDeleteMessages.chat.5","seq":1,"headers":{"Tg-Msg-Id":"7,8"},"body":{"update":{}}}`
	if got := strings.TrimSpace(out.String()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// --events: the account's own life beside its updates.
func TestTailOfEvents(t *testing.T) {
	r := newTailRig(t)
	r.add("main.updateNewMessage.user.5", "kept")
	stop := make(chan struct{})
	defer close(stop)
	go func() { // nobody knows when tail listens
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_ = r.nc.Publish("tg.evt.main.connected", []byte(`{"event":"connected","account":"main","dc":2}`))
			case <-stop:
				return
			}
		}
	}()
	ctx, enough := context.WithTimeout(t.Context(), time.Minute)
	defer enough()
	both := &untilSeen{want: []string{"kept", `"event":"connected"`}, enough: enough}
	p := &updatePrinter{out: both, errs: io.Discard, json: true}
	if err := tail(ctx, r.set, "main", tailOptions{all: true, events: true}, p); err != nil || len(both.want) > 0 {
		t.Errorf("%v, not seen: %v", err, both.want)
	}
}

// untilSeen is where tail writes to until all was seen.
type untilSeen struct {
	want   []string
	enough func()
}

func (u *untilSeen) Write(line []byte) (int, error) {
	u.want = slices.DeleteFunc(u.want, func(s string) bool { return bytes.Contains(line, []byte(s)) })
	if len(u.want) == 0 {
		u.enough()
	}
	return len(line), nil
}

func TestTailFilters(t *testing.T) {
	o := tailOptions{types: []string{"updateNewMessage", "gap"}, chats: []string{"channel.9", "user.*", "*.7"}}
	want := []client.Filter{
		{Update: "updateNewMessage", Kind: client.Channel, ChatID: 9}, {Update: "updateNewMessage", Kind: client.User}, {Update: "updateNewMessage", ChatID: 7},
		{Update: "gap", Kind: client.Channel, ChatID: 9}, {Update: "gap", Kind: client.User}, {Update: "gap", ChatID: 7},
	}
	if got := o.filters(); !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	o = tailOptions{topics: []int{7, client.General}, chats: []string{"channel.9"}}
	if got := o.filters(); !slices.Equal(got, []client.Filter{{Kind: client.Channel, ChatID: 9, Topic: 7}, {Kind: client.Channel, ChatID: 9, Topic: client.General}}) {
		t.Errorf("got %v", got)
	}
	if got := (tailOptions{}).filters(); !slices.Equal(got, []client.Filter{{}}) {
		t.Errorf("got %v", got)
	}
}
