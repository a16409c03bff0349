// Package tg is Telegram's API for Go programs, generated from schemas/api.tl: a type for every constructor, an interface
// for every class that has several, and a function for every method.
//
//	updates, err := tg.MessagesSendMessage(ctx, inv, &tg.MessagesSendMessageRequest{
//		Peer:         &tg.InputPeerSelf{},
//		Message:      "hello",
//		RandomID:     rand.Int64(),
//		ScheduleDate: tg.Some(int(time.Now().Add(time.Hour).Unix())),
//	})
//
// The methods of a namespace also stand on a value, which an editor completes: tg.Messages(inv).SendMessage(ctx, req) is the same
// call. (That of updates is [UpdatesCalls], as Updates is a type.) Either way a program links what it calls and nothing else.
//
// The [Invoker] decides where the call goes: the client of package mtproto sends it straight to Telegram, that of package
// bridge/client over NATS to the daemon that holds the account. Both carry the same bytes, so the same program runs over
// either.
//
// # How TL looks in Go
//
//   - A constructor is a struct, always used by pointer. Its name is the TL name in CamelCase: messages.chatFull is
//     [MessagesChatFull].
//   - A class with several constructors is an interface, [InputPeerClass], whose values are told apart by a type switch. A
//     class with one is a pointer to that struct. A nil where a value is needed is an error when it is encoded.
//   - int is int (what does not fit 32 bits is an error when it is encoded), long is int64, double float64, Bool bool, bytes
//     []byte, int128 and int256 arrays, Vector<T> a slice.
//   - What may be absent: a flag without a value is a bool. Numbers, strings, Bool and int256 are an [Opt], whose V is the
//     zero value when it is absent, so that user.Username.V can be read without asking. Slices, []byte, interfaces and pointers
//     are absent when nil; a slice that is empty and not nil is present. Flags fields do not appear, they follow.
//   - Fields that share a flag, as their comments say, are all set or all absent; anything else is an error when it is
//     encoded.
//   - A method's parameters are its name with Request at the end; one without parameters may be called with nil. The request
//     is a struct even where it has one field or none, because layers add parameters.
//   - `query:!X` is the request of any method, or [Raw]. [With] puts such a wrapper around all calls of an Invoker.
//
// Byte slices that were decoded alias the bytes they were decoded from; strings are copies.
//
// # Errors
//
// A request that cannot be encoded gives a [*FieldError] which names the field, and nothing is sent. What the Invoker
// returns comes through as it is. An answer that is not what the schema promises gives a [*ResultError]; an unknown
// constructor in it is a [*bin.UnexpectedIDError] inside, found with errors.As, and most likely of a newer layer than
// [Layer].
package tg

//go:generate go run ../gen/tlgen tg .
