package mtproto_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// B27, F10: after signing out all data centres forget their keys, also where the key to the salts is lost.
func TestKeysDestroyed(t *testing.T) {
	for _, pfs := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := mttest.NewServer(t, inMemory, centres(2, 4), func(c *mttest.Config) { c.Wire.OneConnection = true })
			r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})), func(o *mtproto.Options) { o.NoPFS = !pfs })
			r.ready()
			if _, err := r.InvokeDC(t.Context(), 4, r.encode(getConfig)); err != nil {
				t.Fatal(err)
			}
			s.NewSalts()
			if err := r.Login().LogOut(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := r.end(); !errors.Is(err, mtproto.ErrLoggedOut) {
				t.Errorf("Run: %v", err)
			}
			all, _ := s.TempKeys()
			if n := s.PermanentKeys(); n != 0 || all != 0 {
				t.Errorf("left: %d keys, %d temporary", n, all)
			}
			for _, e := range seen[mtproto.KeyDestroyed](r) {
				if e.Err != nil {
					t.Error(e.DC, e.Err)
				}
			}
			equal(t, "destroyed", len(seen[mtproto.KeyDestroyed](r)), 2)
		})
	}
}

// B27: one that is unknown already needs no destroying, and one that cannot be reached does not keep Run from ending.
func TestKeysNotDestroyed(t *testing.T) {
	for _, gone := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			s := mttest.NewServer(t, inMemory)
			n := &faultyNet{dial: s.Dial}
			r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})), func(o *mtproto.Options) { o.Dial = n.Dial })
			r.ready()
			s.InterceptMethod("auth.logOut", func(*mttest.Request) mttest.Action {
				if gone {
					s.Forget(2, keyID(t, r.State().DCs[2].Key))
				} else {
					n.refuse(true)
				}
				return mttest.Answer(M{"_": "auth.loggedOut"})
			})
			began := time.Now()
			if err := r.Login().LogOut(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := r.end(); !errors.Is(err, mtproto.ErrLoggedOut) || time.Since(began) > 11*time.Second {
				t.Errorf("Run: %v after %v", err, time.Since(began))
			}
			got := seen[mtproto.KeyDestroyed](r)
			if len(got) != 1 || (got[0].Err == nil) != gone {
				t.Errorf("%v", got)
			}
		})
	}
}
