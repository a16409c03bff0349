package account

import (
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/metrics"
	"github.com/natsgram/natsgram/bridge/stream"
	"github.com/natsgram/natsgram/bridge/withhold"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
)

// publisher makes messages of updates: live ones go out at once, the others into the log.
type publisher struct {
	conn      *nats.Conn
	log       *stream.Log
	writer    *writer
	directory *directory
	learn     func(*updates.Batch) // takes in who is in a batch: the directory's
	places    *places
	dialogs   bool // what items say of dialogs goes along with them
	tell      *teller
	release   func(tokens []uint64) // acknowledges updates that are stored
}

// store publishes a batch of what came at that time. watched are the channels that metrics tell apart.
func (p *publisher) store(b *updates.Batch, at time.Time, watched func() []int64) {
	p.writer.received = at
	p.learn(b)
	g := &stream.Group{Whole: b.Whole, State: b.State, Messages: make([]stream.Message, 0, len(b.Items))}
	for i := range b.Items {
		item := &b.Items[i]
		p.measure(item, watched)
		p.tellGap(item.Gap)
		if p.places.learn(item); item.Live {
			p.live(p.writer.message(item))
		} else {
			g.Messages = p.write(g.Messages, item, len(b.Items)-i)
		}
	}
	g.Whole = g.Whole || len(g.Messages) > len(b.Items) // the state goes with the last part of an item
	if p.dialogs {
		g.Of = facts(b.Items, at)
	}
	if len(b.Release) > 0 {
		g.Done = func() { p.release(b.Release) }
	}
	p.log.Add(g)
}

// write appends the messages of an item, behind which as many items more are to come as are left, itself included.
func (p *publisher) write(all []stream.Message, item *updates.Item, left int) []stream.Message {
	parts := p.places.parts(item, stream.MaxGroup-stateRoom-len(all)-left+1)
	if parts == nil {
		return append(all, p.writer.message(item))
	}
	for i := range parts {
		m := p.writer.message(&parts[i])
		if i > 0 {
			m.Header[subjects.HeaderMsgID] = []string{first(m.Header, subjects.HeaderMsgID) + "." + strconv.Itoa(i)}
		}
		all = append(all, m)
	}
	return all
}

func (p *publisher) live(m stream.Message) {
	if limits := stream.LimitsOf(p.conn); !limits.Takes(m) {
		m = p.writer.smaller(m, limits, "")[0]
	}
	if err := p.conn.PublishMsg(&nats.Msg{Subject: m.Subject, Header: m.Header, Data: m.Data}); err != nil {
		p.tell.log.Debug("publishing a live update", "err", err)
	}
}

// smaller is stream.Options.Smaller.
func (p *publisher) smaller(m stream.Message, limits stream.Limits, refusal string) []stream.Message {
	return p.writer.smaller(m, limits, refusal)
}

// measure counts what is told of an item: how late it came (E36), or a gap.
func (p *publisher) measure(item *updates.Item, watched func() []int64) {
	m := p.tell.metrics
	switch {
	case m == nil:
	case item.Gap != nil && item.Gap.Reason == updates.GapBeginning:
	case item.Gap != nil:
		m.Gap(p.tell.name, item.Gap.Reason)
	case isNew(item):
		chat := metrics.Other
		if item.Peer.Kind == updates.PeerChannel && slices.Contains(watched(), item.Peer.ID) {
			chat = "channel." + strconv.FormatInt(item.Peer.ID, 10)
		}
		m.Delay(p.tell.name, chat, p.writer.delay(item))
	}
}

// tellGap tells of what is missing; that an account begins is no gap.
func (p *publisher) tellGap(gap *updates.Gap) {
	if gap == nil || gap.Reason == updates.GapBeginning {
		return
	}
	p.tell.event("gap", map[string]any{
		"box": gap.Box.String(), "from": gap.From, "to": gap.To, "reason": gap.Reason, "filled": gap.Fill,
	})
}

// eventRedacted tells of an update whose contents are not in the stream.
const eventRedacted = "updates.redacted"

// tellRedacted tells of updates that were stored without their contents. Those of the service account are nobody's business.
func (p *publisher) tellRedacted(g *stream.Group) {
	for _, m := range g.Messages {
		why := first(m.Header, subjects.HeaderRedacted)
		if m.Form < formSlim || why == "" || why == withhold.Message {
			continue
		}
		fields := map[string]any{
			"type": first(m.Header, subjects.HeaderType), "subject": m.Subject,
			"box": first(m.Header, subjects.HeaderBox), "pts": first(m.Header, subjects.HeaderPts), "id": first(m.Header, subjects.HeaderMsgID), "reason": why,
		}
		p.tell.log.Warn("an update is in the stream without its contents", "update", fields)
		p.tell.event(eventRedacted, fields)
		p.tell.metrics.Redacted(p.tell.name, why)
	}
}
