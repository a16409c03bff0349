package updates

import (
	"maps"
	"slices"
	"time"

	"github.com/natsgram/natsgram/tl/codec"
)

// poller looks whether anything was not pushed: Telegram promises nothing to ordinary members of large channels (E30, E36).
type poller struct {
	*env
	ledger   *ledger
	asker    *asker
	channels *channels
	account  *diffState
	common   *box
	secret   *box

	state retry   // updates.getState (E19)
	round retry   // a page of dialogs, and of other channels (E29)
	open  int     // questions without an answer
	seen  []int64 // channels that the page of this round held
	last  int64   // channel compared last
	batch int     // channels in one call: fewer when Telegram refuses the call for one of them
	idle  int     // rounds in a row that found nothing
}

// settle asks what is due.
func (p *poller) settle() {
	if p.state.at.IsZero() {
		p.state.at, p.round.at = p.jittered(p.c.Look.State), p.jittered(p.c.Look.Every)
		p.batch = p.c.Look.Page
	}
	if p.open > 0 || p.ledger.state.Empty() || p.account.cause == causeFirst {
		return
	}
	switch {
	case p.c.Look.State > 0 && p.due(p.state.at):
		p.askState()
	case p.comparing() && p.due(p.round.at):
		p.askDialogs()
	}
}

// comparing reports whether dialogs are compared: bots have none (E25).
func (p *poller) comparing() bool { return p.c.Look.Every > 0 && !p.c.Bot }

// wake is the sooner of next and when the next look is due.
func (p *poller) wake(next time.Time) time.Time {
	if p.open > 0 || p.state.at.IsZero() {
		return next
	}
	if p.c.Look.State > 0 {
		next = p.upcoming(next, p.state.at)
	}
	if p.comparing() {
		next = p.upcoming(next, p.round.at)
	}
	return next
}

// ask asks a question of the poller's.
func (p *poller) ask(b Box, method, class string, call codec.M, then answerFunc) {
	asked := p.asker.ask(b, method, class, call, func(v codec.View, c *container, err error) {
		p.open--
		then(v, c, err)
	})
	if asked {
		p.open++
	}
}

// askState is a cheap look whether the account is behind (E19).
func (p *poller) askState() {
	p.state.ok(p.jittered(p.c.Look.State))
	p.ask(Box{Kind: Common}, "updates.getState", "updates.State", codec.M{}, func(v codec.View, _ *container, err error) {
		switch {
		case err != nil:
			p.state.failed(p.env, err)
			p.state.at = later(p.state.at, p.jittered(p.c.Look.State))
		case int(v.Int("pts")) > p.common.pts, int(v.Int("qts")) > p.secret.pts, int(v.Int("seq")) > p.ledger.state.Seq:
			p.account.want()
		}
	})
}

// askDialogs looks at the dialogs in which something was written last.
func (p *poller) askDialogs() {
	p.seen, p.channels.ahead = p.seen[:0], false
	p.round.at = p.jittered(p.every())
	call := dialogsCall(p.c.Look.Page)
	p.ask(Box{}, "messages.getDialogs", "messages.Dialogs", call, func(v codec.View, c *container, err error) {
		if err != nil {
			p.failed(err)
			return
		}
		p.seen = p.channels.dialogs(v, c, p.seen)
		if !p.askPeers() {
			p.endRound()
		}
	})
}

// every is how long it is from one round to the next: the fewer find anything, the longer. No app of Telegram's looks at all,
// so that an account of which everything is pushed in time should not be looked at each minute of each day.
func (p *poller) every() time.Duration {
	return max(p.c.Look.Every, min(p.c.Look.Every<<p.idle, p.c.Look.Most))
}

// soon makes rounds frequent again, after a time in which nothing may have been pushed.
func (p *poller) soon() {
	p.idle = 0
	if soon := p.jittered(p.c.Look.Every); !p.round.at.IsZero() && p.round.fails == 0 && p.round.at.After(soon) {
		p.round.at = soon
	}
}

// mostIdle keeps every within its type.
const mostIdle = 10

// endRound ends a round. Where it found a channel that is further on than we, there is likely to be more.
func (p *poller) endRound() {
	if !p.channels.ahead {
		p.idle = min(p.idle+1, mostIdle)
	} else if p.idle > 0 {
		p.idle, p.round.at = 0, p.jittered(p.c.Look.Every)
	}
}

func (p *poller) failed(err error) {
	p.round.failed(p.env, err)
	p.round.at = later(p.round.at, p.jittered(p.every()))
}

func dialogsCall(limit int) codec.M {
	return codec.M{"offset_date": 0, "offset_id": 0, "offset_peer": codec.M{"_": "inputPeerEmpty"}, "limit": limit, "hash": 0}
}

// askPeers looks at some more of the channels, a few each time. False: there are none.
func (p *poller) askPeers() bool {
	ids := p.nextChannels(p.batch)
	if len(ids) == 0 {
		return false
	}
	peers := make([]codec.M, len(ids))
	for i, id := range ids {
		peers[i] = codec.M{"_": "inputDialogPeer", "peer": codec.M{
			"_": "inputPeerChannel", "channel_id": id, "access_hash": p.ledger.state.Channels[id].AccessHash,
		}}
	}
	p.ask(Box{}, "messages.getPeerDialogs", "messages.PeerDialogs", codec.M{"peers": peers},
		func(v codec.View, c *container, err error) { p.peersAnswered(ids, v, c, err) })
	return true
}

func (p *poller) peersAnswered(ids []int64, v codec.View, c *container, err error) {
	switch {
	case err == nil:
		p.channels.dialogs(v, c, nil)
		p.round.fails, p.last = 0, ids[len(ids)-1]
		p.batch = min(2*p.batch, p.c.Look.Page)
		p.endRound()
	case !inaccessible[refusal(err).Type]:
		p.failed(err)
	case len(ids) > 1: // one of them is closed to us: which?
		p.batch = (len(ids) + 1) / 2
		p.askPeers()
	default:
		p.last = ids[0]
		p.channels.close(ids[0])
	}
}

// nextChannels are channels to look at: those behind the last one, that were not on the page.
func (p *poller) nextChannels(n int) (ids []int64) {
	all := slices.Sorted(maps.Keys(p.ledger.state.Channels))
	from, _ := slices.BinarySearch(all, p.last+1)
	for i := range all {
		id := all[(from+i)%len(all)]
		st := p.ledger.state.Channels[id]
		shown := st.AccessHash != 0 && st.Pts != 0 && !st.Closed && !st.Left
		if !shown || p.channels.watcher.find(id) != nil || slices.Contains(p.seen, id) {
			continue
		}
		if ids = append(ids, id); len(ids) == n {
			break
		}
	}
	return ids
}
