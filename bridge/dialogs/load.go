package dialogs

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl/codec"
)

// ErrRecord says that a record cannot be read.
var ErrRecord = errors.New("not a record of a dialog")

// Loading is a fold that is being read back from its records.
type Loading struct {
	f    *Fold
	pins map[updates.Peer]int
}

// Load begins to read back records. The fold is to be a new one.
func (f *Fold) Load() *Loading {
	f.list, f.folders.stale = list{}, false
	return &Loading{f: f, pins: map[updates.Peer]int{}}
}

// Record takes one; seq is the sequence that it stands for.
func (l *Loading) Record(chat updates.Peer, seq uint64, data []byte) error {
	var b body
	if err := json.Unmarshal(data, &b); err != nil {
		return fmt.Errorf("%w: %w", ErrRecord, err)
	}
	d, cut := &dialog{peer: chat, seq: seq, name: b.Name}, false
	if b.Dialog != nil {
		form := &l.f.form
		tl, err := form.schema.AppendTLFromJSON(nil, b.Dialog, form.schema.AnyObject(), nil)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrRecord, err)
		}
		var v codec.View
		v, cut, err = form.clean(tl)
		if err != nil || v.Name() != form.dialog.Name || chatOf(v) != chat {
			return ErrRecord
		}
		d.read(v, b.Date)
		l.f.newest.see(chat, d.top)
	}
	l.pins[chat] = b.Pin
	if l.f.table.put(d, b.Stale || b.Dialog == nil); cut {
		l.f.table.touch(d) // it was written where that was not withheld
	}
	return nil
}

// Folders takes the record of the folders.
func (l *Loading) Folders(data []byte) error {
	if err := l.f.folders.load(l.f.form.schema, data); err != nil {
		return fmt.Errorf("%w: %w", ErrRecord, err)
	}
	return nil
}

// Done ends it: everything up to seq is folded in.
func (l *Loading) Done(seq uint64) {
	f := l.f
	f.seq = seq
	f.folders.stale = f.folders.answer == nil
	var order []*dialog
	for _, d := range f.table.all {
		if l.pins[d.peer] > 0 {
			order = append(order, d)
		}
	}
	slices.SortFunc(order, func(a, b *dialog) int { return cmp.Compare(l.pins[a.peer], l.pins[b.peer]) })
	for _, d := range order {
		f.pins.order[d.folder] = append(f.pins.order[d.folder], d.peer)
	}
	for _, d := range order { // of records that were not all written together
		if f.place(d) != l.pins[d.peer] {
			f.table.touch(d)
		}
	}
}
