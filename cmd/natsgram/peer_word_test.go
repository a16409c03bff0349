package main

import (
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
)

// Whoever is written as an object on a command line is asked for as one.
func TestPeerWords(t *testing.T) {
	srv := embeddedtest.Start(t)
	asked := make(chan string, 9)
	_, err := embeddedtest.Connect(t, srv).Subscribe("tg.ctl.main.>", func(m *nats.Msg) {
		asked <- string(m.Data)
		_ = m.Respond([]byte(`{"kind":"channel","id":"5","channels":["5"]}`))
	})
	if err != nil {
		t.Fatal(err)
	}
	const object = `{"_":"peerChannel","channel_id":"5"}`
	for words, want := range map[string]string{
		"peers get main " + object:               `"peer":` + object,
		"peers resolve main " + object:           `"peer":` + object,
		"history fetch --no-wait main " + object: `"peer":` + object,
		"erase main --dry-run " + object:         `"peer":` + object,
		"queue list main --chat " + object:       `"peer":` + object,
		"watch add main @news 7 " + object:       `"channels":["@news","7",` + object + `]`,
		"peers get main {5":                      `"peer":"{5"`,
		"watch remove main t.me/news -- -10":     `"channels":["t.me/news","-10"]`,
	} {
		out, _ := command(t, append(strings.Fields(words), "-s", srv.ClientURL())...)
		if strings.Contains(words, " -- ") {
			out, _ = command(t, append([]string{"-s", srv.ClientURL()}, strings.Fields(words)...)...)
		}
		got := ""
		for len(asked) > 0 {
			got += <-asked
		}
		if !strings.Contains(got, want) {
			t.Errorf("%s: asked %s, want %s: %s", words, got, want, out)
		}
	}
}
