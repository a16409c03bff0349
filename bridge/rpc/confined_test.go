package rpc

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// A call that is about a chat says so by itself where it does not, and cannot be about another.
func TestCallAboutAChat(t *testing.T) {
	var got string
	s, _ := layer()
	g := newRig(t, func(_ context.Context, call codec.View) ([]byte, error) {
		p, ok := call.Object("peer")
		if !ok {
			p, ok = call.Object("channel")
		}
		if got = p.Name() + " " + fmt.Sprint(p.Int("channel_id")+p.Int("user_id")); !ok {
			got = "chat " + fmt.Sprint(call.Int("chat_id"))
		}
		return nil, refusedBy{Fault{Code: 400, Text: "SEEN", Telegram: "SEEN", Sent: "yes"}}
	}, func(c *Config) {
		c.Self = 777
		c.Resolve = func(_ context.Context, class, text string) ([]byte, bool, *Fault) {
			object := map[string]codec.M{
				"InputPeer channel.5":    {"_": "inputPeerChannel", "channel_id": int64(5), "access_hash": int64(1)},
				"InputChannel channel.5": {"_": "inputChannel", "channel_id": int64(5), "access_hash": int64(1)},
				"InputPeer @news":        {"_": "inputPeerChannel", "channel_id": int64(5), "access_hash": int64(1)},
				"InputPeer @other":       {"_": "inputPeerChannel", "channel_id": int64(6), "access_hash": int64(1)},
				"InputPeer me":           {"_": "inputPeerSelf"},
			}[class+" "+text]
			if object == nil {
				return nil, false, nil
			}
			b, err := s.Encode(nil, object)
			if err != nil {
				t.Error(err)
			}
			return b, true, nil
		}
	})
	news, none := subjects.ChatRef{Kind: subjects.Channel, ID: 5}, subjects.ChatRef{Kind: subjects.None}
	for _, c := range []struct {
		chat         subjects.ChatRef
		method, body string
		want         string // what Telegram sees, or the beginning of the refusal
	}{
		{news, "messages.sendMessage", `{"message":"x"}`, "inputPeerChannel 5"},
		{news, "messages.sendMessage", `{"message":"x","peer":"@news"}`, "inputPeerChannel 5"},
		{news, "messages.sendMessage", `{"message":"x","peer":"@other"}`, "403 messages.sendMessage.peer: channel.6"},
		{news, "messages.sendMessage", `{"message":"x","send_as":"me"}`, "inputPeerChannel 5"},
		{news, "messages.sendMessage", `{"message":"x","send_as":"@other"}`, "403 messages.sendMessage.send_as: channel.6"},
		{news, "channels.editTitle", `{"title":"x"}`, "inputChannel 5"},
		{news, "messages.editChatTitle", `{"title":"x"}`, "400 messages.editChatTitle is not about a chat of the kind channel"},
		{subjects.ChatRef{Kind: subjects.Chat, ID: 7}, "messages.editChatTitle", `{"title":"x"}`, "chat 7"},
		{subjects.ChatRef{Kind: subjects.Chat, ID: 7}, "messages.editChatTitle", `{"title":"x","chat_id":8}`, "403 messages.editChatTitle.chat_id: chat.8"},
		{subjects.ChatRef{Kind: subjects.User, ID: 777}, "messages.sendMessage", `{"message":"x"}`, "inputPeerSelf 0"},
		{news, "messages.getDialogs", `{}`, "403 messages.getDialogs has no parameter"},
		{news, "help.noSuch", `{}`, "404"},
		{none, "messages.sendMessage", `{"message":"x"}`, "400 messages.sendMessage: peer: missing"},
		{none, "messages.sendMessage", `{"message":"x","peer":"@news"}`, "403 messages.sendMessage.peer: channel.5: the subject names no chat"},
		{none, "invokeWithoutUpdates", `{"query":{"_":"help.getConfig"}}`, "403 invokeWithoutUpdates carries"},
	} {
		got = ""
		r := g.s.Do(context.Background(), Call{Method: c.method, Body: []byte(c.body), Chat: &c.chat})
		if r.Fault == nil || r.Fault.Telegram != "SEEN" {
			got = fmt.Sprint(r.Fault.Code, " ", r.Fault.Text)
			if r.Fault.Sent != "no" {
				t.Errorf("%s: %+v", c.body, r.Fault)
			}
		}
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%s %s %s: %s, want %s", c.chat, c.method, c.body, got, c.want)
		}
	}
}
