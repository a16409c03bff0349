package source

import "testing"

func TestLinks(t *testing.T) {
	for text, want := range map[string]link{
		"https://t.me/news/5":                       {peer: "@news", id: 5},
		"t.me/news/5":                               {peer: "@news", id: 5},
		" http://www.telegram.me/News_1/5/ ":        {peer: "@news_1", id: 5},
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
		"HTTPS://T.Me/C/123/5":                      {peer: "channel.123", id: 5},
		"T.me/News/S/5":                             {peer: "@news", id: 5, story: true},
		"t.me/s/news/5":                             {peer: "@news", id: 5},
		"https://t.me:443/news/5#x":                 {peer: "@news", id: 5},
		"t.me/news/5?x=https://t.me/":               {peer: "@news", id: 5},
		"t.me/news/5?Comment=7":                     {peer: "@news", id: 5, comment: 7},
		"tg:resolve?domain=news&post=5":             {peer: "@news", id: 5},
		"TG://Resolve?Domain=news&Post=5":           {peer: "@news", id: 5},
		"tg:resolve/?domain=news&topic=4&post=5":    {peer: "@news", id: 5},
		"TG:PrivatePost?Channel=123&Post=5":         {peer: "channel.123", id: 5},
	} {
		if got, err := parseLink(text); err != nil || got != want {
			t.Errorf("%s: %+v %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "t.me", "t.me/news", "t.me/news/x", "t.me/news/0", "t.me/news/-5", "t.me/c/5", "t.me/c/x/5", "t.me/+invite/5", "example.com/news/5", "https://t.me.example.com/news/5",
		"t.me/news/1/2/3", "t.me/news/x/5", "t.me/news/s/5?comment=1", "t.me/news/5?comment=x", "tg://join?invite=x", "tg://privatepost?channel=x&post=5", "tg://resolve?domain=a b&post=5",
		"tg://resolve?domain=news", "https://t.me/news/99999999999999999999", "https://t.me/news/2147483648", "https://t.me/news/5?comment=2147483648", "%", "https://t.me/ne%2Fws/5",
		"https://t.me/addstickers/5", "https://login.t.me/12345", "https://me@t.me/news/5", "https://t.me:200/news/5", "tg://news/5",
	} {
		if got, err := parseLink(text); err == nil {
			t.Errorf("%s: %+v", text, got)
		}
	}
}

// Who asks for the file of a link is told which part of it is wrong.
func TestWrongLinkIsTold(t *testing.T) {
	for text, want := range map[string]string{
		"news/5": "it is no link", "t.me/news": "it names no message", "t.me/news/x": `"x" is no id of a message or story`, "t.me/news/1/2/3": "too much stands behind the chat",
		"t.me/c/x/5": `behind /c/: "x" is no id`, "https://example.org/news/5": `"example.org" is none of Telegram's hosts, which are t.me, telegram.me and telegram.dog`,
		"tg://resolve?domain=news": `"" is no id of a message or story`, "t.me/+AbC/5": "an invitation: messages.checkChatInvite tells of which chat",
	} {
		if _, err := parseLink(text); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func FuzzLink(f *testing.F) {
	f.Add("https://t.me/c/123/10/5?comment=7")
	f.Add("tg://resolve?domain=news&story=5")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := parseLink(text)
		if err == nil && (l.id <= 0 || l.comment < 0 || l.story && l.comment > 0 || l.peer == "") {
			t.Errorf("%q: %+v", text, l)
		}
	})
}
