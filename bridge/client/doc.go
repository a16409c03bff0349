// Package client is natsgram for Go programs on the bus: calls to Telegram over NATS, through whichever daemon holds the
// account, and the account's updates from JetStream, in the types of package tg. Nothing of the daemon comes with it.
//
//	func main() {
//		nc, err := nats.Connect(nats.DefaultURL)
//		if err != nil {
//			log.Fatal(err)
//		}
//		c, ctx := client.New(nc, "main"), context.Background()
//		if _, err := tg.MessagesSendMessage(ctx, c, &tg.MessagesSendMessageRequest{Peer: &tg.InputPeerSelf{}, Message: "hello"}); err != nil {
//			log.Fatal(err)
//		}
//		for u, err := range c.Updates(ctx, client.UpdatesConfig{Durable: "printer"}) {
//			if err != nil {
//				log.Fatal(err)
//			}
//			if v, ok := u.Value.(*tg.UpdateNewMessage); ok {
//				fmt.Println(v.Message)
//			}
//			if err := u.Ack(); err != nil {
//				log.Print(err)
//			}
//		}
//	}
//
// # Calls
//
// A [Client] is a tg.Invoker: every function of package tg takes it. Calls are in raw TL, so the daemon must serve the
// layer that package tg was generated from; otherwise they are refused, with both layers named.
//
// A call that failed is repeated where that cannot execute it twice, until ctx ends:
//
//   - nobody served the account, for as long as [WaitForDaemon] allows: a hand-over after a crash takes some seconds;
//   - the daemon says that Telegram did not get it, and that this may pass;
//   - the answer was lost, or came too late. Every call has a Nats-Msg-Id, which is the same for every repetition, so the daemon
//     tells the first attempt's answer again. Where it does not know it, because a daemon was killed at that instant, it makes the call
//     again only of a method that reads, or of one whose random_id lets Telegram tell a repetition, and the error of the
//     first attempt comes back from any other;
//   - Telegram asks to wait, for as long as [FloodWait] allows. The daemon itself sits out waits of up to ten seconds.
//
// With [WithMsgID] the id is the same for a program that runs again as well: for a day it gets the answer that it got before. A
// random_id that is left 0 is filled in by the daemon from that id.
//
// Errors are an [*Error], which is a tg.CallError like those of package mtproto.
//
// # Updates
//
// [Client.Subscribe] and [Client.Updates] read the stream that the daemon writes: each update once, in order, or a [Gap] in
// its place. With a Durable name NATS remembers what was acknowledged, and any number of programs of that name share the
// work; without one each subscription gets everything.
//
// What was written before the account was signed in, [Client.History] has fetched. Whom the account knows, [Client.Peers] tells.
package client
