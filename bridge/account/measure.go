package account

import (
	"slices"
	"strconv"

	"github.com/natsgram/natsgram/bridge/metrics"
	"github.com/natsgram/natsgram/mtproto/updates"
)

// measure counts what is told of an item: how late it came (E36), or a gap. Only channels that are watched are told apart.
func (d *driver) measure(item *updates.Item) {
	m := d.r.Metrics
	switch {
	case m == nil:
	case item.Gap != nil && item.Gap.Reason == updates.GapBeginning:
	case item.Gap != nil:
		m.Gap(d.r.Name, item.Gap.Reason)
	case isNew(item):
		chat := metrics.Other
		if item.Peer.Kind == updates.PeerChannel && slices.Contains(d.machine.Watched(), item.Peer.ID) {
			chat = "channel." + strconv.FormatInt(item.Peer.ID, 10)
		}
		m.Delay(d.r.Name, chat, d.writer.delay(item))
	}
}
