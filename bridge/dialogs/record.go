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

// folderBody is the folders as they are written down.
type folderBody struct {
	Folders json.RawMessage `json:"folders"` // as messages.getDialogFilters gives them
}

// Changed are up to most records that have changed since they were asked for, and whether there are more.
func (f *Fold) Changed(most int) (all []Record, more bool, err error) {
	for _, p := range sorted(f.changed) {
		if len(all) == most {
			return all, true, err
		}
		delete(f.changed, p)
		r := Record{Chat: p}
		if d := f.dialogs[p]; d != nil {
			var bad error
			if r.Body, bad = f.write(d); bad != nil {
				err = errors.Join(err, bad)
				continue
			}
		}
		all = append(all, r)
	}
	if f.folders.changed && len(all) < most {
		f.folders.changed = false
		var b folderBody
		var bad error
		if b.Folders, bad = f.schema.AppendJSON(nil, f.folders.answer, f.schema.AnyObject()); bad == nil {
			r := Record{}
			r.Body, bad = json.Marshal(b)
			all = append(all, r)
		}
		err = errors.Join(err, bad)
	}
	return all, false, err
}

// Dirty reports whether records have changed.
func (f *Fold) Dirty() bool { return len(f.changed) > 0 || f.folders.changed }

// Touched notes that all records are to be written again.
func (f *Fold) Touched() {
	for p := range f.dialogs {
		f.changed[p] = struct{}{}
	}
	f.folders.changed = f.folders.answer != nil
}

// write is a dialog's record.
func (f *Fold) write(d *dialog) ([]byte, error) {
	b := body{Name: d.name, Date: d.date, Pin: f.place(d), Stale: d.stale}
	if d.base != nil {
		tl, err := f.TL(d)
		if err == nil {
			b.Dialog, err = f.schema.AppendJSON(nil, tl, f.schema.AnyObject())
		}
		if err != nil {
			return nil, fmt.Errorf("dialog %s.%d: %w", d.peer.Kind, d.peer.ID, err)
		}
	}
	return json.Marshal(b)
}

// TL is a dialog as Telegram would give it now: what it gave last, with what has changed since.
func (f *Fold) TL(d *dialog) ([]byte, error) {
	v, err := f.schema.View(d.base)
	if err != nil {
		return nil, err
	}
	m := codec.M{"_": f.form.Name}
	for i := range f.form.Params {
		p := &f.form.Params[i]
		switch {
		case p.Type.Name == "#" || !v.Has(p.Name):
		case p.Type.Name == "true", p.Type.Name == "Bool":
			m[p.Name] = v.Bool(p.Name)
		case p.Type.Name == "int":
			m[p.Name] = int(v.Int(p.Name))
		case p.Type.Name == "long":
			m[p.Name] = v.Int(p.Name)
		default:
			if o, ok := v.Object(p.Name); ok {
				m[p.Name] = codec.Raw(o.Raw())
			}
		}
	}
	for name, value := range map[string]any{
		"top_message": d.top, "read_inbox_max_id": d.readIn, "read_outbox_max_id": d.readOut, "unread_count": d.unread,
		"unread_mentions_count": d.mentions, "unread_reactions_count": d.reactions, "pinned": f.place(d) > 0, "unread_mark": d.unreadMark,
		"folder_id": orNone(d.folder), "draft": rawOrNone(d.draft), "notify_settings": rawOrNone(d.notify),
	} {
		if f.form.Param(name) != nil {
			m[name] = value
		}
	}
	if d.peer.Kind == updates.PeerChannel {
		delete(m, "pts") // where its box stands every update says; here it would only grow old
	}
	return f.schema.Encode(nil, m)
}

func orNone(n int) any {
	if n == 0 {
		return nil
	}
	return n
}

func rawOrNone(b []byte) any {
	if b == nil {
		return nil
	}
	return codec.Raw(b)
}

// Dialog is a dialog as Telegram would give it now, without the pts of its box; nil where that is not known. stale says that it is
// being asked for.
func (f *Fold) Dialog(p updates.Peer) (tl []byte, stale bool) {
	d := f.dialogs[p]
	if d == nil || d.base == nil {
		return nil, d != nil
	}
	tl, err := f.TL(d)
	if err != nil {
		return nil, true
	}
	return tl, d.stale
}

// Chats are all dialogs, in the order of a list: the pinned ones, then by their newest message.
func (f *Fold) Chats(folder int) []updates.Peer {
	var all []*dialog
	for _, d := range f.dialogs {
		if d.folder == folder {
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(a, b *dialog) int {
		i, j := f.place(a), f.place(b)
		if i == 0 || j == 0 {
			i, j = -i, -j // what is pinned stands before
		}
		return cmp.Or(cmp.Compare(i, j), cmp.Compare(b.date, a.date), cmp.Compare(b.top, a.top), cmp.Compare(a.peer.ID, b.peer.ID))
	})
	list := make([]updates.Peer, len(all))
	for i, d := range all {
		list[i] = d.peer
	}
	return list
}

// Record is what is written down of a dialog now; nil where there is none.
func (f *Fold) Record(p updates.Peer) ([]byte, error) {
	d := f.dialogs[p]
	if d == nil {
		return nil, nil
	}
	return f.write(d)
}

// Complete reports whether nothing has to be asked.
func (f *Fold) Complete() bool {
	if !f.Listed() {
		return false
	}
	for _, d := range f.dialogs {
		if d.stale {
			return false
		}
	}
	return true
}

// Listed reports whether it is known which dialogs and folders there are, and which are pinned. What was not, and was not asked for either
// before a fold is read back, is to be asked for anew.
func (f *Fold) Listed() bool { return !f.relist && !f.listing && !f.folders.stale }

// ErrRecord says that a record cannot be read.
var ErrRecord = errors.New("not a record of a dialog")

// Loading is a fold that is being read back from its records.
type Loading struct {
	f    *Fold
	pins map[updates.Peer]int
}

// Load begins to read back records. The fold is to be a new one.
func (f *Fold) Load() *Loading {
	f.relist, f.folders.stale = false, false
	return &Loading{f: f, pins: map[updates.Peer]int{}}
}

// Record takes one; seq is the sequence that it stands for.
func (l *Loading) Record(chat updates.Peer, seq uint64, data []byte) error {
	var b body
	if err := json.Unmarshal(data, &b); err != nil {
		return fmt.Errorf("%w: %w", ErrRecord, err)
	}
	d := &dialog{peer: chat, seq: seq, name: b.Name, stale: b.Stale || b.Dialog == nil}
	if b.Dialog != nil {
		tl, err := l.f.schema.AppendTLFromJSON(nil, b.Dialog, l.f.schema.AnyObject(), nil)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrRecord, err)
		}
		v, err := l.f.schema.View(tl)
		if err != nil || v.Name() != l.f.form.Name || chatOf(v) != chat {
			return ErrRecord
		}
		d.read(v, b.Date)
	}
	l.pins[chat] = b.Pin
	l.f.dialogs[chat] = d
	return nil
}

// Folders takes the record of the folders.
func (l *Loading) Folders(data []byte) error {
	var b folderBody
	err := json.Unmarshal(data, &b)
	if err == nil {
		l.f.folders.answer, err = l.f.schema.AppendTLFromJSON(nil, b.Folders, l.f.schema.AnyObject(), nil)
	}
	if err != nil {
		l.f.folders.stale = true
		return fmt.Errorf("%w: %w", ErrRecord, err)
	}
	return nil
}

// Done ends it: everything up to seq is folded in.
func (l *Loading) Done(seq uint64) {
	l.f.seq = seq
	l.f.folders.stale = l.f.folders.answer == nil
	order := make([]updates.Peer, 0, len(l.pins))
	for p, at := range l.pins {
		if at > 0 && l.f.dialogs[p] != nil {
			order = append(order, p)
		}
	}
	slices.SortFunc(order, func(a, b updates.Peer) int { return cmp.Compare(l.pins[a], l.pins[b]) })
	for _, p := range order {
		folder := l.f.dialogs[p].folder
		l.f.pins.order[folder] = append(l.f.pins.order[folder], p)
	}
	for p, at := range l.pins { // of records that were not all written together
		if d := l.f.dialogs[p]; d != nil && l.f.place(d) != at {
			l.f.touch(d)
		}
	}
}
