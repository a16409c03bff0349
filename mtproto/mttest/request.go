package mttest

import (
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/mtproto/mttest/wire"
	"github.com/natsgram/natsgram/mtproto/mttest/world"
	"github.com/natsgram/natsgram/schemas"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/bin"
	"github.com/natsgram/natsgram/tl/codec"
)

// Request is one query as the API sees it: what wraps it is taken off.
type Request struct {
	Method string
	// Args are the parameters by name. They, and Query, are good until the interceptor returns; [Request.Retain] makes
	// them good for longer.
	Args  codec.View
	Query []byte
	// Account is who asks; nil: nobody has signed in with this key.
	Account *Account
	// DC is the data centre that was asked.
	DC        int
	KeyID     uint64
	SessionID int64
	MsgID     int64
	Layer     int
	Init      bool // the query came inside initConnection

	server *Server
	device *device
	centre *centre
	call   *wire.Call
	method *method
}

// Retain makes Args and Query good for as long as they are wanted.
func (r *Request) Retain() {
	r.Query = append([]byte(nil), r.Query...)
	r.Args, _ = r.server.schema.View(r.Query)
}

// method is a function of the layer, with what the server has for it.
type method struct {
	name     string
	decl     *tl.Combinator
	wrapper  bool
	handler  handler
	access   access
	executed atomic.Int64
	randomID bool
}

// handler answers a request with a value for the method's result type: M, []M, bool, codec.Raw ...
type handler func(*Request) (any, error)

type access uint8

const (
	signedIn access = iota // the rule
	anybody                // also before login
	foreign                // signed in, or an authorization imported from another data centre
)

// builtIn is the built-in layer; parsing it takes a while.
var builtIn = sync.OnceValues(func() (*tl.Schema, error) { return tl.Parse("api.tl", schemas.API()) })

var builtInCodec = sync.OnceValues(func() (*codec.Schema, error) {
	s, err := builtIn()
	if err != nil {
		return nil, err
	}
	return codec.Compile(s)
})

func (s *Server) compile() (err error) {
	if s.api = s.cfg.Schema; s.api == nil {
		if s.api, err = builtIn(); err != nil {
			return err
		}
		s.schema, err = builtInCodec()
	} else {
		s.schema, err = codec.Compile(s.api)
	}
	if err != nil {
		return err
	}
	s.enc.api = s.api
	s.methods = make(map[uint32]*method, len(s.api.Functions))
	known := handlers()
	for _, f := range s.api.Functions {
		m := &method{name: f.Name, decl: f, wrapper: len(f.Generic) > 0, randomID: f.Param("random_id") != nil}
		if h, ok := known[f.Name]; ok {
			m.handler, m.access = h.handler, h.access
		}
		s.methods[f.ID] = m
	}
	return nil
}

// wrapping is what the wrappers around a query say.
type wrapping struct {
	quiet bool // invokeWithoutUpdates
	after []int64
	layer int
	init  bool
}

// refusal is an rpc_error on its way.
func refusal(code int, text string) error { return &world.Error{Code: code, Text: text} }

func (s *Server) call(c *centre, call *wire.Call) {
	r := &Request{
		Query: call.Query, DC: c.id, KeyID: call.Session.Key().ID(), SessionID: call.Session.ID, MsgID: call.MsgID,
		server: s, centre: c, call: call, device: deviceOf(call),
	}
	w, err := r.unwrap()
	if err == nil {
		r.Init = w.init
		err = r.admit(w)
	}
	switch {
	case err != nil:
		r.fail(err)
	case len(w.after) > 0:
		call.After(w.after, time.Second/2, func(o wire.Outcome) { r.afterwards(o, w) })
	default:
		r.run()
	}
}

// afterwards runs a query that waited for others (C39).
func (r *Request) afterwards(o wire.Outcome, _ wrapping) {
	switch o {
	case wire.Failed:
		r.call.Fail(400, "MSG_WAIT_FAILED")
	case wire.TimedOut:
		r.call.Fail(400, "MSG_WAIT_TIMEOUT")
	default:
		if _, err := r.unwrap(); err == nil { // the bytes were copied
			r.run()
		}
	}
}

// unwrap finds the query inside its wrappers.
func (r *Request) unwrap() (w wrapping, err error) {
	query := r.call.Query
	for range 16 {
		m := r.server.methods[call32(query)]
		if m == nil {
			return w, refusal(400, fmt.Sprintf("INPUT_METHOD_INVALID_%d", call32(query)))
		}
		args, err := r.server.schema.View(query)
		if err != nil && m.wrapper {
			query = unpackInner(query)
			args, err = r.server.schema.View(query)
		}
		if err != nil {
			return w, malformed(err)
		}
		if !m.wrapper {
			if extra := len(query) - len(args.Raw()); extra > 0 {
				return w, refusal(400, fmt.Sprintf("INPUT_REQUEST_TOO_LONG_%d", extra))
			}
			r.Method, r.method, r.Query, r.Args = m.name, m, query, args
			return w, nil
		}
		w.note(m.name, args)
		inner, ok := args.Object("query")
		if !ok {
			return w, refusal(400, "INPUT_FETCH_ERROR")
		}
		query = inner.Raw()
	}
	return w, refusal(400, "INPUT_LAYER_INVALID")
}

// unpackInner replaces the gzip_packed that stands in a query's place within wrappers by what it holds: TDLib packs so what is
// longer than some 250 bytes.
func unpackInner(query []byte) []byte {
	for at := 4; at+8 <= len(query); at += 4 {
		if call32(query[at:]) != mt.GzipPackedID {
			continue
		}
		r := bin.NewReader(query[at+4:])
		packed := r.Bytes()
		if r.Err() != nil || r.Remaining() > 0 {
			continue
		}
		if inner, err := mt.Gunzip(nil, packed, mt.MaxUnpacked); err == nil {
			return append(slices.Clone(query[:at]), inner...)
		}
	}
	return query
}

func malformed(err error) error {
	var e *codec.Error
	if errors.As(err, &e) {
		return refusal(400, "INPUT_FETCH_ERROR")
	}
	return refusal(400, "INPUT_REQUEST_INVALID")
}

func (w *wrapping) note(name string, args codec.View) {
	switch name {
	case "invokeWithLayer":
		w.layer = int(args.Int("layer"))
	case "initConnection":
		w.init = true
	case "invokeWithoutUpdates":
		w.quiet = true
	case "invokeAfterMsg":
		w.after = append(w.after, args.Int("msg_id"))
	case "invokeAfterMsgs":
		w.after = append(w.after, args.Longs("msg_ids")...)
	}
}

// admit checks that the connection was introduced (D1, D2) and that whoever asks may.
func (r *Request) admit(w wrapping) error {
	d := r.device
	if key := r.call.Session.Key(); key.Duplicated() {
		d.signOut()
		return refusal(406, "AUTH_KEY_DUPLICATED")
	} else if !key.Expires.IsZero() && d == key.Data && !unboundMay[r.Method] {
		return refusal(401, "AUTH_KEY_PERM_EMPTY")
	}
	inited, layer := r.introduced(w)
	d.mu.Lock()
	imported := d.imported
	r.Account, r.Layer = d.account, layer
	d.mu.Unlock()
	switch {
	case w.init && r.Layer == 0:
		return refusal(400, "CONNECTION_LAYER_INVALID")
	case !inited && r.Method != "auth.bindTempAuthKey":
		return refusal(400, "CONNECTION_NOT_INITED")
	}
	r.call.Session.Carries(strings.HasPrefix(r.Method, "upload."))
	if !w.quiet {
		r.call.Session.Subscribe()
	}
	if r.method.handler == nil {
		return nil
	}
	switch {
	case r.method.access == anybody:
	case r.Account == nil:
		return refusal(401, "AUTH_KEY_UNREGISTERED")
	case imported && r.method.access != foreign:
		return refusal(303, fmt.Sprintf("USER_MIGRATE_%d", r.Account.DC()))
	}
	return nil
}

// introduced notes what initConnection says of the key that is used, whether it is bound or not (B23), and reports what is
// known of it.
func (r *Request) introduced(w wrapping) (inited bool, layer int) {
	own, _ := r.call.Session.Key().Data.(*device)
	own.mu.Lock()
	defer own.mu.Unlock()
	if w.layer > 0 && w.layer != own.layer && w.layer != r.server.schema.Layer() {
		r.server.cfg.Log.Warn("mttest: the client speaks another layer, and is answered in the server's", "client", w.layer, "server", r.server.schema.Layer())
	}
	if w.init && (w.layer > 0 || own.layer > 0) {
		own.inited = true
	}
	if w.layer > 0 {
		own.layer = w.layer
	}
	return own.inited, own.layer
}

// unboundMay is what a temporary key may call before it is bound (B20).
var unboundMay = map[string]bool{"auth.bindTempAuthKey": true, "help.getConfig": true, "help.getNearestDc": true}

// run asks the interceptors, then answers.
func (r *Request) run() {
	if hooks := r.server.hooks.Load(); hooks != nil && len(*hooks) > 0 {
		r.intercepted(*hooks)
		return
	}
	r.execute()
}

func (r *Request) execute() {
	r.server.track.note(r)
	if r.method.handler == nil {
		r.call.Fail(400, "NOT_IMPLEMENTED_IN_TEST_SERVER") // clients take 5xx for something that passes
		return
	}
	result, err := r.method.handler(r)
	if err != nil {
		r.fail(err)
		return
	}
	r.answer(result)
}

func (r *Request) answer(result any) {
	answer, err := r.server.enc.append(r.call.Buffer(), r.method.decl.Result, result)
	if err != nil {
		r.fail(err)
		return
	}
	r.call.Send(answer)
}

func (r *Request) fail(err error) {
	var e *world.Error
	if errors.As(err, &e) {
		r.call.Fail(e.Code, e.Text)
		return
	}
	r.server.cfg.Log.Error("mttest: cannot answer", "method", r.Method, "error", err)
	r.call.Fail(500, "INTERNAL_SERVER_ERROR")
}

// tracker counts what was executed.
type tracker struct {
	seed maphash.Seed
	mu   sync.Mutex
	seen map[uint64]*Execution
}

// Execution is a query that was executed.
type Execution struct {
	Method string
	KeyID  uint64
	Count  int // how often
}

func (t *tracker) note(r *Request) {
	r.method.executed.Add(1)
	if !r.server.cfg.TrackQueries {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.seen == nil {
		t.seed, t.seen = maphash.MakeSeed(), map[uint64]*Execution{}
	}
	var h maphash.Hash
	h.SetSeed(t.seed)
	maphash.WriteComparable(&h, r.KeyID)
	if r.method.randomID && r.Args.Int("random_id") != 0 {
		maphash.WriteComparable(&h, r.Args.Int("random_id"))
		_, _ = h.WriteString(r.Method)
	} else {
		_, _ = h.Write(r.Query)
	}
	sum := h.Sum64()
	e := t.seen[sum]
	if e == nil {
		e = &Execution{Method: r.Method, KeyID: r.KeyID}
		t.seen[sum] = e
	}
	e.Count++
}

// Executed is how often a method was executed, whatever came of it; with "", all of them.
func (s *Server) Executed(name string) (n int) {
	for _, m := range s.methods {
		if name == "" || m.name == name {
			n += int(m.executed.Load())
		}
	}
	return n
}

// DuplicatedKeys is how many accounts' keys were ever used from two places at once, which is why they are
// AUTH_KEY_DUPLICATED since (D8). It needs WireConfig.OneConnection.
func (s *Server) DuplicatedKeys() (n int) {
	for _, c := range s.centres {
		n += c.Duplicated()
	}
	return n
}

// Distinct is how many different queries of a method were executed: with another random_id, or, where the method has
// none, with other parameters or by another key. It needs Config.TrackQueries.
func (s *Server) Distinct(name string) (n int) {
	s.track.mu.Lock()
	defer s.track.mu.Unlock()
	for _, e := range s.track.seen {
		if e.Method == name {
			n++
		}
	}
	return n
}

// Repeated lists the queries of a method that were executed more than once; with "", those of all methods that have a
// random_id. It needs Config.TrackQueries.
func (s *Server) Repeated(name string) (all []Execution) {
	s.track.mu.Lock()
	defer s.track.mu.Unlock()
	for _, e := range s.track.seen {
		if e.Count > 1 && (e.Method == name || name == "" && s.hasRandomID(e.Method)) {
			all = append(all, *e)
		}
	}
	return all
}

func (s *Server) hasRandomID(name string) bool {
	f := s.api.Function(name)
	return f != nil && f.Param("random_id") != nil
}
