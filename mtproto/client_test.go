package mtproto_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// B2 to B16, D1, D5: key exchange, initConnection, help.getConfig, and all of it kept.
func TestFirstConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, mttest.NewServer(t, inMemory))
		r.ready()
		if v := r.call(getConfig); v.Name() != "config" || v.Int("this_dc") != 2 {
			t.Errorf("config: %v %d", v.Name(), v.Int("this_dc"))
		}
		equal(t, "keys made", len(permanent(r)), 1)
		if c := seen[mtproto.Connected](r); len(c) != 1 || c[0].DC != 2 || c[0].Layer != r.Schema().Layer() {
			t.Errorf("connected: %+v", c)
		}
		equal(t, "config events", len(seen[mtproto.ConfigUpdated](r)), 1)
		if err := r.end(); !errors.Is(err, r.ctx.Err()) {
			t.Errorf("Run: %v", err)
		}
		s := r.state()
		if s.Home != 2 || len(s.DCs[2].Key) != 256 || len(s.DCs[2].Salts) == 0 || len(s.Config.Options) == 0 {
			t.Errorf("saved: %v, %d addresses", s, len(s.Config.Options))
		}
		equal(t, "login", r.Login().State().Step, mtproto.WaitPhone)
	})
}

// B28, D1: the next run goes on with the key.
func TestSecondRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		first := start(t, s)
		first.ready()
		first.end()
		second := start(t, s, func(o *mtproto.Options) { o.State = first.state() })
		second.ready()
		second.end()
		equal(t, "keys made", len(permanent(second)), 0)
		equal(t, "key", second.state().DCs[2].Key, first.state().DCs[2].Key)
	})
}

func TestCallsBeforeAndAfterRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(t, mttest.NewServer(t, inMemory))
		answer := make(chan error)
		go func() {
			_, err := r.Invoke(t.Context(), r.encode(getConfig))
			answer <- err
		}()
		time.Sleep(time.Hour)
		go func() { r.ran <- r.Run(r.ctx) }()
		if err := <-answer; err != nil {
			t.Error(err)
		}
		r.end()
		_, err := r.Invoke(t.Context(), r.encode(getConfig))
		if !errors.Is(err, mtproto.ErrClosed) || mtproto.SentOf(err) != mtproto.SentNo {
			t.Errorf("after Run: %v", err)
		}
		if err := r.Run(t.Context()); err == nil {
			t.Error("a client runs twice")
		}
		if err := r.Ready(t.Context()); !errors.Is(err, mtproto.ErrClosed) {
			t.Errorf("Ready: %v", err)
		}
	})
}
