package keys

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/handshake"
	"github.com/natsgram/natsgram/mtproto/session"
)

var start = time.Unix(1e9, 0)

func made(life time.Duration) *Temporary {
	key, _ := crypto.NewKey(bytes.Repeat([]byte{1}, crypto.KeySize))
	return New(Scope{DC: 2}, &handshake.Result{Key: key, ExpiresAt: start.Add(life)}, life)
}

// B26: the next key is made once by all sessions that share one, an hour before its end; then the key is left when no call is
// under way, if need be with new calls held back, at most for 10 s.
func TestSuccession(t *testing.T) {
	var r Ring
	k := made(Life)
	r.Put(k)
	u, other := Use(k), Use(k)
	step := func(u *InUse, at time.Duration, load Load) Task {
		now := start.Add(at)
		return u.Next(now, now, &r, load)
	}
	busy, held := Load{1, true}, Load{1, false}
	for _, tc := range []struct {
		name string
		u    *InUse
		at   time.Duration
		load Load
		next bool // a successor is put first
		want Task
	}{
		{"begins", &u, 0, busy, false, Task{Wait: 23 * time.Hour}},
		{"due", &u, 23 * time.Hour, busy, false, Task{Wait: renewRetry, Renew: true}},
		{"due, but claimed", &other, 23 * time.Hour, busy, false, Task{Wait: renewRetry}},
		{"failed", &u, 23*time.Hour + renewRetry, busy, false, Task{Wait: renewRetry, Renew: true}},
		{"succeeded while idle", &other, 23*time.Hour + renewRetry, Load{0, true}, true, Task{Leave: ErrRenewed}},
		{"succeeded while busy", &u, 23*time.Hour + renewRetry, busy, false, Task{Wait: drainMost, Hold: true}},
		{"still busy", &u, 23*time.Hour + renewRetry + 4*time.Second, held, false, Task{Wait: 6 * time.Second}},
		{"too long", &u, 23*time.Hour + renewRetry + drainMost, held, false, Task{Wait: drainRetry, Release: true}},
		{"not yet again", &u, 23*time.Hour + renewRetry + drainMost + time.Second, busy, false, Task{Wait: drainRetry - time.Second}},
		{"again", &u, 23*time.Hour + renewRetry + drainMost + drainRetry, busy, false, Task{Wait: drainMost, Hold: true}},
		{"at last", &u, 23*time.Hour + renewRetry + drainMost + drainRetry + time.Second, Load{0, false}, false, Task{Leave: ErrRenewed}},
	} {
		if tc.next {
			r.Succeed(k, made(2*Life))
		}
		if got := step(tc.u, tc.at, tc.load); got != tc.want {
			t.Errorf("%s: %+v, want %+v", tc.name, got, tc.want)
		}
	}
	late := Use(k)
	if got := step(&late, Life-time.Minute, busy); got != (Task{Wait: drainMost, Hold: true}) {
		t.Errorf("late: %+v", got)
	}
	if got := step(&late, Life-time.Minute+drainMost, held); got != (Task{Leave: ErrRenewed}) {
		t.Errorf("late, and busy: %+v", got)
	}
}

// B25: a key that the server takes for unbound is left when the calls under way have been answered so.
func TestUnbound(t *testing.T) {
	var r Ring
	var none InUse
	if none.Unbind(start) || none.Next(start, start, &r, Load{}).Wait != Never || none.Key() != nil {
		t.Error("the permanent key is never unbound")
	}
	u := Use(made(Life))
	if u.Draining() || !u.Unbind(start) || u.Unbind(start) || !u.Draining() {
		t.Error("unbound is noted once, and holds new calls back")
	}
	if got := u.Next(start.Add(time.Second), start, &r, Load{1, false}); got != (Task{Wait: 9 * time.Second}) {
		t.Errorf("%+v", got)
	}
	for _, got := range []Task{u.Next(start, start, &r, Load{}), u.Next(start.Add(drainMost), start, &r, Load{1, false})} {
		if got != (Task{Leave: ErrUnbound}) {
			t.Errorf("%+v", got)
		}
	}
}

// A machine that slept has used up part of a key's life: both clocks count. Keys that live short end in proportion.
func TestEnds(t *testing.T) {
	for _, tc := range []struct {
		life, passed, wall time.Duration
		want               bool
	}{
		{Life, 0, 0, false},
		{Life, Life - ForcedLeast - time.Second, 0, false},
		{Life, Life - ForcedLeast + time.Second, 0, true},
		{Life, 0, Life - ForcedLeast + time.Second, true},
		{Life / 10, Life/10 - ForcedLeast/10 - time.Second, 0, false},
		{Life / 10, Life/10 - ForcedLeast/10 + time.Second, 0, true},
	} {
		k := made(tc.life)
		if got := k.Ends(start.Add(tc.passed), start.Add(tc.wall), ForcedLeast); got != tc.want {
			t.Errorf("%+v: %v", tc, got)
		}
	}
	for range 1000 {
		if l := LifeOf(Life); l > Life || l <= Life-spread || l%time.Second != 0 {
			t.Fatalf("life %v", l)
		}
	}
	if l := LifeOf(time.Millisecond); l > shortest || l < shortest-shortest/8-time.Second {
		t.Errorf("shortest life %v", l)
	}
}

// A11, B24: three denials of a key that is old enough.
func TestDoubts(t *testing.T) {
	var d Doubts
	for i := 1; i <= 3; i++ {
		if n := d.Deny(); n != i || d.Verify() != (i > 1) || d.Believed(time.Hour) != (i == 3) || d.Believed(time.Second) {
			t.Errorf("after %d: %d %+v", i, n, d)
		}
	}
	if d.Known(); d.Believed(time.Hour) || !d.Verify() {
		t.Error("a key that is known is doubted")
	}
}

// B28: one at a time makes keys with a data centre.
func TestExclusive(t *testing.T) {
	var r Ring
	done, err := r.Exclusive(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Exclusive(ctx, 2); !errors.Is(err, context.Canceled) {
		t.Errorf("two at a time: %v", err)
	}
	if _, err := r.Exclusive(t.Context(), 4); err != nil {
		t.Error(err)
	}
	done()
	if _, err := r.Exclusive(t.Context(), 2); err != nil {
		t.Error(err)
	}
}

// B19: the key in a place is the one put there last; an old one neither drops nor succeeds it. C38: at most 8 sessions are
// remembered to be destroyed.
func TestRing(t *testing.T) {
	var r Ring
	first, second := made(Life), made(Life)
	r.Put(first)
	r.Put(second)
	r.Drop(first)
	r.Succeed(first, first)
	if r.Get(Scope{DC: 2}) != second || r.Get(Scope{DC: 2, Media: true}) != nil {
		t.Error("not the last one")
	}
	r.SetBound(second)
	if r.Bound(first) || !r.Bound(second) {
		t.Error("bound")
	}
	for i := range 20 {
		r.LeaveSession(second, int64(i))
	}
	r.SetSalts(second, []session.Salt{{Value: 5}, {Value: 6, Until: 7}})
	if len(second.left) != leftMost || second.salt != 5 {
		t.Errorf("%d sessions, salt %d", len(second.left), second.salt)
	}
	if _, err := r.Session(second, session.Limits{}); err != nil || second.left != nil {
		t.Errorf("%v, %v", err, second.left)
	}
	if r.DropAll(2); r.Get(Scope{DC: 2}) != nil {
		t.Error("not dropped")
	}
}
