package reach

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/mtproto/transport"
)

const (
	key  = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5b"
	key6 = "WlpaWlpaWlpaWlpaWlpaWw" // the same in base64
	tls6 = "7lpaWlpaWlpaWlpaWlpaWlt3d3cuZXhhbXBsZS5vcmc"
)

// A20, A29, A32: every form of a way, and how it is printed.
func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"direct":                                 "direct",
		" direct ":                               "direct",
		"direct+padded":                          "direct+padded",
		"direct+intermediate":                    "direct+intermediate",
		"direct+full":                            "direct+full",
		"DIRECT+abridged+plain":                  "direct+abridged+plain",
		"direct+plain":                           "direct+abridged+plain",
		"socks5://10.0.0.1:1080":                 "socks5://10.0.0.1:1080",
		"socks5h://10.0.0.1:1080":                "socks5://10.0.0.1:1080",
		"socks5://u:p%7C@[::1]:1":                "socks5://***@[::1]:1",
		"socks5+padded://h:1":                    "socks5+padded://h:1",
		"http://u:p@proxy:8080":                  "http://***@proxy:8080",
		"https://u@proxy:8443/":                  "https://***@proxy:8443",
		"mtproxy://" + key + "@h:1":              "mtproxy://***@h:1",
		"mtproxy+intermediate://" + key + "@h:1": "mtproxy+intermediate://***@h:1",
		"tg://proxy?server=1.2.3.4&port=443&secret=dd" + key:                  "mtproxy://***@1.2.3.4:443",
		"tg:proxy?server=1.2.3.4&port=443&secret=" + key6:                     "mtproxy://***@1.2.3.4:443",
		"TG://Proxy?Server=1.2.3.4&Port=443&Secret=" + key6:                   "mtproxy://***@1.2.3.4:443",
		"HTTPS://T.ME/PROXY?server=1.2.3.4&port=443&secret=" + key6:           "mtproxy://***@1.2.3.4:443",
		"tg://proxy/?server=[::1]&port=443&secret=" + tls6:                    "mtproxy://***@[::1]:443",
		"https://t.me/proxy?server=h.example.org&port=443&secret=" + tls6:     "mtproxy://***@h.example.org:443",
		"http://www.telegram.me/proxy?port=443&server=h&secret=" + key + "#x": "mtproxy://***@h:443",
		"tg://socks?server=h&port=1080&user=me&pass=hush":                     "socks5://***@h:1080",
		"https://t.me/socks?server=h&port=1080":                               "socks5://h:1080",
		"wss":                                                                 "wss",
		"wss+padded":                                                          "wss+padded",
		"ws://127.0.0.1:80/{dc}/apiws":                                        "ws://127.0.0.1:80/{dc}/apiws",
		"wss://{name}.example.org/apiws":                                      "wss://{name}.example.org/apiws",
		"socks5://h:1|wss":                                                    "socks5://h:1|wss",
		"socks5://a:1 | http://u:p@b:2":                                       "socks5://a:1|http://***@b:2",
		"http://a:1|direct":                                                   "http://a:1",
		"http://a:1|socks5+full://b:2":                                        "http://a:1|socks5+full://b:2",
		"http://a:1|mtproxy://" + key + "@h:1":                                "http://a:1|mtproxy://***@h:1",
	} {
		w, err := Parse(text)
		if err != nil || w.String() != want {
			t.Errorf("%s: %q, %v, want %q", text, w, err, want)
		}
		if strings.Contains(want, "***") {
			continue
		}
		if again, err := Parse(want); err != nil || again.String() != want {
			t.Errorf("%s: read again: %v, %v", want, again, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"", "hush", "direct:", "direct://hush", "ftp://u:hush@h:1", "socks5", "socks5://", "socks5://u:hush@h", "socks5://u:hush@h:0",
		"socks5://u:hush@h:1/x", "socks5://u:hush@h:1?x", "socks5://:hush@h:1", "socks5://" + strings.Repeat("u", 256) + ":hush@h:1",
		"http://u%3a:hush@h:1", "http://u:hush@h:99999", "http://u:hu sh%zz@h:1", "mtproxy://h:1", "mtproxy://hush@h:1",
		"mtproxy://" + key + ":hush@h:1", "mtproxy://" + key + "@h", "tg://proxy?server=h&port=1&secret=hush", "tg://proxy?server=h&secret=" + key,
		"tg://resolve?domain=hush", "https://t.me/proxy?server=h&port=x&secret=" + key, "https://t.me/hush", "wss://", "ws://u:hush@h/x",
		"direct+fast", "direct+padded+full", "direct+plain+plain", "direct+", "direct|direct", "wss|direct", "socks5+padded://h:1|direct",
		"mtproxy://" + key + "@h:1|direct", "tg://proxy?server=h&port=1&secret=" + key + "|wss", "socks5://h:1|", "|direct",
	} {
		w, err := Parse(text)
		if err == nil {
			t.Errorf("%q: %v", text, w)
		} else if strings.Contains(err.Error(), "hush") || strings.Contains(err.Error(), key) {
			t.Errorf("%q: the error tells secrets: %v", text, err)
		}
	}
	if _, err := ParseAll([]string{"direct", "nowhere"}); err == nil || !strings.Contains(err.Error(), "way 2") {
		t.Errorf("which one is wrong? %v", err)
	}
}

// A20: the kinds of secret survive.
func TestParseSecretKinds(t *testing.T) {
	for text, want := range map[string]transport.Secret{
		key: {}, key6: {}, "dd" + key: {Padded: true}, tls6: {Padded: true, Domain: "www.example.org"},
		"ee" + key + "7777772e6578616d706c652e6f7267": {Padded: true, Domain: "www.example.org"},
	} {
		w, err := Parse("tg://proxy?server=h&port=1&secret=" + text)
		got := w.end.secret
		if err != nil || len(got.Key) != 16 || got.Key[15] != 0x5b || got.Padded != want.Padded || got.Domain != want.Domain {
			t.Errorf("%s: %#v %v, %v", text, got, got.Domain, err)
		}
	}
}

// A32: what initConnection has to say.
func TestWayMTProxy(t *testing.T) {
	w, _ := Parse("mtproxy://" + key + "@[2001:db8::1]:443")
	if host, port, ok := w.MTProxy(); host != "2001:db8::1" || port != 443 || !ok {
		t.Error(host, port, ok)
	}
	for _, text := range []string{"direct", "socks5://h:1", "wss"} {
		w, _ := Parse(text)
		if _, _, ok := w.MTProxy(); ok {
			t.Errorf("%s is announced as an MTProxy", text)
		}
	}
}

// Nothing prints a secret, whatever the verb.
func TestWaysHideSecrets(t *testing.T) {
	for _, text := range []string{"socks5://me:hush@h:1", "http://me:hush@h:1|wss", "mtproxy://" + key + "@h:1"} {
		w, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("way", "way", w, "ways", []Way{w})
		all := fmt.Sprintf("%v %+v %#v %s %q %x", w, w, w, w, []Way{w}, w) + fmt.Sprint(&w) + log.String()
		for _, secret := range []string{"hush", "me:", key, "5a5a", "ZZZZ", "[90 90"} {
			if strings.Contains(all, secret) {
				t.Errorf("%q in %s", secret, all)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"direct+padded", "socks5://u:p@h:1|wss", "tg://proxy?server=h&port=1&secret=" + tls6, "https://t.me/socks?server=h&port=1080",
		"ws://127.0.0.1:80/{dc}/apiws", "mtproxy://" + key + "@[::1]:1", "https://t.me/socks?server=a?h&port=1080",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		w, err := Parse(text)
		if err != nil {
			return
		}
		s := w.String()
		if strings.Contains(s, "***") {
			return
		}
		if again, err := Parse(s); err != nil || again.String() != s {
			t.Errorf("%q prints as %q, which is %v, %v", text, s, again, err)
		}
	})
}
