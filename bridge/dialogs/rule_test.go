package dialogs

import (
	"errors"
	"testing"

	"github.com/natsgram/natsgram/tl/codec"
)

// unreadable is a rule to which nothing can be read.
type unreadable struct{}

func (unreadable) Redact(_, object []byte, _ codec.Type) ([]byte, string, error) {
	return object, "", errors.New("not of this layer")
}

// What may hold something that nobody is to read, since it cannot be read, is not folded in: the dialog is asked for, as it is by whoever
// finds the update in the stream without its contents.
func TestUnreadableIsDoubted(t *testing.T) {
	b := newBench(t)
	b.list(nil, func() {})
	b.Doubt(user(1))
	b.Ask(1, b.now)
	b.Take(nil, b.some(dialogOf(1, false)))
	if _, stale := b.Dialog(user(1)); stale {
		t.Fatal("the dialog is not known")
	}
	b.form.rule = unreadable{}
	b.update(codec.M{"_": "updateDraftMessage", "peer": peer(1), "draft": codec.M{"_": "draftMessage", "message": "hm", "date": 1}})
	if d := b.table.of[user(1)]; !d.stale || d.draft != nil {
		t.Errorf("stale %v, draft %x", d.stale, d.draft)
	}
	asked := b.Ask(1, b.now)
	b.Take(asked, b.some(dialogOf(1, false)))
	if b.Len() != 0 {
		t.Error("an answer that cannot be read is taken for the dialog")
	}
}
