package stream

import (
	"context"
	"slices"
)

func (l *Log) limits() Limits { return l.sizes.limits(l.server.store.js.Conn(), l.fence.subject) }

// fit has every message that is too large now take another form.
func (l *Log) fit(ctx context.Context, groups []*Group) {
	limits := l.limits()
	for _, g := range groups {
		for i := g.done; i < len(g.Messages); i++ {
			if limits.Takes(g.Messages[i]) {
				continue
			}
			if l.sizes.old() {
				l.sizes.look(ctx, &l.server)
				limits = l.limits()
			}
			if !limits.Takes(g.Messages[i]) {
				i += l.replace(g, i, limits, "") - 1
			}
		}
	}
}

// replace gives one message another form, and tells how many messages that is. A refusal says why its size is not the reason.
// Where no form is small enough it stays as it is, for when there is room.
func (l *Log) replace(g *Group, i int, limits Limits, refusal string) int {
	if l.opts.Smaller == nil {
		return 1
	}
	smaller := l.opts.Smaller(g.Messages[i], limits, refusal)
	if slices.ContainsFunc(smaller, func(m Message) bool { return !limits.Takes(m) }) {
		return 1
	}
	l.queue.exchange(g, slices.Concat(g.Messages[:i:i], smaller, g.Messages[i+1:]), g.Whole || len(smaller) > 1)
	return len(smaller)
}

// lessen tries the first n messages of a group, which are refused for good for whatever reason, in a form without contents, so
// that the account goes on. Where that is refused too it is not the messages' fault, and they stay as they are.
func (l *Log) lessen(ctx context.Context, g *Group, n int) error {
	if l.opts.Smaller == nil {
		return nil
	}
	_, cause := l.trouble.told()
	before, whole := g.Messages, g.Whole
	limits, after := l.limits(), len(g.Messages)-g.done-n
	for i := g.done; i < len(g.Messages)-after; i++ {
		i += l.replace(g, i, limits, cause.Error()) - 1
	}
	n = len(g.Messages) - g.done - after
	there, seq, err := l.attempt(ctx, g.rest()[:n])
	if err != nil || !there {
		l.queue.exchange(g, before, whole)
		return err
	}
	g.done += n
	l.last.Store(max(seq, l.last.Load()))
	return nil
}
