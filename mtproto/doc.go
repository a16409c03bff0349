// Package mtproto is a client of Telegram for one account. It keeps the connection to the account's data centre alive,
// makes calls over it, follows migrations, signs in, and hands out updates. It carries raw TL: [Client.Invoke] takes an
// encoded call and returns the encoded result, in whatever layer [Options.Schema] describes.
//
//	c, err := mtproto.New(mtproto.Options{API: api, Env: dc.Production(), State: saved, Save: save})
//	go c.Run(ctx)
//	result, err := c.Invoke(ctx, query)
//
// Package tl/tg has a function for each method, which takes a Client; mtproto/updates/runner puts the updates in order,
// mtproto/signin asks a person for what a login needs, and mtproto/files moves files.
//
// # Goroutines
//
// [Client.Run] has one link for each data centre in use, which for most accounts is one. A link has a goroutine that dials,
// writes and keeps the time (the first link's is Run's own), and while it is connected one that reads. Calls wait in the
// goroutines that make them. The state is saved by whoever needs it kept, else by a goroutine that lives for that. The machines
// below (session, handshake, transport) have neither sockets nor clocks; mtproto/internal/conn gives them both.
//
// # Signing in
//
// [Login] has the steps of a login by code, password, e-mail, QR code and bot token. auth.reportMissingCode, auth.recoverPassword
// and the reset of a password are none of them: make these by [Client.Invoke].
//
// # Order
//
// Calls that are under way together are executed in any order. A [Sequence] has an order, without waiting for answers.
//
// # Errors
//
// Every error of a call is an [*Error]. It says whose fault it is (Code is Telegram's, 0 for what went wrong on our side),
// whether the call may have been executed ([SentOf]) and how long to wait ([RetryAfter]). What the client does about an
// error by itself stands in one table, in react.go.
//
// Numbers in comments (A10, D17 ...) name the items of the MTProto checklist that a rule comes from.
package mtproto
