package control

import (
	"context"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/subjects"
)

// Of a verb so many requests are at work as there are places, of those about one account fewer, of those about none all; and whoever is answered leaves his.
func TestPlacesOfAVerb(t *testing.T) {
	nc := embeddedtest.Connect(t, embeddedtest.Start(t))
	replies, err := subjects.Scheme{}.Replies()
	if err != nil {
		t.Fatal(err)
	}
	c := &Control{ctx: t.Context()}
	for about, most := range map[string]int{"main": nameMost, subjects.Daemon: askedMost} {
		gate, codes := make(chan struct{}), make(chan string, 2*askedMost)
		asked, verb := answer.NewPlaces(askedMost, nameMost), c.scheme.Ctl(about, "verb")
		if _, err := answer.New(nc, replies, nil, nil).Subscribe(verb, "", func(r answer.Request) {
			c.work.Go(func() {
				c.handle(&r, asked, func(context.Context, *answer.Request) (any, error) { <-gate; return struct{}{}, nil })
			})
		}); err != nil {
			t.Fatal(err)
		}
		inbox := nc.NewInbox()
		if _, err := nc.Subscribe(inbox, func(m *nats.Msg) { codes <- m.Header.Get("Nats-Service-Error-Code") }); err != nil {
			t.Fatal(err)
		}
		for round := range 3 { // with the places that were left
			for range most + 5 {
				if err := nc.PublishRequest(verb, inbox, []byte("{}")); err != nil {
					t.Fatal(err)
				}
			}
			refused, done := 0, 0
			for range 5 {
				if code := <-codes; code != "503" {
					t.Errorf("%s, round %d: %q while there are no places", about, round, code)
				}
				refused++
			}
			for range most {
				gate <- struct{}{}
				if code := <-codes; code == "" {
					done++
				}
			}
			if got, want := fmt.Sprint(refused, " ", done), fmt.Sprint(5, " ", most); got != want {
				t.Errorf("%s, round %d: refused and done %s, want %s", about, round, got, want)
			}
		}
	}
	c.work.Wait()
}
