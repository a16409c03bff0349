// Package updates puts the updates of one Telegram account in order: each once, each box in its own order, and a [Gap] at the
// place of those that Telegram cannot give any more (checklist section E).
//
// The [Machine] does no I/O. Its caller tells it what arrived and what time it is, and does what it answers: publish, fetch,
// call again at a time. Package loop has the goroutine around it, package runner a client with it:
//
//	rules, err := updates.Compile(schema, decl) // once per schema, shared by all accounts
//	m, err := updates.New(rules, state, updates.Config{SelfID: id})
//	m.Start(now)                          // at start, after each reconnect, after new_session_created (E17, E18)
//	m.Push(now, body, updates.Meta{})     // an Updates object from the wire; body belongs to the machine from here on
//	m.PushResult(now, call, result, meta) // the result of one of our own calls (D19): of any, most are ignored
//	m.Result(now, fetch.ID, body, err)    // the answer to a Fetch
//	m.SetWatched(now, ids)                // channels to poll (E32)
//	m.AddChannel(now, id, pts, hash)      // a channel that was found otherwise
//	m.Tick(now)                           // at the time m.Wake()
//	for out, ok := m.Next(); ok; out, ok = m.Next() { // after each of these
//		switch out := out.(type) {
//		case *updates.Batch:      // store, in order, then acknowledge what out.Release names
//		case *updates.Fetch:      // invoke out.Query, then Result; an error of Telegram's as *updates.Error
//		case *updates.Release:    // acknowledge these tokens to Telegram at once
//		case *updates.Unreadable: // close the connection and send initConnection again; the machine fetches the difference
//		}
//	}
//
// No method is safe for concurrent use. Input that cannot be read never panics.
//
// # Boxes
//
// A [Box] is one of Telegram's sequences: common (pts), secret (qts), and one for every channel (pts). [Compile] reads from
// the schema which update moves which (E2), so new layers need no code. Updates without a sequence are in the box "none".
//
// # Batches and state
//
// The state from which the machine resumes after a crash travels with what it publishes: [Item.State], the text of the
// header Tg-State, says what this item changed, and [State.Apply] applies it. A state that is built from stored items is
// never ahead of them. So items must be stored in the order of the outputs.
//
// A [Batch] with [Batch.Whole] is stored all or nothing (a JetStream atomic batch), because only its last item changes the
// state: a slice of a difference, whose messages have no pts of their own, or a container whose seq moves. Other batches
// may be stored item by item: each item has its own change. A batch has at most [Config.MaxBatch] items. A larger
// difference comes as several batches. The items of all but the last one are counted in the state (`part=`): after a crash
// between two batches the machine fetches the difference again and leaves out what is stored.
//
// A batch without items is a change of state alone (an empty difference, a read message that moved pts, D19). It may be
// lost: the next change repeats it, or Telegram answers the same again.
//
// # Identity
//
// (Era, Box, Pts, Index) identifies an item for ever, except in box none. A pushed update has its own pts and index 0; further
// ones at the same pts (pts_count 0) have 1, 2 and so on, and the state holds the count. Items of a difference have the
// pts at its end (secret: qts), and an index that counts through all of it.
//
// When Telegram resets a sequence, the same pts come again. The gap that tells of it and all items after it have another
// [Item.Era]. So have all items after the account itself begins anew ([Config.Begin]).
//
// An item from history has no pts; its index is the id of the message. Era, Box, Pts and Index identify it as well.
//
// # Gaps and history
//
// A difference that Telegram answers with TooLong is a [Gap] at its place. Afterwards the machine fetches the messages in it
// from history, by their ids, oldest first, after all other traffic and at most [Config.Fill.Messages] of them: as items
// with [Item.Backfill]. The newest messages of a channel come with TooLong itself and are published at once. Telegram does
// not say where a gap of the common box ends. It ends at the first message that comes as an update after it; until one
// has come, messages from history wait for one more difference. The state has the ids that are still missing
// ([State.Holes]), so a crash repeats nothing. Another Gap names the messages that cannot be fetched. Edits and deletions in
// the gap are lost (E24), as are messages that were deleted since, and history has messages as they are now.
//
// # Looking
//
// Telegram pushes some updates of large channels late or never (E30). So the machine looks for itself: once at all dialogs,
// for the pts of every channel (E17); at up to [MaxWatched] channels after the timeout that the server gives (E32); at the
// others every minute, by comparing dialogs (E29, E36); and at the account every five minutes, by getState (E19). A look
// finds out that something is missing, and a difference brings it. After flood waits, looks become rarer.
//
// # Choices where the documents leave one
//
//   - A channel that is new to the machine begins at the pts before its first update. If that is updateChannelTooLong, a Gap
//     from 0 says that what was before is unknown.
//   - updateChannelTooLong, updatesTooLong and updatePtsChanged tell a client what to fetch. The machine fetches it and does not
//     publish them.
//   - The state marks a channel that is behind (a gap was seen, the difference is not fetched yet) before the date of the
//     account passes it, because Telegram mentions it only once (E16).
//   - No difference brings items of box none again that came in containers without seq (E27). Only for these does the
//     machine hold the token of [Meta] until their batch is stored.
package updates
