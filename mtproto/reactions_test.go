package mtproto_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// fate is what becomes of a call that Telegram answers so once.
type fate struct {
	answered bool          // it was made again, with success
	after    time.Duration // and not before
	dc       int           // by that data centre, 0: home
	lost     bool          // the account is signed out
	home     int           // of the account afterwards, 0: where it was
	unsafe   bool          // answered only if the call does no harm when it is made twice; the test makes both
}

// D17: the table of reactions, row by row, as it shows from outside.
func TestReactions(t *testing.T) {
	var (
		toCaller = fate{}
		again    = fate{answered: true, after: time.Second}
		guarded  = fate{answered: true, after: time.Second, unsafe: true}
		lost     = fate{lost: true}
		waits    = func(s int) fate { return fate{answered: true, after: time.Duration(s) * time.Second} }
	)
	for _, tc := range []struct {
		code int
		text string
		fate
	}{
		{303, "PHONE_MIGRATE_4", fate{answered: true, dc: 4, home: 4}},
		{303, "NETWORK_MIGRATE_4", fate{answered: true, dc: 4, home: 4}},
		{303, "USER_MIGRATE_4", fate{answered: true, dc: 4, home: 4}},
		{303, "FILE_MIGRATE_4", fate{answered: true, dc: 4}},
		{303, "STATS_MIGRATE_4", fate{answered: true, dc: 4}},

		{400, "PEER_ID_INVALID", toCaller},
		{400, "CONNECTION_NOT_INITED", fate{answered: true}},
		{400, "CONNECTION_LAYER_INVALID", fate{answered: true}},
		{400, "FILE_REFERENCE_EXPIRED", toCaller}, // see files.Refetch
		{400, "MSG_WAIT_TIMEOUT", fate{answered: true}},
		{400, "MSG_WAIT_FAILED", toCaller}, // outside of a Sequence

		{401, "AUTH_KEY_UNREGISTERED", lost},
		{401, "AUTH_KEY_INVALID", lost},
		{401, "SESSION_REVOKED", lost},
		{401, "SESSION_EXPIRED", lost},
		{401, "USER_DEACTIVATED", lost},
		{401, "USER_DEACTIVATED_BAN", lost},
		{401, "AUTH_KEY_PERM_EMPTY", fate{answered: true}},
		{401, "SESSION_PASSWORD_NEEDED", toCaller},
		{401, "WHO_KNOWS", toCaller},
		{420, "STORY_SEND_FLOOD_WEEKLY_1795000000", toCaller}, // a date

		{403, "CHAT_WRITE_FORBIDDEN", toCaller},
		{404, "METHOD_INVALID", toCaller},
		{406, "UPDATE_APP_TO_LOGIN", toCaller},
		{406, "AUTH_KEY_DUPLICATED", lost},

		{420, "FLOOD_WAIT_3", waits(3)},
		{420, "FLOOD_PREMIUM_WAIT_3", waits(3)},
		{420, "SLOWMODE_WAIT_3", waits(3)},
		{420, "TAKEOUT_INIT_DELAY_3", waits(3)},
		{420, "2FA_CONFIRM_WAIT_3", waits(3)},
		{420, "FLOOD_TEST_PHONE_WAIT_3", waits(3)},
		{420, "FLOOD_WAIT_30", toCaller}, // longer than the limit
		{420, "FROZEN_METHOD_INVALID", toCaller},

		{500, "AUTH_RESTART", again},
		{500, "RPC_CALL_FAIL", again},
		{500, "RPC_MCGET_FAIL", again},
		{500, "WORKER_BUSY_TOO_LONG_RETRY", again},
		{500, "PERSISTENT_TIMESTAMP_OUTDATED", again},
		{500, "HISTORY_GET_INTERNAL", guarded},
		{500, "RANDOM_ID_DUPLICATE", toCaller}, // it was sent already
		{-503, "Timeout", guarded},
		{-500, "TIMEOUT", guarded},
		{777, "WHO_KNOWS", guarded}, // D16: as 500
	} {
		t.Run(tc.text, func(t *testing.T) {
			for _, method := range []string{"help.getNearestDc", unguarded} {
				synctest.Test(t, func(t *testing.T) { suffer(t, method, tc.code, tc.text, tc.fate) })
			}
		})
	}
}

// suffer makes a call that Telegram answers with an error once.
func suffer(t *testing.T, method string, code int, text string, want fate) {
	s := mttest.NewServer(t, inMemory, centres(2, 4))
	r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})))
	r.ready()
	call := M{"_": method}
	if method == unguarded {
		call = M{"_": method, "pending_updates_count": 0, "message": ""}
		want.answered = want.answered && !want.unsafe
	}
	s.FailNext(method, 1, code, text)
	answeredBy := 0
	s.InterceptMethod(method, func(q *mttest.Request) mttest.Action {
		answeredBy = q.DC
		return mttest.Answer(map[string]any{"help.getNearestDc": M{"_": "nearestDc", "country": "DE", "this_dc": 2, "nearest_dc": 2}, unguarded: true}[method])
	})
	began := time.Now()
	_, err := r.Invoke(t.Context(), r.encode(call))
	if took := time.Since(began); (err == nil) != want.answered || want.answered && (took < want.after || took > want.after+3*time.Second) {
		t.Errorf("%s: %v after %v", method, err, took)
	}
	sent := mtproto.SentYes
	if code > 0 && code < 500 {
		sent = mtproto.SentRefused
	}
	var e *mtproto.Error
	if err != nil && (!errors.As(err, &e) || e.Type != text || e.Sent != sent) {
		t.Errorf("%s: the caller is told %+v", method, err)
	}
	if want.dc != 0 {
		equal(t, "answered by", answeredBy, want.dc)
	}
	time.Sleep(time.Second)
	equal(t, "sign-outs", len(seen[mtproto.AuthLost](r)) == 1, want.lost)
	equal(t, "home", r.Home(), max(want.home, 2))
}

// D17: a 401 that nobody knows ends no session by itself, and one that is asked about is not asked about again and again.
func TestUnknownSignOut(t *testing.T) {
	for _, lost := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := mttest.NewServer(t, inMemory)
			r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})))
			r.ready()
			time.Sleep(time.Minute)
			before := s.Executed("users.getUsers")
			s.InterceptMethod("help.getNearestDc", func(*mttest.Request) mttest.Action { return mttest.Error(401, "WHO_KNOWS") })
			if lost {
				s.InterceptMethod("users.getUsers", func(*mttest.Request) mttest.Action { return mttest.Error(401, "SESSION_REVOKED") })
			}
			for range 10 {
				_, _ = r.Invoke(t.Context(), r.encode(M{"_": "help.getNearestDc"}))
			}
			time.Sleep(time.Second)
			equal(t, "sign-outs", len(seen[mtproto.AuthLost](r)) == 1, lost)
			if !lost {
				equal(t, "asked", s.Executed("users.getUsers")-before, 1)
			}
		})
	}
}
