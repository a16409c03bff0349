package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/subjects"
)

func TestUpdatesForPeople(t *testing.T) {
	users := `"users":[{"_":"user","id":"7","first_name":"Alice","last_name":"A."},{"_":"user","id":"1","first_name":"Me"}]`
	for _, c := range []struct {
		name, subject, body string
		want, not           string
	}{
		{"in a group", "tg.upd.main.updateNewMessage.chat.5",
			`{"update":{"_":"updateNewMessage","message":{"_":"message","from_id":{"_":"peerUser","user_id":"7"},"message":"hello"}},` + users + `,"chats":[{"id":"5","title":"Garden"}]}`,
			"Garden (chat.5)  Alice A.: hello", ""},
		{"private", "tg.upd.main.updateNewMessage.user.7",
			`{"update":{"_":"updateNewMessage","message":{"_":"message","peer_id":{"_":"peerUser","user_id":"7"},"message":"hi"}},` + users + `}`,
			"Alice A. (user.7)  Alice A.: hi", ""},
		{"our own", "tg.upd.main.updateNewMessage.user.7",
			`{"update":{"_":"updateNewMessage","message":{"_":"message","out":true,"peer_id":{"_":"peerUser","user_id":"7"},"message":"hi"}},` + users + `}`,
			"me: hi", ""},
		{"a photo", "tg.upd.main.updateNewChannelMessage.channel.9",
			`{"update":{"message":{"_":"message","message":"look","media":{"_":"messageMediaPhoto"}}},"chats":[{"id":"9","title":"News"}]}`,
			"News (channel.9)  look [messageMediaPhoto]", ""},
		{"no message", "tg.upd.main.updateReadHistoryInbox.none.0", `{"update":{"_":"updateReadHistoryInbox","max_id":3}}`, `"max_id":3`, ""},
		{"terminal control", "tg.upd.main.updateNewMessage.chat.5", `{"update":{"message":{"message":"\u001b[2Jgone\u202e"}}}`, "[2Jgone", "\x1b"},
		{"not JSON", "tg.upd.main.updateNewMessage.chat.5", "\x81", "1 bytes that are not JSON", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			p := &updatePrinter{out: &out, scheme: subjects.Scheme{}}
			if err := p.print(tailed{c.subject, nats.Header{"Tg-Date": {"1700000000"}}, []byte(c.body)}); err != nil {
				t.Fatal(err)
			}
			got := out.String()
			if !strings.Contains(got, c.want) || c.not != "" && strings.Contains(got, c.not) {
				t.Errorf("got %q, want it to hold %q and not %q", got, c.want, c.not)
			}
		})
	}
}

func TestFilters(t *testing.T) {
	for _, c := range []struct {
		o    tailOptions
		want string
	}{
		{tailOptions{}, "tg.upd.main.*.*.*"},
		{tailOptions{types: []string{"updateNewMessage"}}, "tg.upd.main.updateNewMessage.*.*"},
		{tailOptions{chats: []string{"channel.9", "user.*"}}, "tg.upd.main.*.channel.9 tg.upd.main.*.user.*"},
	} {
		if got := strings.Join(c.o.filters(subjects.Scheme{}, "main"), " "); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}
