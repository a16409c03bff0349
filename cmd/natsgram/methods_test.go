package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/schemas"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl"
)

// Who looks a method up sees whether it is served, and where.
func TestMethodsSayWhatIsRefused(t *testing.T) {
	s, err := tl.Parse("api.tl", schemas.API())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][2]string{
		"account.deleteAccount": {"refused  until NATSGRAM_ALLOW names it: it deletes the account", `"refused":"deletes the account"`},
		"messages.getHistory":   {"reading  tg.ro.ACCOUNT.messages.getHistory", `"reads":true`},
		"messages.sendMessage":  {"subject  tg.rpc.ACCOUNT.messages.sendMessage", `"result":"Updates"`},
	} {
		var text, lines bytes.Buffer
		printMethod(&text, subjects.Scheme{}, s, s.Function(name))
		if err := printMethodsJSON(&lines, subjects.Scheme{}, []*tl.Combinator{s.Function(name)}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text.String(), want[0]) || !strings.Contains(lines.String(), want[1]) {
			t.Errorf("%s: %s%s", name, &text, &lines)
		}
		if name == "messages.sendMessage" && (strings.Contains(text.String(), "refused") || strings.Contains(lines.String(), "reads")) {
			t.Errorf("%s: %s%s", name, &text, &lines)
		}
	}
}
