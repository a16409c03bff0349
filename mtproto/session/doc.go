// Package session is one encrypted MTProto session over one authorization key: message ids, sequence numbers,
// acknowledgements, salts, containers, the reactions to every refusal, and calls that are answered exactly once.
//
// A [Session] does no I/O. It is told what happened (Connected, Call, Receive, Tick ...), always with the time, and is
// asked afterwards what to send ([Session.Append]), what came of it ([Session.Event]) and when to call again
// ([Session.Wake]). It is not safe for concurrent use: one loop owns it. It outlives connections; it does not outlive
// its key.
//
// # What is sent again
//
// A message that the server has not seen is always sent again, always under a new msg_id. One that the server may have
// executed never is. In detail:
//
//   - The server refuses it (bad_msg_notification, bad_server_salt): it was not executed. It is sent again ([reactions]).
//   - The connection breaks, or no word comes for a while: its fate is asked for with msgs_state_req, before anything
//     else is decided (C27). "Not received" (codes 2 and 3) is believed if the session that says so is the one that was there when
//     the call went, and has not been begun anew since: a message that it was known to have by then is asked for along with
//     the call. "Nothing known" (code 1) says nothing. "Received": its answer is waited for, however long that takes.
//   - The server has forgotten the session and begun it anew (new_session_created, C36, C37). Calls older than its first
//     message were not executed by the session as it is now. By the session as it was before they may have been: a server
//     that forgot the session forgot what it executed. So the notice, and codes 1 to 3 about calls that are older, prove
//     nothing, unless there was no before: for the session's first notice, on the connection on which it began.
//   - We leave the session ourselves (a refusal demands it, C25): the calls that were refused go into the new session. For
//     the rest, answers and refusals of the old session are still taken for a while ([Limits.Linger]).
//
// Where all this leaves a call's fate unknown, the call is sent again if the caller said that doing it twice does no harm
// ([CallOptions.Resendable]); else it fails, and says truthfully whether the server received it ([Sent]).
//
// Item numbers such as C25 are those of the project's protocol checklist.
package session
