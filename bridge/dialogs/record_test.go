package dialogs

import (
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl/api/apitest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Whatever stands in a record is a dialog or an error.
func FuzzRecord(f *testing.F) {
	s, decl := apitest.Layer()
	for _, text := range []string{
		`{"stale":true}`, `{"gone":true}`, `{"dialog":{"_":"dialog"}}`, `[]`, `{"dialog":null,"pin":-5}`,
		`{"dialog":{"_":"dialog","pinned":true,"peer":{"_":"peerUser","user_id":"5"},"top_message":23,"read_inbox_max_id":6,"read_outbox_max_id":0,"unread_count":4,` +
			`"unread_mentions_count":0,"unread_reactions_count":0,"unread_poll_votes_count":0,"notify_settings":{"_":"peerNotifySettings","mute_until":83},"folder_id":1},"date":9,"pin":2}`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p := updates.Peer{Kind: updates.PeerUser, ID: 5}
		fold := New(s, decl, nil)
		l := fold.Load()
		bad := l.Record(p, 7, data)
		if bad != nil && !errors.Is(bad, ErrRecord) {
			t.Error(bad)
		}
		_ = l.Folders(data)
		l.Done(7)
		if bad != nil {
			return
		}
		fold.table.touch(fold.table.of[p])
		all, more, err := fold.Changed(10)
		if err != nil || more || len(all) == 0 {
			t.Fatalf("%v %v %v", all, more, err)
		}
		again := New(s, decl, nil)
		if err := again.Load().Record(p, 7, all[0].Body); err != nil {
			t.Errorf("%v: %s", err, all[0].Body)
		}
	})
}
