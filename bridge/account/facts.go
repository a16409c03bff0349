package account

import (
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/dialogs"
	"github.com/natsgram/natsgram/bridge/stream"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
)

// facts are what items say of dialogs, which had come by then.
func facts(items []updates.Item, at time.Time) (all []dialogs.Fact) {
	for i := range items {
		if f, ok := dialogs.FactOf(&items[i]); ok {
			f.At = at
			all = append(all, f)
		}
	}
	return all
}

// fact is what a message of the stream says of dialogs. Of one whose contents are left out nobody knows it: its chat is doubted.
func (w *writer) fact(subject string, h nats.Header, data []byte) (f dialogs.Fact, ok bool) {
	_, u, ok := w.scheme.ParseUpdate(subject)
	if !ok || first(h, subjects.HeaderBackfill) != "" || !dialogs.Tells(u.Type) {
		return f, false
	}
	f = dialogs.Fact{Name: u.Type, Chat: updates.Peer{Kind: updates.PeerKind(u.Kind), ID: u.ID}}
	f.Date, _ = strconv.Atoi(first(h, subjects.HeaderDate))
	if u.Type == gapName {
		return f, true
	}
	doubted := dialogs.Fact{Name: gapName, Chat: f.Chat}
	update, ok := w.open(stream.Message{Header: h, Data: data})
	if !ok {
		return doubted, true
	}
	v, err := w.viewOf(update)
	if err != nil {
		return doubted, true
	}
	f.About, f.Update = w.rules.About(v.Raw()), v.Raw()
	return f, true
}
