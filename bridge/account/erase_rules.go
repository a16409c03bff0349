package account

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/erase"
	filejobs "github.com/natsgram/natsgram/bridge/files/jobs"
	"github.com/natsgram/natsgram/bridge/index"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
)

// eraseRule is what an erasure does to one of the streams and buckets. A test holds the rules against all that there are.
type eraseRule struct {
	of string // as bridge/storage calls it
	// erase takes out what is kept there; nil: nothing is, of anybody.
	erase func(*erasure, context.Context) error
	// stays is what of it stays, and why.
	stays string
}

// eraseRules are in the order in which they are followed.
var eraseRules = []eraseRule{
	{storage.Queue, (*erasure).queue, "a job that is being run: the erasure ends, and is asked for again"},
	{storage.Jobs, nil, "records of jobs that wait: they say nothing but how often those were tried; the others go with those of the queue"},
	{storage.Once, (*erasure).answers, "that a request was executed"},
	{storage.Transfers, (*erasure).transfers, "how far objects of programs are on their way to Telegram, without names, for a day"},
	{storage.Events, (*erasure).events, "the marks of erasures, one of each that was erased"},
	{storage.Files, (*erasure).objects, "objects that programs put there"},
	{storage.Positions, (*erasure).places, "what the account needs to follow a channel in which it is, which channels are watched, and whom older jobs of history leave out"},
	{storage.Done, (*erasure).results, "that a job was run, and how it ended"},
	{storage.History, (*erasure).past, ""},
	{storage.State, (*erasure).dialog, "drafts in other chats and folders that name it, which are the account's own"},
	{storage.Updates, (*erasure).updates, "the account's own stream, where the daemon's NATS user may not read it: the answer says so"},
	{storage.Peers, (*erasure).peer, ""},
	{storage.Flood, nil, "that Telegram wants calls about it to wait, until they may be made"},
	{storage.Limits, nil, "budgets and what was used of them"},
	{storage.Sessions, nil, "sealed sessions of the account"},
	{storage.Leases, nil, "daemons"},
	{storage.Accounts, nil, "accounts"},
	{storage.Schema, nil, "the schema"},
}

// erasure is one that is at work.
type erasure struct {
	*ownership
	who   erase.Who
	dry   bool
	files map[int64]bool // the ids of files, and whether they stand in what is to be erased
	kept  []erase.File   // that were fetched
	names []string       // of objects that are to be erased
	own   string         // the account's own stream; empty: it has none, or it cannot be looked through
	out   erased
}

// find reads by which names it is known, and which files stand in what is to be erased: the streams tell of both.
func (e *erasure) find(ctx context.Context) error {
	var err error
	if e.own, err = storage.OwnOf(ctx, e.c.Store.JetStream(), e.tell.scheme, e.c.Name); err != nil {
		if err = e.leave(ctx, err); err != nil {
			return err
		}
	}
	former := map[string]bool{}
	e.files = map[int64]bool{}
	look := func(subject string, h nats.Header, payload []byte) bool {
		if e.who.Target.In(subject, h, payload) {
			e.driver.publisher.directory.usernames(first(h, subjects.HeaderContentType), payload, e.who.ID, former)
		}
		return false
	}
	if err := e.look(ctx, look); err != nil {
		return err
	}
	if e.who.Names, err = e.driver.publisher.directory.NamesOf(ctx, e.who.Kind, e.who.ID, slices.Collect(maps.Keys(former))); err != nil {
		return err
	}
	e.out.Names = e.who.Names
	return e.fetched(ctx)
}

// fetched reads which files are there, and finds out of those that were not there before whether they stand in what is to be erased.
func (e *erasure) fetched(ctx context.Context) (err error) {
	e.kept, err = erase.Files(ctx, e.c.Store.JetStream(), e.tell.scheme.StreamName(storage.Files), e.c.Name)
	if err != nil {
		return err
	}
	anew := false
	for _, f := range e.kept {
		if _, known := e.files[f.ID]; !known && f.ID != 0 {
			e.files[f.ID], anew = false, true
		}
	}
	if anew {
		err = e.look(ctx, func(subject string, h nats.Header, payload []byte) bool {
			if e.who.In(subject, h, payload) {
				for id := range erase.Longs(h, payload) {
					if _, wanted := e.files[id]; wanted {
						e.files[id] = true
					}
				}
			}
			return false
		})
	}
	for _, f := range e.kept {
		if e.whose(f) {
			e.names = append(e.names, f.Name)
		}
	}
	return err
}

// look goes through the streams that hold messages of Telegram's.
func (e *erasure) look(ctx context.Context, at goes) error {
	err := e.messages(ctx, storage.Updates, e.tell.scheme.Updates(e.c.Name), e.out.UpTo, at, true)
	if err == nil {
		err = e.messages(ctx, storage.History, subjects.Histories(e.tell.scheme).Of(e.c.Name), 0, at, true)
	}
	if err == nil {
		err = e.owned(ctx, at, true)
	}
	return err
}

// owned goes through the account's own stream.
func (e *erasure) owned(ctx context.Context, which goes, dry bool) error {
	if e.own == "" {
		return nil
	}
	n, err := erase.Stream(ctx, e.c.Store.JetStream(), e.own, e.tell.scheme.Updates(e.c.Name), 0, which, dry)
	if err != nil {
		return e.leave(ctx, err)
	}
	e.out.Streams[e.own] = n
	return nil
}

// leave leaves the account's own stream as it is where nobody answers what is asked about it: so a server refuses what a user may not do.
func (e *erasure) leave(ctx context.Context, err error) error {
	if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, nats.ErrTimeout) {
		return err
	}
	name := e.tell.scheme.OwnStream(e.c.Name)
	e.own, e.out.Left = "", []string{name}
	delete(e.out.Streams, name)
	e.tell.log.Error("the account's own stream is not looked through: this daemon's NATS user may not (natsgram permissions daemon --own)", "stream", name, "err", err)
	return nil
}

// goes decides on a message.
type goes func(subject string, h nats.Header, payload []byte) bool

// messages goes through those of a stream. One that is not there, or not yet, holds nothing.
func (e *erasure) messages(ctx context.Context, name, filter string, upTo uint64, which goes, dry bool) error {
	stream := e.tell.scheme.StreamName(name)
	n, err := erase.Stream(ctx, e.c.Store.JetStream(), stream, filter, upTo, which, dry)
	if errors.Is(err, jetstream.ErrStreamNotFound) && (name == storage.History || name == storage.State) {
		return nil
	}
	if err == nil {
		e.out.Streams[stream] = n
	}
	return err
}

// results takes out what was told of jobs.
func (e *erasure) results(ctx context.Context) error {
	if e.calls.jobs.runner == nil {
		return e.messages(ctx, storage.Done, subjects.Results(e.tell.scheme).Of(e.c.Name), 0, e.who.Told, e.dry)
	}
	n, err := e.calls.jobs.runner.EraseResults(ctx, e.who.Told, e.dry)
	e.out.Streams[e.tell.scheme.StreamName(storage.Done)] = erase.Count{Read: n.Read, Erased: n.Erased}
	return err
}

// past takes out messages of history. Jobs that fetch the chat's end first, and others begin to leave out what names it, or they would write into the
// stream behind us.
func (e *erasure) past(ctx context.Context) error {
	refuse := func() (uint64, error) { return 0, nil }
	if e.history != nil && !e.dry {
		refuse = func() (uint64, error) { return 0, e.history.Forget(ctx, e.who) }
	}
	return e.refusing(ctx, refuse, storage.History, subjects.Histories(e.tell.scheme).Of(e.c.Name), e.who.In)
}

// dialog takes out the chat's record.
func (e *erasure) dialog(ctx context.Context) error {
	refuse := func() (uint64, error) { return 0, nil }
	if k := e.driver.chats; k != nil && !e.dry {
		refuse = func() (uint64, error) {
			return k.Forget(ctx, updates.Peer{Kind: updates.PeerKind(e.who.Kind), ID: e.who.ID}, e.out.UpTo)
		}
	}
	return e.refusing(ctx, refuse, storage.State, subjects.Records(e.tell.scheme).Of(e.c.Name), e.who.Of)
}

// refusing takes out messages of a stream that is to refuse before what is on its way to it, for which something is written there: those up to the
// sequence that refuse gives, 0: all. Where there is no room for that, there is once messages are taken out, and it is done once more; or else what is
// on its way finds no room either.
func (e *erasure) refusing(ctx context.Context, refuse func() (upTo uint64, err error), name, filter string, which goes) error {
	upTo, err := refuse()
	full := storage.Full(err)
	if err != nil && !full {
		return err
	}
	if err := e.messages(ctx, name, filter, upTo, which, e.dry); err != nil || !full {
		return err
	}
	if upTo, err = refuse(); err != nil && !storage.Full(err) {
		return err
	}
	stream := e.tell.scheme.StreamName(name)
	before := e.out.Streams[stream]
	err = e.messages(ctx, name, filter, upTo, which, e.dry)
	e.out.Streams[stream] = erase.Count{Read: before.Read, Erased: before.Erased + e.out.Streams[stream].Erased}
	return err
}

// updates takes out those of the account, in the stream of all first: what is not there any more does not come into the account's own, and nothing is
// on its way there once that has what the other one had.
func (e *erasure) updates(ctx context.Context) error {
	if e.own != "" && !e.dry {
		if err := erase.Caught(ctx, e.c.Store.JetStream(), e.own, e.tell.scheme.StreamName(storage.Updates), e.tell.scheme.Updates(e.c.Name)); err != nil {
			return err
		}
	}
	if !e.dry {
		e.driver.publisher.directory.untold.Store(true)
	}
	if err := e.messages(ctx, storage.Updates, e.tell.scheme.Updates(e.c.Name), e.out.UpTo, e.who.In, e.dry); err != nil {
		return err
	}
	return e.owned(ctx, e.who.In, e.dry)
}

// peer takes out who it is. An update that has come meanwhile is of later, and whom that tells of is learned again from the stream: memory does not say
// since when it knows him.
func (e *erasure) peer(ctx context.Context) error {
	if e.dry {
		return nil
	}
	e.out.Peers = true
	made := e.c.Records.StreamMade()
	err := e.driver.publisher.directory.Forget(ctx, e.who.Kind, e.who.ID, e.who.Names, e.out.UpTo, made)
	if err == nil {
		err = e.meanwhile(ctx, made)
	}
	if err != nil {
		e.relearning.lost() // whoever asks again or not: he may be forgotten, and is not learned again
	}
	return err
}

// meanwhile learns who it is from what has come since the erasure began, in the stream, made at that time, and keeps it.
func (e *erasure) meanwhile(ctx context.Context, made time.Time) error {
	if err := e.log.Flush(ctx); err != nil { // what was learned of before it was forgotten is there then
		return err
	}
	x, whom := e.driver.publisher.directory, updates.Peer{Kind: updates.PeerKind(e.who.Kind), ID: e.who.ID}
	err := e.log.Read(ctx, e.out.UpTo, func(m jetstream.Msg) error {
		if e.who.Target.In(m.Subject(), m.Headers(), m.Data()) {
			x.learnOld(m, e.relearning.user, made, whom)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return x.Settle(ctx)
}

// queue takes out jobs that wait, and what is written of jobs that are gone. Their results go with the streams.
func (e *erasure) queue(ctx context.Context) error {
	if e.calls.jobs.runner == nil {
		return nil
	}
	jobs, records, err := e.calls.jobs.runner.Erase(ctx, e.who.Asked, e.dry)
	e.out.count(e.tell.scheme.StreamName(storage.Queue), jobs.Read, jobs.Erased)
	e.out.count(e.tell.scheme.StreamName(storage.Jobs), records.Read, records.Erased)
	return err
}

// answers takes out what requests with an id were answered.
func (e *erasure) answers(ctx context.Context) error {
	if e.calls.journal == nil {
		return nil
	}
	tl := nats.Header{subjects.HeaderContentType: {subjects.ContentTL}}
	read, gone, err := e.calls.journal.Erase(ctx, func(result []byte) bool { return e.who.In("", tl, result) }, e.dry)
	e.out.count(e.tell.scheme.StreamName(storage.Once), read, gone)
	return err
}

// transfers ends downloads of files that are to be erased, and takes out what is kept of them.
func (e *erasure) transfers(ctx context.Context) error {
	read, gone, err := e.ownership.files.Erase(ctx, func(r *filejobs.Record, of []string) bool {
		about := e.who.Asked("", nil, r.Asked) || e.whose(erase.File{ID: erase.FileID(r.Key), Of: of})
		if about {
			e.names = append(e.names, r.Object)
		}
		return about
	}, e.dry)
	e.out.count(e.tell.scheme.StreamName(storage.Transfers), read, gone)
	return err
}

// whose reports whether a file is to be erased.
func (e *erasure) whose(f erase.File) bool {
	return e.files[f.ID] || slices.Contains(f.Of, e.who.String())
}

// objects takes out those that are files of what is to be erased, also those that have come since it was looked which there are.
func (e *erasure) objects(ctx context.Context) error {
	if err := e.fetched(ctx); err != nil {
		return err
	}
	bucket, n := e.tell.scheme.StreamName(storage.Files), uint64(0)
	for _, f := range e.kept {
		if !e.whose(f) {
			continue
		}
		if n++; e.dry {
			continue
		}
		if err := erase.Object(ctx, e.c.Store.JetStream(), bucket, f.Name); err != nil {
			return err
		}
	}
	e.out.count(bucket, uint64(len(e.kept)), n)
	return nil
}

// places takes out which messages are in the chat.
func (e *erasure) places(ctx context.Context) error {
	if e.dry {
		return nil
	}
	e.driver.ledger.places.Forget(index.Chat{Kind: e.who.Kind, ID: e.who.ID})
	return e.driver.ledger.write(ctx)
}

// events takes out the last of each event that tells of it, or of a file of it. What erasures tell stays: it is their mark. It is done twice: nobody
// waits until events are stored, and when the mark is, so are those that were told before.
func (e *erasure) events(ctx context.Context) error {
	name := e.tell.scheme.StreamName(storage.Events)
	st, err := e.c.Store.JetStream().Stream(ctx, name)
	if err != nil {
		return err
	}
	info, err := st.Info(ctx, jetstream.WithSubjectFilter(e.tell.scheme.Events(e.c.Name)))
	if err != nil {
		return err
	}
	read, gone, marks := uint64(0), uint64(0), e.tell.scheme.Event(e.c.Name, eventErased)
	for subject := range info.State.Subjects {
		if subject == marks || strings.HasPrefix(subject, marks+".") { // the first was that of all, once
			continue
		}
		m, err := st.GetLastMsgForSubject(ctx, subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if read++; !e.tells(m.Data) {
			continue
		}
		if gone++; e.dry {
			continue
		}
		// Those before it are in the server's files as well until it compacts them, so that to write over the last would help nobody.
		if err := st.Purge(ctx, jetstream.WithPurgeSubject(subject)); err != nil {
			return err
		}
	}
	e.out.count(name, read, gone+e.out.Streams[name].Erased)
	return nil
}

// tells reports whether an event tells of who is erased. Which event of which account it is stands in each, and is about nobody.
func (e *erasure) tells(event []byte) bool {
	var about map[string]json.RawMessage
	if json.Unmarshal(event, &about) != nil {
		return e.who.Asked("", nil, event)
	}
	delete(about, "event")
	delete(about, "account")
	for _, field := range about {
		if e.who.Asked("", nil, field) {
			return true
		}
	}
	var object string
	_ = json.Unmarshal(about["object"], &object) // else it names none
	return object != "" && slices.Contains(e.names, object)
}
