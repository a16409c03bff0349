package torture

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/mtproto/mttest"
)

var (
	eraseRounds = flag.Int("erase.rounds", 2, "how often TestEraseKilled erases somebody and kills the daemon meanwhile")
	eraseSeed   = flag.Uint64("erase.seed", 0, "its seed; 0 draws one")
)

// erasing is one who is erased, again and again, among others who are not.
type erasing struct {
	*rig
	r       *rand.Rand
	eve     *mttest.Account
	room    *mttest.Channel
	subject string
	said    []string // by the others
	words   int
}

// TestEraseKilled: the daemon is killed by SIGKILL while it erases somebody, and once more after it. It goes on from the thinned stream: all that
// others said is there once and in order, also what they said while no daemon was there, and no gap is told. Asked for again, the erasure ends, and
// of the one who was erased no word is left in any file of the server.
func TestEraseKilled(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	seed := *eraseSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("-erase.seed=%d", seed)
	o := flags
	o.daemons, o.servers, o.accounts, o.strict = 1, 1, 1, false
	g := newRig(t, o)
	t.Cleanup(func() {
		if t.Failed() {
			g.logs()
		}
	})
	g.follows("acc1")
	e := &erasing{rig: g, r: rand.New(rand.NewPCG(seed, 3)), eve: g.telegram.AddUser(mttest.User{First: "Eve"})}
	e.room = g.telegram.AddChannel(mttest.ChannelConfig{
		Title: "eves", Megagroup: true, Creator: g.traffic.friend, Members: []*mttest.Account{g.traffic.accounts["acc1"], e.eve},
	})
	e.subject = fmt.Sprintf("tg.upd.acc1.updateNewChannelMessage.channel.%d", e.room.ID())
	e.say()
	e.all()
	gaps := e.held("tg.upd.acc1.gap.>")
	for round := range *eraseRounds {
		e.round(round)
	}
	if got := e.held("tg.upd.acc1.gap.>"); got != gaps {
		t.Errorf("%d gaps are told, before there were %d", got, gaps)
	}
}

// each is how much each of them says in a round.
const each = 30

func (e *erasing) round(n int) {
	for range each {
		e.words++
		e.eve.Send(e.room, fmt.Sprintf("evesword %d", e.words))
		e.eve.Send(e.traffic.accounts["acc1"], fmt.Sprintf("evesword %d in private", e.words))
		e.say()
	}
	e.all()
	private := fmt.Sprintf("tg.upd.acc1.updateNewMessage.user.%d", e.eve.ID())
	e.wait("what she said", time.Minute, func(context.Context) error {
		if e.held(private) < each || e.held(e.subject) < len(e.said)+each {
			return errNotYet
		}
		return nil
	})
	before, target := e.held(e.subject)+e.held(private), 1+e.r.IntN(2*each-1)
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		_, _ = e.nc.Request("tg.ctl.acc1.erase", e.request(), 20*time.Second) // who is killed does not answer
	}()
	e.wait("an erasure that has begun", time.Minute, func(context.Context) error {
		if before-e.held(e.subject)-e.held(private) < target {
			return errNotYet
		}
		return nil
	})
	e.t.Logf("round %d: killed with %d of %d taken out, or more", n, before-e.held(e.subject)-e.held(private), 2*each)
	e.back(3)
	<-asked
	e.erase()
	e.back(2)
	if where := e.inFiles("evesword"); len(where) > 0 {
		e.t.Errorf("round %d: her words are in %q", n, where)
	}
}

func (e *erasing) request() []byte { return fmt.Appendf(nil, `{"peer":"user.%d"}`, e.eve.ID()) }

// say has somebody else say something.
func (e *erasing) say() {
	text := fmt.Sprintf("friendsword %d", len(e.said)+1)
	e.said = append(e.said, text)
	e.traffic.friend.Send(e.room, text)
}

// back kills the daemon, and waits for the next one; meanwhile somebody says something, and afterwards.
func (e *erasing) back(words int) {
	d := e.daemons[0]
	d.kill()
	for range words {
		e.say()
	}
	must(e.t, d.start())
	e.follows("acc1")
	e.say()
	e.all()
}

// erase asks until it is done.
func (e *erasing) erase() {
	e.wait("the erasure", 2*time.Minute, func(context.Context) error {
		m, err := e.nc.Request("tg.ctl.acc1.erase", e.request(), time.Minute)
		if err != nil {
			return err
		}
		if text := m.Header.Get("Nats-Service-Error"); text != "" {
			return fmt.Errorf("%s %w", text, errNotYet)
		}
		return nil
	})
}

// all waits until everything that others said is there, once and in order.
func (e *erasing) all() {
	e.t.Helper()
	var got []string
	e.wait("what others said", time.Minute, func(ctx context.Context) error {
		var err error
		if got, err = e.texts(ctx); err != nil {
			return err
		}
		if len(got) < len(e.said) {
			return errNotYet
		}
		return nil
	})
	if !slices.Equal(got, e.said) {
		e.t.Fatalf("others said\n%q\nwant\n%q", got, e.said)
	}
}

// texts are what others said, as it stands in the stream.
func (e *erasing) texts(ctx context.Context) (all []string, err error) {
	c, err := e.js.OrderedConsumer(ctx, "TG_UPDATES", jetstream.OrderedConsumerConfig{FilterSubjects: []string{e.subject}})
	if err != nil {
		return nil, err
	}
	for left := c.CachedInfo().NumPending; left > 0; left-- {
		m, err := c.Next(jetstream.FetchMaxWait(5 * time.Second))
		if err != nil {
			return nil, err
		}
		var body struct {
			Update struct{ Message struct{ Message string } }
		}
		if err := json.Unmarshal(m.Data(), &body); err != nil {
			return nil, err
		}
		if text := body.Update.Message.Message; strings.HasPrefix(text, "friendsword") {
			all = append(all, text)
		}
	}
	return all, nil
}

// held is how many messages the stream of updates has.
func (e *erasing) held(filter string) (n int) {
	st, err := e.js.Stream(e.t.Context(), "TG_UPDATES")
	must(e.t, err)
	info, err := st.Info(e.t.Context(), jetstream.WithSubjectFilter(filter))
	must(e.t, err)
	for _, of := range info.State.Subjects {
		n += int(of) //nolint:gosec // small
	}
	return n
}

// inFiles are the files of the server that hold a text.
func (e *erasing) inFiles(text string) (where []string) {
	must(e.t, filepath.WalkDir(e.servers[0].store, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil //nolint:nilerr // the server takes files away meanwhile
		}
		b, _ := os.ReadFile(path)
		if strings.Contains(string(b), text) {
			where = append(where, path)
		}
		return nil
	}))
	return where
}
