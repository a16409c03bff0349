package mtproto

import "time"

const (
	codeSeeOther = 303
	codeBad      = 400
	codeAuth     = 401
	codeRefused  = 406
	codeFlood    = 420
	codeInternal = 500
	codeUnbuilt  = 501
)

// Kinds of errors that the client knows by name elsewhere too.
const (
	kindSlow    = "SLOWMODE_WAIT"       // the wait between two messages of one member to one chat
	kindSpeed   = "FLOOD_PREMIUM_WAIT"  // how Telegram limits the speed of files of accounts without Premium
	kindUnbound = "AUTH_KEY_PERM_EMPTY" // the temporary key is bound to no permanent one (B25)
)

// reaction is what the client does about an error of Telegram's by itself.
type reaction int

const (
	toCaller    reaction = iota // nothing: the caller is told
	moveHome                    // the account lives at data centre Arg: make that the home, repeat the call (D6)
	moveCall                    // repeat the call, and this call alone, at data centre Arg (D6)
	rewrap                      // repeat the call wrapped in initConnection (D2)
	retry                       // repeat the call after a pause: it was not executed
	retryIfSafe                 // the same, but only a call that may be executed twice
	retryNow                    // repeat the call at once, a few times (C39)
	retryInTurn                 // repeat the call when the one before it in its [Sequence] is over (C39)
	waitAlike                   // calls of this method to this peer wait for Arg seconds, see [floods]; then repeat the call
	waitCall                    // this call alone waits for Arg seconds
	waitSpeed                   // as waitAlike; of file traffic it is the limit of its speed: each part waits, however often it comes
	loseAuth                    // at home: the account is signed out. Elsewhere: import the authorization anew (D7)
	checkSignIn                 // nothing, but at home it is asked whether the account is still signed in
	loseKey                     // the authorization was used twice: it is gone for good (D8)
	tellFrozen                  // nothing, but the operator is told too (D20)
)

// rules are all reactions (D17). The first row that fits an error counts. Code 0 stands for every code that has no row of its
// own, Kind "" for every kind. From names what the reaction is known from: pages of core.telegram.org, sources of clients that
// live on Telegram, reports from the field. docs/mtproto.md has the same table in words.
var rules = []struct {
	Code int
	Kind string
	Do   reaction
	From string
}{
	{codeSeeOther, "PHONE_MIGRATE", moveHome, "api/errors, api/datacenter"},
	{codeSeeOther, "NETWORK_MIGRATE", moveHome, "api/errors, api/datacenter"},
	{codeSeeOther, "USER_MIGRATE", moveHome, "api/errors, api/datacenter"},
	{codeSeeOther, "FILE_MIGRATE", moveCall, "api/errors, api/files"},
	{codeSeeOther, "STATS_MIGRATE", moveCall, "api/errors, api/stats"},
	{codeSeeOther, "", toCaller, "no such error is known"},

	{0, "MSG_WAIT_TIMEOUT", retryNow, "api/invoking"},   // the predecessor had not come; comes with several codes
	{0, "MSG_WAIT_FAILED", retryInTurn, "api/invoking"}, // the predecessor failed: this call comes when it is through with that

	{codeBad, "CONNECTION_NOT_INITED", rewrap, "api/errors; TDLib Session.cpp"},
	{codeBad, "CONNECTION_LAYER_INVALID", rewrap, "api/errors"},
	{codeBad, "FROZEN_PARTICIPANT_MISSING", tellFrozen, "api/auth"},
	{codeBad, "", toCaller, "api/errors"},

	{codeAuth, "AUTH_KEY_UNREGISTERED", loseAuth, "api/errors; TDLib NetQueryDispatcher.cpp"},
	{codeAuth, "AUTH_KEY_INVALID", loseAuth, "api/errors"},
	{codeAuth, "SESSION_REVOKED", loseAuth, "api/errors"},
	{codeAuth, "SESSION_EXPIRED", loseAuth, "api/errors"},
	{codeAuth, "USER_DEACTIVATED", loseAuth, "api/errors"},
	{codeAuth, "USER_DEACTIVATED_BAN", loseAuth, "api/errors"},
	{codeAuth, "SESSION_PASSWORD_NEEDED", toCaller, "api/srp"},      // a step of the login, not its end
	{codeAuth, kindUnbound, retryNow, "api/pfs; TDLib Session.cpp"}, // with another temporary key: never a sign-out (B25)
	{codeAuth, "", checkSignIn, "TDLib NetQueryDispatcher.cpp"},     // which takes every other one for a sign-out

	{403, "", toCaller, "api/errors"},
	{404, "", toCaller, "api/errors"},

	{codeRefused, "AUTH_KEY_DUPLICATED", loseKey, "api/errors"},
	{codeRefused, "", toCaller, "api/errors"}, // Telegram explains itself in an updateServiceNotification

	{codeFlood, "FLOOD_WAIT", waitAlike, "api/errors; TDLib NetQueryDelayer.cpp"},
	{codeFlood, kindSpeed, waitSpeed, "Lonami/grammers#291, pyrofork#72, telegram_media_downloader#561; TDLib NetQueryDelayer.cpp"},
	{codeFlood, kindSlow, waitAlike, "api/errors; TDLib NetQueryDelayer.cpp"},
	{codeFlood, "TAKEOUT_INIT_DELAY", waitCall, "api/takeout; TDLib NetQueryDelayer.cpp"},
	{codeFlood, "2FA_CONFIRM_WAIT", waitCall, "api/srp; TDLib NetQueryDelayer.cpp"},
	{codeFlood, "FLOOD_TEST_PHONE_WAIT", waitCall, "api/auth"},
	{codeFlood, "FROZEN_METHOD_INVALID", tellFrozen, "api/auth"},
	{codeFlood, "", toCaller, "TDLib NetQueryDelayer.cpp"}, // which reads the number of no other one as a wait; some are dates

	{codeInternal, "RANDOM_ID_DUPLICATE", toCaller, "api/errors"}, // it was sent before: Sent says yes
	{codeInternal, "AUTH_RESTART", retry, "Telethon#1666, mtproto-core#84"},
	{codeInternal, "RPC_CALL_FAIL", retry, "api/errors; TDLib NetQueryDelayer.cpp"},
	{codeInternal, "RPC_MCGET_FAIL", retry, "api/errors; TDLib NetQueryDelayer.cpp"},
	{codeInternal, "WORKER_BUSY_TOO_LONG_RETRY", retry, "TDLib NetQueryDelayer.cpp"},
	{codeInternal, "PERSISTENT_TIMESTAMP_OUTDATED", retry, "method/updates.getDifference"}, // the server lags behind itself; pts stays
	{codeInternal, "", retryIfSafe, "api/errors; TDLib NetQueryDelayer.cpp"},               // *_INTERNAL and the like may come after the deed
	{codeUnbuilt, "", toCaller, "no repetition cures it"},

	// Negative codes such as -503 Timeout, and codes nobody knows, which count as 500 (D16).
	{0, "", retryIfSafe, "api/errors; TDLib NetQueryDelayer.cpp"},
}

// ownRows are the codes with rows of their own.
var ownRows = func() map[int]bool {
	m := map[int]bool{}
	for _, r := range rules {
		m[r.Code] = true
	}
	return m
}()

// react finds the reaction to an error.
func react(code int, kind string) reaction {
	for _, r := range rules {
		exact := r.Code == code || (r.Code == 0 && (r.Kind != "" || !ownRows[code]))
		if exact && (r.Kind == "" || r.Kind == kind) {
			return r.Do
		}
	}
	return toCaller
}

const (
	retryFirst   = time.Second
	retryMax     = time.Minute
	retryNowMost = 5
)

// retryPause is the pause before a call is made again for the n-th time, from 1 on: 1, 2, 4 ... 60 s (D17).
func retryPause(n int, rnd float64) time.Duration {
	d := min(retryMax, retryFirst<<min(n-1, 10))
	return d + time.Duration(rnd*float64(d)/4) // never less: some errors want a second at least
}
