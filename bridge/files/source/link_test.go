package source

import "testing"

func TestLinks(t *testing.T) {
	for text, want := range map[string]link{
		"https://t.me/news/5":                       {peer: "@news", id: 5},
		"t.me/news/5":                               {peer: "@news", id: 5},
		" http://www.telegram.me/News_1/5/ ":        {peer: "@News_1", id: 5},
		"https://t.me/news/5?single":                {peer: "@news", id: 5},
		"https://t.me/news/10/5?single":             {peer: "@news", id: 5}, // in topic 10
		"https://t.me/c/12345678901/2147483647":     {peer: "channel.12345678901", id: 2147483647},
		"https://t.me/c/123/5":                      {peer: "channel.123", id: 5},
		"https://t.me/c/123/10/5":                   {peer: "channel.123", id: 5},
		"https://t.me/c/123/5?thread=4":             {peer: "channel.123", id: 5},
		"https://t.me/news/5?comment=7":             {peer: "@news", id: 5, comment: 7},
		"https://t.me/news/s/5":                     {peer: "@news", id: 5, story: true},
		"https://news.t.me/5":                       {peer: "@news", id: 5},
		"https://news.t.me/s/5":                     {peer: "@news", id: 5, story: true},
		"tg://resolve?domain=news&post=5&single":    {peer: "@news", id: 5},
		"tg://resolve?domain=news&story=5":          {peer: "@news", id: 5, story: true},
		"tg://privatepost?channel=123&post=5":       {peer: "channel.123", id: 5},
		"tg://resolve?domain=news&post=5&comment=7": {peer: "@news", id: 5, comment: 7},
	} {
		if got, ok := parseLink(text); !ok || got != want {
			t.Errorf("%s: %+v %v", text, got, ok)
		}
	}
	for _, text := range []string{
		"", "t.me", "t.me/news", "t.me/news/x", "t.me/news/0", "t.me/news/-5", "t.me/c/5", "t.me/c/x/5", "t.me/+invite/5", "example.com/news/5", "https://t.me.example.com/news/5",
		"t.me/news/1/2/3", "t.me/news/x/5", "t.me/news/s/5?comment=1", "t.me/news/5?comment=x", "tg://join?invite=x", "tg://privatepost?channel=x&post=5", "tg://resolve?domain=a b&post=5",
		"tg://resolve?domain=news", "https://t.me/news/99999999999999999999", "https://t.me/news/2147483648", "https://t.me/news/5?comment=2147483648", "%", "https://t.me/ne%2Fws/5",
	} {
		if got, ok := parseLink(text); ok {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

func FuzzLink(f *testing.F) {
	f.Add("https://t.me/c/123/10/5?comment=7")
	f.Add("tg://resolve?domain=news&story=5")
	f.Fuzz(func(t *testing.T, text string) {
		l, ok := parseLink(text)
		if ok && (l.id <= 0 || l.comment < 0 || l.story && l.comment > 0 || l.peer == "") {
			t.Errorf("%q: %+v", text, l)
		}
	})
}
