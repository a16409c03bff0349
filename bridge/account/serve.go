package account

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/files"
	"github.com/natsgram/natsgram/bridge/gate"
	"github.com/natsgram/natsgram/bridge/peers"
	"github.com/natsgram/natsgram/bridge/rpc"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/bridge/uploads"
	"github.com/natsgram/natsgram/bridge/vault"
	"github.com/natsgram/natsgram/mtproto"
	tgfiles "github.com/natsgram/natsgram/mtproto/files"
)

// serve begins to take an owner's requests.
func (r *Runner) serve(ctx context.Context, state mtproto.State, o *ownership) (err error) {
	o.driver.reaches(o.client)
	o.attach(state)
	if o.calls.journal, err = newJournal(o.c, state.UserID); err != nil {
		return err
	}
	if o.calls.gate, err = newGate(ctx, o.c, o.client.Invoke, r.frozen, o.tell.log); err != nil {
		return err
	}
	o.driver.ask = o.calls.invoke
	c := r.rpcConfig(invoker(o.calls.invoke), o)
	govern(&c, o.calls.gate)
	c.Behind = former(o.c)
	known := o.driver.publisher.directory
	c.Locate, c.Whose, c.Self = known.Locate, known.Whose, state.UserID
	c.Sequence = o.calls.sequences()
	o.calls.jobs = newJobs(o.c, state.UserID, o.tell, func() *rpc.Service { return o.service })
	o.calls.jobs.answers(&c)
	o.takeHistory(&c, state)
	if o.uploads = o.newUploads(state.UserID); o.uploads != nil {
		c.Files = named{o.uploads}
	}
	o.files = files.New(r.filesConfig(o, state.UserID))
	takeFiles(&c, o.files)
	if o.service, err = rpc.Serve(c); err != nil {
		o.files.Close()
		o.uploads.Close()
	}
	return err
}

// attach gives an owner what goes along with its calls and updates.
func (o *ownership) attach(state mtproto.State) {
	d := o.driver
	o.keeping = keeping{rules: o.c.Rules, methods: o.c.Methods, places: d.ledger.places, self: state.UserID}
	if keepsChats(o.c, state) {
		o.keeping.keep(o.c, o.calls.ask, d.publisher.directory, d.publisher.writer, o.log.Epoch())
	}
	d.chats, d.publisher.dialogs = o.keeping.keeper, o.keeping.keeper != nil
	o.calls.client, o.calls.done = o.client, o.keeping.told
	o.relearning = relearning{
		directory: d.publisher.directory, stream: o.log, records: o.c.Records, last: d.ledger.last, user: d.publisher.writer.user[0], log: o.tell.log,
		again: make(chan struct{}, 1),
	}
	d.ledger.after = o.relearning.mark
	o.online.wanted = o.c.Settings.ShownOnline(o.c.Name) && !state.Bot
	o.online.schema, o.online.invoke = o.c.Methods.Schema(), o.calls.invoke
	o.online.failed = func(err error) { o.tell.log.Warn("telling Telegram that the account is online", "err", err) }
}

// serveSignedOut refuses requests with what to do, until ctx ends.
func (r *Runner) serveSignedOut(ctx context.Context, why Phase) error {
	c := r.rpcConfig(nobody{}, nil)
	g, err := newGate(ctx, &r.c, nobody{}.Invoke, r.frozen, r.tell.log)
	if err != nil {
		return err
	}
	govern(&c, g)
	f := files.New(r.filesConfig(nil, 0))
	takeFiles(&c, f)
	service, err := rpc.Serve(c)
	if err != nil {
		f.Close()
		return err
	}
	r.status.set(why, vault.ErrNotFound)
	r.tell.event(eventGained, map[string]any{"owner": service.ID(), "signed_in": false})
	select {
	case <-ctx.Done():
	case <-r.c.Lost:
		err = ErrLost
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), Grace)
	defer cancel()
	f.Close()
	service.Stop(grace)
	f.PassOn(false)
	if g != nil {
		g.Close(grace)
	}
	return err
}

// rpcConfig is how the account's methods are served; o is nil where nobody is signed in.
func (r *Runner) rpcConfig(invoke rpc.Invoker, o *ownership) rpc.Config {
	s := r.c.Settings
	c := rpc.Config{
		Answers: r.c.Answers, Scheme: s.Scheme(), Account: r.Name, Methods: r.c.Methods, Invoke: invoke, Log: r.tell.log,
		Hooks: rpc.Hooks{Explain: r.status.explain},
		Limits: rpc.Limits{
			Timeout: s.Timeout, MaxTimeout: s.TimeoutMax, Concurrency: s.Concurrency,
			Queue: s.Queue, QueueBytes: s.QueueBytes, Budget: r.c.Budget,
		},
		Endpoints: rpc.Endpoints{
			PerMethod: s.Endpoints == "method", Version: r.c.Version,
			Metadata: map[string]string{"account": r.Name, "layer": fmt.Sprint(r.c.Methods.Schema().Layer())},
			Extra:    map[string]rpc.Extra{"status": {Subject: s.Scheme().Ctl(r.Name, "status"), Answer: r.statusJSON}},
		},
	}
	if r.c.Metrics != nil {
		c.Measure = func(namespace, method string, took time.Duration, code int) {
			r.c.Metrics.Call(r.Name, namespace, method, code, took)
		}
	}
	if o != nil {
		known := o.driver.publisher.directory
		c.Observe, c.Resolve, c.Once = o.driver.observe, known.resolver(r.status.explain), o.calls.journal
		c.Forms = peers.Forms()
		c.Met = known.Met
		o.keeping.answers(&c)
		c.Extra["logout"] = rpc.Extra{Subject: s.Scheme().Ctl(r.Name, "logout"), Slow: true, Answer: o.logout}
		c.Extra["erase"] = rpc.Extra{Subject: s.Scheme().Ctl(r.Name, "erase"), Slow: true, Answer: o.erase}
		known.answers(&c, s.Timeout)
		find := func(ctx context.Context, written json.RawMessage) (int64, *answer.Fault) {
			ctx, cancel := context.WithTimeout(mtproto.WithFloodWait(ctx, 0), s.Timeout)
			defer cancel()
			return known.channel(ctx, written, r.status.explain)
		}
		for _, verb := range []string{"list", "add", "remove"} {
			subject := s.Scheme().Ctl(r.Name, "watch."+verb)
			c.Extra["watch_"+verb] = rpc.Extra{Subject: subject, Slow: true, Answer: o.driver.watched.serve(verb, find)}
		}
	}
	return c
}

func (r *Runner) statusJSON(_ context.Context, request []byte) ([]byte, *answer.Fault) {
	if err := answer.ReadJSON(request, &struct{}{}); err != nil {
		return nil, answer.Refuse(400, "status: "+err.Error())
	}
	b, err := json.Marshal(r.Status())
	if err != nil {
		return nil, answer.Refuse(500, err.Error())
	}
	return b, nil
}

// filesConfig is how the account's files are served; o is nil where nobody is signed in.
func (r *Runner) filesConfig(o *ownership, user int64) files.Config {
	s := r.c.Settings
	c := files.Config{
		Account: r.Name, Scheme: s.Scheme(), Explain: r.status.explain, Timeout: s.Timeout, MaxTimeout: s.TimeoutMax, Log: r.tell.log,
	}
	if o == nil {
		c.Explain = func(error) answer.Fault { return r.status.explain(vault.ErrNotFound) }
		return c
	}
	c.Resolve, c.Buckets, c.User, c.Sure, c.Tell = o.driver.publisher.directory.resolver(r.status.explain), s.FilesBuckets, user, r.c.Sure, r.tell.event
	if box, err := r.c.Vault.Box("files"); err == nil {
		c.Store, c.Box = r.c.Files, box
	}
	if client, ok := o.client.(tgfiles.Client); ok {
		c.Client = o.gated(client)
	}
	c.Uploads = o.uploads
	c.Ended = func(to string, code int) { r.tell.metrics.File(r.Name, to, code) }
	return c
}

func (o *ownership) gated(client tgfiles.Client) gated {
	return gated{client, o.calls.gate, o.c.Methods.Withheld(), func(up bool, n int) { o.tell.metrics.FileBytes(o.c.Name, up, n) }}
}

// newUploads are the account's, where its calls may name files; else nil.
func (o *ownership) newUploads(user int64) *uploads.Uploads {
	client, ok := o.client.(tgfiles.Client)
	if !ok || o.c.Storage == nil {
		return nil
	}
	own := o.c.Settings.Scheme().StreamName(storage.Files)
	buckets := append([]string{own}, o.c.Settings.FilesBuckets...)
	return uploads.New(uploads.Config{
		Account: o.c.Name, User: user, Client: o.gated(client), JetStream: o.c.Storage.JetStream(), Own: own, Records: o.c.Transfers,
		Make:    func(ctx context.Context) error { _, err := o.c.Storage.Objects(ctx, storage.Files); return err },
		Allowed: func(bucket string) bool { return slices.Contains(buckets, bucket) },
		Explain: o.status.explain, Log: o.tell.log, Ended: func(code int) { o.tell.metrics.File(o.c.Name, "telegram", code) },
		Progress: func(fields map[string]any) { o.tell.event("file.progress", fields) },
	})
}

// frozen tells of it that the account was frozen, or is not any more.
func (r *Runner) frozen(f *gate.Frozen) {
	r.status.freeze(f)
	if f == nil {
		r.tell.log.Warn("the account may write again")
		r.tell.event(eventUnfrozen, nil)
		return
	}
	r.tell.log.Warn("the account is frozen, and writes nothing", "reason", f.Reason, "since", f.Since)
	r.tell.event(eventFrozen, map[string]any{"reason": f.Reason, "since": f.Since})
}
