package partners

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"

	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/world"
)

func TestTDLib(t *testing.T) {
	for name, secret := range map[string]string{"simple": proxyKey, "dd": "dd" + proxyKey, "fake TLS": "ee" + proxyKey + proxyDomain} {
		t.Run(name, func(t *testing.T) {
			w := newFixture(t, secret)
			c := w.tdlib(t, t.TempDir())
			w.signIn(t, c, w.alice)
			if me := c.call(object{"@type": "getMe"}); me.text("first_name") != "Alice" {
				t.Error(me)
			}
			if refused := w.proxy.Refused(); len(refused) > 0 {
				t.Errorf("the proxy refused %v", refused)
			}
		})
	}
}

// TDLib asks for the password of an account that has one, and says what is wrong.
func TestTDLibPassword(t *testing.T) {
	w := newFixture(t, proxyKey)
	w.SetPassword(w.carol, "right horse")
	c := w.tdlib(t, t.TempDir())
	c.reaches("authorizationStateWaitPhoneNumber")
	c.call(object{"@type": "setAuthenticationPhoneNumber", "phone_number": w.carol.Phone()})
	c.reaches("authorizationStateWaitCode")
	if e := c.try(object{"@type": "checkAuthenticationCode", "code": "00000"}); e.text("message") != "PHONE_CODE_INVALID" {
		t.Error(e)
	}
	c.call(object{"@type": "checkAuthenticationCode", "code": w.Code(w.carol.Phone())})
	c.reaches("authorizationStateWaitPassword")
	if e := c.try(object{"@type": "checkAuthenticationPassword", "password": "wrong"}); e.text("message") != "PASSWORD_HASH_INVALID" {
		t.Error(e)
	}
	c.call(object{"@type": "checkAuthenticationPassword", "password": "right horse"})
	c.reaches("authorizationStateReady")
}

// D6: an account that lives in another data centre.
func TestTDLibMoves(t *testing.T) {
	w := newFixture(t, proxyKey)
	dave := w.AddUser(mttest.User{First: "Dave", Phone: "+99966 4 0004", DC: 4})
	c := w.tdlib(t, t.TempDir())
	w.signIn(t, c, dave)
	if me := c.call(object{"@type": "getMe"}); me.text("first_name") != "Dave" {
		t.Error(me)
	}
}

// What TDLib sends, edits and deletes arrives, and what others do comes to it, through cut lines, new salts and forgotten sessions.
func TestTDLibTalks(t *testing.T) {
	w := newFixture(t, "dd"+proxyKey)
	w.bob.Send(w.alice, "hello")
	w.carol.Send(w.news, "The bridge is open again.")
	c := w.tdlib(t, t.TempDir())
	w.signIn(t, c, w.alice)
	c.call(object{"@type": "loadChats", "limit": 100})
	sent := c.send(w.bob.ID(), "one")
	arrived := func(text string) bool {
		for _, m := range w.World().Messages(w.alice.ID(), numbers(1, 50)) {
			if m != nil && m.Text == text {
				return true
			}
		}
		return false
	}
	if !arrived("one") {
		t.Error("the message did not arrive")
	}
	c.call(object{"@type": "editMessageText", "chat_id": w.bob.ID(), "message_id": sent.number("id"), "input_message_content": text("one, edited")})
	if !arrived("one, edited") {
		t.Error("the edit did not arrive")
	}
	for name, trouble := range map[string]func(){"cut": func() { w.Cut() }, "salts": w.NewSalts, "sessions": w.ForgetSessions, "proxy": w.proxy.Cut} {
		trouble()
		w.bob.Send(w.alice, "after "+name)
		w.carol.Send(w.news, "news after "+name)
		for _, want := range []string{"after " + name, "news after " + name} {
			c.until(want, func() bool {
				return len(c.saw("updateNewMessage", func(u object) bool { return u.in("message", "content", "text").text("text") == want })) == 1
			})
		}
		c.send(w.bob.ID(), "answer after "+name)
	}
	c.call(object{"@type": "deleteMessages", "chat_id": w.bob.ID(), "message_ids": []int64{sent.number("id")}, "revoke": true})
	if arrived("one, edited") {
		t.Error("the message is still there")
	}
	history := c.call(object{"@type": "getChatHistory", "chat_id": w.bob.ID(), "from_message_id": 0, "limit": 50})
	if n := len(history.list("messages")); n == 0 {
		t.Error("no history")
	}
}

// Files go up and come down in parts, over sessions of their own, with several temporary keys bound to one permanent key (B19),
// and from a data centre that is not the account's.
func TestTDLibFiles(t *testing.T) {
	for _, size := range []int{300_000, 11 << 20} {
		w := newFixture(t, proxyKey)
		w.bob.Send(w.alice, "hello")
		dir := t.TempDir()
		c := w.tdlib(t, dir)
		c.call(object{"@type": "setOption", "name": "use_pfs", "value": object{"@type": "optionValueBoolean", "value": true}})
		w.signIn(t, c, w.alice)
		c.call(object{"@type": "loadChats", "limit": 100})
		data := make([]byte, size)
		_, _ = rand.Read(data)
		path := filepath.Join(dir, "up.bin")
		must(t, os.WriteFile(path, data, 0o600))
		m := c.sendContent(w.bob.ID(), object{"@type": "inputMessageDocument", "document": object{"@type": "inputDocument", "document": object{"@type": "inputFileLocal", "path": path}}})
		c.call(object{"@type": "deleteFile", "file_id": m.in("content", "document", "document").number("id")})
		file := c.call(object{"@type": "downloadFile", "file_id": m.in("content", "document", "document").number("id"), "priority": 1, "synchronous": true})
		got, err := os.ReadFile(file.in("local").text("path"))
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%d bytes: %v, %d came back", size, err, len(got))
		}
	}
}

// A file that lies in another data centre than the account comes from there, by an authorization brought along.
func TestTDLibFileElsewhere(t *testing.T) {
	w := newFixture(t, proxyKey)
	data := make([]byte, 3<<20)
	_, _ = rand.Read(data)
	file := w.AddFile(4, "far.bin", data)
	c := w.tdlib(t, t.TempDir())
	w.signIn(t, c, w.alice)
	c.call(object{"@type": "loadChats", "limit": 100})
	w.bob.SendDraft(w.alice, world.Draft{Text: "far", RandomID: 1, Media: file})
	var id int64
	c.until("the message with the file", func() bool {
		for _, u := range c.saw("updateNewMessage", nil) {
			id = max(id, u.in("message", "content", "document", "document").number("id"))
		}
		return id != 0
	})
	got, err := os.ReadFile(c.call(object{"@type": "downloadFile", "file_id": id, "priority": 1, "synchronous": true}).in("local").text("path"))
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%v, %d bytes came", err, len(got))
	}
}

func numbers(from, to int) (all []int) {
	for i := from; i <= to; i++ {
		all = append(all, i)
	}
	return all
}

func text(s string) object {
	return object{"@type": "inputMessageText", "text": object{"@type": "formattedText", "text": s}}
}

// send sends a text, and waits until Telegram has it.
func (c *tdClient) send(chat int64, s string) object {
	c.t.Helper()
	return c.sendContent(chat, text(s))
}

func (c *tdClient) sendContent(chat int64, content object) (sent object) {
	c.t.Helper()
	temporary := c.call(object{"@type": "sendMessage", "chat_id": chat, "input_message_content": content}).number("id")
	c.until("that a message is sent", func() bool {
		for _, u := range c.saw("updateMessageSendSucceeded", func(u object) bool { return u.number("old_message_id") == temporary }) {
			sent = u.in("message")
		}
		for _, u := range c.saw("updateMessageSendFailed", func(u object) bool { return u.number("old_message_id") == temporary }) {
			c.t.Fatalf("not sent: %v", u.in("error"))
		}
		return sent != nil
	})
	return sent
}
