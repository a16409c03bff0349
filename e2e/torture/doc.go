// Package torture runs the promise of natsgram's updates and calls against violence. Real processes - daemons, nats-servers
// with every write synced - are killed by SIGKILL, frozen by SIGSTOP, ended by SIGTERM and started again at moments that a
// seed draws; connections between them, and to a Telegram in a box, are cut, frozen and refused. Meanwhile people write
// numbered messages into private chats, groups and channels, and clients call by NATS, some of them in bursts of sends and edits, by requests
// and by the queue. When all is quiet again, the stream is read back and held against what the world of that Telegram holds: every update once
// and in its box's order, or a said gap; every call at most once, those with a Nats-Msg-Id and jobs once, those to a chat in their order, the
// last edit the one that stands; and what Tg-Sent said was true.
//
//	go test ./torture                                   # 5 minutes
//	go test ./torture -torture.for=1h -torture.seed=7 -timeout=0
//
// The seed draws what is done and when, not how the machine schedules it: the same seed does the same to a run, which need
// not fail at the same place.
package torture
