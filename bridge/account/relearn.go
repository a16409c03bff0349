package account

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/natsgram/natsgram/bridge/peers"
	"github.com/natsgram/natsgram/bridge/records"
	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/bridge/stream"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
)

// The bucket of peers may lack whom the last owner met just before it was killed, or everything, where it was lost. The stream of updates
// tells of them all: so an owner reads what stands there behind the place up to which the bucket is known to have all.

const (
	// relearnRound messages are read at a time, with a pause behind them: others need the machine more.
	relearnRound = 500
	relearnPause = 20 * time.Millisecond
	// relearnEvery is how often the stream is read at most, however often the bucket is lost.
	relearnEvery = 10 * time.Second
)

// relearnBackoff is between attempts to read the stream.
var relearnBackoff = retry.Backoff{Min: time.Second, Max: time.Minute}

// relearning has a directory learn whom the stream tells of and the bucket does not.
type relearning struct {
	*directory
	stream  *stream.Log
	records *records.Records
	last    func() uint64 // the sequence of the last message that was folded in
	user    string
	log     *slog.Logger

	marking sync.Mutex // held while the mark is written
	held    bool       // it is not: see holdMark

	losing sync.Mutex    // held while losses are counted
	losses int           // of the bucket
	again  chan struct{} // has one when it was lost
}

// run reads the stream, and has the directory say from then on how far it has come; and whenever the bucket was lost again, until ctx ends.
func (x *relearning) run(ctx context.Context) {
	if former := x.stream.Former().User; former != 0 && former != x.self {
		if err := x.ForgetAll(ctx); err != nil && ctx.Err() == nil {
			x.log.Warn("removing whom the former user of this name had met", "err", err)
		}
		x.StorageLost()
	}
	for ctx.Err() == nil {
		begun := time.Now()
		_ = retry.Do(ctx, relearnBackoff, func(ctx context.Context) (again bool, err error) {
			if err = x.read(ctx); err != nil && ctx.Err() == nil {
				x.log.Warn("reading in the stream whom the bucket of peers may lack", "err", err)
			}
			return err != nil, err
		})
		select {
		case <-ctx.Done():
		case <-x.again:
		case <-x.Doubted():
			x.log.Warn("the bucket of peers lacks somebody who was there, or has records that no key here opens: whom it lacks is learned from the stream again")
			x.lost()
		}
		_ = retry.Pause(ctx, relearnEvery-time.Since(begun)) // its end is seen above
	}
}

// read reads the stream from where the bucket may lack somebody. Where that was lost under this owner, all of it.
func (x *relearning) read(ctx context.Context) error {
	select {
	case <-x.again: // all that was lost before is learned now
	default:
	}
	losses := x.lostSoFar()
	if losses > 0 { // if it does not come to the end, the next owner is to begin anew
		if err := x.Unmark(ctx, x.records.StreamMade()); err != nil {
			return err
		}
	}
	from, err := x.Mark(ctx, x.records.StreamMade())
	if err != nil {
		return err
	}
	made := x.records.StreamMade()
	read, pause := 0, func(ctx context.Context) error { return retry.Pause(ctx, relearnPause) }
	err = x.stream.Read(ctx, from, func(m jetstream.Msg) error {
		x.learnOld(m, x.user, made, updates.Peer{})
		if read++; read%relearnRound != 0 {
			return nil
		}
		if err := x.Settle(ctx); err != nil {
			return err
		}
		return pause(ctx)
	})
	if err == nil {
		err = x.Settle(ctx)
	}
	if err == nil && losses > 0 {
		err = x.WriteKnown(ctx, pause)
	}
	if err != nil {
		return err
	}
	x.log.Debug("learned from the stream whom the bucket of peers may lack", "from", from, "messages", read)
	x.caught(losses)
	x.mark(ctx)
	return nil
}

// mark notes that the bucket tells of all of whom the stream does up to here.
func (x *relearning) mark(ctx context.Context) {
	x.marking.Lock()
	defer x.marking.Unlock()
	if !x.held && x.caughtUp.Load() && !x.SaveMark(ctx, x.last(), x.records.StreamMade()) {
		x.log.Warn("the bucket of peers was emptied: whom it lacks is learned from the stream again")
		x.lost()
	}
}

// holdMark has the mark stay where it is, or go on. What is marked by then the stream has had before.
func (x *relearning) holdMark(held bool) {
	x.marking.Lock()
	defer x.marking.Unlock()
	x.held = held
}

// lost is for when the bucket was lost: it is to be run again.
func (x *relearning) lost() {
	x.losing.Lock()
	defer x.losing.Unlock()
	x.losses++
	x.StorageLost()
	x.caughtUp.Store(false)
	select {
	case x.again <- struct{}{}:
	default:
	}
}

// lostSoFar is how often the bucket was lost.
func (x *relearning) lostSoFar() int {
	x.losing.Lock()
	defer x.losing.Unlock()
	return x.losses
}

// caught notes that the stream was read, by who began when the bucket had been lost so often: what he had read before it was lost again is not in
// it.
func (x *relearning) caught(losses int) {
	x.losing.Lock()
	defer x.losing.Unlock()
	if losses == x.losses {
		x.caughtUp.Store(true)
	}
}

// learnOld learns whom a message of the stream, made at that time, tells of, if it is this user's: one of them, or with the zero peer all.
func (x *directory) learnOld(m jetstream.Msg, user string, made time.Time, one updates.Peer) {
	h := m.Headers()
	at, err := m.Metadata()
	if err != nil || first(h, subjects.HeaderUser) != user {
		return
	}
	_, chat, _ := x.scheme.ParseUpdate(m.Subject())
	var vague []peers.Learned
	for _, object := range x.peopleIn(first(h, subjects.HeaderContentType), m.Data(), false) {
		if one.ID != 0 && !x.tellsOf(object, one) {
			continue
		}
		if l, ok := x.LearnOld(object, at.Sequence.Stream, made); ok && l.Vague {
			vague = append(vague, l)
		}
	}
	gone := deletes(first(h, subjects.HeaderType))
	if !gone && len(vague) == 0 {
		return
	}
	update := x.updateIn(first(h, subjects.HeaderContentType), m.Data())
	if gone {
		x.Gone([]peers.Deleted{x.deleted(update)})
	}
	if message := x.sighting(first(h, subjects.HeaderBox), update); message != 0 {
		for _, l := range vague {
			x.SeenIn(l.Kind, l.ID, chat.Kind, chat.ID, message)
		}
	}
}

// updateIn is the update of a payload, in TL; nil: this layer cannot read it.
func (x *directory) updateIn(content string, payload []byte) []byte {
	all := x.peopleIn(content, payload, true)
	if len(all) == 0 {
		return nil
	}
	last := all[len(all)-1]
	if v, err := x.schema.View(last); err != nil || v.Class() != "Update" {
		return nil
	}
	return last
}

// tellsOf reports whether a User or Chat object tells of a peer.
func (x *directory) tellsOf(object []byte, p updates.Peer) bool {
	kind, id := x.Whom(object)
	return updates.PeerKind(kind) == p.Kind && id == p.ID
}

// peopleIn are the users and chats of a payload, in TL, and the update itself where that is wanted too. What this layer cannot read is left
// out.
func (x *directory) peopleIn(content string, payload []byte, update bool) [][]byte {
	if content == subjects.ContentMsgpack {
		return objectsIn(payload, update, msgpack.Unmarshal, func(one msgpack.RawMessage) ([]byte, error) {
			return x.schema.AppendTLFromMsgpack(nil, one, x.schema.AnyObject(), nil)
		})
	}
	return objectsIn(payload, update, json.Unmarshal, func(one json.RawMessage) ([]byte, error) {
		return x.schema.AppendTLFromJSON(nil, one, x.schema.AnyObject(), nil)
	})
}

func objectsIn[Raw ~[]byte](payload []byte, update bool, read func([]byte, any) error, toTL func(Raw) ([]byte, error)) (objects [][]byte) {
	var found struct {
		Update Raw   `json:"update" msgpack:"update"`
		Users  []Raw `json:"users" msgpack:"users"`
		Chats  []Raw `json:"chats" msgpack:"chats"`
	}
	if read(payload, &found) != nil {
		return nil
	}
	all := append(found.Users, found.Chats...)
	if update {
		all = append(all, found.Update)
	}
	for _, one := range all {
		if tl, err := toTL(one); err == nil {
			objects = append(objects, tl)
		}
	}
	return objects
}

// usernames adds to names those with which a payload shows somebody, or that it says he has now.
func (x *directory) usernames(content string, payload []byte, id int64, names map[string]bool) {
	for _, object := range x.peopleIn(content, payload, true) {
		v, err := x.schema.View(object)
		if err != nil || v.Int("id") != id && v.Int("user_id") != id {
			continue
		}
		names[strings.ToLower(v.Str("username"))] = true
		for o := range v.Objects("usernames") {
			names[strings.ToLower(o.Str("username"))] = true
		}
	}
	delete(names, "")
}
