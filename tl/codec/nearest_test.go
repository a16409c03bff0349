package codec

import (
	"fmt"
	"testing"
)

func TestNearest(t *testing.T) {
	for name, want := range map[string]string{
		"messages.sendMesage":      "[messages.sendMessage messages.sendMedia messages.editMessage]",
		"messages.sendmessage":     "[messages.sendMessage messages.editMessage messages.getMessages]",
		"messages.send_message":    "[messages.sendMessage messages.editMessage messages.getMessages]",
		"help.getconfig":           "[help.getConfig help.getAppConfig help.getCdnConfig]",
		"entirely.anotherThingNow": "[]",
		"x":                        "[]",
		"":                         "[]",
	} {
		if got := fmt.Sprint(api().Nearest(name)); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		d    int
	}{{"", "", 0}, {"a", "", 1}, {"kitten", "sitting", 3}, {"abc", "abc", 0}, {"abc", "xyz", 3}} {
		if got := distance(c.a, c.b, 5); got != c.d {
			t.Errorf("%s, %s: %d", c.a, c.b, got)
		}
		if got := distance(c.a, c.b, 1); c.d > 1 && got <= 1 || c.d <= 1 && got != c.d {
			t.Errorf("%s, %s within 1: %d", c.a, c.b, got)
		}
	}
}

// An error must not cost more than what it stops.
func BenchmarkUnknownMethod(b *testing.B) {
	f, _ := api().Function("invokeWithLayer")
	for b.Loop() {
		if _, err := api().AppendCallFromJSON(nil, []byte(`{"query":{"_":"messages.sendMesage"}}`), f, nil); err == nil {
			b.Fatal("no error")
		}
	}
}
