package account

import (
	"context"
	"encoding/json"
	"errors"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/erase"
	"github.com/natsgram/natsgram/bridge/index"
	"github.com/natsgram/natsgram/bridge/peers"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
)

// eventErased is the mark that an erasure leaves.
const eventErased = "erased"

// erased is what was taken out.
type erased struct {
	Peer    string                 `json:"peer"`
	Streams map[string]erase.Count `json:"streams"` // and buckets
	Peers   bool                   `json:"peers"`   // the bucket of peers does not know it any more
	Dry     bool                   `json:"dry_run,omitempty"`
	UpTo    uint64                 `json:"up_to"` // the last sequence of TG_UPDATES that was looked at
}

// erasing lets one erasure of an account go on at a time.
type erasing struct{ sync.Mutex }

// erase takes out of streams and buckets what is kept of a person or a chat. What is read back after a crash is told by the position,
// which is saved first: nothing behind it is taken out.
func (o *ownership) erase(ctx context.Context, request []byte) ([]byte, *answer.Fault) {
	var in struct {
		Peer string `json:"peer"`
		Dry  bool   `json:"dry_run"`
	}
	if err := answer.ReadJSON(request, &in); err != nil {
		return nil, answer.Refuse(400, "erase: "+err.Error())
	}
	if in.Peer == "" {
		return nil, answer.Refuse(400, "erase: peer: want whom it is about, such as user.5 or @name")
	}
	if !o.erasing.TryLock() {
		return nil, answer.Later("erase: another one is at work for this account")
	}
	defer o.erasing.Unlock()
	x := o.driver.publisher.directory
	kind, id, err := x.Named(ctx, in.Peer)
	var none *peers.UnknownError
	switch {
	case errors.As(err, &none):
		return nil, answer.Refuse(404, "erase: peer: "+err.Error())
	case err != nil:
		return nil, answer.Later("erase: " + err.Error())
	case id == x.self:
		return nil, answer.Refuse(400, "erase: peer: it is the account itself; natsgram accounts remove --purge deletes what is kept of it")
	}
	t := erase.Target{Kind: kind, ID: id}
	out := &erased{Peer: t.String(), Streams: map[string]erase.Count{}, Dry: in.Dry}
	if err := o.eraseAll(ctx, t, out); err != nil {
		return nil, answer.Doubt(503, "erase: not all of it is done, ask again: "+err.Error())
	}
	if !in.Dry {
		o.tell.log.Warn("what was kept of a peer is erased", "peer", out.Peer, "streams", out.Streams)
		o.tell.event(eventErased, map[string]any{"peer": out.Peer, "streams": out.Streams, "up_to": out.UpTo})
	}
	b, err := json.Marshal(out)
	if err != nil {
		return nil, answer.Refuse(500, err.Error())
	}
	return b, nil
}

// eraseAll takes everything out. Whatever it ends in the middle of, it can be asked for again: what tells where the rest is goes last, the
// updates, which name the files, and then the peer, who may have been asked for by name.
func (o *ownership) eraseAll(ctx context.Context, t erase.Target, out *erased) error {
	if err := o.log.Flush(ctx); err != nil {
		return err
	}
	if err := o.driver.ledger.write(ctx); err != nil {
		return err
	}
	p, err := o.c.Records.Position(ctx, o.c.Name)
	if err != nil {
		return err
	}
	if out.UpTo = p.Seq; out.UpTo == 0 {
		return errors.New("it is not known yet where the account stands")
	}
	if k := o.driver.chats; k != nil && !out.Dry {
		k.Forget(updates.Peer{Kind: updates.PeerKind(t.Kind), ID: t.ID})
	}
	if o.history != nil && !out.Dry { // or it would write into the stream behind us
		if err := o.history.Forget(ctx, t.Kind, t.ID); err != nil {
			return err
		}
	}
	for _, step := range []func(context.Context, erase.Target, *erased) error{o.eraseJobs, o.eraseAnswers, o.eraseFiles, o.erasePlaces, o.eraseStreams} {
		if err := step(ctx, t, out); err != nil {
			return err
		}
	}
	if out.Dry {
		return nil
	}
	out.Peers = true
	return o.driver.publisher.directory.Forget(ctx, t.Kind, t.ID)
}

// eraseJobs takes out jobs that wait. Their results go with the streams.
func (o *ownership) eraseJobs(ctx context.Context, t erase.Target, out *erased) error {
	if o.calls.jobs.runner == nil {
		return nil
	}
	read, gone, err := o.calls.jobs.runner.Erase(ctx, t.Asked, out.Dry)
	out.count(o.tell.scheme.StreamName(storage.Queue), read, gone)
	return err
}

// eraseAnswers takes out what requests with an id were answered.
func (o *ownership) eraseAnswers(ctx context.Context, t erase.Target, out *erased) error {
	if o.calls.journal == nil {
		return nil
	}
	tl := nats.Header{subjects.HeaderContentType: {subjects.ContentTL}}
	read, gone, err := o.calls.journal.Erase(ctx, func(result []byte) bool { return t.In("", tl, result) }, out.Dry)
	out.count(o.tell.scheme.StreamName(storage.Once), read, gone)
	return err
}

// eraseFiles takes out the objects that are files of what is to be erased.
func (o *ownership) eraseFiles(ctx context.Context, t erase.Target, out *erased) error {
	js, bucket := o.c.Store.JetStream(), o.tell.scheme.StreamName(storage.Files)
	kept, err := erase.Files(ctx, js, bucket, o.c.Name)
	if len(kept) == 0 || err != nil {
		return err
	}
	about, err := o.filesNamed(ctx, t, out.UpTo, kept)
	if err != nil {
		return err
	}
	n := uint64(0)
	for id := range about {
		for _, object := range kept[id] {
			n++
			if out.Dry {
				continue
			}
			if err := erase.Object(ctx, js, bucket, object); err != nil {
				return err
			}
		}
	}
	out.count(bucket, uint64(len(kept)), n)
	return nil
}

// filesNamed are those of some files that are named by messages which are to be erased.
func (o *ownership) filesNamed(ctx context.Context, t erase.Target, upTo uint64, kept map[int64][]string) (map[int64]bool, error) {
	js, s, about := o.c.Store.JetStream(), o.tell.scheme, map[int64]bool{}
	named := func(subject string, h nats.Header, payload []byte) bool {
		if !t.In(subject, h, payload) {
			return false
		}
		for id := range erase.Longs(h, payload) {
			if len(kept[id]) > 0 {
				about[id] = true
			}
		}
		return false
	}
	_, err := erase.Stream(ctx, js, s.StreamName(storage.Updates), s.Updates(o.c.Name), upTo, named, true)
	if err != nil {
		return nil, err
	}
	_, err = erase.Stream(ctx, js, s.StreamName(storage.History), subjects.Histories(s).Of(o.c.Name), 0, named, true)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		err = nil
	}
	return about, err
}

// erasePlaces takes out which messages are in the chat.
func (o *ownership) erasePlaces(ctx context.Context, t erase.Target, out *erased) error {
	if out.Dry {
		return nil
	}
	o.driver.ledger.places.Forget(index.Chat{Kind: t.Kind, ID: t.ID})
	return o.driver.ledger.write(ctx)
}

// eraseStreams takes messages out of streams.
func (o *ownership) eraseStreams(ctx context.Context, t erase.Target, out *erased) error {
	js, s := o.c.Store.JetStream(), o.tell.scheme
	for _, one := range []struct {
		stream, filter string
		upTo           uint64
		goes           func(subject string, h nats.Header, payload []byte) bool
		must           bool
	}{
		{s.StreamName(storage.Done), subjects.Results(s).Of(o.c.Name), 0, t.In, true},
		{s.StreamName(storage.History), subjects.Histories(s).Of(o.c.Name), 0, t.In, false},
		{s.StreamName(storage.State), subjects.Records(s).Of(o.c.Name), 0, t.Of, false}, // records of other dialogs hold no contents
		{s.StreamName(storage.Updates), s.Updates(o.c.Name), out.UpTo, t.In, true},
	} {
		count, err := erase.Stream(ctx, js, one.stream, one.filter, one.upTo, one.goes, out.Dry)
		if errors.Is(err, jetstream.ErrStreamNotFound) && !one.must {
			continue
		}
		if err != nil {
			return err
		}
		out.Streams[one.stream] = count
	}
	return nil
}

// count notes what was done to a stream or bucket in which something was looked at.
func (e *erased) count(name string, read, gone uint64) {
	if read > 0 {
		e.Streams[name] = erase.Count{Read: read, Erased: gone}
	}
}
