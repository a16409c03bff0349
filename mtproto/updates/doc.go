// Package updates puts the updates of one Telegram account in order: each once, each box in its own order, and where
// Telegram itself has lost some, a [Gap] at its place (checklist section E).
//
// The [Machine] is sans I/O. It is told what arrived and what time it is, and answers what to publish, what to fetch and
// when to be woken:
//
//	rules, err := updates.Compile(schema, decl) // once per schema, shared by all accounts
//	m, err := updates.New(rules, state, updates.Config{SelfID: id})
//	m.Start(now)                          // at start, after each reconnect, after new_session_created (E17, E18)
//	m.Push(now, body, updates.Meta{})     // an Updates object from the wire; body belongs to the machine from here on
//	m.PushResult(now, call, result, meta) // what one of our own calls answered (D19): any result, most are ignored
//	m.Result(now, fetch.ID, body, err)    // the answer to a Fetch
//	m.SetWatched(now, ids)                // channels to be asked about again and again (E32)
//	m.AddChannel(now, id, pts, hash)      // a channel of which somebody else learned
//	m.Tick(now)                           // when m.Wake() has come
//	for out, ok := m.Next(); ok; out, ok = m.Next() { // after each of these
//		switch out := out.(type) {
//		case *updates.Batch:      // store, in order, then let go of out.Release
//		case *updates.Fetch:      // invoke out.Query, then Result; a refusal of Telegram's as *updates.Error
//		case *updates.Release:    // these tokens may be acknowledged to Telegram at once
//		case *updates.Unreadable: // close the connection, initConnection again; the machine has asked for the difference
//		}
//	}
//
// No method is safe for concurrent use. Input that cannot be read never panics.
//
// # Boxes
//
// A [Box] is a sequence of Telegram's: common (pts), secret (qts), and one for every channel (pts). Which update moves
// which is read off the schema by [Compile] (E2), so that a layer that nobody has seen works too. Updates without a
// sequence are in the box "none".
//
// # Batches and state
//
// The state that the machine goes on from after a crash travels with what it publishes: [Item.State] is the text for
// the header Tg-State, what changed by this item, and [State.Apply] folds it. A state is true when it was folded
// from what was stored, and never ahead of it. So the order of storing must be the order of the outputs.
//
// A [Batch] with [Batch.Whole] is stored all or nothing (a JetStream atomic batch), because its state moves with its last
// item: a slice of a difference, whose messages do not tell their own pts, or a container whose seq moves. Other
// batches may be stored item by item: each item carries its own change. A batch never has more than
// [Config.MaxBatch] items. A difference that is larger comes as several batches; the items of all but the last carry what
// they were (`part=`), so that after a crash between two batches the difference is fetched again and what is stored
// already is left out.
//
// A batch without items is a change of state that nothing stands for (an empty difference, a read message that
// moved pts, D19). It may be lost: what follows repeats it, or Telegram answers the same again.
//
// # Identity
//
// (Era, Box, Pts, Index) names an item for ever, except in box none. A pushed update has the pts it brought and index 0; further
// ones at the same pts (pts_count 0) have 1, 2 and so on, and the count so far is part of the state. Items of a
// difference have the pts at its end (secret: qts), and are counted through all of it.
//
// Where Telegram begins to count anew, pts come again that were there before: from the gap that says so on, items are of another
// [Item.Era]. So they are when the account itself begins ([Config.Begin]).
//
// An item out of history has no pts; its index is the id of the message. Era, Box, Pts and Index name it too.
//
// # Gaps and history
//
// What Telegram answers with TooLong is a [Gap] at its place. The messages in it are fetched from history afterwards, by
// their ids, oldest first, behind all other traffic and not more than [Config.Fill.Messages]: as items with
// [Item.Backfill]. A channel's newest come with the TooLong itself and are published at once. Where the gap of the account
// ends nobody says: at the first message that comes as an update after it; while none has, what history brings waits
// for one more difference. Which ids are still missing is in the state ([State.Holes]), so a crash repeats nothing.
// Messages that will not come after all are said by another Gap, with their ids. Edits and deletions in the gap are lost
// (E24), as are messages that were deleted since; and what is back-filled reads as it does now.
//
// # Looking
//
// Telegram does not push all that happens in large channels in time (E30). So the machine looks by itself: once at all
// dialogs, for the pts of every channel (E17); up to [MaxWatched] channels at the server's own timeout (E32); the others
// every minute, by comparing dialogs (E29, E36); and the account by getState every five (E19). Looks find out that
// something is missing; what is missing comes by a difference. After floods they become slower.
//
// # Choices where the documents leave one
//
//   - A channel that was never seen begins where its first update says. If what is first seen of it is
//     updateChannelTooLong, a Gap from 0 says that nobody knows what was before.
//   - updateChannelTooLong, updatesTooLong and updatePtsChanged only tell a client what to fetch; they are obeyed, not
//     published.
//   - A channel that is behind (a gap seen, a difference not yet fetched) is marked so in the state before the date of
//     the account may pass it, because Telegram speaks of it only once (E16).
//   - Items in box none out of containers without seq cannot be had again from any difference (E27). Only for these
//     is the token of [Meta] held until their batch is stored.
package updates
