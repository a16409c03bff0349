package runner_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/mtproto/updates/runner"
)

// Handlers that fail anywhere, cuts, and restarts while messages come: what a handler took is in order, nothing is left out, and
// nothing is given again.
func TestRestartsAnywhere(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { restarts(t, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func restarts(t *testing.T, r *rand.Rand) {
	s := mttest.NewServer(t, inMemory, func(c *mttest.Config) { c.Updates.Page = 3 }) // differences in slices
	alice, bob := s.AddUser(mttest.User{First: "Alice"}), s.AddUser(mttest.User{First: "Bob"})
	news := s.AddChannel(mttest.ChannelConfig{Title: "News", Creator: bob, Members: []*mttest.Account{alice}})
	var store runner.MemoryStore
	g := run(t, s, alice, &store)
	g.got()
	_ = g.stop()
	var sent, took [2][]string // private, and of the channel
	for range 8 {
		left := 1 + r.IntN(6)
		if r.IntN(4) == 0 {
			left = 1000
		}
		g = run(t, s, alice, &store, func(g *rig, _ *mtproto.Options, c *runner.Config) {
			c.Handle = func(it updates.Item) error {
				if left--; left < 0 {
					return errHandler
				}
				return g.handle(it)
			}
		})
		for range 1 + r.IntN(8) {
			text := fmt.Sprint(len(sent[0]), ":", len(sent[1]))
			if r.IntN(3) == 0 {
				bob.Send(news, text)
				sent[1] = append(sent[1], text)
			} else {
				bob.Send(alice, text)
				sent[0] = append(sent[0], text)
			}
			time.Sleep(time.Duration(r.IntN(3000)) * time.Millisecond)
			if r.IntN(5) == 0 {
				s.Cut()
			}
		}
		sort(&took, sent, g.got())
		_ = g.stop()
	}
	g = run(t, s, alice, &store)
	time.Sleep(10 * time.Minute) // until dialogs were compared
	sort(&took, sent, g.got())
	for i, what := range []string{"private", "of the channel"} {
		if !slices.Equal(took[i], sent[i]) {
			t.Errorf("%s: %q, want %q", what, took[i], sent[i])
		}
	}
}

// sort adds the messages among lines to those of their chat.
func sort(took *[2][]string, sent [2][]string, lines []string) {
	for _, l := range lines {
		for i := range sent {
			if slices.Contains(sent[i], l) {
				took[i] = append(took[i], l)
			}
		}
	}
}
