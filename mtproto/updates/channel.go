package updates

import (
	"time"

	"github.com/natsgram/natsgram/tl/codec"
)

// channelCatchUp fetches the differences of channels, which fill their gaps (E11 to E16).
type channelCatchUp struct {
	catchUp
	channels *channels
	watcher  *watcher
	account  *accountCatchUp
	history  *backfiller
	running  map[FetchID]*box
}

// settle starts up to Config.Concurrent differences, in the order in which the channels fell behind (E16).
func (u *channelCatchUp) settle() {
	for i := 0; i < len(u.channels.active); i++ { // replaying may add to them
		b := u.channels.active[i]
		if u.channels.unfollowed(b) {
			u.channels.ignore(b)
			continue
		}
		if u.due(b.gapEnds) {
			b.diff.want()
		}
		if b.diff.pending {
			b.gapEnds = time.Time{}
		}
		if b.diff.ready(u.now) {
			u.fetch(b)
		}
	}
}

// fetch begins a channel's difference, if there is a place for it and an access hash.
func (u *channelCatchUp) fetch(b *box) {
	switch {
	case len(u.running) >= u.c.Concurrent:
		return
	case b.hash == 0 && !b.hashAsked:
		b.hashAsked = true
		u.account.diff.want() // it sends channels along (E22)
		u.account.fetch()
		return
	case b.hash == 0:
		if !u.account.diff.pending {
			u.skip(b, GapNoAccess)
		}
		return
	}
	pts, limit := b.pts, u.c.ChannelLimit
	if b.diff.cause != causeNone || !b.ptsKnown || pts <= 0 {
		pts, limit = 1, 1 // the answer tells where the channel is (E11, E15)
	}
	u.catchUp.fetch(b.diff, b.id, "updates.getChannelDifference", codec.M{
		"channel": inputChannel(b.id.ID, b.hash),
		"filter":  codec.M{"_": "channelMessagesFilterEmpty"},
		"pts":     pts,
		"limit":   limit,
	})
	if b.diff.fetch != 0 {
		u.running[b.diff.fetch] = b
	}
}

func inputChannel(id, hash int64) codec.M {
	return codec.M{"_": "inputChannel", "channel_id": id, "access_hash": hash}
}

// answered takes the answer to a fetch, or why there is none.
func (u *channelCatchUp) answered(id FetchID, body []byte, err error) {
	b := u.running[id]
	if b == nil {
		return
	}
	delete(u.running, id)
	b.diff.fetch = 0
	if err != nil {
		u.refused(b, err)
		return
	}
	v, c, err := u.read(b.diff, b.id, body, "updates.ChannelDifference")
	if err != nil {
		u.unreadable(b, err)
		return
	}
	u.result(b, v, c)
	u.channels.learn(c)
}

func (u *channelCatchUp) unreadable(b *box, err error) {
	if u.catchUp.unreadable(b.diff, b.id, err) {
		u.skip(b, GapUnreadable)
		return
	}
	b.diff.tryLater(u.env)
}

var inaccessible = map[string]bool{
	"CHANNEL_PRIVATE": true, "CHANNEL_INVALID": true, "USER_BANNED_IN_CHANNEL": true, "CHANNEL_PUBLIC_GROUP_NA": true,
	"CHAT_FORBIDDEN": true,
}

func (u *channelCatchUp) refused(b *box, err error) {
	switch refused := refusal(err); {
	case inaccessible[refused.Type]:
		u.closed(b, refused.Type)
	case b.diff.watching && !invalidPts(refused): // nobody waits for it, so pushes must not either
		b.diff.pending, b.diff.watching = false, false
		u.watcher.refused(b.id.ID, err)
		u.seqs.replay(b)
	default:
		b.diff.watching = false
		b.diff.refused(u.env, err)
	}
}

// result is an answer to updates.getChannelDifference (E11).
func (u *channelCatchUp) result(b *box, v codec.View, c *container) {
	if u.channels.unfollowed(b) { // since it was asked
		b.own = diffState{}
		return
	}
	pts, items := b.pts, b.items
	u.watcher.answered(b.id.ID, time.Duration(c.f.Int("timeout"))*time.Second)
	switch v.Name() {
	case "updates.channelDifferenceEmpty":
		if pts := int(c.f.Int("pts")); pts > b.pts {
			u.ledger.move(b, pts, 0)
			u.ledger.writeLater(b)
		}
	case "updates.channelDifference":
		u.slice(b, c)
	case "updates.channelDifferenceTooLong":
		u.tooLong(b, v, c)
	default:
		u.unreadable(b, errClass)
		return
	}
	u.done(b, b.pts != pts || b.items != items, !c.f.Bool("final"))
}

func (u *channelCatchUp) slice(b *box, c *container) {
	pts := int(c.f.Int("pts"))
	if b.diff.cause != causeNone {
		u.gaps.to(b, pts, gapReasons[b.diff.cause])
		return
	}
	c.date = u.ledger.state.Date
	s := u.in.newSlice(c, b, max(pts, b.pts), u.account.secret.pts)
	s.publish()
	s.end()
}

// tooLong goes on from where the channel is now. The messages that come with the answer are only its newest; those before
// them are fetched from history (E12).
func (u *channelCatchUp) tooLong(b *box, v codec.View, c *container) {
	dialog, _ := c.f.Object("dialog")
	pts, top := int(dialog.Int("pts")), int(dialog.Int("top_message"))
	switch {
	case b.diff.cause != causeNone:
		u.gaps.toTop(b, pts, top, gapReasons[b.diff.cause])
	case !b.ptsKnown:
		u.gaps.toTop(b, pts, top, GapUnknown)
	case pts > b.pts:
		u.gaps.toTop(b, pts, top, GapTooLong)
	default:
		return
	}
	if h := u.ledger.state.hole(b.id); h != nil {
		for _, message := range u.history.missing(v, h) {
			id := int(message.Int("id"))
			u.history.publish(b.id, c, message, Range{id - 1, id})
		}
	}
}

// done goes on after an answer.
func (u *channelCatchUp) done(b *box, moved, more bool) {
	b.diff.done(more)
	switch {
	case !b.diff.pending:
		if b.readID > b.topID { // whatever it was, it is accounted for
			b.topID = b.readID
			u.ledger.recordAlone(b)
		}
		b.readID = 0
		b.diff.settled(u.env, moved, len(b.postponed) > 0)
		u.ledger.endPartial(b.id)
		u.seqs.replay(b)
	case moved:
		b.diff.fails = 0
	default:
		b.diff.tryLater(u.env)
	}
}

// closed is a channel that Telegram does not show us any more (E15). Should an update of it come, it begins again from its
// pts.
func (u *channelCatchUp) closed(b *box, reason string) {
	published := b.closed && len(b.postponed) == 0
	u.seqs.dropAll(b)
	b.closed = true
	u.channels.forget.schedule(b.id.ID)
	switch {
	case u.ledger.state.hole(b.id) != nil:
		u.gaps.giveUp(b, reason)
	case !published:
		u.gaps.to(b, b.pts, reason)
	}
	u.ledger.endPartial(b.id)
	b.own = diffState{}
	b.gapEnds, b.hint = time.Time{}, 0
}

// skip gives up on what is missing of a channel, and says so.
func (u *channelCatchUp) skip(b *box, reason string) {
	to := b.pts
	if len(b.postponed) > 0 {
		to = max(to, b.postponed[0].pts-b.postponed[0].count)
	}
	u.gaps.to(b, to, reason)
	b.own = diffState{}
	u.seqs.replay(b)
}
