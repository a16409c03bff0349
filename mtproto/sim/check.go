package sim

import (
	"fmt"
	"reflect"

	"github.com/natsgram/natsgram/mtproto/session"
)

// check holds what the client said against the server's ledger.
func (w *world) check() {
	book, c := &w.server.ledger, w.client
	if book.problem != nil {
		w.wrong("the server saw: %w", book.problem)
	}
	for _, k := range c.owner.all {
		w.checkCall(k)
	}
	w.checkChats()
	for name := range book.given {
		if c.owner.got[name] == 0 {
			w.wrong("update %s was acknowledged, but not delivered", name)
		}
	}
	for unique := range book.begun {
		if !c.owner.heard[unique] {
			w.wrong("the client was not told of the new session %x", unique)
		}
	}
	if w.err == nil {
		c.empty()
	}
}

func (w *world) checkCall(k *call) {
	book := &w.server.ledger
	n := book.executed[k.name]
	switch {
	case k.ends != 1:
		w.wrong("%s ended %d times", k.name, k.ends)
	case n > 1 && !k.safe:
		w.wrong("%s was executed %d times", k.name, n)
	case k.claimed && k.claim == session.No && book.seen[k.name] && k.chat == nil:
		w.wrong("%s: said not to be received, and was", k.name)
	case !k.claimed && !book.seen[k.name]:
		w.wrong("%s was answered, but never received", k.name)
	}
}

// empty checks that a session without calls remembers none: no map of it, however deep, has an entry, but for what waits to be
// released, and nothing grew.
func (c *client) empty() {
	if c.sess == nil || c.w.err != nil {
		return
	}
	if c.w.mutant == Leak {
		c.sess.Call(c.w.now, query("leak", 0), session.CallOptions{})
	}
	f := footprint{seen: map[place]bool{}}
	f.weigh(reflect.ValueOf(c.sess))
	if f.entries > len(c.owner.held) || f.bytes > maxFootprint {
		c.w.wrong("the session keeps %d entries and %d bytes", f.entries, f.bytes)
	}
}

// maxFootprint is what a session may hold on to, in bytes: ids of the last messages, buffers, the log; and, until the next ping, the
// buffer of a large packet, of 128 KiB at most.
const maxFootprint = (64 + 128) << 10

// footprint is how much can be reached from a value, interfaces and functions aside. The parts of a session know each other, so each
// is weighed once.
type footprint struct {
	bytes, entries int
	seen           map[place]bool
}

type place struct {
	at uintptr
	of reflect.Type
}

func (f *footprint) weigh(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() && !f.seen[place{v.Pointer(), v.Type().Elem()}] {
			f.bytes += int(v.Type().Elem().Size())
			f.weigh(v.Elem())
		}
	case reflect.Struct:
		if v.Type().PkgPath() == "time" { // locations
			return
		}
		at := place{v.UnsafeAddr(), v.Type()}
		if f.seen[at] {
			return
		}
		f.seen[at] = true
		for i := range v.NumField() {
			f.weigh(v.Field(i))
		}
	case reflect.Map:
		f.entries += v.Len()
	case reflect.Slice:
		f.bytes += v.Cap() * int(v.Type().Elem().Size())
		f.all(v)
	case reflect.Array:
		f.all(v)
	}
}

func (f *footprint) all(v reflect.Value) {
	switch v.Type().Elem().Kind() {
	case reflect.Pointer, reflect.Struct, reflect.Map, reflect.Slice:
		for i := range v.Len() {
			f.weigh(v.Index(i))
		}
	}
}

func (r Report) String() string {
	return fmt.Sprintf("%d calls: %d answered, %d failed or cancelled (sent: %d unknown, %d no, %d yes); %d updates, %d packets, "+
		"%d keys, %d connections, %d sessions, %v simulated", r.Calls, r.Answered, r.Failed[0]+r.Failed[1]+r.Failed[2],
		r.Failed[session.Unknown], r.Failed[session.No], r.Failed[session.Yes], r.Updates, r.Packets, r.Keys, r.Links, r.Sessions, r.Took)
}
