package subjects

import (
	"strings"
	"testing"
)

var tg = Scheme{}

func TestSubjectsReadAsTheyAreWritten(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{tg.RPC("main", "messages.sendMessage"), "tg.rpc.main.messages.sendMessage"},
		{tg.RPC("main", "invokeWithTakeout"), "tg.rpc.main.invokeWithTakeout"},
		{tg.RO("main", "help.getConfig"), "tg.ro.main.help.getConfig"},
		{tg.RPCNamespace(TreeRPC, "main", "help"), "tg.rpc.main.help.*"},
		{tg.RPCNamespace(TreeRO, "main", ""), "tg.ro.main.*"},
		{tg.Update("main", Update{"updateNewMessage", Channel, 1234}), "tg.upd.main.updateNewMessage.channel.1234"},
		{tg.Update("main", Update{"updateConfig", None, 7}), "tg.upd.main.updateConfig.none.0"},
		{tg.Update("main", Update{Type: "help.x y"}), "tg.upd.main.help%2Ex%20y.none.0"},
		{tg.Live("main", Update{"updateUserTyping", User, 5}), "tg.live.main.updateUserTyping.user.5"},
		{tg.LiveUpdates("main"), "tg.live.main.>"},
		{tg.Events("main"), "tg.evt.main.>"},
		{tg.Event("main", "flood.wait"), "tg.evt.main.flood.wait"},
		{tg.Event("main", "a..b"), "tg.evt.main.a.%.b"},
		{tg.Own("main"), "tg.own.main"},
		{tg.Ctl(Daemon, "accounts.list"), "tg.ctl._.accounts.list"},
		{Scheme{"prod.tg"}.RPC("a", "x.y"), "prod.tg.rpc.a.x.y"},
		{Scheme{"prod.tg"}.StreamName("UPDATES"), "PROD_TG_UPDATES"},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}

func TestParseUpdate(t *testing.T) {
	for _, u := range []Update{{"updateNewMessage", User, 777000}, {"x", Chat, -1}, {"a.b c*>", Secret, 1}, {"", None, 0}} {
		for _, subject := range []string{tg.Update("main", u), tg.Live("main", u)} {
			if account, got, ok := tg.ParseUpdate(subject); !ok || got != u || account != "main" {
				t.Errorf("%s: %s %+v %v", subject, account, got, ok)
			}
		}
	}
	for _, bad := range []string{"tg.upd.main.x.user", "tg.upd.main.x.user.1.2", "tg.upd.main.x.group.1", "tg.upd.main.x.user.01", "tg.upd.main.x.user.+1",
		"tg.upd.main.x.none.1", "tg.upd.main..user.1", "tg.upd.main.%41.user.1", "tg.own.main", "tg.upd..x.user.1"} {
		if _, got, ok := tg.ParseUpdate(bad); ok {
			t.Errorf("%s: %+v", bad, got)
		}
	}
}

func TestParseCtl(t *testing.T) {
	for subject, want := range map[string][2]string{
		"tg.ctl._.accounts.list": {Daemon, "accounts.list"},
		"tg.ctl.main.status":     {"main", "status"},
		"tg.ctl.main":            {},
		"tg.ctl.main.":           {},
		"tg.ctl.main.a..b":       {},
		"tg.ctl.main.*":          {},
		"tg.ctl.MAIN.a":          {},
		"tg.ctl..a":              {},
		"tgx.ctl.main.a":         {},
		"tg.ctlx.main.a":         {},
		"tg.ctl":                 {},
		"tg":                     {},
		"":                       {},
		"tg.ctl." + strings.Repeat("a", 33) + ".a": {},
	} {
		if account, verb, ok := tg.ParseCtl(subject); account != want[0] || verb != want[1] || ok != (account != "") {
			t.Errorf("%s: %s %s %v", subject, account, verb, ok)
		}
	}
}

func TestReadOnly(t *testing.T) {
	for method, want := range map[string]bool{
		"messages.getHistory": true, "contacts.search": true, "contacts.resolveUsername": true, "account.checkUsername": true,
		"payments.canPurchaseStore": true, "stats.loadAsyncGraph": true,
		"messages.sendMessage": false, "messages.readHistory": false, "auth.checkPassword": false, "messages.getMessagesViews": false,
		"messages.getBotCallbackAnswer": false, "updates.getDifference": false, "invokeWithTakeout": false, "getX": false,
		"messages.getaway": false, "channels.searchPosts": false, "": false,
	} {
		if ReadOnly(method) != want {
			t.Errorf("%s: want %v", method, want)
		}
	}
}

func TestNamesAreChecked(t *testing.T) {
	for _, bad := range []string{"", "_", "A", "a.b", "a b", "é", "a*", strings.Repeat("x", 33)} {
		if CheckAccount(bad) == nil {
			t.Errorf("%q is no account name", bad)
		}
	}
	for _, good := range []string{"a", "main-1", "a_b", strings.Repeat("x", 32)} {
		if err := CheckAccount(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", "a..b", ".a", "a.", "a b", "a.*", ">"} {
		if _, err := New(bad); err == nil {
			t.Errorf("%q is no prefix", bad)
		}
	}
	if s, err := New("prod.tg-1"); err != nil || s.Own("a") != "prod.tg-1.own.a" {
		t.Error(s, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"tg.upd.main.updateX.user.1", "tg.live.main.updateX.none.0", "tg.ctl._.a", "tg.ctl.main.login.start", "tg.upd.main.%2E.none.0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, subject string) {
		if a, u, ok := tg.ParseUpdate(subject); ok && tg.Update(a, u) != subject && tg.Live(a, u) != subject {
			t.Fatalf("%q: %+v", subject, u)
		}
		if a, v, ok := tg.ParseCtl(subject); ok && tg.Ctl(a, v) != subject {
			t.Fatalf("%q: %q", subject, v)
		}
	})
}

func FuzzEscape(f *testing.F) {
	f.Add("")
	f.Add("a.b *>%\x00é")
	f.Fuzz(func(t *testing.T, text string) {
		token := Escape(text)
		if strings.ContainsAny(token, ". *>\t\r\n\x00") || token == "" {
			t.Fatalf("%q became %q", text, token)
		}
		if back, ok := Unescape(token); !ok || back != text {
			t.Fatalf("%q -> %q -> %q %v", text, token, back, ok)
		}
		if plainText, ok := Unescape(text); ok && Escape(plainText) != text {
			t.Fatalf("two tokens for %q", plainText)
		}
	})
}

func BenchmarkUpdate(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		tg.Update("main", Update{"updateNewMessage", Channel, 1234567890})
	}
}
