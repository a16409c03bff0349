package dialogs

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/natsgram/natsgram/mtproto/updates"
)

// Record is what is written down of a dialog, or of the folders where Chat is the zero one.
type Record struct {
	Chat updates.Peer
	Body []byte // JSON; nil: there is no such dialog any more
}

// body is a dialog as it is written down.
type body struct {
	Dialog json.RawMessage `json:"dialog,omitempty"` // as messages.getDialogs gives it; none: it was not asked for yet
	Date   int             `json:"date,omitempty"`   // of the newest message
	Name   string          `json:"name,omitempty"`   // of the user or chat, when it was asked for
	Pin    int             `json:"pin,omitempty"`    // its place among the pinned ones of its folder, from 1
	Stale  bool            `json:"stale,omitempty"`  // more has changed than is known: it is being asked for
}

// Changed are up to most records that have changed since they were asked for, and whether there are more.
func (f *Fold) Changed(most int) (all []Record, more bool, err error) {
	for len(all) < most {
		p, ok := f.table.changed.take()
		if !ok {
			break
		}
		body, bad := f.Record(p)
		if bad != nil {
			err = errors.Join(err, bad)
			continue
		}
		all = append(all, Record{p, body})
	}
	if f.folders.changed && len(all) < most {
		f.folders.changed = false
		body, bad := f.folders.record(f.form.schema)
		if bad == nil {
			all = append(all, Record{Body: body})
		}
		err = errors.Join(err, bad)
	}
	return all, f.Dirty(), err
}

// Unwritten takes records back that could not be written: they are among the next ones.
func (f *Fold) Unwritten(all []Record) {
	for _, r := range all {
		if r.Chat.ID == 0 {
			f.folders.changed = true
		} else {
			f.table.changed.push(r.Chat)
		}
	}
}

// Rewrite has the record of a dialog written down once more; of one that there is not, that it is gone.
func (f *Fold) Rewrite(p updates.Peer) { f.table.changed.push(p) }

// RewriteFolders is that for the folders, where they are known.
func (f *Fold) RewriteFolders() { f.folders.changed = f.folders.changed || f.folders.answer != nil }

// Dirty reports whether records have changed.
func (f *Fold) Dirty() bool { return f.table.changed.len() > 0 || f.folders.changed }

// Record is what is written down of a dialog now; nil where there is none.
func (f *Fold) Record(p updates.Peer) ([]byte, error) {
	d := f.table.of[p]
	if d == nil {
		return nil, nil
	}
	b := body{Name: d.name, Date: d.date, Pin: f.place(d), Stale: d.stale}
	if d.base != nil {
		tl, err := f.form.write(d, b.Pin > 0)
		if err == nil {
			b.Dialog, err = f.form.schema.AppendJSON(nil, tl, f.form.schema.AnyObject())
		}
		if err != nil {
			return nil, fmt.Errorf("dialog %s.%d: %w", p.Kind, p.ID, err)
		}
	}
	return json.Marshal(b)
}
