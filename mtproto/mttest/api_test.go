package mttest_test

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/tl/codec"
)

func userPeer(viewer, of *mttest.Account) M {
	return M{"_": "inputPeerUser", "user_id": of.ID(), "access_hash": viewer.AccessHash(of)}
}

func channelPeer(viewer *mttest.Account, ch *mttest.Channel) M {
	return M{"_": "inputPeerChannel", "channel_id": ch.ID(), "access_hash": viewer.AccessHash(ch)}
}

func inputChannel(viewer *mttest.Account, ch *mttest.Channel) M {
	return M{"_": "inputChannel", "channel_id": ch.ID(), "access_hash": viewer.AccessHash(ch)}
}

func names(v codec.View, field string) string {
	var all []string
	for o := range v.Objects(field) {
		all = append(all, o.Name())
	}
	return strings.Join(all, " ")
}

func texts(v codec.View) string {
	var all []string
	for o := range v.Objects("messages") {
		all = append(all, o.Str("message"))
	}
	return strings.Join(all, " ")
}

func history(peer M, limit int) M {
	return M{
		"_": "messages.getHistory", "peer": peer, "offset_id": 0, "offset_date": 0, "add_offset": 0, "limit": limit, "max_id": 0, "min_id": 0, "hash": 0,
	}
}

func TestSendEditDelete(t *testing.T) {
	s := mttest.NewServer(t)
	alice, bob := s.AddUser(mttest.User{First: "Alice"}), s.AddUser(mttest.User{First: "Bob"})
	c := as(t, s, alice)
	sent := c.call(sendTo(userPeer(alice, bob), "hi", 77))
	if got := names(sent, "updates"); got != "updateMessageID updateNewMessage" {
		t.Errorf("the answer holds %s", got)
	}
	c.call(M{"_": "messages.editMessage", "peer": userPeer(alice, bob), "id": 1, "message": "hello"})
	h := c.call(history(userPeer(alice, bob), 10))
	if texts(h) != "hello" || h.Len("users") != 2 {
		t.Errorf("history: %q with %d users", texts(h), h.Len("users"))
	}
	if v := c.call(M{"_": "messages.deleteMessages", "revoke": true, "id": []int{1}}); v.Int("pts") != 3 || v.Int("pts_count") != 1 {
		t.Errorf("affected: pts %d by %d", v.Int("pts"), v.Int("pts_count"))
	}
	c.refused(M{"_": "messages.editMessage", "peer": userPeer(alice, bob), "id": 1, "message": "x"}, "400 MESSAGE_ID_INVALID")
	c.refused(sendTo(userPeer(alice, bob), "", 78), "400 MESSAGE_EMPTY")
	c.refused(sendTo(userPeer(alice, bob), "again", 77), "500 RANDOM_ID_DUPLICATE")
	c.refused(sendTo(userPeer(alice, bob), "x", 0), "400 RANDOM_ID_EMPTY")
}

// E22: whoever does not know the access hash may not.
func TestPeersAreChecked(t *testing.T) {
	s := mttest.NewServer(t)
	alice, bob, eve := s.AddUser(mttest.User{First: "A"}), s.AddUser(mttest.User{First: "B", Username: "bob"}), s.AddUser(mttest.User{First: "E"})
	club := s.AddGroup("club", alice, bob)
	secret := s.AddChannel(mttest.ChannelConfig{Title: "secret", Creator: alice})
	public := s.AddChannel(mttest.ChannelConfig{Title: "news", Username: "news", Creator: alice})
	c := as(t, s, eve)
	for _, tt := range []struct {
		peer M
		want string
	}{
		{M{"_": "inputPeerUser", "user_id": bob.ID(), "access_hash": alice.AccessHash(bob)}, "400 PEER_ID_INVALID"},
		{M{"_": "inputPeerUser", "user_id": 1, "access_hash": 0}, "400 PEER_ID_INVALID"},
		{M{"_": "inputPeerChat", "chat_id": club.ID()}, "400 PEER_ID_INVALID"},
		{M{"_": "inputPeerChannel", "channel_id": secret.ID(), "access_hash": 0}, "400 CHANNEL_INVALID"},
		{channelPeer(eve, secret), "400 CHANNEL_PRIVATE"},
		{M{"_": "inputPeerEmpty"}, "400 PEER_ID_INVALID"},
		{channelPeer(eve, public), "403 CHAT_WRITE_FORBIDDEN"},
	} {
		c.refused(sendTo(tt.peer, "x", 1), tt.want)
	}
	found := c.call(M{"_": "contacts.resolveUsername", "username": "Bob"})
	for u := range found.Objects("users") {
		c.call(sendTo(M{"_": "inputPeerUser", "user_id": u.Int("id"), "access_hash": u.Int("access_hash")}, "hello", 2))
	}
	c.refused(M{"_": "contacts.resolveUsername", "username": "nobody"}, "400 USERNAME_NOT_OCCUPIED")
	c.call(M{"_": "channels.joinChannel", "channel": inputChannel(eve, public)})
	c.refused(M{"_": "channels.joinChannel", "channel": inputChannel(eve, public)}, "400 USER_ALREADY_PARTICIPANT")
	c.call(M{"_": "channels.leaveChannel", "channel": inputChannel(eve, public)})
}

func TestDialogs(t *testing.T) {
	s := mttest.NewServer(t)
	alice, bob := s.AddUser(mttest.User{First: "Alice"}), s.AddUser(mttest.User{First: "Bob"})
	s.AddGroup("club", bob, alice)
	ch := s.AddChannel(mttest.ChannelConfig{Title: "news", Creator: bob, Members: []*mttest.Account{alice}})
	bob.Send(alice, "one")
	bob.Send(alice, "two")
	c := as(t, s, alice)
	list := M{"_": "messages.getDialogs", "offset_date": 0, "offset_id": 0, "offset_peer": M{"_": "inputPeerEmpty"}, "limit": 10, "hash": 0}
	d := c.call(list)
	if d.Name() != "messages.dialogs" || d.Len("dialogs") != 3 || d.Len("chats") != 2 {
		t.Errorf("%s: %d dialogs, %d chats", d.Name(), d.Len("dialogs"), d.Len("chats"))
	}
	list["limit"] = 1
	if d := c.call(list); d.Name() != "messages.dialogsSlice" || d.Int("count") != 3 || d.Len("dialogs") != 1 {
		t.Errorf("a page: %s of %d", d.Name(), d.Int("count"))
	}
	pd := c.call(M{"_": "messages.getPeerDialogs", "peers": []M{
		{"_": "inputDialogPeer", "peer": userPeer(alice, bob)}, {"_": "inputDialogPeer", "peer": channelPeer(alice, ch)},
	}})
	var got []string
	for d := range pd.Objects("dialogs") {
		got = append(got, fmt.Sprint(d.Int("unread_count"), " ", d.Int("pts")))
	}
	if strings.Join(got, ", ") != "2 0, 1 2" {
		t.Errorf("dialogs: %v", got)
	}
	if v := c.call(M{"_": "messages.readHistory", "peer": userPeer(alice, bob), "max_id": 0}); v.Int("pts_count") != 1 {
		t.Error("reading changed nothing")
	}
	if _, err := c.try(M{"_": "channels.readHistory", "channel": inputChannel(alice, ch), "max_id": 1}); err != nil {
		t.Error(err)
	}
	if full := c.call(M{"_": "channels.getFullChannel", "channel": inputChannel(alice, ch)}); full.Len("chats") != 1 {
		t.Error("the channel is not shown")
	}
}

func TestGroupsAndChannels(t *testing.T) {
	s := mttest.NewServer(t)
	alice, bob, carol := s.AddUser(mttest.User{First: "A", About: "me"}), s.AddUser(mttest.User{First: "B"}), s.AddUser(mttest.User{First: "C"})
	alice.AddContact(bob, carol)
	c := as(t, s, alice)
	user := func(a *mttest.Account) M {
		return M{"_": "inputUser", "user_id": a.ID(), "access_hash": alice.AccessHash(a)}
	}
	made := c.call(M{"_": "messages.createChat", "users": []M{user(bob)}, "title": "club"})
	inner, _ := made.Object("updates")
	var chat int64
	for ch := range inner.Objects("chats") {
		chat = ch.Int("id")
	}
	c.call(M{"_": "messages.addChatUser", "chat_id": chat, "user_id": user(carol), "fwd_limit": 0})
	full := c.call(M{"_": "messages.getFullChat", "chat_id": chat})
	if full.Len("users") != 3 {
		t.Errorf("%d members", full.Len("users"))
	}
	c.refused(M{"_": "messages.getFullChat", "chat_id": 1}, "400 CHAT_ID_INVALID")
	c.refused(M{"_": "messages.createChat", "users": []M{}, "title": "x"}, "400 USERS_TOO_FEW")
	if v := c.call(M{"_": "messages.getChats", "id": []int64{chat}}); v.Len("chats") != 1 {
		t.Error("the group is not listed")
	}
	ch := c.call(M{"_": "channels.createChannel", "broadcast": true, "title": "news", "about": ""})
	var in M
	for o := range ch.Objects("chats") {
		in = M{"_": "inputChannel", "channel_id": o.Int("id"), "access_hash": o.Int("access_hash")}
	}
	if got := names(c.call(M{"_": "channels.getChannels", "id": []M{in}}), "chats"); got != "channel" {
		t.Errorf("channels: %s", got)
	}
	c.call(sendTo(M{"_": "inputPeerChannel", "channel_id": in["channel_id"], "access_hash": in["access_hash"]}, "post", 5))
	got := c.call(M{"_": "channels.getMessages", "channel": in, "id": []M{{"_": "inputMessageID", "id": 2}, {"_": "inputMessageID", "id": 9}}})
	if names(got, "messages") != "message messageEmpty" || got.Int("pts") != 3 {
		t.Errorf("messages: %s at %d", names(got, "messages"), got.Int("pts"))
	}
	if v := c.call(M{"_": "channels.deleteMessages", "channel": in, "id": []int{2}}); v.Int("pts") != 4 {
		t.Errorf("pts %d after the deletion", v.Int("pts"))
	}
	if v := c.call(M{"_": "contacts.getContacts", "hash": 0}); v.Len("users") != 2 {
		t.Errorf("%d contacts", v.Len("users"))
	}
	me := c.call(M{"_": "users.getFullUser", "id": M{"_": "inputUserSelf"}})
	if u, _ := me.Object("full_user"); u.Str("about") != "me" {
		t.Error("another about")
	}
	b, err := c.try(M{"_": "users.getUsers", "id": []M{{"_": "inputUserSelf"}, {"_": "inputUser", "user_id": bob.ID(), "access_hash": 1}}})
	f, _ := s.Schema().Function("users.getUsers")
	var shown []string
	for u := range s.Schema().Objects(b, f.Result()) {
		shown = append(shown, u.Name())
	}
	if err != nil || strings.Join(shown, " ") != "user userEmpty" {
		t.Errorf("users: %v, %v", shown, err)
	}
}

// D11, D12, D15, D6
func TestFiles(t *testing.T) {
	s := mttest.NewServer(t)
	alice := s.AddUser(mttest.User{First: "A"})
	c := as(t, s, alice)
	data := bytes.Repeat([]byte("0123456789abcdef"), 100<<10/16)
	for i := range 2 {
		part := data[i*(64<<10) : min((i+1)*(64<<10), len(data))]
		if _, err := c.try(M{"_": "upload.saveFilePart", "file_id": 9, "file_part": i, "bytes": part}); err != nil {
			t.Fatal(err)
		}
	}
	sum := md5.Sum(data)
	file := M{"_": "inputFile", "id": 9, "parts": 3, "name": "a.txt", "md5_checksum": hex.EncodeToString(sum[:])}
	media := M{"_": "inputMediaUploadedDocument", "file": file, "mime_type": "text/plain", "attributes": []M{}}
	send := M{"_": "messages.sendMedia", "peer": M{"_": "inputPeerSelf"}, "media": media, "message": "", "random_id": 1}
	c.refused(send, "400 FILE_PART_2_MISSING")
	file["parts"] = 2
	good := file["md5_checksum"]
	file["md5_checksum"] = strings.Repeat("0", 32)
	c.refused(send, "400 MD5_CHECKSUM_INVALID")
	file["md5_checksum"] = good
	var doc codec.View
	for u := range c.call(send).Objects("updates") {
		if m, ok := u.Object("message"); ok {
			media, _ := m.Object("media")
			doc, _ = media.Object("document")
		}
	}
	get := func(offset, limit int) M {
		return M{"_": "upload.getFile", "offset": offset, "limit": limit, "location": M{
			"_": "inputDocumentFileLocation", "id": doc.Int("id"), "access_hash": doc.Int("access_hash"), "file_reference": doc.Bytes("file_reference"),
			"thumb_size": "",
		}}
	}
	var got []byte
	for len(got) < len(data) {
		got = append(got, c.call(get(len(got), 32<<10)).Bytes("bytes")...)
	}
	if !bytes.Equal(got, data) || doc.Int("size") != int64(len(data)) {
		t.Errorf("%d bytes came back, size %d", len(got), doc.Int("size"))
	}
	c.refused(get(1, 4096), "400 OFFSET_INVALID")
	c.refused(get(0, 5000), "400 LIMIT_INVALID")
	c.refused(get(0, 12<<10), "400 LIMIT_INVALID")
	c.refused(get(1<<20-4096, 8192), "400 OFFSET_INVALID")
	s.ExpireFileReferences()
	c.refused(get(0, 4096), "400 FILE_REFERENCE_EXPIRED")
}

func TestBigFile(t *testing.T) {
	s := mttest.NewServer(t)
	c := as(t, s, s.AddUser(mttest.User{First: "A"}))
	save := func(part, size int) M {
		return M{"_": "upload.saveBigFilePart", "file_id": 9, "file_part": part, "file_total_parts": 3, "bytes": make([]byte, size)}
	}
	c.refused(save(0, 3000), "400 FILE_PART_SIZE_INVALID")
	for i, size := range []int{4096, 4096, 100} {
		if _, err := c.try(save(i, size)); err != nil {
			t.Fatal(err)
		}
	}
	c.refused(save(1, 2048), "400 FILE_PART_SIZE_CHANGED")
	photo := M{"_": "inputMediaUploadedPhoto", "file": M{"_": "inputFileBig", "id": 9, "parts": 3, "name": "p.jpg"}}
	c.call(M{"_": "messages.sendMedia", "peer": M{"_": "inputPeerSelf"}, "media": photo, "message": "", "random_id": 1})
}

func TestUnknownAndMalformed(t *testing.T) {
	s := mttest.NewServer(t)
	c := as(t, s, s.AddUser(mttest.User{First: "A"}))
	c.refused(M{"_": "help.getSupport"}, "400 NOT_IMPLEMENTED_IN_TEST_SERVER")
	raw := func(b []byte) string {
		m := c.message(b, true)
		c.send(m)
		_, err := c.answer(m.id)
		return fmt.Sprint(err)
	}
	if got := raw(words(0x12345678)); got != "400 INPUT_METHOD_INVALID_305419896" {
		t.Error(got)
	}
	config := c.encode(M{"_": "help.getConfig"})
	if got := raw(append(config, 1, 2, 3, 4)); got != "400 INPUT_REQUEST_TOO_LONG_4" {
		t.Error(got)
	}
	state := c.encode(M{"_": "auth.exportAuthorization", "dc_id": 4})
	if got := raw(state[:4]); got != "400 INPUT_FETCH_ERROR" {
		t.Error(got)
	}
}

// Every function of the schema is answered: with a result of its type, or an error that says why not.
func TestEveryFunctionIsAnswered(t *testing.T) {
	s := mttest.NewServer(t)
	c := as(t, s, s.AddUser(mttest.User{First: "A"}))
	zeros := make([]byte, 4096)
	for _, f := range s.Schema().Functions() {
		if f.Name() == "auth.logOut" {
			continue
		}
		m := c.message(append(words(int(f.ID())), zeros[:64]...), true)
		c.send(m)
		if _, err := c.answer(m.id); err == nil {
			t.Errorf("%s took 64 zeros", f.Name())
		}
	}
	c.call(M{"_": "updates.getState"})
}
