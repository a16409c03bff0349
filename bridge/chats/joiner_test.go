package chats

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/natsgram/natsgram/bridge/dialogs"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
)

// joiner is a program that began to read both streams at some moment, as docs/consumers.md says: the last record of each dialog, and the
// updates behind what they go to. Records come in the order in which they were written.
type joiner struct {
	m       *memory
	anew    func() *dialogs.Fold
	at      uint64 // what of TG_STATE it has read
	read    uint64 // what of TG_UPDATES
	through uint64 // what the records go to, as it knows
	listing bool   // which are pinned is being asked for
	within  bool   // what it read last is a record, of which those that were written with it may not be read yet
	have    map[updates.Peer]message
	folders []byte
}

// follow reads some more of TG_STATE, and some more of TG_UPDATES.
func (j *joiner) follow(records, more int) error {
	for ; records > 0; records-- {
		one, ok := j.m.next(j.at)
		if !ok {
			break
		}
		j.at = one.seq
		_, what, kind, id, _ := subjects.Records(subjects.Scheme{}).Parse(one.subject)
		j.within = what != subjects.StateThrough
		readable := json.Valid(one.data) // what is not, somebody else has put there: it is written again
		switch p := (updates.Peer{Kind: updates.PeerKind(kind), ID: id}); {
		case what == subjects.StateThrough && !readable:
			j.within = true
		case what == subjects.StateThrough:
			var to through
			if err := json.Unmarshal(one.data, &to); err != nil {
				return err
			}
			j.through, j.listing = to.Seq, to.Listing
		case what == subjects.StateFolders && !readable:
			j.folders = nil
		case !readable:
			one.data = unwritable
			j.have[p] = one
		case what == subjects.StateFolders:
			j.folders = one.data
		default:
			j.have[p] = one
		}
	}
	if j.through > 0 {
		j.read = max(j.read, j.through)
	}
	for _, e := range j.m.behind(j.read, 1<<60) {
		if more--; more < 0 || j.through == 0 {
			break
		}
		j.read = e.seq
	}
	return nil
}

// dialogs is what it knows: the records, and on top of them the updates behind.
func (j *joiner) dialogs() (*dialogs.Fold, error) {
	f := j.anew()
	l := f.Load()
	for _, p := range slices.SortedFunc(maps.Keys(j.have), func(a, b updates.Peer) int { return cmp.Compare(j.have[a].seq, j.have[b].seq) }) {
		one := j.have[p]
		if string(one.data) == string(gone) {
			continue
		}
		seq, _ := strconv.ParseUint(one.header.Get(subjects.HeaderThrough), 10, 64)
		err := l.Record(p, seq, one.data)
		if err != nil {
			return nil, err
		}
	}
	if j.folders != nil {
		if err := l.Folders(j.folders); err != nil {
			return nil, err
		}
	}
	l.Done(j.through)
	for _, e := range j.m.behind(j.through, j.read) {
		if e.tell {
			f.Apply(e.seq, &e.fact)
		}
	}
	return f, nil
}
