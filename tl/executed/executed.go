// Package executed says whether Telegram executed a call that failed. It is shared by all errors of calls, wherever the call was
// made: see tg.CallError.
package executed

// Answer tells whether Telegram executed a call.
type Answer string

// The answers.
const (
	Unknown Answer = "unknown" // it may have been executed
	No      Answer = "no"      // Telegram did not receive the call: it is safe to call again
	Refused Answer = "refused" // Telegram did not execute it, and refuses it again until the reason is gone
	Yes     Answer = "yes"     // Telegram received the call, and executed it or was about to
)
