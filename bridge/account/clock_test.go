package account

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/updates"
)

// A wrong clock is said once for all accounts of a daemon, and once more when it is right again.
func TestClockIsToldOnce(t *testing.T) {
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	var c Clock
	for _, step := range []struct {
		ahead time.Duration
		news  bool
	}{
		{0, false}, {2 * time.Second, false}, {-8 * time.Minute, true}, {-8*time.Minute + time.Second, false}, {-8 * time.Minute, false},
		{time.Second, true}, {0, false}, {26 * time.Hour, true},
	} {
		if news := c.note(log, step.ahead); news != step.news {
			t.Errorf("%v ahead: %v", step.ahead, news)
		}
	}
	if n := strings.Count(said.String(), "\n"); n != 3 || !strings.Contains(said.String(), "ahead=-8m0s") {
		t.Error(said.String())
	}
	if (*Clock)(nil).note(log, time.Hour) {
		t.Error("nobody's clock")
	}
}

// With a clock that is minutes off, the status says so and delays are what they are.
func TestDelayAllowsForTheClock(t *testing.T) {
	x := newRig(t)
	g := newTelegram(t)
	x.run(g)
	g.offset.Store(int64(-8 * time.Minute)) // Telegram's clock is behind ours
	g.o.Events(mtproto.Connected{DC: 2})
	if st := x.r.Status(); st.Skew != 480 {
		t.Errorf("%+v", st)
	}
	d, late := x.r.ownership().driver, make(chan time.Duration, 1)
	d.loop.Post(func(time.Time, *updates.Machine) { // the writer is the loop's
		w := d.publisher.writer
		w.received = time.Unix(1_700_000_480, 0)
		late <- w.delay(&updates.Item{Date: 1_699_999_997})
	})
	if late := <-late; late != 3*time.Second {
		t.Error(late)
	}
}

var errRefused = errors.New("handshake: no public key for any fingerprint that the server offers")

// Who calls while there is no connection is told why.
func TestNotConnectedIsTheReason(t *testing.T) {
	r := New(Config{Name: "main"})
	r.status.owned(mtproto.State{Home: 2, UserID: 1})
	none := &mtproto.Error{Err: context.DeadlineExceeded, Sent: mtproto.SentNo}
	if f := r.status.explain(none); f.Code != 504 || f.Text != "not connected to Telegram: the connection is being made" {
		t.Errorf("%+v", f)
	}
	r.status.disconnected(2, errRefused)
	if f := r.status.explain(none); f.Code != 504 || f.Sent != "no" || f.Text != "not connected to Telegram: "+errRefused.Error() {
		t.Errorf("%+v", f)
	}
	if f := r.status.explain(&mtproto.Error{Err: context.DeadlineExceeded, Sent: mtproto.SentUnknown}); strings.Contains(f.Text, "not connected") {
		t.Errorf("it was sent: %+v", f)
	}
	r.status.connected(2)
	if f := r.status.explain(none); f.Text != "Telegram did not answer in time" {
		t.Errorf("%+v", f)
	}
}

// D6: after a migration the state is that of the new home, whose connection was there before.
func TestStatusAfterMigration(t *testing.T) {
	r := New(Config{Name: "main"})
	s := &r.status
	s.owned(mtproto.State{Home: 2, UserID: 1})
	if !s.connected(2) || s.connected(4) {
		t.Error("the home is 2")
	}
	if !s.migrated(4) {
		t.Error("there is a connection to the new home")
	}
	s.disconnected(2, errRefused) // it is not wanted any more
	if now, _ := s.phase(); now != Connected || s.s.DC != 4 {
		t.Errorf("%s at %d", now, s.s.DC)
	}
	if s.migrated(5) {
		t.Error("there is no connection to it")
	}
	if now, _ := s.phase(); now != Connecting {
		t.Error(now)
	}
	if !s.connected(5) {
		t.Error("that is the home now")
	}
}
