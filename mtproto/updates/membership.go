package updates

import "time"

// memberships takes what came along of who is in which channel. A channel that the account has left is not looked at any
// more, as Telegram would go on showing a public one for ever: its differences are for members and for channels that are
// watched alone (add_pending_channel_update of TDLib's MessagesManager.cpp). What is pushed of it and fits is published.
func (m *Machine) memberships(c *container) {
	for i := range c.entities() {
		e := &c.all[i]
		if st, known := m.state.Channels[e.id]; known && e.kind == PeerChannel && e.part != unsaid && st.Left != (e.part == outside) {
			b := m.channel(e.id)
			b.left = e.part == outside
			m.place(b)
			m.loosely(b)
			if b.left {
				m.parted(e.id)
			}
		}
	}
}

// parted notes when a channel that was left, or is closed to us, is to be forgotten.
func (m *Machine) parted(id int64) {
	if m.gone == nil {
		m.gone = make(map[int64]time.Time)
	}
	at := m.now.Add(m.c.Forget)
	if m.gone[id] = at; m.goneNext.IsZero() {
		m.goneNext = at
	}
}

// stranger says that nothing is fetched of a channel: it was left, and nobody watches it.
func (m *Machine) stranger(b *box) bool { return b.left && m.watch(b.id.ID) == nil }

// leaveAlone gives up what a channel waits for.
func (m *Machine) leaveAlone(b *box) {
	for len(b.held) > 0 {
		m.unhold(b)
	}
	b.gap, b.hint, b.seen = time.Time{}, 0, 0
	if b.src.fetch == 0 {
		b.own = source{}
		m.noPartial(b.id)
	}
}

// settleGone forgets channels that were left, or closed to us, some time ago, so that the state does not grow with every channel that ever was.
// A channel that is joined again begins where its dialog, or its first update, is.
func (m *Machine) settleGone() {
	if !m.due(m.goneNext) {
		return
	}
	m.goneNext = time.Time{}
	for id, at := range m.gone {
		if st := m.state.Channels[id]; !st.Left && !st.Closed {
			delete(m.gone, id)
			continue
		}
		if m.boxes[id] != nil || m.watch(id) != nil || m.state.hole(Box{Channel, id}) != nil {
			at = later(at, m.now.Add(time.Hour))
		}
		if m.gone[id] = at; at.After(m.now) {
			if m.goneNext.IsZero() || at.Before(m.goneNext) {
				m.goneNext = at
			}
			continue
		}
		delete(m.gone, id)
		delete(m.state.Channels, id)
		m.w.loose = appendGone(m.w.loose, id)
	}
}
