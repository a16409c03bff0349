package mttest

import (
	"time"

	"github.com/natsgram/natsgram/mtproto/mttest/world"
)

// LateChannels is how Telegram treats large channels: to most of their members it tells what happens late, or leaves it to
// them to ask (E30). At once it tells the creator, bots, and whoever is looking: whose device has asked for the channel's
// difference not longer ago than twice the timeout that the answer named, 1 s if it named none (E31, E32).
// The difference itself has all of it always.
type LateChannels struct {
	Over  int           // members; 0: no channel is large
	Delay time.Duration // of a push; 0: there is none
}

// late reports whether a device has to wait for an event.
func (s *Server) late(d *device, e *world.Event) bool {
	l := s.cfg.Updates.LateChannels
	return l.Over > 0 && e.Channel() && e.Crowd > l.Over && !e.Staff && !d.looksAt(e.Peer.ID, s.cfg.Now())
}

// pushLater pushes after the delay, if it is to be pushed at all.
func (s *Server) pushLater(d *device, build func() []byte) {
	if delay := s.cfg.Updates.LateChannels.Delay; delay > 0 {
		time.AfterFunc(delay, func() {
			if s.stopped.Err() == nil {
				d.push(build)
			}
		})
	}
}

// lookedAt is until when somebody looks at a channel who has asked for its difference now.
func (s *Server) lookedAt() time.Time {
	timeout := max(s.cfg.Updates.Timeout, 1)
	return s.cfg.Now().Add(2 * time.Duration(timeout) * time.Second)
}

func (d *device) look(channel int64, until time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.looks == nil {
		d.looks = make(map[int64]time.Time)
	}
	d.looks[channel] = until
}

func (d *device) looksAt(channel int64, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	until, ok := d.looks[channel]
	if ok && now.After(until) {
		delete(d.looks, channel)
		return false
	}
	return ok
}
