package mtproto_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/wire"
)

// asked notes what a server is asked, with the key of each query.
type asked struct {
	mu      sync.Mutex
	methods []string
	keys    map[uint64]bool
}

func listen(s *mttest.Server) *asked {
	a := &asked{keys: map[uint64]bool{}}
	s.Intercept(func(r *mttest.Request) mttest.Action {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.methods = append(a.methods, r.Method)
		a.keys[r.KeyID] = true
		return mttest.Pass()
	})
	return a
}

func (a *asked) said() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.methods)
}

func (a *asked) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.methods = nil
}

// under says whether there was a query under a key, and of how many keys there were any.
func (a *asked) under(id uint64) (yes bool, keys int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.keys[id], len(a.keys)
}

func (a *asked) count(method string) (n int) {
	for _, m := range a.said() {
		if m == method {
			n++
		}
	}
	return n
}

func keyID(t testing.TB, b []byte) uint64 {
	t.Helper()
	k, err := crypto.NewKey(b)
	if err != nil {
		t.Fatal(err)
	}
	return k.ID()
}

const bindMethod = "auth.bindTempAuthKey"

// B19, B20, B21, B23, B29: nothing is sent under the permanent key, and under the temporary one nothing before it is bound,
// then initConnection; and it is not kept.
func TestForwardSecrecy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		a := listen(s)
		r := start(t, s)
		r.ready()
		r.call(getConfig)
		equal(t, "asked", a.said(), []string{bindMethod, "help.getConfig", "help.getConfig"})
		all, bound := s.TempKeys()
		open, keys := a.under(keyID(t, r.state().DCs[2].Key))
		if all != 1 || bound != 1 || s.PermanentKeys() != 1 || keys != 1 || open {
			t.Errorf("%d temporary keys, %d bound, queries under %d, the permanent one: %v", all, bound, keys, open)
		}
		made := seen[mtproto.KeyCreated](r)
		if left := time.Until(made[1].Until); len(made) != 2 || left < 22*time.Hour || left > 24*time.Hour {
			t.Errorf("keys: %v", made)
		}
		r.end()
		kept, err := json.Marshal(r.state())
		if err != nil || strings.Count(string(kept), `"Key"`) != 1 {
			t.Errorf("kept: %d keys, %v", strings.Count(string(kept), `"Key"`), err)
		}
	})
}

// B19: with another run begins another temporary key; the former one stands for nothing any more.
func TestOneKeyBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory, strict)
		state := stateOf(s, s.AddUser(mttest.User{First: "Alice"}))
		for i := range 3 {
			r := start(t, s, func(o *mtproto.Options) { o.State = state })
			r.call(M{"_": "updates.getState"})
			r.end()
			if all, bound := s.TempKeys(); all != i+1 || bound != 1 {
				t.Errorf("%d temporary keys, %d bound", all, bound)
			}
		}
	})
}

// B22: whatever happens to the message that binds a key, the next one is made anew: what is encrypted in it names it.
func TestBindAgain(t *testing.T) {
	for name, harm := range map[string]func(s *mttest.Server){
		"wrong salts":       func(s *mttest.Server) { s.Faults.Next(wire.WrongSalt, 2) },
		"another salt":      func(s *mttest.Server) { s.Faults.Next(wire.NewSalt, 1) },
		"a lost session":    func(s *mttest.Server) { s.Faults.Next(wire.DestroySession, 2) },
		"a lost answer":     func(s *mttest.Server) { onBind(s, 1, mttest.Lose()) },
		"a lost question":   func(s *mttest.Server) { onBind(s, 2, mttest.Disconnect()) },
		"no answer":         func(s *mttest.Server) { onBind(s, 1, mttest.Drop()) },
		"Telegram is tired": func(s *mttest.Server) { onBind(s, 2, mttest.Error(500, "RPC_CALL_FAIL")) },
		"a flood":           func(s *mttest.Server) { onBind(s, 1, mttest.Error(420, "FLOOD_WAIT_1")) },
		"too old a time":    func(s *mttest.Server) { onBind(s, 1, mttest.Error(400, "EXPIRES_AT_INVALID")) },
		"another's key":     func(s *mttest.Server) { onBind(s, 1, mttest.Error(400, "TEMP_AUTH_KEY_ALREADY_BOUND")) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mttest.NewServer(t, inMemory)
				harm(s)
				r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})), func(o *mtproto.Options) { o.Dial = slow(s.Dial) })
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
				defer cancel()
				if _, err := r.tryCall(ctx, M{"_": "updates.getState"}); err != nil {
					t.Error(err)
				}
				if _, bound := s.TempKeys(); bound != 1 {
					t.Errorf("%d keys bound", bound)
				}
				equal(t, "doubts", len(seen[mtproto.KeyDoubted](r)), 0)
				equal(t, "lost", len(seen[mtproto.AuthLost](r)), 0)
			})
		})
	}
}

// onBind does something else with the first n bindings.
func onBind(s *mttest.Server, n int, do mttest.Action) {
	s.InterceptMethod(bindMethod, func(*mttest.Request) mttest.Action {
		if n--; n >= 0 {
			return do
		}
		return mttest.Pass()
	})
}

// A10, B25: a temporary key may die at any time. That is no sign-out, nor a doubt about the permanent key: another one is
// made and bound, all is introduced again, and the difference is to be fetched (E18).
func TestTempKeyDies(t *testing.T) {
	for name, kill := range map[string]func(*mttest.Server){
		"-404":                (*mttest.Server).ForgetTempKeys,
		"AUTH_KEY_PERM_EMPTY": (*mttest.Server).UnbindTempKeys,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mttest.NewServer(t, inMemory)
				r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})))
				r.ready()
				a := listen(s)
				for i := range 5 {
					time.Sleep(time.Minute)
					a.forget()
					news := len(seen[mtproto.NewSession](r))
					kill(s)
					r.call(M{"_": "updates.getState"})
					time.Sleep(time.Second)
					if got := a.said(); len(got) < 3 || got[0] != bindMethod || got[1] != "help.getConfig" {
						t.Errorf("asked: %v", got)
					}
					if got := len(seen[mtproto.NewSession](r)); got != news+1 {
						t.Errorf("%d: %d new sessions", i, got-news)
					}
				}
				equal(t, "doubts", len(seen[mtproto.KeyDoubted](r)), 0)
				equal(t, "lost", len(seen[mtproto.AuthLost](r)), 0)
				equal(t, "permanent keys made", len(permanent(r)), 0)
			})
		})
	}
}

// B25: of many calls that are told so at once, each is answered, and one other key is made.
func TestTempKeyDiesUnderCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})))
		r.ready()
		s.UnbindTempKeys()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if _, err := r.tryCall(t.Context(), M{"_": "messages.createChat", "title": "x", "users": []M{{"_": "inputUserSelf"}}}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		equal(t, "executed", s.Executed("messages.createChat"), 50)
		equal(t, "keys made", len(seen[mtproto.KeyCreated](r)), 2)
	})
}

// B24: a permanent key that no temporary key can be bound to is given up, at another data centre without a word, and the
// authorization brought there again (D7).
func TestBindRefusedElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory, centres(2, 4))
		r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})))
		there := func() {
			t.Helper()
			part := r.encode(M{"_": "upload.saveFilePart", "file_id": 1, "file_part": 0, "bytes": []byte("x")})
			if _, err := r.InvokeDC(t.Context(), 4, part); err != nil {
				t.Error(err)
			}
		}
		there()
		time.Sleep(5 * time.Minute) // the link is closed, its key is not young
		key := r.state().DCs[4].Key
		s.Forget(4, keyID(t, key))
		s.ForgetTempKeys()
		there()
		synctest.Wait()
		now := r.state().DCs[4]
		if string(now.Key) == string(key) || !now.Authorized || s.Executed("auth.importAuthorization") != 2 {
			t.Errorf("another key: %v, authorized: %v", string(now.Key) != string(key), now.Authorized)
		}
		equal(t, "doubts", len(seen[mtproto.KeyDoubted](r)), 3)
		equal(t, "lost", len(seen[mtproto.AuthLost](r)), 0)
	})
}

// B24: while the key is younger than a minute, refusals are only a reason to try again.
func TestBindRefusedYoung(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		onBind(s, 4, mttest.Error(400, "ENCRYPTED_MESSAGE_INVALID"))
		r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})))
		r.call(M{"_": "updates.getState"})
		equal(t, "doubts", len(seen[mtproto.KeyDoubted](r)), 4)
		equal(t, "lost", len(seen[mtproto.AuthLost](r)), 0)
		equal(t, "permanent keys made", len(permanent(r)), 0)
		// and the count begins anew
		s.ForgetTempKeys()
		onBind(s, 2, mttest.Error(400, "ENCRYPTED_MESSAGE_INVALID"))
		time.Sleep(2 * time.Minute)
		r.call(M{"_": "updates.getState"})
		equal(t, "lost", len(seen[mtproto.AuthLost](r)), 0)
	})
}

// B26: the next key is made before the old one ends, calls go on meanwhile and none is lost or doubled, over never more than
// one connection (D8); the difference is to be fetched afterwards (E18).
func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory, func(c *mttest.Config) { c.Wire.OneConnection = true })
		slowly := mttest.Delay(7*time.Second, mttest.Pass())
		s.InterceptMethod("messages.createChat", func(*mttest.Request) mttest.Action { return slowly })
		r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})))
		r.ready()
		made := 0
		for began := time.Now(); time.Since(began) < 50*time.Hour; made++ {
			r.call(M{"_": "messages.createChat", "title": fmt.Sprint(made), "users": []M{{"_": "inputUserSelf"}}})
		}
		equal(t, "executed", s.Executed("messages.createChat"), made)
		equal(t, "repeated", len(s.Repeated("messages.createChat")), 0)
		keys := seen[mtproto.KeyCreated](r)
		if len(keys) != 3 {
			t.Errorf("%d keys in 50 hours", len(keys))
		}
		equal(t, "connections lost", len(seen[mtproto.Disconnected](r)), len(keys)-1)
		equal(t, "new sessions", len(seen[mtproto.NewSession](r)), len(keys))
		equal(t, "lost", len(seen[mtproto.AuthLost](r)), 0)
	})
}

// B26: what takes long is waited for, with others let through in between, and cut off only when the key is about to end.
func TestRenewalUnderLongCall(t *testing.T) {
	for _, takes := range []time.Duration{5 * time.Minute, 3 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			s := mttest.NewServer(t, inMemory, strict)
			s.InterceptMethod("messages.createChat", func(*mttest.Request) mttest.Action { return mttest.Delay(takes, mttest.Pass()) })
			r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})))
			r.ready()
			until := seen[mtproto.KeyCreated](r)[0].Until
			time.Sleep(time.Until(until) - time.Hour - time.Minute)
			long := make(chan error)
			go func() {
				_, err := r.tryCall(t.Context(), M{"_": "messages.createChat", "title": "x", "users": []M{{"_": "inputUserSelf"}}})
				long <- err
			}()
			for time.Now().Before(until.Add(-5 * time.Minute)) {
				began := time.Now()
				r.call(M{"_": "updates.getState"})
				if d := time.Since(began); d > 11*time.Second {
					t.Errorf("a call took %v", d)
				}
				time.Sleep(7 * time.Second)
			}
			err := <-long
			if takes < time.Hour && err != nil || takes > time.Hour && mtproto.SentOf(err) != mtproto.SentYes {
				t.Errorf("%v: %v", takes, err)
			}
			if all, bound := s.TempKeys(); all != 2 || bound != 1 {
				t.Errorf("%d keys, %d bound", all, bound)
			}
		})
	}
}

// B26: of the sessions for files, which share a temporary key, one makes the next.
func TestRenewalOfSharedKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory, func(c *mttest.Config) { c.Media = true })
		s.InterceptMethod("upload.saveFilePart", func(*mttest.Request) mttest.Action {
			return mttest.Delay(time.Second, mttest.Answer(true))
		})
		r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})))
		r.ready()
		most := 0
		part := r.encode(M{"_": "upload.saveFilePart", "file_id": 1, "file_part": 0, "bytes": []byte("x")})
		for began := time.Now(); time.Since(began) < 25*time.Hour; time.Sleep(20 * time.Second) {
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					if _, err := r.InvokeFile(t.Context(), 2, mtproto.Upload, part); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			synctest.Wait() // a key exchange has a connection of its own, which may be there still
			most = max(most, s.Connections())
		}
		equal(t, "connections", most, 5)
		all, bound := s.TempKeys()
		if made := len(seen[mtproto.KeyCreated](r)); made != 4 || bound != 2 {
			t.Errorf("%d keys made, %d there, %d bound", made, all, bound)
		}
	})
}

// B26: a renewal that fails is tried again, and one that never succeeds costs nothing but a key exchange in the end.
func TestRenewalFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		n := &faultyNet{dial: s.Dial}
		r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})), func(o *mtproto.Options) { o.Dial = n.Dial })
		r.ready()
		until := seen[mtproto.KeyCreated](r)[0].Until
		n.refuse(true)
		time.Sleep(time.Until(until) - time.Minute)
		equal(t, "attempts", n.count()-1, 12)
		n.refuse(false)
		for range 10 {
			time.Sleep(time.Minute)
			r.call(M{"_": "updates.getState"})
		}
		equal(t, "keys made", len(seen[mtproto.KeyCreated](r)), 2)
		equal(t, "lost", len(seen[mtproto.AuthLost](r)), 0)
	})
}

// Without temporary keys all goes under the permanent one; where that is denied, binding a temporary one tells whether it is
// really unknown (A11).
func TestWithoutPFS(t *testing.T) {
	plain := func(o *mtproto.Options) { o.NoPFS = true }
	for _, known := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := mttest.NewServer(t, inMemory)
			a := listen(s)
			n := &scripted{through: s.Dial}
			defer n.wg.Wait()
			state := stateOf(s, s.AddUser(mttest.User{First: "Alice"}))
			r := start(t, s, plain, func(o *mtproto.Options) { o.State, o.Dial = state, n.Dial })
			r.ready()
			open, _ := a.under(keyID(t, state.DCs[2].Key))
			if all, _ := s.TempKeys(); all != 0 || !open {
				t.Errorf("%d temporary keys", all)
			}
			time.Sleep(2 * time.Minute)
			if !known {
				s.Forget(2, keyID(t, state.DCs[2].Key))
				if err := <-r.ran; !errors.Is(err, mtproto.ErrKeyUnknown) {
					t.Errorf("Run: %v", err)
				}
				r.ran <- nil
				return
			}
			n.mu.Lock()
			n.codes = []int32{-404, -404, -404}
			n.mu.Unlock()
			s.Cut()
			r.call(M{"_": "updates.getState"})
			equal(t, "bound", a.count(bindMethod), 1)
			equal(t, "lost", len(seen[mtproto.AuthLost](r)), 0)
		})
	}
}

// C38: a session that was left is destroyed by the next one of the same key.
func TestLeftSessionDestroyed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory, centres(2, 4))
		r := start(t, s)
		r.ready()
		for range 5 {
			if _, err := r.InvokeDC(t.Context(), 4, r.encode(getConfig)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Minute) // the link is closed meanwhile
		}
		if n := s.Sessions(4); n != 1 {
			t.Errorf("%d sessions are left", n)
		}
		equal(t, "keys made", len(seen[mtproto.KeyCreated](r)), 4)
	})
}

// C15: what is owed is acknowledged before the connection is closed for good.
func TestLastAcknowledgements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		alice, bob := s.AddUser(mttest.User{First: "Alice"}), s.AddUser(mttest.User{First: "Bob"})
		r := start(t, s, as(s, alice))
		r.ready()
		time.Sleep(time.Minute + time.Second/3) // not in the moment of a ping, which takes acknowledgements along
		bob.Send(alice, "hi")
		synctest.Wait()
		if n := s.Unacknowledged(); n == 0 {
			t.Fatal("acknowledged at once: this shows nothing")
		}
		r.end()
		synctest.Wait()
		equal(t, "left", s.Unacknowledged(), 0)
	})
}
