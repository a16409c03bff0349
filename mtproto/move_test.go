package mtproto_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// D6: before a login PHONE_MIGRATE, NETWORK_MIGRATE and USER_MIGRATE make another data centre the home; it is kept.
func TestMigrateBeforeLogin(t *testing.T) {
	for _, text := range []string{"PHONE_MIGRATE_4", "NETWORK_MIGRATE_4", "USER_MIGRATE_4"} {
		synctest.Test(t, func(t *testing.T) {
			s := mttest.NewServer(t, inMemory, centres(2, 4))
			r := start(t, s)
			r.ready()
			s.FailNext("help.getNearestDc", 1, 303, text)
			if v := r.call(M{"_": "help.getNearestDc"}); v.Int("this_dc") != 4 {
				t.Errorf("%s: answered by data centre %d", text, v.Int("this_dc"))
			}
			if v := r.call(getConfig); v.Int("this_dc") != 4 {
				t.Errorf("%s: the next call is answered by data centre %d", text, v.Int("this_dc"))
			}
			equal(t, "migrated", seen[mtproto.Migrated](r), []mtproto.Migrated{{From: 2, To: 4}})
			r.ready()
			r.end()
			if st := r.state(); st.Home != 4 || len(st.DCs[4].Key) == 0 {
				t.Errorf("saved: %v", st)
			}
		})
	}
}

// D6, D7: a signed-in account that is moved takes its authorization along.
func TestMigrateSignedIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory, centres(2, 4))
		r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})))
		r.ready()
		s.FailNext("help.getNearestDc", 1, 303, "USER_MIGRATE_4")
		if v := r.call(getNearest); v.Int("this_dc") != 4 {
			t.Errorf("answered by data centre %d", v.Int("this_dc"))
		}
		equal(t, "exported", s.Executed("auth.exportAuthorization"), 1)
		equal(t, "imported", s.Executed("auth.importAuthorization"), 1)
		equal(t, "home", r.Home(), 4)
		if st := r.state(); st.Home != 4 || !st.DCs[4].Authorized || st.UserID == 0 {
			t.Errorf("saved: %v", st)
		}
	})
}

// D6: an account that was moved while nobody called learns it from the client's own first call.
func TestMigratedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory, centres(2, 4))
		s.FailNext("users.getUsers", 1, 303, "USER_MIGRATE_4")
		r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})))
		time.Sleep(10 * time.Second)
		equal(t, "home", r.Home(), 4)
		r.ready()
	})
}

// D6, D7: FILE_MIGRATE and STATS_MIGRATE move one call, not the home; the authorization goes along, once.
func TestMigrateOneCall(t *testing.T) {
	for _, text := range []string{"FILE_MIGRATE_4", "STATS_MIGRATE_4"} {
		synctest.Test(t, func(t *testing.T) {
			s := mttest.NewServer(t, inMemory, centres(2, 4))
			r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})))
			r.ready()
			for range 3 {
				s.FailNext("help.getNearestDc", 1, 303, text)
				if v := r.call(M{"_": "help.getNearestDc"}); v.Int("this_dc") != 4 {
					t.Errorf("%s: answered by data centre %d", text, v.Int("this_dc"))
				}
			}
			equal(t, "home", r.Home(), 2)
			equal(t, "imported", s.Executed("auth.importAuthorization"), 1)
			equal(t, "migrated", len(seen[mtproto.Migrated](r)), 0)
			equal(t, "connections", s.Connections(), 2)
			time.Sleep(2 * time.Minute)
			equal(t, "connections when idle", s.Connections(), 1)
			b, err := r.InvokeDC(r.ctx, 4, r.encode(M{"_": "help.getNearestDc"}))
			if err != nil || len(b) == 0 {
				t.Errorf("later: %v", err)
			}
			equal(t, "keys made", len(permanent(r)), 1)
		})
	}
}

// D7: a token that was not accepted is exported again; an authorization that is gone is brought again.
func TestImportAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory, centres(2, 4))
		r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})))
		r.ready()
		there := r.encode(M{"_": "help.getNearestDc"})
		s.FailNext("auth.importAuthorization", 2, 400, "AUTH_BYTES_INVALID")
		if _, err := r.InvokeDC(r.ctx, 4, there); err != nil {
			t.Error(err)
		}
		equal(t, "exported", s.Executed("auth.exportAuthorization"), 3)
		s.InterceptMethod("help.getNearestDc", once(mttest.Error(401, "AUTH_KEY_UNREGISTERED")))
		if _, err := r.InvokeDC(r.ctx, 4, there); err != nil {
			t.Error(err)
		}
		equal(t, "exported", s.Executed("auth.exportAuthorization"), 4)
		equal(t, "lost", len(seen[mtproto.AuthLost](r)), 0)
		s.FailNext("help.getNearestDc", 9, 401, "AUTH_KEY_UNREGISTERED")
		if _, err := r.InvokeDC(r.ctx, 4, there); !mtproto.IsKind(err, "AUTH_KEY_UNREGISTERED") {
			t.Errorf("for ever refused: %v", err)
		}
	})
}

// once is an interceptor that does something the first time.
func once(a mttest.Action) func(*mttest.Request) mttest.Action {
	first := make(chan struct{}, 1)
	first <- struct{}{}
	return func(*mttest.Request) mttest.Action {
		select {
		case <-first:
			return a
		default:
			return mttest.Pass()
		}
	}
}

// D6: where there is no such data centre, or no end of being sent on, the caller is told.
func TestMigrateNowhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory, centres(2, 4))
		r := start(t, s)
		r.ready()
		s.FailNext("help.getNearestDc", 1, 303, "USER_MIGRATE_7")
		if _, err := r.tryCall(r.ctx, M{"_": "help.getNearestDc"}); !errors.Is(err, mtproto.ErrNoDC) {
			t.Errorf("to a data centre that does not exist: %v", err)
		}
		if _, err := r.InvokeDC(r.ctx, 7, r.encode(getConfig)); !errors.Is(err, mtproto.ErrNoDC) || mtproto.SentOf(err) != mtproto.SentNo {
			t.Errorf("%v", err)
		}
		s.InterceptMethod("help.getNearestDc", func(q *mttest.Request) mttest.Action {
			return mttest.Error(303, map[int]string{2: "FILE_MIGRATE_4", 4: "FILE_MIGRATE_2"}[q.DC])
		})
		if _, err := r.tryCall(r.ctx, M{"_": "help.getNearestDc"}); !mtproto.IsKind(err, "FILE_MIGRATE") {
			t.Errorf("in circles: %v", err)
		}
		equal(t, "home", r.Home(), 2)
	})
}

// D7, B25: what goes wrong on the way of an authorization to another data centre, and passes, is tried again; what does not is
// told.
func TestTransferAgain(t *testing.T) {
	for _, tc := range []struct {
		method string
		code   int
		text   string
		times  int
		ok     bool
	}{
		{"auth.exportAuthorization", 401, "AUTH_KEY_PERM_EMPTY", 2, true},
		{"auth.importAuthorization", 401, "AUTH_KEY_PERM_EMPTY", 2, true},
		{"auth.importAuthorization", 400, "AUTH_BYTES_INVALID", 2, true},
		{"auth.importAuthorization", 400, "AUTH_BYTES_INVALID", 3, false},
		{"auth.importAuthorization", 500, "RPC_CALL_FAIL", 1, true},
		{"auth.exportAuthorization", -503, "Timeout", 1, true},
		{"auth.exportAuthorization", 400, "DC_ID_INVALID", 1, false},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := mttest.NewServer(t, inMemory, centres(2, 4))
			r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})))
			r.ready()
			s.FailNext(tc.method, tc.times, tc.code, tc.text)
			if _, err := r.InvokeDC(t.Context(), 4, r.encode(getConfig)); (err == nil) != tc.ok {
				t.Errorf("%d times %s: %v", tc.times, tc.text, err)
			}
			equal(t, "lost", len(seen[mtproto.AuthLost](r)), 0)
		})
	}
}
