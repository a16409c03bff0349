package peers

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/subjects"
)

// A name that has passed on without a word means its new owner, and one that nobody has any more nobody: not whoever had it.
func TestNamedAsks(t *testing.T) {
	for what, c := range map[string]struct {
		err  error // of contacts.resolveUsername
		want string
	}{
		"somebody else's":  {nil, "user.5"},
		"nobody's":         {&mtproto.Error{Code: 400, Type: "USERNAME_NOT_OCCUPIED"}, "@alice is nobody's now (USERNAME_NOT_OCCUPIED); it was user.7's"},
		"not to be asked":  {&mtproto.Error{Code: 400, Type: "NOT_IMPLEMENTED_IN_TEST_SERVER"}, "NOT_IMPLEMENTED_IN_TEST_SERVER"},
		"not to be found":  {&mtproto.Error{Code: 420, Type: "FLOOD_WAIT", Arg: 60}, "FLOOD_WAIT"},
		"Telegram is away": {errors.New("no connection"), "no connection"},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, g := owner(t, newShelf(), 1)
				defer d.Close(t.Context())
				d.Learn(g.encode(called(7, 77, "alice")))
				if kind, id, err := d.Named(t.Context(), "@alice"); kind != subjects.User || id != 7 || err != nil || len(g.asked) > 0 {
					t.Errorf("%s.%d %v, asked %q", kind, id, err, g.asked)
				}
				time.Sleep(nameLife + time.Second)
				g.now, g.errOf = []M{called(7, 77, "alice_was")}, map[string]error{"contacts.resolveUsername": c.err}
				kind, id, err := d.Named(t.Context(), "@alice")
				got := string(kind) + "." + formatID(id)
				if err != nil {
					got = err.Error()
				}
				var none *UnknownError
				if !strings.Contains(got, c.want) || errors.As(err, &none) != (what == "nobody's") {
					t.Errorf("%s", got)
				}
				before := len(g.asked)
				if kind, id, err := d.Named(t.Context(), "user.7"); kind != subjects.User || id != 7 || err != nil || len(g.asked) != before {
					t.Errorf("by id: %s.%d %v, asked %q", kind, id, err, g.asked)
				}
			})
		})
	}
}
