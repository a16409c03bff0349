package account

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/chats"
	"github.com/natsgram/natsgram/bridge/methods"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl/codec"
)

// town is a rig whose account lives in a Telegram in a box.
type town struct {
	*rig
	server      *mttest.Server
	me, eve, al *mttest.Account
	news        *mttest.Channel
}

func newTown(t *testing.T) *town {
	x := &town{rig: newRig(t)}
	x.set.State = []string{"all"}
	x.server = mttest.NewServer(t)
	x.me, x.eve, x.al = x.server.AddUser(mttest.User{First: "Me"}), x.server.AddUser(mttest.User{First: "Eve"}), x.server.AddUser(mttest.User{First: "Al"})
	x.news = x.server.AddChannel(mttest.ChannelConfig{Title: "News", Creator: x.eve, Members: []*mttest.Account{x.me}})
	key, salt, home := x.server.Authorize(x.me)
	state, err := json.Marshal(mtproto.State{Version: mtproto.StateVersion, Home: home, UserID: x.me.ID(), DCs: map[int]mtproto.DCState{
		home: {Key: key.AppendBytes(nil), Created: time.Now(), Salts: []mtproto.Salt{{Salt: salt}}, Authorized: true},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.vault.Replace(context.Background(), "main", state); err != nil {
		t.Fatal(err)
	}
	return x
}

// serve starts a daemon's runner, which ends by itself or by the next one's coming.
func (x *town) serve() {
	x.t.Helper()
	s, decl := layer()
	rules, err := updates.Compile(s, decl)
	if err != nil {
		x.t.Fatal(err)
	}
	kept, err := chats.Open(context.Background(), x.storage)
	if err != nil {
		x.t.Fatal(err)
	}
	x.r = New(Config{
		Name: "main", Settings: x.set, Conn: x.nc, Answers: answersOf(x.t, x.nc), Stores: Stores{Store: x.store, Records: x.records, Vault: x.vault, Chats: kept},
		Methods: methods.New(s, decl, nil), Rules: rules, Env: x.server.Env(),
	})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	r := x.r
	go func() { ended <- r.Run(ctx) }()
	x.end = sync.OnceValue(func() error { cancel(); return <-ended })
	x.t.Cleanup(func() { _ = x.end() })
	x.await(func(st Status) bool { return st.Follows })
}

// records are what TG_STATE says of a chat: date and pin left out.
func (x *town) record(chat string) (r struct {
	Dialog struct {
		Top    int  `json:"top_message"`
		Unread int  `json:"unread_count"`
		Pinned bool `json:"pinned"`
		Draft  struct{ Message string }
	}
	Name        string
	Stale, Gone bool
}) {
	x.t.Helper()
	st, err := x.js.Stream(context.Background(), "TG_STATE")
	if err != nil {
		x.t.Fatal(err)
	}
	m, err := st.GetLastMsgForSubject(context.Background(), "tg.state.main.dialog."+chat)
	if err != nil {
		return r
	}
	if err := json.Unmarshal(m.Data, &r); err != nil {
		x.t.Fatal(err)
	}
	return r
}

// says waits until TG_STATE says something of a chat.
func (x *town) says(chat, what string) {
	x.t.Helper()
	limit := time.Now().Add(60 * time.Second)
	for {
		r := x.record(chat)
		got := fmt.Sprintf("%s: top %d, %d unread", r.Name, r.Dialog.Top, r.Dialog.Unread)
		if r.Dialog.Pinned {
			got += ", pinned"
		}
		if r.Dialog.Draft.Message != "" {
			got += ", draft " + r.Dialog.Draft.Message
		}
		if r.Gone {
			got = "gone"
		}
		if got == what && !r.Stale {
			return
		}
		if time.Now().After(limit) {
			x.t.Fatalf("%s: %q stale %v, want %q", chat, got, r.Stale, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// The stream has every dialog as it is, through whatever befalls the daemon.
func TestDialogsAreKept(t *testing.T) {
	x := newTown(t)
	x.eve.Send(x.me, "before anybody ran the account")
	eve, al, news := fmt.Sprint("user.", x.eve.ID()), fmt.Sprint("user.", x.al.ID()), fmt.Sprint("channel.", x.news.ID())
	x.serve()
	x.says(eve, "Eve: top 1, 1 unread")
	x.says(news, "News: top 1, 1 unread")
	x.eve.Send(x.me, "2")
	x.al.Send(x.me, "3")
	x.says(eve, "Eve: top 2, 2 unread")
	x.says(al, "Al: top 3, 1 unread")
	x.me.Pin(x.al, true)
	x.me.Draft(x.eve, "hm")
	x.me.Read(x.eve, 0)
	x.says(al, "Al: top 3, 1 unread, pinned")
	x.says(eve, "Eve: top 2, 0 unread, draft hm")
	if err := x.end(); err != nil { // released
		t.Fatal(err)
	}
	m := x.eve.Send(x.me, "4")
	x.al.Send(x.me, "5")
	x.serve()
	x.says(eve, "Eve: top 4, 1 unread, draft hm")
	x.says(al, "Al: top 5, 2 unread, pinned")
	x.eve.Delete(x.me, m.ID)
	x.says(eve, "Eve: top 2, 0 unread, draft hm")
	x.me.Leave(x.news)
	x.says(news, "gone")
	x.serve() // another daemon takes it from the one before
	x.al.Send(x.me, "6")
	x.says(al, "Al: top 6, 3 unread, pinned")
	for ask, want := range map[string]string{
		`{"folder":"a"}`: "chats: folder: want a whole number, got string", `{"offset":-1}`: "want 0 or more", `{"limit":-1}`: "want 0 or more", `{"folder":-1}`: "want 0 or more",
		`{"limits":1}`: "limits: no such field, did you mean limit?", `[`: "unexpected EOF",
	} {
		if reply, err := x.nc.Request("tg.ctl.main.chats", []byte(ask), 30*time.Second); err != nil || !strings.Contains(reply.Header.Get("Nats-Service-Error"), want) {
			t.Errorf("%s: %v %v, want %s", ask, reply, err, want)
		}
	}
	reply, err := x.nc.Request("tg.ctl.main.chats", nil, 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var page chats.Page
	if err := json.Unmarshal(reply.Data, &page); err != nil || len(page.Chats) != 2 || page.Chats[0].ID != x.al.ID() {
		t.Errorf("%v: %s", err, reply.Data)
	}
}

// Of a dialog that was erased nothing is told, nor written with others, until there is something new of it.
func TestDialogsErased(t *testing.T) {
	x := newTown(t)
	x.eve.Send(x.me, "hi")
	x.serve()
	eve := fmt.Sprint("user.", x.eve.ID())
	x.says(eve, "Eve: top 1, 1 unread")
	x.me.Draft(x.eve, "hm")
	x.says(eve, "Eve: top 1, 1 unread, draft hm")
	if _, err := x.js.CreateStream(context.Background(), jetstream.StreamConfig{Name: "TG_DONE", Subjects: []string{"tg.done.>"}}); err != nil {
		t.Fatal(err) // a daemon's bridge makes it
	}
	reply, err := x.nc.Request("tg.ctl.main.erase", []byte(`{"peer":"`+eve+`"}`), 30*time.Second)
	if err != nil || !strings.Contains(string(reply.Data), `"TG_STATE":{`) {
		t.Fatalf("%v %s", err, reply.Data)
	}
	reply, err = x.nc.Request("tg.ctl.main.chats", nil, 30*time.Second)
	if err != nil || strings.Contains(string(reply.Data), "Eve") || strings.Contains(string(reply.Data), `"hm"`) {
		t.Errorf("%v %s", err, reply.Data)
	}
	x.al.Send(x.me, "2")
	x.says(fmt.Sprint("user.", x.al.ID()), "Al: top 2, 1 unread")
	if r := x.record(eve); r.Name != "" || r.Gone {
		t.Errorf("%+v", r)
	}
	x.eve.Send(x.me, "3")
	x.says(eve, "Eve: top 3, 2 unread, draft hm")
}

// A call of the account's own is told of by no update: the dialog is asked for.
func TestDialogsAfterOwnCalls(t *testing.T) {
	x := newTown(t)
	x.eve.Send(x.me, "hi")
	x.serve()
	eve := fmt.Sprint("user.", x.eve.ID())
	x.says(eve, "Eve: top 1, 1 unread")
	for _, call := range [][2]string{
		{"messages.readHistory", `{"peer":"` + eve + `","max_id":1}`},
		{"messages.saveDraft", `{"peer":"` + eve + `","message":"x"}`},
		{"messages.toggleDialogPin", `{"pinned":true,"peer":{"_":"inputDialogPeer","peer":"` + eve + `"}}`},
	} {
		reply, err := x.nc.Request("tg.rpc.main."+call[0], []byte(call[1]), 30*time.Second)
		if err != nil || reply.Header.Get("Nats-Service-Error") != "" {
			t.Fatalf("%s: %v %v", call[0], err, reply)
		}
	}
	x.says(eve, "Eve: top 1, 0 unread, pinned, draft x")
}

// Where the stream is lost it is made anew with all that is in it.
func TestDialogsAfterALoss(t *testing.T) {
	x := newTown(t)
	x.eve.Send(x.me, "hi")
	x.serve()
	eve := fmt.Sprint("user.", x.eve.ID())
	x.says(eve, "Eve: top 1, 1 unread")
	st, err := x.js.Stream(context.Background(), "TG_STATE")
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Purge(context.Background()); err != nil {
		t.Fatal(err)
	}
	x.r.ownership().driver.chats.Lost()
	x.says(eve, "Eve: top 1, 1 unread")
}

// keeps waits until the status says something of the dialogs.
func (x *town) keeps(what func(chats.Figures) bool) {
	x.t.Helper()
	for limit := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		d := x.r.Status().Dialogs
		if d != nil && what(*d) {
			return
		}
		if time.Now().After(limit) {
			x.t.Fatalf("%+v", d)
		}
	}
}

// What Telegram refuses to tell of the dialogs the status says by name, for as long as it does, and when it is asked again.
func TestDialogsRefused(t *testing.T) {
	x := newTown(t)
	x.eve.Send(x.me, "hi")
	allow := x.server.InterceptMethod("messages.getDialogs", func(*mttest.Request) mttest.Action { return mttest.Error(403, "CHAT_WRITE_FORBIDDEN") })
	x.serve()
	x.keeps(func(f chats.Figures) bool { return f.Error != "" && !f.Complete })
	reply, err := x.nc.Request("tg.ctl.main.status", nil, 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var st struct {
		Dialogs struct {
			Error string
			Since time.Time `json:"error_since"`
			Again time.Time `json:"error_again"`
		}
	}
	if err := json.Unmarshal(reply.Data, &st); err != nil || st.Dialogs.Error != "messages.getDialogs: 403 CHAT_WRITE_FORBIDDEN" || st.Dialogs.Since.IsZero() || !st.Dialogs.Again.After(st.Dialogs.Since) {
		t.Errorf("%v: %s", err, reply.Data)
	}
	allow()
	x.keeps(func(f chats.Figures) bool { return f.Error == "" && f.Complete })
}

// Of a call that names no chat, and has changed dialogs, nobody knows which: after all settings were reset all are asked for, and after messages
// were deleted wherever they were all are listed.
func TestDialogsAfterCallsAboutAll(t *testing.T) {
	x := newTown(t)
	x.eve.Send(x.me, "hi")
	x.serve()
	x.says(fmt.Sprint("user.", x.eve.ID()), "Eve: top 1, 1 unread")
	x.keeps(func(f chats.Figures) bool { return f.Complete })
	s, _ := layer()
	for _, c := range []struct {
		call, result codec.M
		asks         string
	}{
		{codec.M{"_": "account.resetNotifySettings"}, codec.M{"_": "boolTrue"}, "messages.getPeerDialogs"},
		{codec.M{"_": "messages.deletePhoneCallHistory"}, codec.M{"_": "messages.affectedFoundMessages", "pts": 1, "pts_count": 0, "offset": 0, "messages": []int{}}, "messages.getDialogs"},
		{codec.M{"_": "messages.updateDialogFiltersOrder", "order": []int{}}, codec.M{"_": "boolTrue"}, "messages.getDialogFilters"},
	} {
		asked := make(chan struct{}, 1)
		over := x.server.InterceptMethod(c.asks, func(*mttest.Request) mttest.Action {
			select {
			case asked <- struct{}{}:
			default:
			}
			return mttest.Pass()
		})
		query, err := s.Encode(nil, c.call)
		if err != nil {
			t.Fatal(err)
		}
		result, err := s.Encode(nil, c.result)
		if err != nil {
			t.Fatal(err)
		}
		x.r.ownership().keeping.told(query, result)
		select {
		case <-asked:
		case <-time.After(20 * time.Second):
			t.Errorf("%v: nobody asks by %s", c.call["_"], c.asks)
		}
		over()
	}
}
