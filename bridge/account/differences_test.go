package account

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/updates"
)

// An account whose difference Telegram refuses again and again is connected, and follows nothing: that is said, with the reason, until
// a difference succeeds.
func TestDifferenceThatFails(t *testing.T) {
	x := newRig(t)
	x.late = 50 * time.Millisecond
	g := newTelegram(t)
	x.run(g)
	if st := x.r.Status(); st.Difference.IsZero() || st.DifferenceError != "" {
		t.Errorf("%+v", st)
	}
	g.refuse(&mtproto.Error{Code: 500, Type: "AUTH_RESTART"})
	x.r.ownership().driver.start()
	x.until("behind", func(st Status) bool { return !st.Follows && strings.Contains(st.DifferenceError, "AUTH_RESTART") })
	if st := x.r.Status(); st.State != Behind || !strings.Contains(st.Error, "AUTH_RESTART") {
		t.Errorf("%+v", st)
	}
	x.said(eventBehind)
	g.refuse(nil)
	x.until("caught up", func(st Status) bool { return st.Follows && st.State == Connected && st.DifferenceError == "" })
	x.said(eventCaughtUp)
}

func TestDifferences(t *testing.T) {
	at := func(s int) time.Time { return time.Unix(1700000000+int64(s), 0) }
	x := differences{late: 3 * time.Minute}
	if x.overdue(at(0)) || x.wait(at(0)) <= x.late {
		t.Error("nothing was asked for")
	}
	x.asked(at(0), &updates.Fetch{Method: "updates.getDifference"})
	x.asked(at(100), &updates.Fetch{Method: "updates.getDifference"}) // again: the first counts
	if x.overdue(at(179)) || x.wait(at(170)) != 10*time.Second {
		t.Errorf("too early: %v", x.wait(at(170)))
	}
	if _, behind, why := x.told(); behind || why != "" {
		t.Errorf("%v %q", behind, why)
	}
	if !x.overdue(at(180)) || x.overdue(at(181)) {
		t.Error("it is said once")
	}
	if _, behind, why := x.told(); !behind || why != "Telegram does not answer" {
		t.Errorf("%v %q", behind, why)
	}
	if x.answered(at(190), errors.New("500 AUTH_RESTART")) {
		t.Error("an error is no recovery")
	}
	if _, _, why := x.told(); why != "500 AUTH_RESTART" {
		t.Error(why)
	}
	if !x.answered(at(200), nil) || x.answered(at(201), nil) {
		t.Error("recovery is said once")
	}
	if good, behind, why := x.told(); !good.Equal(at(201)) || behind || why != "" {
		t.Errorf("%v %v %q", good, behind, why)
	}
}
