package chats

import (
	"testing"

	"github.com/natsgram/natsgram/bridge/dialogs"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl/api/apitest"
)

// What the account saves in its own chat waits for nobody to read it, though Telegram does not say that it is outgoing. In another chat it does.
func TestSavedMessagesAreRead(t *testing.T) {
	s, decl := apitest.Layer()
	for id, want := range map[int64]int{1: 0, 2: 1} {
		l := dialogs.New(s, decl, nil)
		record := `{"dialog":{"_":"dialog","peer":{"_":"peerUser","user_id":"` + string(rune('0'+id)) + `"},"top_message":5,"read_inbox_max_id":5,"read_outbox_max_id":5,"unread_count":0,` +
			`"unread_mentions_count":0,"unread_reactions_count":0,"unread_poll_votes_count":0,"notify_settings":{"_":"peerNotifySettings"}}}`
		loading, chat := l.Load(), updates.Peer{Kind: updates.PeerUser, ID: id}
		if err := loading.Record(chat, 1, []byte(record)); err != nil {
			t.Fatal(err)
		}
		loading.Done(1)
		x := &session{k: &shared{c: Config{User: 1}}, fold: l}
		x.apply([]stored{{2, []dialogs.Fact{{Name: "updateNewMessage", Chat: chat, About: updates.About{MsgID: 6}}}}})
		tl, _ := l.Dialog(chat)
		v, err := s.View(tl)
		if err != nil || v.Int("top_message") != 6 || int(v.Int("unread_count")) != want {
			t.Errorf("chat %d: top %d, %d unread, want %d: %v", id, v.Int("top_message"), v.Int("unread_count"), want, err)
		}
	}
}
