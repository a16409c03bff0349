package client_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/client"
)

// What is there comes first, the last of each dialog; then what changes.
func TestChats(t *testing.T) {
	a := newArchive(t)
	if _, err := a.js.CreateStream(soon(t), jetstream.StreamConfig{Name: "TG_STATE", Subjects: []string{"tg.state.>"}, MaxMsgsPerSubject: 1}); err != nil {
		t.Fatal(err)
	}
	put := func(subject, body string) {
		m := nats.NewMsg("tg.state." + subject)
		m.Data = []byte(body)
		m.Header.Set("Tg-Through", "17")
		if _, err := a.js.PublishMsg(soon(t), m); err != nil {
			t.Fatal(err)
		}
	}
	dialog := func(top int) string {
		return fmt.Sprintf(`{"dialog":{"_":"dialog","peer":{"_":"peerUser","user_id":"5"},"top_message":%d,"read_inbox_max_id":1,"read_outbox_max_id":0,"unread_count":2,`+
			`"unread_mentions_count":0,"unread_reactions_count":0,"unread_poll_votes_count":0,"notify_settings":{"_":"peerNotifySettings"}},"name":"Eve","date":1700000000,"pin":1}`, top)
	}
	put("main.dialog.user.5", dialog(7))
	put("main.dialog.user.5", dialog(8))
	put("main.dialog.channel.6", `{"stale":true}`)
	put("main.dialog.chat.7", `nonsense`)
	put("main.through.none.0", `{"seq":17}`)
	put("other.dialog.user.9", dialog(1))
	ctx, cancel := context.WithCancel(soon(t))
	defer cancel()
	var got []string
	var last error
	for s, err := range client.New(a.nc, "main").Chats(ctx) {
		if err != nil {
			last = err
			break
		}
		line := fmt.Sprintf("%s.%d left %d through %d stale %v gone %v err %v", s.Kind, s.ID, s.Left, s.Through, s.Stale, s.Gone, s.Err != nil)
		if s.Dialog != nil {
			line += fmt.Sprintf(" %s pin %d top %d of %d", s.Name, s.Pin, s.Dialog.TopMessage, s.Date.Unix())
		}
		got = append(got, line)
		switch len(got) {
		case 3:
			put("main.dialog.user.5", `{"gone":true}`)
		case 4:
			cancel()
		}
	}
	want := []string{
		"user.5 left 2 through 17 stale false gone false err false Eve pin 1 top 8 of 1700000000",
		"channel.6 left 1 through 17 stale true gone false err false",
		"chat.7 left 0 through 17 stale false gone false err true",
		"user.5 left 0 through 17 stale false gone true err false",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || !errors.Is(last, context.Canceled) {
		t.Errorf("%v\n%q\nwant\n%q", last, got, want)
	}
}
