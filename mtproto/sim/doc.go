// Package sim is a client and a server of MTProto in one goroutine, under a scheduler that draws everything from one
// seed: what happens next, which bytes arrive, what is lost, damaged, repeated, refused or forgotten, and how wrong the
// clocks are. The client is the real thing: transport.Conn, handshake.Client and session.Session. The server is a model,
// small and written without a look at the session's code: it keeps the protocol's rules, and a ledger of what it
// received and executed, against which the client's words are held in the end.
//
// A run ([Run]) is trouble for some steps, then peace, in which everything has to come to an end by itself:
//
//   - every call is answered, once and with its own answer, or failed, and then what was said about its being sent is true;
//   - nothing is executed twice, but for calls that allow it;
//   - what several programs do in a chat is executed in order (C39), and the last edit stands;
//   - all content of the server is acknowledged, and what is acknowledged was delivered;
//   - what was sent into a session that the server forgot is accounted for by the notice of the new one;
//   - the session remembers nothing of what is over.
//
// The package is for tests. It has no I/O: a seed that failed fails again, in the same way.
//
// One thing is taken for granted: a server that said it had not received a message does not execute it afterwards, when
// it arrives late over another connection. No client could be safe against one that does.
package sim
