package account

import (
	"slices"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/natsgram/natsgram/bridge/gate"
	"github.com/natsgram/natsgram/bridge/history"
	"github.com/natsgram/natsgram/bridge/methods"
	"github.com/natsgram/natsgram/bridge/peers"
	"github.com/natsgram/natsgram/bridge/queue"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/subjects/rights"
	"github.com/natsgram/natsgram/tl/api/apitest"
)

// Whatever is answered under tg.ctl operators may ask. What others may TestRights of cmd/natsgram tries.
func TestOperatorsVerbs(t *testing.T) {
	r := &Runner{Name: "main"}
	s, decl := apitest.Layer()
	r.c.Methods = methods.New(s, decl, nil)
	o := &ownership{c: &Config{Name: "main", Stores: Stores{History: &history.Store{}}}, driver: &driver{publisher: publisher{directory: &directory{Directory: &peers.Directory{}}}}}
	o.calls.jobs.runner = &queue.Runner{}
	c := r.rpcConfig(nobody{}, o)
	govern(&c, &gate.Gate{})
	o.calls.jobs.answers(&c)
	o.takeHistory(&c, mtproto.State{Bot: true})
	if len(c.Extra) < 20 {
		t.Fatalf("%d verbs", len(c.Extra))
	}
	p, err := rights.Of(subjects.Scheme{}, rights.Grant{Role: rights.Operator, Account: "main", Inbox: "_INBOX_.x"})
	if err != nil {
		t.Fatal(err)
	}
	for name, one := range c.Extra {
		if !slices.ContainsFunc(p.Publish, func(pattern string) bool { return server.SubjectMatchesFilter(one.Subject, pattern) }) {
			t.Errorf("%s: operators may not ask it", name)
		}
	}
}
