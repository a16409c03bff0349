package peers

import (
	"fmt"
	"testing"
)

// Links lead to whom Telegram's own apps open them for, in capitals or not.
func TestLinks(t *testing.T) {
	const alice, news, three, five = "inputPeerUser 5 55", "inputPeerChannel 70 700", "inputPeerChannel 3 33", "inputPeerUser 1 11"
	for text, want := range map[string]string{
		"t.me/alice": alice, "T.me/Alice": alice, "T.ME/ALICE": alice, "http://t.me/alice": alice, "HTTPS://T.me/alice": alice, "hTtp://www.t.me:443/alice/": alice,
		"https://t.me:80/alice": alice, "https://telegram.me/alice": alice, "HTTPS://TELEGRAM.ME/ALICE": alice, "telegram.dog/alice": alice, "Www.T.Me/alice": alice,
		"www.telegram.dog/alice": alice, "t.me/%61lice": alice, "t.me/alice#fragment": alice, "t.me/alice?text=https://example.org/x%20y": alice, "t.me/alice?start=1": alice,
		"t.me/alice?boost": alice, "t.me/alice?profile": alice, "t.me/alice?direct": alice, "https://t.me/alice?videochat=x": alice,
		"alice.t.me": alice, "Alice.T.me": alice, "https://alice.t.me/?start=1": alice, "alice.t.me/5": alice,
		"t.me/news/5": news, "t.me/news/17/5": news, "t.me/news/s/5": news, "t.me/news/a/5": news, "t.me/news/c/5": news, "t.me/s/news": news, "https://T.me/S/News/5": news,
		"news.t.me/s/5": news, "t.me/news/5?comment=7": news, "t.me/news/5?single&thread=3": news,
		"https://t.me/c/3/4": three, "https://T.me/C/3/4": three, "t.me/C/3": three, "t.me/c/3/17/4": three, "t.me/c/3/4?thread=17": three, "t.me/c/3?boost": three, "t.me/c/%33/4": three,
		"t.me/+491701234567": alice, "T.ME/+491701234567": alice, "t.me/%2B491701234567?text=x": alice, "telegram.me/+491701234567": alice,

		"tg://resolve?domain=alice": alice, "TG://resolve?domain=alice": alice, "tg://Resolve?Domain=Alice": alice, "TG:RESOLVE?DOMAIN=ALICE": alice, "tg:resolve/?domain=alice": alice,
		"tg://resolve/?domain=alice": alice, "tg://resolve?domain=alice#x": alice, "tg://resolve?start=1&domain=%61lice": alice, "tg://resolve?domain=alice&videochat": alice,
		"tg://resolve?domain=news&post=5&single": news, "tg://resolve?domain=news&story=5": news, "tg:resolve?domain=news&topic=17&post=5": news,
		"tg://resolve?phone=491701234567": alice, "tg://resolve?phone=+491701234567": alice, "tg://resolve?phone=%2B491701234567": alice, "TG:Resolve?Phone=491701234567": alice,
		"tg://privatepost?channel=3&post=5": three, "tg:PrivatePost?Channel=3&Post=5": three, "tg://user?id=1": five, "tg://User?ID=1": five, "tg:openmessage?user_id=1": five,
		"tg://OpenMessage?User_ID=1&message_id=5": five, "tg:openmessage?chat_id=2": "inputPeerChat 2",

		"Me": "inputPeerSelf", "SELF": "inputPeerSelf", "USER.1": five, "Channel.3": three, "CHAT.2": "inputPeerChat 2", "user.t.me": alice,
	} {
		d, _ := newBench(t)
		if got := d.line(t.Context(), "InputPeer", text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// What is wrong is told by the part that is wrong, and Telegram is asked nothing for it.
func TestWrongLinks(t *testing.T) {
	const (
		want  = "want me, @name, +phone, a t.me link or an id such as user.1, chat.1, channel.1"
		else_ = " leads to something else than a peer"
		name  = ": a username has 2 to 32 letters, digits and _, and begins with a letter"
		host  = " is none of Telegram's hosts, which are t.me, telegram.me and telegram.dog"
	)
	for text, why := range map[string]string{
		"": want, "bob": want, "hello there": want, "t.me": `nobody is named behind "t.me"`, "t.me/": `nobody is named behind "t.me"`, "https://telegram.me": `nobody is named behind "telegram.me"`,
		"tg:": `nobody is named behind "tg:"`, "tg://?domain=alice": `nobody is named behind "tg:"`, "alice.example": want, "t.men/alice": want, "http:t.me/alice": want,
		"https://example.org/alice": `"example.org"` + host, "https://t.me.example.org/alice": `"t.me.example.org"` + host, "//t.me/alice": want,
		"ftp://t.me/alice": `"ftp" is none of the schemes http, https and tg`, "https://t.me:200/alice": `port "200" is none of Telegram's`,
		"https://me@t.me/alice": "it names a user before the host", "tg://me@resolve?domain=alice": "it names a user before the host", "tg://resolve:80?domain=alice": `port "80" is none of Telegram's`,
		"https://t.me/%zz":     "it cannot be read as a link",
		"t.me/joinchat/AbCdEf": "an invitation: messages.checkChatInvite tells of which chat", "T.me/JoinChat/AbCdEf": "an invitation: messages.checkChatInvite tells of which chat",
		"t.me/+AbCdEf":          "an invitation: messages.checkChatInvite tells of which chat",
		"tg://join?invite=abc":  "an invitation: messages.checkChatInvite tells of which chat",
		"t.me/contact/abc":      "a link with a token: contacts.importContactToken tells whose",
		"TG:Contact?token=abc":  "a link with a token: contacts.importContactToken tells whose",
		"t.me/m/abc":            "a link of a business: account.resolveBusinessChatLink tells whose",
		"tg://message?slug=abc": "a link of a business: account.resolveBusinessChatLink tells whose",
		"t.me/share/url?url=x":  `"share"` + else_, "T.me/AddStickers/x": `"addstickers"` + else_, "t.me/msg/url?url=x": `"msg"` + else_, "t.me/addstyle/x": `"addstyle"` + else_,
		"t.me/boost/news": `"boost"` + else_, "addlist.t.me/x": `"addlist"` + else_, "login.t.me/123": `"login"` + else_, "tg://addlist?slug=x": `"addlist"` + else_, "tg://settings/devices": `"settings"` + else_,
		"t.me/$abc": `"$abc"` + name, "t.me/123": `"123"` + name, "@123abc": `"123abc"` + name, "@x": `"x"` + name, "@a b": `"a b"` + name, "t.me/x": `"x"` + name, "t.me/al%2Fice": `"al/ice"` + name,
		"tg://resolve?domain=a b": `domain: "a b"` + name, "tg://resolve?x=1": "resolve: domain or phone is missing", "tg://resolve?domain=": "resolve: domain or phone is missing",
		"tg://resolve?phone=12": `phone: "12": a phone number has 5 to 20 digits`, "+12": `"12": a phone number has 5 to 20 digits`, "+49x01234567": `"49x01234567": a phone number has 5 to 20 digits`,
		"t.me/c": "behind /c/: an id is missing", "https://t.me/c/x/5": `behind /c/: "x" is no id`, "t.me/C/-1000000000003/5": `behind /c/: "-1000000000003" is no id`, "t.me/c/0/5": `behind /c/: "0" is no id`,
		"tg://privatepost?post=5": "channel: an id is missing", "tg://privatepost?channel=x": `channel: "x" is no id`, "tg://user": "id: an id is missing", "tg://user?id=-5": `id: "-5" is no id`,
		"tg://openmessage?message_id=5": "user_id: an id is missing", "tg://openmessage?chat_id=x": `chat_id: "x" is no id`,
		"t.me/c/9007199254740993/5": "behind /c/: no id is above 9007199254740992", "user.9007199254740993": "no id is above 9007199254740992", "tg://user?id=9007199254740993": "id: no id is above 9007199254740992",
		"secret.1": want, "user.-1": `"-1" is no id`, "-0": want,
	} {
		d, g := newBench(t)
		if got := d.line(t.Context(), "InputPeer", text); got != "error: "+fmt.Sprintf("%.40q", text)+" names no peer: "+why || len(g.asked) > 0 {
			t.Errorf("%q: %s, asked %q; want %s", text, got, g.asked, why)
		}
	}
}
