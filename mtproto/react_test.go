package mtproto

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto/mt"
)

// D17, D6, D2, D8, C39: what each error text makes the client do.
func TestReact(t *testing.T) {
	for _, tc := range []struct {
		code int
		text string
		want reaction
	}{
		{303, "PHONE_MIGRATE_4", moveHome},
		{303, "NETWORK_MIGRATE_1", moveHome},
		{303, "USER_MIGRATE_5", moveHome},
		{303, "FILE_MIGRATE_2", moveCall},
		{303, "STATS_MIGRATE_2", moveCall},
		{303, "SOMETHING_MIGRATE_2", toCaller},

		{400, "MSG_WAIT_TIMEOUT", retryNow},
		{-503, "MSG_WAIT_TIMEOUT", retryNow},
		{400, "MSG_WAIT_FAILED", retryInTurn},
		{500, "MSG_WAIT_FAILED", retryInTurn},

		{400, "CONNECTION_NOT_INITED", rewrap},
		{400, "CONNECTION_LAYER_INVALID", rewrap},
		{400, "PEER_ID_INVALID", toCaller},
		{400, "FILE_REFERENCE_3_EXPIRED", toCaller},
		{400, "FROZEN_PARTICIPANT_MISSING", tellFrozen},

		{401, "AUTH_KEY_UNREGISTERED", loseAuth},
		{401, "AUTH_KEY_INVALID", loseAuth},
		{401, "SESSION_REVOKED", loseAuth},
		{401, "SESSION_EXPIRED", loseAuth},
		{401, "USER_DEACTIVATED", loseAuth},
		{401, "USER_DEACTIVATED_BAN", loseAuth},
		{401, "WHO_KNOWS", checkSignIn},
		{401, "SESSION_PASSWORD_NEEDED", toCaller},
		{400, "SESSION_PASSWORD_NEEDED", toCaller},
		{401, "AUTH_KEY_PERM_EMPTY", retryNow},
		{401, "ACTIVE_USER_REQUIRED", checkSignIn},

		{403, "CHAT_WRITE_FORBIDDEN", toCaller},
		{404, "METHOD_INVALID", toCaller},

		{406, "AUTH_KEY_DUPLICATED", loseKey},
		{406, "UPDATE_APP_TO_LOGIN", toCaller},

		{420, "FLOOD_WAIT_35", waitAlike},
		{420, "FLOOD_PREMIUM_WAIT_4", waitSpeed},
		{420, "SLOWMODE_WAIT_30", waitAlike},
		{420, "TAKEOUT_INIT_DELAY_86400", waitCall},
		{420, "2FA_CONFIRM_WAIT_604800", waitCall},
		{420, "FLOOD_TEST_PHONE_WAIT_5", waitCall},
		{420, "FROZEN_METHOD_INVALID", tellFrozen},
		{420, "P0NY_BREAK_4", toCaller},

		{500, "RANDOM_ID_DUPLICATE", toCaller},
		{500, "AUTH_RESTART", retry},
		{500, "AUTH_RESTART_3", retry},
		{500, "RPC_CALL_FAIL", retry},
		{500, "RPC_MCGET_FAIL", retry},
		{500, "WORKER_BUSY_TOO_LONG_RETRY", retry},
		{500, "PERSISTENT_TIMESTAMP_OUTDATED", retry},
		{500, "HISTORY_GET_INTERNAL", retryIfSafe},
		{501, "METHOD_NOT_IMPLEMENTED", toCaller},

		{-503, "Timeout", retryIfSafe},
		{-500, "No workers running", retryIfSafe},
		{777, "WHO_KNOWS", retryIfSafe},
	} {
		e := newError(&mt.RPCError{ErrorCode: int32(tc.code), ErrorMessage: tc.text}, "", 2)
		if got := react(e.Code, e.Kind()); got != tc.want {
			t.Errorf("%d %s: reaction %d, want %d", tc.code, tc.text, got, tc.want)
		}
	}
}

// Every row of the table has an example above: remove one and see.
func TestReactRowsAreReachable(t *testing.T) {
	for _, r := range rules {
		code, kind := r.Code, r.Kind
		if code == 0 {
			code = -1
		}
		if got := react(code, kind); got != r.Do {
			t.Errorf("row %d %s: reaction %d, want %d: an earlier row hides it", r.Code, r.Kind, got, r.Do)
		}
	}
}

// D17: 1, 2, 4 ... 60 s.
func TestRetryPause(t *testing.T) {
	want := []time.Duration{1, 2, 4, 8, 16, 32, 60, 60}
	for i, w := range want {
		low, high := retryPause(i+1, 0), retryPause(i+1, 1)
		if low != w*time.Second || high > low*5/4 {
			t.Errorf("retry %d: %v to %v, want from %v on", i+1, low, high, w*time.Second)
		}
	}
	if d := retryPause(1<<30, 0.5); d < retryMax || d > 2*retryMax {
		t.Errorf("after many: %v", d)
	}
}

// reactionWords are the reactions as docs/mtproto.md has them.
var reactionWords = map[reaction]string{
	toCaller:    "the caller is told",
	moveHome:    "the account's home moves there, the call is made again",
	moveCall:    "the call is made there",
	rewrap:      "the call is made again inside initConnection, twice at most",
	retry:       "it was not executed: the call is made again after 1, 2, 4 ... 60 s, `Limits.Retries` times",
	retryIfSafe: "the same, of calls that may be executed twice",
	retryNow:    "the call is made again at once, five times at most",
	retryInTurn: "the call is made again when the one before it in its sequence is over",
	waitAlike:   "calls alike wait, up to `Limits.FloodWait`",
	waitCall:    "the call waits, up to `Limits.FloodWait`",
	waitSpeed:   "as FLOOD_WAIT; each part of a file waits by itself, however often",
	loseAuth:    "at home: signed out; elsewhere: the authorization is brought again",
	checkSignIn: "the caller is told; at home it is asked, once a minute, whether the account is signed in",
	loseKey:     "the authorization is lost",
	tellFrozen:  "the caller and the operator are told",
}

// Every reaction names where it is known from, and stands in the documents as it stands in the table.
func TestRulesAreDocumented(t *testing.T) {
	doc, err := os.ReadFile("../docs/mtproto.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows, missing []string
	for _, r := range rules {
		if r.From == "" {
			t.Errorf("%d %s: known from where?", r.Code, r.Kind)
		}
		code, kind := strconv.Itoa(r.Code), r.Kind
		if code == "0" {
			code = "any"
		}
		words := reactionWords[r.Do]
		if r.Kind == kindUnbound {
			words = "the call is made again with another temporary key: at once, then after 1, 2, 4 ... s"
		}
		row := strings.TrimSpace(code + " " + kind)
		row = "| " + row + " | " + words + " | " + r.From + " |"
		if rows = append(rows, row); !strings.Contains(string(doc), row+"\n") {
			missing = append(missing, row)
		}
	}
	if len(missing) > 0 {
		t.Errorf("docs/mtproto.md lacks\n%s\nof\n%s", strings.Join(missing, "\n"), strings.Join(rows, "\n"))
	}
}
