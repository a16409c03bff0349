package peers

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/mtproto"
)

// Attack: a caller writes another name each time, for a day, as fast as he is answered. Telegram is asked less often than it allows an account,
// he is told how long to wait, and whoever is known is found all the while.
func TestNamesUpToTheAllowance(t *testing.T) {
	for _, form := range []string{"@somebody%d", "+4917012%05d", "t.me/somebody%d", "tg://resolve?domain=somebody%d"} {
		synctest.Test(t, func(t *testing.T) {
			d, g := newBench(t)
			g.err = &mtproto.Error{Code: 400, Type: "USERNAME_NOT_OCCUPIED", Sent: mtproto.SentYes}
			known := user(20, 2020)
			known["username"] = "friend"
			d.Learn(g.encode(known))
			refused := 0
			for i, end := 0, time.Now().Add(24*time.Hour); time.Now().Before(end); i++ {
				_, _, err := d.Resolve(t.Context(), "InputPeer", fmt.Sprintf(form, i))
				var f *answer.Fault
				switch {
				case errors.Is(err, g.err):
				case errors.As(err, &f) && f.Code == 429 && f.Sent == answer.No && f.RetryAfter > 0 && f.RetryAfter <= askEvery:
					for method, left := range d.Figures().Left {
						if left != 0 {
							t.Fatalf("told that %d of %s are left", left, method)
						}
					}
					if refused++; refused%2 == 0 {
						time.Sleep(f.RetryAfter) // the next one is let through
					} else {
						time.Sleep(f.RetryAfter / 2)
					}
					d.Learn(g.encode(known))
					if got := d.line(t.Context(), "InputPeer", "@friend"); got != "inputPeerUser 20 2020" {
						t.Fatalf("who is known is %s", got)
					}
				default:
					t.Fatalf("name %d: %v", i, err)
				}
			}
			if time.Sleep(3 * askEvery); len(d.Figures().Left) != 1 || slices.Max(slices.Collect(maps.Values(d.Figures().Left))) < 3 {
				t.Errorf("left: %v", d.Figures().Left)
			}
			if n := len(g.asked); n <= asksAtOnce || n > 200 || refused == 0 {
				t.Errorf("%s: asked %d times in a day, refused %d", form, n, refused)
			}
		})
	}
}

// Who waits as long as he is told is answered; after long enough there are as many again as at first, and no more.
func TestAllowance(t *testing.T) {
	var a allowance
	now := time.Unix(1_700_000_000, 0)
	for round := range 3 {
		for i := range asksAtOnce {
			if _, ok := a.spend(now, 0); !ok {
				t.Fatalf("round %d: the question %d is refused", round, i)
			}
		}
		wait, ok := a.spend(now, 0)
		if ok || wait != askEvery {
			t.Fatalf("round %d: one too many: %v %s", round, ok, wait)
		}
		if wait, ok = a.spend(now.Add(wait-time.Second), 0); ok || wait != time.Second {
			t.Errorf("round %d: a second too early: %v %s", round, ok, wait)
		}
		if _, ok = a.spend(now.Add(askEvery), 0); !ok {
			t.Errorf("round %d: refused after the wait that was told", round)
		}
		now = now.Add(48 * time.Hour)
	}
}

// A clock that is put back, as of a machine that did not know the date yet, uses nothing up.
func TestAllowanceBack(t *testing.T) {
	now := time.Now()
	a := allowance{Used: asksAtOnce - 1, Since: now.Add(24 * time.Hour)}
	if wait, ok := a.spend(now, 0); !ok {
		t.Errorf("after the clock was put back a question is free in %s", wait)
	}
	if wait, ok := a.spend(now, 0); ok || wait > askEvery {
		t.Errorf("the next one in %s, %v", wait, ok)
	}
}

// Names that come while there is no way to Telegram use nothing up.
func TestAllowanceUnsent(t *testing.T) {
	d, g := newBench(t)
	g.err = &mtproto.Error{Err: errors.New("not connected"), Sent: mtproto.SentNo}
	for i := range 3 * asksAtOnce {
		if _, _, err := d.Resolve(t.Context(), "InputPeer", fmt.Sprint("@somebody", i)); !errors.Is(err, g.err) {
			t.Fatalf("name %d: %v", i, err)
		}
	}
}

// What was used is the account's: it is used too for the daemon that runs the account next, or after a restart, and comes back with time; not
// for another user of the name, nor for what never reached Telegram.
func TestAllowanceOutlivesTheDaemon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := &shelf{all: map[string][]byte{}}, &telegram{t: t, s: schema(t)}
		g.err = &mtproto.Error{Code: 400, Type: "USERNAME_NOT_OCCUPIED", Sent: mtproto.SentYes}
		name := 0
		ask := func(user int64, n int) (asked int) {
			d := New(Config{Schema: g.s, People: people(g.s), Invoke: g.invoke, Account: "main", User: user, Store: s, Box: testBox()})
			defer d.Close(t.Context())
			for range n {
				name++
				_, _, err := d.Resolve(t.Context(), "InputPeer", fmt.Sprint("@somebody", name))
				var f *answer.Fault
				if !errors.As(err, &f) {
					asked++
				} else if f.Code != 429 {
					t.Fatal(err)
				}
			}
			return asked
		}
		if got := ask(1, 30); got != 30 {
			t.Errorf("%d of the first 30 names were asked for", got)
		}
		if got := ask(1, 30); got != asksAtOnce-30 {
			t.Errorf("behind a restart %d, want %d", got, asksAtOnce-30)
		}
		time.Sleep(3 * askEvery)
		s.err = errors.New("no answer from JetStream")
		if got := ask(1, 10); got != 10 {
			t.Errorf("while JetStream does not answer, %d: nobody is refused for that", got)
		}
		s.err = nil
		if got := ask(1, 10); got != 3 {
			t.Errorf("half an hour later %d, want 3", got)
		}
		g.err = &mtproto.Error{Err: errors.New("not connected"), Sent: mtproto.SentNo}
		time.Sleep(askEvery)
		if got := ask(1, 5); got != 5 {
			t.Errorf("%d of what never reached Telegram", got)
		}
		g.err = &mtproto.Error{Code: 400, Type: "USERNAME_NOT_OCCUPIED", Sent: mtproto.SentYes}
		if got := ask(1, 5); got != 1 {
			t.Errorf("%d, want the one that came back", got)
		}
		if got := ask(2, 5); got != 5 {
			t.Errorf("of another user of the name %d", got)
		}
		s.all["main.asked"] = []byte("nonsense")
		if got := ask(2, 5); got != 5 {
			t.Errorf("behind a record that nobody can read %d", got)
		}
	})
}

// Who may only read leaves some questions to who may write, and is told how long it takes until there is one for him.
func TestAllowanceOfReaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, g := newBench(t)
		g.err = &mtproto.Error{Code: 400, Type: "USERNAME_NOT_OCCUPIED", Sent: mtproto.SentYes}
		asked := func(ctx context.Context, name string) (n int, wait time.Duration) {
			for ; ; n++ {
				_, _, err := d.Resolve(ctx, "InputPeer", fmt.Sprint("@", name, n))
				if f := (*answer.Fault)(nil); errors.As(err, &f) {
					return n, f.RetryAfter
				}
			}
		}
		reading := answer.Reading(t.Context())
		if n, wait := asked(reading, "read"); n != asksAtOnce-forWriters || wait != askEvery {
			t.Errorf("readers asked %d, and wait for %v", n, wait)
		}
		if n, wait := asked(t.Context(), "written"); n != forWriters || wait != askEvery {
			t.Errorf("writers asked %d, and wait for %v", n, wait)
		}
		n, wait := asked(reading, "read_again")
		if n != 0 || wait != (forWriters+1)*askEvery {
			t.Errorf("then readers asked %d, and wait for %v", n, wait)
		}
		time.Sleep(wait)
		if n, _ := asked(reading, "later"); n != 1 {
			t.Errorf("after the wait readers asked %d", n)
		}
		if f := d.resolveFault(t, "@one_more"); f.Code != 429 {
			t.Errorf("peers.resolve: %+v", f)
		}
	})
}

// resolveFault is how peers.resolve refuses a text.
func (d *Directory) resolveFault(t *testing.T, text string) *answer.Fault {
	_, f := d.Answer(t.Context(), "resolve", []byte(fmt.Sprintf(`{"peer":%q}`, text)), func(err error) answer.Fault {
		f := &answer.Fault{}
		errors.As(err, &f)
		return *f
	})
	if f == nil {
		t.Fatalf("%s is found", text)
	}
	return f
}

// A bucket that is lost under a running daemon gives no questions back: what was used is written into the next one with all else that memory knows.
func TestAllowanceOfABucketLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		d, g := owner(t, s, 1)
		g.err = &mtproto.Error{Code: 400, Type: "USERNAME_NOT_OCCUPIED", Sent: mtproto.SentYes}
		d.use(t)
		_ = s.Remove(t.Context(), "main.>")
		d.StorageLost()
		if err := d.WriteKnown(t.Context(), func(context.Context) error { return nil }); err != nil {
			t.Fatal(err)
		}
		d.Close(t.Context())
		d, g = owner(t, s, 1)
		g.err = &mtproto.Error{Code: 400, Type: "USERNAME_NOT_OCCUPIED", Sent: mtproto.SentYes}
		_, _, err := d.Resolve(t.Context(), "InputPeer", "@one_more")
		if f := (*answer.Fault)(nil); !errors.As(err, &f) || f.Code != 429 {
			t.Errorf("after a restart: %v, asked %q", err, g.asked)
		}
		d.Close(t.Context())
	})
}
