package runner_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/mtproto/updates/runner"
	"github.com/natsgram/natsgram/tl/tg"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a runner in front of a Telegram in a box, and what it handed out.
type rig struct {
	*testing.T
	*runner.Runner
	stop func() error

	mu    sync.Mutex
	lines []string
	fail  string // what the handler does not take
}

var errHandler = errors.New("the handler does not want it")

func run(t *testing.T, s *mttest.Server, a *mttest.Account, store runner.Store, change ...func(*rig, *mtproto.Options, *runner.Config)) *rig {
	t.Helper()
	g := &rig{T: t}
	key, salt, home := s.Authorize(a)
	o := mtproto.Options{
		API: mtproto.API{ID: 1, Hash: "x"}, Env: s.Env(), Dial: s.Dial, Throttle: new(mtproto.Throttle),
		State: mtproto.State{Version: mtproto.StateVersion, Home: home, UserID: a.ID(), DCs: map[int]mtproto.DCState{
			home: {Key: key.AppendBytes(nil), Created: time.Now(), Salts: []mtproto.Salt{{Salt: salt}}, Authorized: true},
		}},
	}
	c := runner.Config{Store: store, Handle: g.handle}
	for _, f := range change {
		f(g, &o, &c)
	}
	var err error
	if g.Runner, err = runner.New(o, c); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- g.Runner.Run(ctx) }()
	g.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = g.stop() })
	return g
}

func (g *rig) handle(it updates.Item) error {
	line := it.Name
	switch {
	case it.Gap != nil:
		line = "gap: " + it.Gap.Reason
	case it.Name == "updateNewMessage" || it.Name == "updateNewChannelMessage":
		if u, err := tg.DecodeUpdate(it.Update); err != nil {
			g.Error(err)
		} else {
			line = text(u)
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fail != "" && strings.Contains(line, g.fail) {
		return errHandler
	}
	g.lines = append(g.lines, line)
	return nil
}

func text(u tg.UpdateClass) string {
	var m tg.MessageClass
	switch u := u.(type) {
	case *tg.UpdateNewMessage:
		m = u.Message
	case *tg.UpdateNewChannelMessage:
		m = u.Message
	}
	if m, ok := m.(*tg.Message); ok {
		return m.Message
	}
	return fmt.Sprintf("%T", m)
}

// got waits until all is still, and gives what was handed out since it was last asked.
func (g *rig) got() []string {
	time.Sleep(20 * time.Second)
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	lines := g.lines
	g.lines = nil
	return lines
}

func (g *rig) want(what string, lines ...string) {
	g.Helper()
	if got := g.got(); !slices.Equal(got, lines) {
		g.Errorf("%s: %q, want %q", what, got, lines)
	}
}

func inMemory(c *mttest.Config) { c.InMemory = true }

func TestInOrderAndOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		alice, bob := s.AddUser(mttest.User{First: "Alice"}), s.AddUser(mttest.User{First: "Bob"})
		var store runner.MemoryStore
		g := run(t, s, alice, &store)
		g.want("at first", "gap: beginning")
		var all []string
		for i := range 50 {
			bob.Send(alice, fmt.Sprint(i))
			all = append(all, fmt.Sprint(i))
			if i%20 == 10 {
				s.Cut() // what was on its way comes again, or in a difference
			}
		}
		g.want("sent with cuts", all...)
		if n := s.Unacknowledged(); n != 0 {
			t.Errorf("%d messages are not acknowledged", n)
		}
	})
}

// The program's own messages are items as well, at their place, and no difference is needed for that.
func TestOwnCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		alice, bob := s.AddUser(mttest.User{First: "Alice"}), s.AddUser(mttest.User{First: "Bob"})
		g := run(t, s, alice, new(runner.MemoryStore))
		g.got()
		differences := s.Executed("updates.getDifference")
		bob.Send(alice, "one")
		synctest.Wait()
		_, err := tg.MessagesSendMessage(t.Context(), g, &tg.MessagesSendMessageRequest{
			Peer: &tg.InputPeerUser{UserID: bob.ID(), AccessHash: alice.AccessHash(bob)}, Message: "two", RandomID: 1,
		})
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		bob.Send(alice, "three")
		lines := slices.DeleteFunc(g.got(), func(l string) bool { return l == "updateMessageID" })
		if want := []string{"one", "two", "three"}; !slices.Equal(lines, want) {
			t.Errorf("%q, want %q", lines, want)
		}
		if n := s.Executed("updates.getDifference") - differences; n != 0 {
			t.Errorf("it took %d differences", n)
		}
	})
}

// What was missed comes after a restart, what was handled does not; what Telegram cannot give back is said.
func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory, func(c *mttest.Config) { c.Updates.TooLong = 10 })
		alice, bob := s.AddUser(mttest.User{First: "Alice"}), s.AddUser(mttest.User{First: "Bob"})
		store := runner.File(filepath.Join(t.TempDir(), "updates.json"))
		g := run(t, s, alice, store)
		bob.Send(alice, "before")
		g.got()
		if err := g.stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
		bob.Send(alice, "meanwhile")
		g = run(t, s, alice, store)
		g.want("after a restart", "meanwhile")
		_ = g.stop()
		for range 30 {
			bob.Send(alice, "too much")
		}
		g = run(t, s, alice, store)
		if lines := g.got(); len(lines) == 0 || lines[0] != "gap: "+updates.GapTooLong {
			t.Errorf("after a long time: %q", lines)
		}
	})
}

// An item that the handler refuses ends the run, and is given to the next one with all that follows.
func TestHandlerFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		alice, bob := s.AddUser(mttest.User{First: "Alice"}), s.AddUser(mttest.User{First: "Bob"})
		var store runner.MemoryStore
		g := run(t, s, alice, &store, func(g *rig, _ *mtproto.Options, _ *runner.Config) { g.fail = "two" })
		g.got()
		for _, text := range []string{"one", "two", "three"} {
			bob.Send(alice, text)
		}
		g.want("until it fails", "one")
		if err := g.stop(); !errors.Is(err, errHandler) {
			t.Errorf("ended with %v", err)
		}
		if n := s.Connections(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
		g = run(t, s, alice, &store)
		g.want("after a restart", "two", "three")
	})
}

// While the handler is busy no more is kept than may be, and nothing is lost.
func TestSlowHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		alice, bob := s.AddUser(mttest.User{First: "Alice"}), s.AddUser(mttest.User{First: "Bob"})
		g := run(t, s, alice, new(runner.MemoryStore), func(g *rig, _ *mtproto.Options, c *runner.Config) {
			c.MaxWaiting = 1000
			c.Handle = func(it updates.Item) error { time.Sleep(time.Second); return g.handle(it) }
		})
		g.got()
		var all []string
		for i := range 40 {
			bob.Send(alice, fmt.Sprint(i))
			all = append(all, fmt.Sprint(i))
		}
		time.Sleep(5 * time.Minute)
		g.want("all of it", all...)
	})
}

type brokenStore struct {
	runner.MemoryStore
	load, save error
}

func (b *brokenStore) Load() (updates.State, error) {
	if b.load != nil {
		return updates.State{}, b.load
	}
	return b.MemoryStore.Load()
}

func (b *brokenStore) Save(updates.State) error { return b.save }

var errDisk = errors.New("a disk that does not work")

// A store that fails ends the run: it says so once, and nothing is acknowledged as if it were kept.
func TestStoreFails(t *testing.T) {
	for name, store := range map[string]*brokenStore{"loading": {load: errDisk}, "saving": {save: errDisk}} {
		synctest.Test(t, func(t *testing.T) {
			s := mttest.NewServer(t, inMemory)
			g := run(t, s, s.AddUser(mttest.User{First: "Alice"}), store)
			g.got()
			err := g.stop()
			if !errors.Is(err, errDisk) || strings.Count(err.Error(), name) != 1 || strings.Contains(err.Error(), "\n") {
				t.Errorf("ended with %q", err)
			}
		})
	}
}

// Somebody signs in while the runner runs: updates are handed out from then on.
func TestSignInLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		bot, bob := s.AddBot("Helper", "helper_bot"), s.AddUser(mttest.User{First: "Bob"})
		g := run(t, s, bob, new(runner.MemoryStore), func(_ *rig, o *mtproto.Options, _ *runner.Config) { o.State = mtproto.State{} })
		g.want("before")
		if _, err := g.Client().Login().BotToken(t.Context(), bot.Token()); err != nil {
			t.Fatal(err)
		}
		g.want("signed in", "gap: beginning")
		bob.Send(bot, "hello")
		g.want("from then on", "hello")
	})
}

// Signed out elsewhere: Run says so, though no call of the program's is under way.
func TestSignedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		alice := s.AddUser(mttest.User{First: "Alice"})
		g := run(t, s, alice, new(runner.MemoryStore))
		g.got()
		s.SignOutAll(alice)
		time.Sleep(10 * time.Minute)
		if err := g.stop(); !errors.Is(err, mtproto.ErrAuthLost) {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestFile(t *testing.T) {
	f := runner.File(filepath.Join(t.TempDir(), "updates.json"))
	if s, err := f.Load(); err != nil || !reflect.DeepEqual(s, updates.State{}) {
		t.Errorf("%v, %v of no file", s, err)
	}
	want := updates.State{Position: updates.Position{Pts: 5, Date: 7}, Channels: map[int64]updates.ChannelState{3: {Pts: 9}}}
	for range 2 {
		if err := f.Save(want); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := f.Load(); err != nil || !reflect.DeepEqual(s, want) {
		t.Errorf("%v, %v", s, err)
	}
	if left, _ := filepath.Glob(string(f) + ".*"); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestOptionsRefused(t *testing.T) {
	h := func(updates.Item) error { return nil }
	for want, try := range map[string]func() (*runner.Runner, error){
		"Config.Handle": func() (*runner.Runner, error) { return runner.New(mtproto.Options{}, runner.Config{}) },
		"Config.Store":  func() (*runner.Runner, error) { return runner.New(mtproto.Options{}, runner.Config{Handle: h}) },
		"Options.Updates": func() (*runner.Runner, error) {
			return runner.New(mtproto.Options{Updates: func(mtproto.Update) {}}, runner.Config{Handle: h, Store: new(runner.MemoryStore)})
		},
	} {
		if _, err := try(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want it to name %s", err, want)
		}
	}
}

// E27: what no difference would bring is acknowledged once it was handled, and not before.
func TestAcknowledgedWhenHandled(t *testing.T) {
	for fail, want := range map[string]int{"": 0, "updateUserName": 1} {
		synctest.Test(t, func(t *testing.T) {
			s := mttest.NewServer(t, inMemory)
			alice := s.AddUser(mttest.User{First: "Alice"})
			g := run(t, s, alice, new(runner.MemoryStore), func(g *rig, _ *mtproto.Options, _ *runner.Config) { g.fail = fail })
			g.got()
			alice.Push(mttest.M{"_": "updateUserName", "user_id": 9, "first_name": "", "last_name": "", "usernames": []mttest.M{}})
			time.Sleep(20 * time.Second)
			if err := g.stop(); errors.Is(err, errHandler) != (fail != "") {
				t.Errorf("ended with %v", err)
			}
			if got := s.Unacknowledged(); got != want {
				t.Errorf("the handler fails at %q: %d not acknowledged, want %d", fail, got, want)
			}
		})
	}
}
