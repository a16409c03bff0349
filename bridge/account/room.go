package account

import (
	"github.com/natsgram/natsgram/bridge/room"
	"github.com/natsgram/natsgram/mtproto/updates"
)

// memory is an account's share of what the updates of all accounts may take. It is the [loop.Memory] of the account's loop.
type memory struct {
	share   *room.Share // nil: as much as there is
	pending int64       // bytes that may wait for JetStream

	// Of the loop's goroutine.
	machine *updates.Machine
	held    int64 // bytes taken for what the machine holds
}

const (
	// mostAnswer is what is set aside for the answer to a fetch until it is there.
	mostAnswer = 512 << 10
	// heldWeight is what an update that the machine holds will weigh in the log beside its bytes, which are three times as many
	// there.
	heldWeight, heldGrowth = 2300, 3
	// parkedShare is how much may be parked: this part of what may wait for JetStream.
	parkedShare = 4
)

// Take notes what came into the inbox.
func (m *memory) Take(n int64) { m.share.Take(n) }

// Handled gives back what went through the machine, and takes what the machine holds back of it until a difference comes: all of
// that goes into the log at once then.
func (m *memory) Handled(n int64) {
	updates, bytes := m.machine.Postponed()
	held := int64(updates)*heldWeight + int64(bytes)*heldGrowth
	m.share.Take(held - m.held)
	m.held = held
	m.share.Give(n)
}

// bounds are those of what a machine may hold back, so that it does not fill the log at once.
func (m *memory) bounds() (updates, bytes int) {
	most := m.pending / parkedShare
	return int(max(most/heldWeight, 10)), int(max(most/heldGrowth, 64<<10))
}

// parkable is how many bytes may be parked: so few that they alone never keep others waiting.
func (m *memory) parkable() int64 {
	most := m.pending / parkedShare
	if m.share != nil {
		most = min(most, m.share.Sure()/2)
	}
	return most
}

// answer is what is set aside for an answer: less where an account may have little.
func (m *memory) answer() int64 {
	if m.share == nil {
		return 0
	}
	return min(mostAnswer, m.pending/8)
}
