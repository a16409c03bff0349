package mttest

import (
	"github.com/natsgram/natsgram/mtproto/mttest/world"
)

func state(s world.State) M {
	return M{"_": "updates.state", "pts": s.Pts, "qts": s.Qts, "date": s.Date, "seq": s.Seq, "unread_count": s.Unread}
}

func getState(r *Request) (any, error) { return state(r.server.world.State(r.Account.id)), nil }

func getDifference(r *Request) (any, error) {
	u := r.server.cfg.Updates
	limits := world.Limits{Page: u.Page, TooLong: u.TooLong}
	if n := int(r.Args.Int("pts_limit")); n > 0 {
		limits.Page = min(n, limits.Page)
	}
	if n := int(r.Args.Int("pts_total_limit")); n > 0 && (limits.TooLong == 0 || n < limits.TooLong) {
		limits.TooLong = n
	}
	d, err := r.server.world.Difference(r.Account.id, world.State{
		Pts: int(r.Args.Int("pts")), Qts: int(r.Args.Int("qts")), Date: int(r.Args.Int("date")),
	}, limits)
	if err != nil {
		return nil, err
	}
	switch d.Outcome {
	case world.Empty:
		return M{"_": "updates.differenceEmpty", "date": d.State.Date, "seq": d.State.Seq}, nil
	case world.TooLong:
		return M{"_": "updates.differenceTooLong", "pts": d.State.Pts}, nil
	}
	c := r.server.scene(r.Account.id)
	fresh, other := c.split(d.Events)
	for _, ch := range d.Channels {
		c.mention(world.ChannelPeer(ch.ID))
		other = append(other, M{"_": "updateChannelTooLong", "channel_id": ch.ID, "pts": ch.Pts})
	}
	m := M{"_": "updates.difference", "new_messages": fresh, "new_encrypted_messages": []M{}, "other_updates": other, "state": state(d.State)}
	if d.Outcome == world.Slice {
		m["_"], m["intermediate_state"] = "updates.differenceSlice", m["state"]
	}
	m["users"], m["chats"] = c.users(), c.chats()
	return m, nil
}

// split shows events as a difference does: new messages by themselves, then the rest.
func (c *scene) split(events []world.Event) (fresh, other []M) {
	for _, e := range events {
		if e.What == world.NewMessage {
			fresh = append(fresh, c.message(e.Msg))
		} else {
			other = append(other, c.each(e)...)
		}
	}
	return fresh, other
}

func getChannelDifference(r *Request) (any, error) {
	p, err := r.peer("channel")
	if err != nil {
		return nil, err
	}
	limit := int(r.Args.Int("limit"))
	if limit <= 0 {
		return nil, refusal(400, "LIMIT_INVALID")
	}
	if r.Account.token == "" {
		limit = min(limit, 100)
	}
	d, err := r.server.world.ChannelDifference(r.Account.id, p.ID, int(r.Args.Int("pts")), world.Limits{Page: limit, TooLong: r.server.cfg.Updates.ChannelTooLong})
	if err != nil {
		return nil, err
	}
	r.device.look(p.ID, r.server.lookedAt())
	return r.channelDifference(p, d), nil
}

func (r *Request) channelDifference(p world.Peer, d world.ChannelDifference) M {
	c := r.server.scene(r.Account.id)
	c.min = r.server.cfg.Updates.Min
	c.mention(p)
	m := M{"_": "updates.channelDifference", "final": d.Outcome != world.Slice, "pts": d.Pts}
	optional(m, "timeout", r.server.cfg.Updates.Timeout)
	switch d.Outcome {
	case world.Empty:
		m["_"] = "updates.channelDifferenceEmpty"
		return m
	case world.TooLong:
		m["_"], m["dialog"] = "updates.channelDifferenceTooLong", c.dialog(r.server.world.Dialog(r.Account.id, p))
		m["messages"] = c.messages(d.Newest)
	default:
		m["new_messages"], m["other_updates"] = c.split(d.Events)
	}
	m["users"], m["chats"] = c.users(), c.chats()
	return m
}
