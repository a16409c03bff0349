package chats

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/natsgram/natsgram/subjects"
)

// Query asks for some dialogs in the order of a list: the pinned ones, then by their newest message.
type Query struct {
	Folder int `json:"folder"` // 1: the archive
	Offset int `json:"offset"`
	Limit  int `json:"limit"` // 0: 100
}

// Page is the answer.
type Page struct {
	Through  uint64 `json:"through"`  // the sequence of the stream of updates up to which it has what they say
	Complete bool   `json:"complete"` // nothing is being asked for
	Total    int    `json:"total"`
	Chats    []Chat `json:"chats"`
}

// Chat is one dialog.
type Chat struct {
	Kind   subjects.Kind   `json:"kind"`
	ID     int64           `json:"id,string"`
	Record json.RawMessage `json:"record"` // as in TG_STATE
}

const (
	usualPage = 100
	mostPage  = 500
)

// ErrNotRead says that the dialogs are not known yet.
var ErrNotRead = errors.New("the dialogs are being read; ask again in a moment")

// Figures are what the status tells of the dialogs.
type Figures struct {
	Kept     int    `json:"kept"`     // how many there are
	Complete bool   `json:"complete"` // nothing has to be asked
	Through  uint64 `json:"through"`  // the sequence of the stream of updates up to which they have what it says

	Unlisted int `json:"unlisted,omitempty"` // how many more Telegram counted than it listed, when it was asked for the list last

	// Error is why the records are not what is known, as they cannot be read or written, or why that is not what Telegram knows, as it does
	// not answer; Since is when it began, and Again when Telegram is asked once more.
	Error string    `json:"error,omitempty"`
	Since time.Time `json:"error_since,omitzero"`
	Again time.Time `json:"error_again,omitzero"`

	Held       time.Time `json:"-"` // since when the records are not what is known, for the metrics
	Unanswered time.Time `json:"-"` // since when Telegram does not answer
}

// Figures are those of now; nil while nothing is known.
func (k *Keeper) Figures() *Figures {
	k.mu.Lock()
	defer k.mu.Unlock()
	f := &Figures{}
	for _, t := range []*trouble{&k.trouble, &k.looks} {
		if t.on(time.Now()) {
			f.tell(t.why, t.since)
		}
	}
	if s := &k.spoiled; !s.since.IsZero() {
		f.tell(errMeddled.Error(), s.since)
	}
	f.Held = f.Since
	if s := k.asks.worst(k.fold); s.why != "" {
		f.Unanswered, f.Again = s.since, s.next
		f.tell(s.why, s.since)
	}
	switch {
	case k.fold != nil:
		f.Kept, f.Complete, f.Through, f.Unlisted = k.fold.Len(), k.fold.Complete(), k.fold.Seq(), k.fold.Unlisted()
	case f.Error == "":
		return nil
	}
	return f
}

// tell adds what is wrong.
func (f *Figures) tell(why string, since time.Time) {
	switch f.Error {
	case "":
		f.Error = why
	case why:
	default:
		f.Error += "; " + why
	}
	if f.Since.IsZero() || since.Before(f.Since) {
		f.Since = since
	}
}

// Page is some of the dialogs.
func (k *Keeper) Page(q Query) (Page, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fold == nil {
		return Page{}, ErrNotRead
	}
	if q.Limit <= 0 {
		q.Limit = usualPage
	}
	all := k.fold.Chats(q.Folder)
	p := Page{Through: k.fold.Seq(), Complete: k.fold.Complete(), Total: len(all), Chats: []Chat{}}
	all = all[min(max(q.Offset, 0), len(all)):]
	for _, peer := range all[:min(q.Limit, mostPage, len(all))] {
		record, err := k.fold.Record(peer)
		if err != nil {
			return Page{}, err
		}
		p.Chats = append(p.Chats, Chat{subjects.Kind(peer.Kind), peer.ID, record})
	}
	return p, nil
}
