package updates

import "time"

// forgetter takes channels out of the state some time after they were left, or closed to us, so that it does not grow with
// every channel that ever was. A channel that is joined again begins where its dialog, or its first update, is.
type forgetter struct {
	*env
	ledger *ledger
	at     map[int64]time.Time // when channels are forgotten
	next   time.Time           // the first of them; zero: there is none
}

// restore goes on with what the state has.
func (f *forgetter) restore() {
	for id, st := range f.ledger.state.Channels {
		if st.Left || st.Closed {
			f.schedule(id)
		}
	}
}

// schedule notes when a channel that was left, or is closed to us, is to be forgotten.
func (f *forgetter) schedule(id int64) {
	if f.at == nil {
		f.at = make(map[int64]time.Time)
	}
	at := f.now.Add(f.c.Forget)
	if f.at[id] = at; f.next.IsZero() {
		f.next = at
	}
}

// settle forgets the channels that are due and not in use.
func (f *forgetter) settle(inUse func(id int64) bool) {
	if !f.due(f.next) {
		return
	}
	f.next = time.Time{}
	for id, at := range f.at {
		if st := f.ledger.state.Channels[id]; !st.Left && !st.Closed {
			delete(f.at, id)
			continue
		}
		if inUse(id) {
			at = later(at, f.now.Add(time.Hour))
		}
		if f.at[id] = at; at.After(f.now) {
			if f.next.IsZero() || at.Before(f.next) {
				f.next = at
			}
			continue
		}
		delete(f.at, id)
		f.ledger.forget(id)
	}
}
