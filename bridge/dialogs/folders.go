package dialogs

import (
	"encoding/json"
	"slices"

	"github.com/natsgram/natsgram/tl/codec"
)

// folders are the account's, which show dialogs by rules.
type folders struct {
	answer       []byte // messages.dialogFilters; nil: not known
	stale, asked bool
	changed      bool
}

// doubt notes that they have to be asked for, also where that is being done.
func (x *folders) doubt() { x.stale, x.asked = true, false }

// adopt takes the answer to a question.
func (x *folders) adopt(s *codec.Schema, answer []byte) {
	if !x.asked { // they have changed since
		return
	}
	x.asked, x.stale = false, false
	if _, err := s.View(answer); err != nil {
		return // a layer that has none, or has them as a list
	}
	if !slices.Equal(answer, x.answer) {
		x.answer, x.changed = slices.Clone(answer), true
	}
}

// folderBody is the folders as they are written down.
type folderBody struct {
	Folders json.RawMessage `json:"folders"` // as messages.getDialogFilters gives them
}

// record is what is written down of them.
func (x *folders) record(s *codec.Schema) ([]byte, error) {
	all, err := s.AppendJSON(nil, x.answer, s.AnyObject())
	if err != nil {
		return nil, err
	}
	return json.Marshal(folderBody{all})
}

// load reads a record.
func (x *folders) load(s *codec.Schema, data []byte) error {
	var b folderBody
	err := json.Unmarshal(data, &b)
	if err == nil {
		x.answer, err = s.AppendTLFromJSON(nil, b.Folders, s.AnyObject(), nil)
	}
	if err != nil {
		x.stale = true
	}
	return err
}

// AskFolders notes that the folders are asked for.
func (f *Fold) AskFolders() { f.folders.asked = true }

// FailedFolders takes the question back.
func (f *Fold) FailedFolders() { f.folders.asked = false }

// TakeFolders takes the answer: messages.dialogFilters; nil: there is none.
func (f *Fold) TakeFolders(answer []byte) { f.folders.adopt(f.form.schema, answer) }
