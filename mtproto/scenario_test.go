package mtproto_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/wire"
)

// A35, C27, C36: a cut connection is replaced at once, and calls that were under way are answered.
func TestReconnectAfterCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})))
		r.ready()
		began := time.Now()
		s.Faults.Next(wire.LoseAnswer, 1)
		r.call(getConfig)
		if d := time.Since(began); d > 2*time.Second {
			t.Errorf("the call took %v", d)
		}
		down := seen[mtproto.Disconnected](r)
		if len(down) != 1 || down[0].Next != 0 || down[0].Attempt != 1 || down[0].Err == nil {
			t.Errorf("disconnected: %+v", down)
		}
		time.Sleep(time.Minute)
		if up := seen[mtproto.Connected](r); len(up) != 2 || up[1].RTT < 0 {
			t.Errorf("connected: %+v", up)
		}
		r.ready()
	})
}

// C33, C35: a peer that falls silent without closing is noticed.
func TestDeadPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		n := &faultyNet{dial: s.Dial}
		r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})), func(o *mtproto.Options) { o.Dial = n.Dial })
		r.ready()
		time.Sleep(time.Minute)
		n.hold()
		began := time.Now()
		for len(seen[mtproto.Disconnected](r)) == 0 {
			time.Sleep(100 * time.Millisecond)
		}
		if d := time.Since(began); d > 20*time.Second {
			t.Errorf("noticed after %v", d)
		}
		n.release()
		r.call(getConfig)
	})
}

// The pauses between attempts grow, are bounded, and calls wait through all of them.
func TestBackoffBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		n := &faultyNet{dial: s.Dial}
		r := start(t, s, func(o *mtproto.Options) { o.Dial = n.Dial })
		r.ready()
		n.refuse(true)
		s.Cut()
		time.Sleep(10 * time.Minute)
		down := seen[mtproto.Disconnected](r)
		if down[0].Next != 0 {
			t.Errorf("first pause %v", down[0].Next)
		}
		last := down[len(down)-1]
		if last.Next < 15*time.Second || last.Next > 30*time.Second || last.Attempt != len(down) {
			t.Errorf("last of %d: %+v", len(down), last)
		}
		if len(down) < 20 || len(down) > 50 {
			t.Errorf("%d attempts in 10 minutes", len(down))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Ready(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ready without a network: %v", err)
		}
		n.refuse(false)
		r.call(getConfig)
		r.ready()
	})
}

// A12: -429 is not answered by connecting again at once, by no client of the process.
func TestFloodOfConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		shared := new(mtproto.Throttle)
		share := func(o *mtproto.Options) { o.Throttle = shared }
		r := start(t, s, share)
		r.ready()
		shared.Flooded(time.Now())
		s.Cut()
		began := time.Now()
		r.call(getConfig)
		if d := time.Since(began); d < 2*time.Second || d > 5*time.Second {
			t.Errorf("reconnected after %v", d)
		}
		equal(t, "throttled", len(seen[mtproto.Throttled](r)), 1)
	})
}

// A10, A11: a data centre that denies our key is asked again over fresh connections. Where nobody is signed in another key
// is made, else the account counts as lost; either way after three denials, not one.
func TestKeyDenied(t *testing.T) {
	for _, signedIn := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := mttest.NewServer(t, inMemory)
			state := stateOf(s, s.AddUser(mttest.User{First: "Alice"}))
			d := state.DCs[2]
			d.Key = []byte(strings.Repeat("k", 256)) // unknown to the server
			d.Created = time.Now().Add(-time.Hour)
			state.DCs[2] = d
			if !signedIn {
				state.UserID = 0
			}
			r := start(t, s, func(o *mtproto.Options) { o.State = state })
			if signedIn {
				if err := <-r.ran; !errors.Is(err, mtproto.ErrAuthLost) || !errors.Is(err, mtproto.ErrKeyUnknown) {
					t.Errorf("Run: %v", err)
				}
				r.ran <- nil
				equal(t, "lost", len(seen[mtproto.AuthLost](r)), 1)
				equal(t, "the key is kept", string(r.state().DCs[2].Key), string(d.Key))
				equal(t, "login", r.Login().State().Step, mtproto.LoggedOut)
			} else {
				r.call(getConfig)
				equal(t, "keys made", len(permanent(r)), 1)
			}
			equal(t, "denials", len(seen[mtproto.KeyDoubted](r)), 3)
		})
	}
}

// A11: a key that was made just now is not given up however often it is denied.
func TestYoungKeyDenied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		state := stateOf(s, s.AddUser(mttest.User{First: "Alice"}))
		state.DCs[2] = mtproto.DCState{Key: []byte(strings.Repeat("k", 256)), Created: time.Now()}
		r := start(t, s, func(o *mtproto.Options) { o.State = state })
		time.Sleep(50 * time.Second)
		if n := len(seen[mtproto.KeyDoubted](r)); n < 4 {
			t.Errorf("%d denials", n)
		}
		equal(t, "lost", len(seen[mtproto.AuthLost](r)), 0)
		time.Sleep(2 * time.Minute)
		equal(t, "lost in the end", len(seen[mtproto.AuthLost](r)), 1)
	})
}

// D2: a query that the server wants introduced again is introduced again.
func TestNotInited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})))
		r.ready()
		for _, text := range []string{"CONNECTION_NOT_INITED", "CONNECTION_LAYER_INVALID"} {
			s.FailNext("help.getNearestDc", 1, 400, text)
			wrapped := false
			remove := s.InterceptMethod("help.getNearestDc", func(q *mttest.Request) mttest.Action {
				wrapped = wrapped || len(q.Query) > 4
				return mttest.Answer(M{"_": "nearestDc", "country": "DE", "this_dc": 2, "nearest_dc": 2})
			})
			r.call(M{"_": "help.getNearestDc"})
			remove()
		}
		s.FailNext("help.getNearestDc", 5, 400, "CONNECTION_NOT_INITED")
		r.refused(M{"_": "help.getNearestDc"}, 400, "CONNECTION_NOT_INITED")
	})
}

// D3: an update of a layer that we do not speak is handed on, and Reinit introduces us anew.
func TestReinit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})))
		r.ready()
		before := s.Executed("help.getConfig")
		r.Reinit()
		r.call(M{"_": "updates.getState"})
		if got := s.Executed("help.getConfig"); got != before+1 {
			t.Errorf("introduced %d times", got-before)
		}
		equal(t, "connections", len(seen[mtproto.Connected](r)), 2)
	})
}

// E20, C17: updates come in order, once, and unacknowledged ones come again; to a client that nobody has called anything by.
func TestUpdates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		alice, bob := s.AddUser(mttest.User{First: "Alice"}), s.AddUser(mttest.User{First: "Bob"})
		r := start(t, s, as(s, alice))
		r.ready()
		for range 50 {
			bob.Send(alice, "hi")
		}
		time.Sleep(time.Second)
		last := 0
		for _, u := range r.pushed() {
			v, err := r.Schema().View(u.Body)
			if err != nil {
				t.Fatal(err)
			}
			for x := range v.Objects("updates") {
				if x.Name() != "updateNewMessage" {
					continue
				}
				if pts := int(x.Int("pts")); pts != last+1 && last != 0 {
					t.Errorf("pts %d after %d", pts, last)
				} else {
					last = pts
				}
			}
		}
		equal(t, "pts", last, alice.State().Pts)
	})
}

// C17: what is not done is not acknowledged, so that the server sends it again after a reconnect.
func TestUpdateNotDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		alice := s.AddUser(mttest.User{First: "Alice"})
		got := make(chan mtproto.Update, 10)
		typing := M{"_": "updateUserTyping", "user_id": alice.ID(), "action": M{"_": "sendMessageTypingAction"}}
		r := start(t, s, as(s, alice), func(o *mtproto.Options) {
			o.Updates = func(u mtproto.Update) { got <- u }
		})
		r.ready()
		time.Sleep(time.Second)
		alice.Push(typing)
		time.Sleep(30 * time.Second)
		s.Cut()
		time.Sleep(30 * time.Second)
		if len(got) != 1 {
			t.Fatalf("%d updates, want one: the session knows the repetition", len(got))
		}
		u := <-got
		u.Ack()
		u.Ack()
	})
}

// E27: an update for which there was no room comes again on the next connection, also after the five minutes in which
// messages are taken (C8), and is acknowledged when it is done.
func TestUpdateAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		alice := s.AddUser(mttest.User{First: "Alice"})
		pushed := make(chan mtproto.Update, 10)
		r := start(t, s, as(s, alice), func(o *mtproto.Options) { o.Updates = func(u mtproto.Update) { pushed <- u } })
		r.ready()
		time.Sleep(time.Minute)
		alice.Push(M{"_": "updateUserName", "user_id": alice.ID(), "first_name": "A", "last_name": "", "usernames": []M{}})
		time.Sleep(time.Second)
		first := <-pushed
		first.Decline()
		time.Sleep(10 * time.Minute)
		if n := s.Unacknowledged(); len(pushed) != 0 || n == 0 {
			t.Fatalf("%d updates; the server waits for %d acknowledgements", len(pushed), n)
		}
		r.Reinit()
		time.Sleep(time.Minute)
		if len(pushed) != 1 {
			t.Fatalf("%d updates", len(pushed))
		}
		second := <-pushed
		if !bytes.Equal(first.Body, second.Body) {
			t.Error("another one")
		}
		second.Ack()
		time.Sleep(time.Minute)
		equal(t, "acknowledgements missing", s.Unacknowledged(), 0)
	})
}

// C8, E27: what happened while the network was away for longer than the five minutes of C8 comes when it is back, and is
// acknowledged when it was taken. No difference would bring it.
func TestUpdatesOfAnOutage(t *testing.T) {
	for _, late := range []bool{false, true} { // both ways in which the server may number them
		synctest.Test(t, func(t *testing.T) {
			s := mttest.NewServer(t, inMemory, func(c *mttest.Config) { c.Wire.NumberLate = late })
			alice := s.AddUser(mttest.User{First: "Alice"})
			n := &faultyNet{dial: s.Dial}
			r := start(t, s, as(s, alice), func(o *mtproto.Options) { o.Dial = n.Dial })
			r.ready()
			time.Sleep(time.Minute)
			before := len(r.pushed())
			n.refuse(true)
			s.Cut()
			const queries = 5
			for i := range queries {
				alice.Push(M{"_": "updateUserName", "user_id": i + 1, "first_name": "A", "last_name": "", "usernames": []M{}})
				time.Sleep(2 * time.Minute)
			}
			n.refuse(false)
			time.Sleep(time.Minute)
			equal(t, "updates", len(r.pushed())-before, queries)
			time.Sleep(time.Minute)
			equal(t, "acknowledgements missing", s.Unacknowledged(), 0)
		})
	}
}

// C36: a session that the server has forgotten is said to be new, for whoever fetches the difference.
func TestNewSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})))
		r.ready()
		n := len(seen[mtproto.NewSession](r))
		time.Sleep(time.Second) // message ids of the server's are made of the time
		s.ForgetSessions()
		s.Cut()
		r.call(getConfig)
		time.Sleep(time.Second)
		if got := len(seen[mtproto.NewSession](r)); got != n+1 {
			t.Errorf("%d new sessions, want %d", got, n+1)
		}
	})
}

// D5: the config is fetched again when it expires and when an update says so.
func TestConfigRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		alice := s.AddUser(mttest.User{First: "Alice"})
		r := start(t, s, as(s, alice))
		r.ready()
		time.Sleep(time.Second)
		n := s.Executed("help.getConfig")
		alice.Push(M{"_": "updateConfig"})
		time.Sleep(time.Second)
		equal(t, "after updateConfig", s.Executed("help.getConfig"), n+1)
		time.Sleep(25 * time.Hour)
		if got := s.Executed("help.getConfig"); got < n+2 || got > n+300 {
			t.Errorf("%d times in a day", got-n)
		}
	})
}

// The context ends a call, and the error says whether it was sent.
func TestCancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		n := &faultyNet{dial: s.Dial}
		r := start(t, s, func(o *mtproto.Options) { o.Dial = n.Dial })
		r.ready()
		s.InterceptMethod("help.getNearestDc", func(*mttest.Request) mttest.Action { return mttest.Drop() })
		try := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			_, err := r.tryCall(ctx, M{"_": "help.getNearestDc"})
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v", err)
			}
			return err
		}
		if sent := mtproto.SentOf(try()); sent == mtproto.SentNo {
			t.Error("a call without an answer counts as not sent")
		}
		n.refuse(true)
		s.Cut()
		time.Sleep(time.Second)
		if sent := mtproto.SentOf(try()); sent != mtproto.SentNo {
			t.Errorf("without a network: sent %v", sent)
		}
		n.refuse(false)
		r.call(getConfig)
	})
}

// Run's end answers every call that is under way.
func TestEndDuringCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		s.InterceptMethod("help.getNearestDc", func(*mttest.Request) mttest.Action { return mttest.Drop() })
		r := start(t, s)
		r.ready()
		errs := make(chan error)
		for range 10 {
			go func() {
				_, err := r.Invoke(context.Background(), r.encode(M{"_": "help.getNearestDc"}))
				errs <- err
			}()
		}
		time.Sleep(time.Second)
		r.end()
		for range 10 {
			if err := <-errs; !errors.Is(err, mtproto.ErrClosed) || mtproto.SentOf(err) == mtproto.SentNo {
				t.Errorf("%v", err)
			}
		}
	})
}

// A state that cannot be saved is said so, and saved with the next change.
func TestSaveFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		broken := errors.New("disk full")
		saves := 0
		r := start(t, s, func(o *mtproto.Options) {
			save := o.Save
			o.Save = func(st mtproto.State) error {
				if saves++; saves == 1 {
					return broken
				}
				return save(st)
			}
		})
		r.ready()
		if e := seen[mtproto.SaveFailed](r); len(e) != 1 || !errors.Is(e[0].Err, broken) {
			t.Errorf("%+v", e)
		}
		synctest.Wait()
		equal(t, "key saved later", len(r.state().DCs[2].Key), 256)
	})
}

// A11, D7: a key of another data centre than the home may be dropped; a new one is made and the authorization brought again.
func TestForeignKeyDenied(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory, centres(2, 4))
		state := stateOf(s, s.AddUser(mttest.User{First: "Alice"}))
		old := strings.Repeat("k", 256)
		state.DCs[4] = mtproto.DCState{Key: []byte(old), Created: time.Now().Add(-time.Hour), Authorized: true}
		r := start(t, s, func(o *mtproto.Options) { o.State = state })
		b, err := r.InvokeDC(t.Context(), 4, r.encode(M{"_": "users.getUsers", "id": []M{{"_": "inputUserSelf"}}}))
		if err != nil || len(b) == 0 {
			t.Error(err)
		}
		synctest.Wait()
		if d := r.state().DCs[4]; string(d.Key) == old || !d.Authorized {
			t.Errorf("%v", d)
		}
		equal(t, "denials", len(seen[mtproto.KeyDoubted](r)), 3)
		equal(t, "lost", len(seen[mtproto.AuthLost](r)), 0)
	})
}
