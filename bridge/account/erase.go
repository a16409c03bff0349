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
	"github.com/natsgram/natsgram/bridge/peers"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/mtproto/updates"
)

// eventErased is the mark that an erasure leaves.
const eventErased = "erased"

// erased is what was taken out.
type erased struct {
	Peer    string                 `json:"peer"`
	Streams map[string]erase.Count `json:"streams"`
	Peers   bool                   `json:"peers"` // the bucket of peers does not know it any more
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
	js, s := o.c.Store.JetStream(), o.tell.scheme
	for _, one := range []struct {
		stream, filter string
		upTo           uint64
		goes           func(subject string, h nats.Header, payload []byte) bool
		must           bool
	}{
		{s.StreamName(storage.Updates), s.Updates(o.c.Name), out.UpTo, t.In, true},
		{s.StreamName(storage.Done), s.AllDoneOf(o.c.Name), 0, t.In, true},
		{s.StreamName(storage.History), s.Histories(o.c.Name), 0, t.In, false},
		{s.StreamName(storage.State), s.States(o.c.Name), 0, t.Of, false}, // records of other dialogs hold no contents
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
	if out.Dry {
		return nil
	}
	out.Peers = true
	return o.driver.publisher.directory.Forget(ctx, t.Kind, t.ID)
}
