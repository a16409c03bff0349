package account

import (
	"context"
	"encoding/json"
	"errors"
	"sync"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/erase"
	"github.com/natsgram/natsgram/bridge/peers"
	"github.com/natsgram/natsgram/mtproto/updates"
)

// eventErased is the mark that an erasure leaves.
const eventErased = "erased"

// erased is what was taken out.
type erased struct {
	Peer    string                 `json:"peer"`
	Name    string                 `json:"name,omitempty"`  // how it is called
	Names   []string               `json:"names,omitempty"` // usernames, of which what says them went too
	Streams map[string]erase.Count `json:"streams"`         // and buckets
	Peers   bool                   `json:"peers"`           // the bucket of peers does not know it any more
	Dry     bool                   `json:"dry_run,omitempty"`
	UpTo    uint64                 `json:"up_to"` // the last sequence of TG_UPDATES that was looked at
	// Left is the account's own stream where it was not looked through: this daemon's NATS user may not.
	Left []string `json:"left,omitempty"`
}

// count notes what was done to a stream or bucket in which something was looked at.
func (e *erased) count(name string, read, gone uint64) {
	if read > 0 {
		e.Streams[name] = erase.Count{Read: read, Erased: gone}
	}
}

// erasing lets one erasure of an account go on at a time.
type erasing struct{ sync.Mutex }

// erase takes out of streams and buckets what is kept of a person or a chat. What is read back after a crash is told by the position,
// which is saved first: nothing behind it is taken out.
func (o *ownership) erase(ctx context.Context, request []byte) ([]byte, *answer.Fault) {
	var in struct {
		Peer json.RawMessage `json:"peer"`
		Dry  bool            `json:"dry_run"`
	}
	if err := answer.ReadJSON(request, &in); err != nil {
		return nil, answer.Refuse(400, "erase: "+err.Error())
	}
	if peers.Missing(in.Peer) {
		return nil, answer.Refuse(400, "erase: peer: want whom it is about, such as user.5 or @name")
	}
	if !o.erasing.TryLock() {
		return nil, answer.Later("erase: another one is at work for this account")
	}
	defer o.erasing.Unlock()
	x := o.driver.publisher.directory
	kind, id, err := x.named(ctx, in.Peer)
	var none *peers.UnknownError
	switch {
	case errors.As(err, &none) && none.Unread:
		return nil, answer.Refuse(400, "erase: peer: "+err.Error())
	case errors.As(err, &none):
		return nil, answer.Refuse(404, "erase: peer: "+err.Error())
	case err != nil:
		return nil, answer.Later("erase: peer: it is not sure whom the name means, so nothing was done; give the id, such as user.5: " + err.Error())
	case id == x.self:
		return nil, answer.Refuse(400, "erase: peer: it is the account itself; natsgram accounts remove --purge deletes what is kept of it")
	}
	e := &erasure{ownership: o, dry: in.Dry}
	e.who.Target = erase.Target{Kind: kind, ID: id}
	e.out = erased{Peer: e.who.String(), Name: x.NameOf(ctx, kind, id), Streams: map[string]erase.Count{}, Dry: in.Dry}
	if !in.Dry {
		defer o.beginErasing(updates.Peer{Kind: updates.PeerKind(kind), ID: id})()
	}
	if err := e.run(ctx); err != nil {
		return nil, answer.Doubt(503, "erase: not all of it is done, ask again: "+err.Error())
	}
	if !in.Dry {
		o.tell.log.Warn("what was kept of a peer is erased", "peer", e.out.Peer, "streams", e.out.Streams)
		err := o.tell.stored(ctx, o.c.Store.JetStream(), eventErased, e.out.Peer, map[string]any{"peer": e.out.Peer, "streams": e.out.Streams, "up_to": e.out.UpTo})
		if err == nil {
			err = e.events(ctx)
		}
		if err != nil {
			return nil, answer.Doubt(503, "erase: all is taken out, but whether the mark of it is left, and nothing came to TG_EVENTS behind it, is not sure; ask again: "+err.Error())
		}
	}
	b, err := json.Marshal(e.out)
	if err != nil {
		return nil, answer.Refuse(500, err.Error())
	}
	return b, nil
}

// beginErasing has all updates tell whom an erasure is about, which takes out those of before, and the mark of the bucket of peers stay where it is,
// until the erasure ends: whoever is killed in the middle of it leaves to the next owner to learn who came meanwhile.
func (o *ownership) beginErasing(p updates.Peer) (end func()) {
	o.driver.publisher.directory.erased.Store(&p)
	o.relearning.holdMark(true)
	return func() {
		o.driver.publisher.directory.erased.Store(nil)
		o.driver.publisher.directory.untold.Store(true) // whom an update has told of may be forgotten
		o.relearning.holdMark(false)
	}
}

// run takes everything out. Whatever it ends in the middle of, it can be asked for again: what tells where the rest is goes last, the
// updates, which name the files, and then the peer, who may have been asked for by name.
func (e *erasure) run(ctx context.Context) error {
	if err := e.log.Flush(ctx); err != nil {
		return err
	}
	if err := e.driver.ledger.write(ctx); err != nil {
		return err
	}
	p, err := e.c.Records.Position(ctx, e.c.Name)
	if err != nil {
		return err
	}
	if e.out.UpTo = p.Seq; e.out.UpTo == 0 {
		return errors.New("it is not known yet where the account stands")
	}
	if err := e.find(ctx); err != nil {
		return err
	}
	for _, rule := range eraseRules {
		if rule.erase == nil {
			continue
		}
		if err := rule.erase(e, ctx); err != nil {
			return err
		}
	}
	if e.c.Sure != nil && !e.c.Sure() { // who has it now may have read what was there
		return errors.New("the account may be another daemon's now")
	}
	return nil
}
