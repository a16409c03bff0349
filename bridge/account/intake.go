package account

import (
	"bytes"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/mtproto/updates/loop"
)

// push takes an update from the client.
func (d *driver) push(u mtproto.Update) {
	if !d.crowded() {
		d.loop.Push(u)
		return
	}
	// The loop is busy, or stuck: the machine cannot be told.
	in := loop.FromTelegram(u)
	switch d.noRoom(&in) {
	case leave:
		in.Ack()
	case decline:
		in.Decline()
	}
}

// observe takes the result of a call of ours (D19).
func (d *driver) observe(call, result []byte, origin string) {
	if !d.rules.Relevant(result) {
		return
	}
	if d.crowded() {
		d.press()
		d.pressure.leave()
		return
	}
	d.loop.Result(bytes.Clone(call), result, updates.Meta{Origin: origin})
}

// crowded reports whether the inbox is full.
func (d *driver) crowded() bool {
	return d.memory.share.Full() || d.loop.Waiting() > d.memory.pending
}
