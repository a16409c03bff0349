package account

import (
	"github.com/natsgram/natsgram/bridge/dialogs"
	"github.com/natsgram/natsgram/bridge/stream"
)

// stored is stream.Options.Stored.
func (d *driver) stored(g *stream.Group, seq uint64) {
	d.publisher.tellRedacted(g)
	if d.chats != nil && seq > 0 {
		said, _ := g.Of.([]dialogs.Fact)
		d.chats.Stored(seq, said)
	}
	if look := d.ledger.fold(g, seq); look || d.relieved() {
		d.loop.Poke()
	}
}
