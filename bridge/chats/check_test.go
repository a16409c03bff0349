package chats

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/natsgram/natsgram/bridge/dialogs"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl/api"
	"github.com/natsgram/natsgram/tl/api/apitest"
	"github.com/natsgram/natsgram/tl/codec"
)

// between holds what those who have joined take for known against Telegram's own, at any moment.
func (m *model) between() {
	m.settle()
	if m.streams.spoilt() > 0 {
		return // that is known to nobody yet
	}
	m.listed()
	truth, folders := m.truth()
	for i, j := range m.joiners {
		if err := j.follow(m.r.IntN(20), 1<<20); err != nil {
			m.Fatal(err)
		}
		if j.through == 0 || j.at < m.streams.writtenAgain() {
			continue // who has not read yet what was written again knows what was there before
		}
		f := m.known(j)
		m.note("joiner %d: %v, %v, %v", i, j.at, f.Chats(0), f.Chats(1))
		if !j.listing && f.Listed() && m.unseen.folders.knows(j.at) && !bytes.Equal(j.folders, folders) {
			m.Errorf("joiner %d takes folders for known: %s\nwant\n%s", i, j.folders, folders)
		}
		if j.listing || j.within || f.Next() == dialogs.List || !m.unseen.pinned.knows(j.at) {
			continue
		}
		for folder := range 2 {
			for _, p := range truth.Chats(folder) {
				want, _ := truth.Dialog(p)
				got, stale := f.Dialog(p)
				if stale || got == nil || !m.unseen.chats[p].knows(j.at) {
					continue
				}
				if !bytes.Equal(got, want) {
					m.Errorf("joiner %d takes for known: %v\n%s\nwant\n%s", i, p, m.text(got), m.text(want))
				}
				wanted, _ := truth.Record(p)
				if got, err := f.Record(p); err != nil || f.Complete() && !bytes.Equal(got, wanted) { // a place counts those of which nobody knows whether they are there
					m.Errorf("joiner %d takes for its place: %v %v\n%s\nwant\n%s", i, p, err, got, wanted)
				}
			}
		}
	}
}

func (m *model) known(j *joiner) *dialogs.Fold {
	f, err := j.dialogs()
	if err != nil {
		m.Fatal(err)
	}
	return f
}

// rest is Telegram's word of the dialogs and folders, when nothing happens any more.
func (m *model) rest() (truth *dialogs.Fold, folders []byte) {
	calm := 0
	for n := range 500 {
		m.settle()
		m.tell()
		if got := m.keeper.Figures(); n <= 10 || got == nil || !got.Complete || got.Through != m.told || m.keeper.missed() || m.streams.spoilt() > 0 {
			calm = 0
			continue
		}
		if calm++; calm < 2 { // a write may be on its way
			continue
		}
		truth, folders = m.truth()
		if len(m.streams.behind(m.told, 1<<60)) == 0 {
			return truth, folders
		}
	}
	m.Fatalf("the questions do not end: %+v, %d records are spoilt", m.keeper.Figures(), m.streams.spoilt())
	return nil, nil
}

// compare holds everybody's dialogs against Telegram's own, when all has come to rest.
func (m *model) compare() {
	m.streams.mu.Lock()
	m.streams.trouble = 0
	m.streams.mu.Unlock()
	truth, folders := m.rest()
	m.joiners = append(m.joiners, &joiner{m: m.streams, anew: m.anew, have: map[updates.Peer]message{}})
	for i, j := range m.joiners {
		if err := j.follow(1<<20, 1<<20); err != nil {
			m.Fatal(err)
		}
		m.same(fmt.Sprint("joiner ", i), m.known(j), truth)
		for folder := range 2 {
			for _, p := range truth.Chats(folder) {
				want, _ := truth.Record(p)
				if got := j.have[p].data; !bytes.Equal(got, want) {
					m.Errorf("joiner %d: the record is\n%s\nwant\n%s", i, got, want)
				}
			}
		}
		if !bytes.Equal(j.folders, folders) {
			m.Errorf("joiner %d: folders %s, want %s", i, j.folders, folders)
		}
	}
	m.keeper.mu.Lock()
	defer m.keeper.mu.Unlock()
	m.same("the keeper", m.keeper.fold, truth)
}

// missed reports whether the list has to be gone through once more.
func (k *Keeper) missed() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.rounds.wanted
}

// same compares records byte for byte, which ones there are, and their order.
func (m *model) same(who string, f, truth *dialogs.Fold) {
	if !f.Complete() {
		m.Errorf("%s does not know all", who)
	}
	for folder := range 2 {
		if got, want := f.Chats(folder), truth.Chats(folder); !slices.Equal(got, want) {
			m.Errorf("%s: in %d there are %v, want %v", who, folder, got, want)
		}
		for _, p := range truth.Chats(folder) {
			want, err := truth.Record(p)
			got, bad := f.Record(p)
			if err != nil || bad != nil || !bytes.Equal(got, want) {
				m.Errorf("%s: %v %v %v\n%s\nwant\n%s", who, p, err, bad, got, want)
			}
		}
	}
}

// truth is what Telegram says now, and the record of the folders.
func (m *model) truth() (f *dialogs.Fold, folders []byte) {
	s, decl := apitest.Layer()
	f = dialogs.New(s, decl, rule())
	l := f.Listing(time.Now())
	for folder := range 2 {
		l.Pinned(folder, m.view(m.invoke(codec.M{"_": "messages.getPinnedDialogs", "folder_id": folder})))
	}
	l.Done()
	var pages [2]codec.View
	var there [2][]updates.Peer
	for folder := range 2 {
		pages[folder] = m.view(m.invoke(codec.M{
			"_": "messages.getDialogs", "offset_date": 0, "offset_id": 0, "offset_peer": codec.M{"_": "inputPeerEmpty"}, "limit": 100, "hash": 0, "folder_id": folder,
		}))
		for d := range pages[folder].Objects("dialogs") {
			peer, _ := d.Object("peer")
			f.Doubt(peerOf(peer))
			there[folder] = append(there[folder], peerOf(peer))
		}
	}
	f.Ask(100, time.Now())
	for folder, v := range pages {
		f.Take(there[folder], v)
	}
	f.AskFolders()
	f.TakeFolders(m.invoke(codec.M{"_": "messages.getDialogFilters"}))
	m.unseen.offline = false // it was answered
	records, _, err := f.Changed(1 << 20)
	if err != nil {
		m.Fatal(err)
	}
	return f, records[len(records)-1].Body
}

func (m *model) text(tl []byte) string {
	s, _ := api.Schema()
	b, err := s.AppendJSON(nil, tl, s.AnyObject())
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func peerOf(v codec.View) updates.Peer {
	for field, kind := range map[string]updates.PeerKind{"user_id": updates.PeerUser, "chat_id": updates.PeerChat, "channel_id": updates.PeerChannel} {
		if id := v.Int(field); id != 0 {
			return updates.Peer{Kind: kind, ID: id}
		}
	}
	return updates.Peer{}
}
