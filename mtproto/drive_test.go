package mtproto_test

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/schemas"
	"github.com/natsgram/natsgram/tl"
)

// driver is a machine of updates with a client, as a daemon has it.
type driver struct {
	r      *rig
	m      *updates.Machine
	inputs chan func()

	mu    sync.Mutex
	items []updates.Item
}

func newDriver(r *rig, look updates.Look) *driver {
	rules, err := updates.Compile(r.Schema(), r.decl())
	if err != nil {
		r.Fatal(err)
	}
	st := r.s.Account(r.State().UserID).State()
	m, err := updates.New(rules, updates.State{Position: updates.Position{Pts: st.Pts, Qts: st.Qts, Date: st.Date, Seq: st.Seq}}, updates.Config{Look: look})
	if err != nil {
		r.Fatal(err)
	}
	return &driver{r: r, m: m, inputs: make(chan func(), 1000)}
}

// push is for [mtproto.Options.Updates].
func (d *driver) push(u mtproto.Update) {
	d.inputs <- func() { d.m.Push(time.Now(), u.Body, updates.Meta{}) }
	u.Ack()
}

// run goes on until the client ends.
func (d *driver) run() {
	for d.m.Start(time.Now()); d.r.ctx.Err() == nil; {
		for out, ok := d.m.Next(); ok; out, ok = d.m.Next() {
			switch out := out.(type) {
			case *updates.Fetch:
				go d.fetch(out)
			case *updates.Batch:
				d.mu.Lock()
				d.items = append(d.items, out.Items...)
				d.mu.Unlock()
			}
		}
		select {
		case f := <-d.inputs:
			f()
		case <-time.After(time.Until(d.m.Wake())):
			d.m.Tick(time.Now())
		case <-d.r.ctx.Done():
		}
	}
}

func (d *driver) fetch(f *updates.Fetch) {
	body, err := d.r.Invoke(mtproto.WithRetries(mtproto.WithFloodWait(d.r.ctx, 0), 0), f.Query)
	if e := new(mtproto.Error); errors.As(err, &e) && e.Code != 0 {
		err = &updates.Error{Code: e.Code, Type: e.Type}
	}
	d.inputs <- func() { d.m.Result(time.Now(), f.ID, body, err) }
}

// of are the items of a chat.
func (d *driver) of(p updates.Peer) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, it := range d.items {
		if it.Peer == p && it.Name == "updateNewChannelMessage" {
			n++
		}
	}
	return n
}

// decl is the API's schema as it is declared.
func (r *rig) decl() *tl.Schema {
	s, err := tl.Parse("api.tl", schemas.API())
	if err != nil {
		r.Error(err)
	}
	return s
}

// E26: Telegram shows a public channel to those who have left it, by its dialog and by its difference. Nobody asks for it any more;
// nor does somebody who asks for the dialog of a channel make the account follow it.
func TestLeftPublicChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		alice, bob := s.AddUser(mttest.User{First: "Alice"}), s.AddUser(mttest.User{First: "Bob"})
		news := s.AddChannel(mttest.ChannelConfig{Title: "News", Username: "news", Creator: bob, Members: []*mttest.Account{alice}})
		var d *driver
		r := start(t, s, as(s, alice), func(o *mtproto.Options) { o.Updates = func(u mtproto.Update) { d.push(u) } })
		d = newDriver(r, updates.Look{Every: time.Minute})
		r.ready()
		go d.run()
		time.Sleep(5 * time.Minute)
		bob.Send(news, "to members")
		time.Sleep(5 * time.Minute)
		here := updates.Peer{Kind: updates.PeerChannel, ID: news.ID()}
		equal(t, "posts while a member", d.of(here) > 0, true)
		before, looked := d.of(here), s.Executed("updates.getChannelDifference")
		alice.Leave(news)
		for range 10 {
			bob.Send(news, "to others")
			time.Sleep(5 * time.Minute)
		}
		equal(t, "posts after leaving", d.of(here)-before, 0)
		equal(t, "differences after leaving", s.Executed("updates.getChannelDifference")-looked, 0)
	})
}
