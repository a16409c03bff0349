package torture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/world"
)

const (
	burstPrefix = "burst "
	burstMost   = 12               // calls of a burst
	jobWait     = 30 * time.Second // for JetStream's word that it has a job
)

// numbered is a call of a series: those of one program that send to one chat, or edit one message, in one of both ways. They were made in
// the order of their numbers, and the text that Telegram gets says which it is.
type numbered struct {
	series  string
	n       int
	id      string // Nats-Msg-Id; empty: none
	job     bool   // in the queue, else a request
	edits   bool   // it edits a message, else it sends one
	outcome outcome
	sent    string // Tg-Sent
	state   string // Tg-Job-State; empty: nothing is told of it
	why     string
}

func (c *numbered) text() string { return fmt.Sprintf("%s%s %d", burstPrefix, c.series, c.n) }

// certain reports whether it is known that the call was executed before anybody was told. Of others, one that lay in a cable that stood
// still may come to Telegram whenever that goes on.
func (c *numbered) certain() bool { return c.outcome == done }

// checkBursts holds what programs were told against what Telegram executed, in its order: each call once, those of a series in their order;
// and the last edit stands.
func checkBursts(all []numbered, ran []string, stands map[string]bool) (problems []string) {
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	calls, times := map[string]*numbered{}, map[string]int{}
	for i := range all {
		calls[all[i].text()] = &all[i]
	}
	last, edited := map[string]*numbered{}, map[string]string{}
	for _, text := range ran {
		times[text]++
		if c := calls[text]; c != nil && c.edits {
			edited[c.series] = text
		}
		c := calls[text]
		switch {
		case c == nil:
			wrong("%q: nobody called", text)
		case !c.certain():
		case last[c.series] != nil && c.n < last[c.series].n:
			wrong("%q was executed after %q", text, last[c.series].text())
		default:
			last[c.series] = c
		}
	}
	for _, text := range edited {
		if !stands[text] {
			wrong("%q is the last edit, and does not stand", text)
		}
	}
	for i := range all {
		c := &all[i]
		text, n := c.text(), times[c.text()]
		switch {
		case n > 1:
			wrong("%q: executed %d times", text, n)
		case c.certain() && n == 0:
			wrong("%q: was answered, and not executed", text)
		case (c.outcome == unserved || c.outcome == refused && c.sent == "no") && n > 0:
			wrong("%q: was not to be made (%s), and was executed", text, c.why)
		case c.job && c.outcome == refused && c.state != "unknown":
			wrong("%q: the job is %s: %s", text, c.state, c.why)
		case c.job && c.outcome == unserved:
			wrong("%q: nothing became of the job", text)
		}
	}
	slices.Sort(problems)
	return problems
}

// place is a chat, as subjects and as bodies name it, and the message in it that a program edits in each of both ways.
type place struct {
	name     string
	peer     mttest.M
	requests int
	jobs     int
}

// sender is a program, which calls for an account in bursts to one chat at a time, without waiting in between.
type sender struct {
	name, account string
	nc            *nats.Conn
	js            jetstream.JetStream
	places        []place
	r             *rand.Rand
	numbers       map[string]int
	all           []numbered
}

// senders are the programs.
type senders struct {
	all  []*sender
	stop atomic.Bool

	mu    sync.Mutex
	edits []string // that Telegram has executed
}

// observe notes edits as they are executed: of the world's differences the last one is in all.
func (s *senders) observe(r *mttest.Request) mttest.Action {
	if text := r.Args.Str("message"); r.Method == "messages.editMessage" && strings.HasPrefix(text, burstPrefix) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.edits = append(s.edits, text)
	}
	return mttest.Pass()
}

// addSenders makes some for every account, each with a message of its own to edit.
func (g *rig) addSenders(perAccount int, seed uint64) {
	g.senders = &senders{}
	g.telegram.Intercept(g.senders.observe)
	peers := []mttest.Peer{g.traffic.friend, g.traffic.group, g.traffic.channels[1]}
	names := []string{fmt.Sprint("user.", g.traffic.friend.ID()), fmt.Sprint("chat.", g.traffic.group.ID()), fmt.Sprint("channel.", g.traffic.channels[1].ID())}
	for i, account := range g.traffic.names {
		for n := range perAccount {
			nc, js := g.dial()
			s := &sender{
				name: fmt.Sprintf("%s-%d", account, n+1), account: account, nc: nc, js: js, numbers: map[string]int{},
				r: rand.New(rand.NewPCG(seed, uint64(100*i+n))),
			}
			for k, peer := range peers {
				s.places = append(s.places, place{
					names[k], g.calls.peers[account][k],
					g.traffic.accounts[account].Send(peer, s.name+" edits this").ID, g.traffic.accounts[account].Send(peer, s.name+" edits this too").ID,
				})
			}
			g.senders.all = append(g.senders.all, s)
		}
	}
}

// run calls in bursts until stop.
func (s *sender) run(ctx context.Context, stop *atomic.Bool, pauses time.Duration) {
	for !stop.Load() && ctx.Err() == nil {
		p, job, edits := s.places[s.r.IntN(len(s.places))], s.r.IntN(2) == 0, s.r.IntN(2) == 0
		named := job || s.r.IntN(2) == 0
		burst := s.burst(p, 2+s.r.IntN(burstMost-1), job, edits, named)
		if job {
			s.queue(ctx, p, burst)
		} else {
			s.request(ctx, p, burst)
		}
		s.all = append(s.all, burst...)
		pause(ctx, between(s.r, pauses/2, pauses))
	}
}

// burst numbers some calls.
func (s *sender) burst(p place, n int, job, edits, named bool) (burst []numbered) {
	way, what := "requests", "sends"
	if job {
		way = "jobs"
	}
	if edits {
		what = "edits"
	}
	series := fmt.Sprintf("%s/%s/%s/%s", s.name, p.name, way, what)
	for range n {
		s.numbers[series]++
		c := numbered{series: series, n: s.numbers[series], job: job, edits: edits}
		if named {
			c.id = fmt.Sprintf("%s/%d", series, c.n)
		}
		burst = append(burst, c)
	}
	return burst
}

// message is the call as it is published.
func (s *sender) message(p place, c *numbered) *nats.Msg {
	body, method := map[string]any{"message": c.text()}, "messages.sendMessage"
	if c.edits {
		method, body["id"] = "messages.editMessage", p.requests
		if c.job {
			body["id"] = p.jobs
		}
	}
	m := nats.NewMsg("tg.rpc." + s.account + "." + method)
	if c.job {
		m.Subject = "tg.queue." + s.account + "." + p.name + "." + method
	} else {
		body["peer"] = p.peer
		m.Header.Set("Tg-Timeout", "3")
	}
	if c.id != "" {
		m.Header.Set("Nats-Msg-Id", c.id)
	}
	m.Data, _ = json.Marshal(body)
	return m
}

// request makes a burst of requests, and waits for the answers for as long as they may take.
func (s *sender) request(ctx context.Context, p place, burst []numbered) {
	var subs []*nats.Subscription
	for range burst {
		sub, err := s.nc.SubscribeSync(s.nc.NewInbox())
		if err != nil {
			return
		}
		defer sub.Unsubscribe() //nolint:errcheck // the connection may be closed
		subs = append(subs, sub)
	}
	for i := range burst {
		m := s.message(p, &burst[i])
		m.Reply = subs[i].Subject
		if err := s.nc.PublishMsg(m); err != nil {
			return
		}
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for i, sub := range subs { // an answer that is there is taken though the time is over
		burst[i].learn(sub.NextMsgWithContext(ctx))
	}
}

func (c *numbered) learn(reply *nats.Msg, err error) {
	switch {
	case errors.Is(err, nats.ErrNoResponders) || err == nil && reply.Header.Get("Status") == "503":
		c.outcome, c.why = unserved, "no responders"
	case err != nil:
		c.outcome = silent
	case reply.Header.Get("Nats-Service-Error-Code") != "":
		c.outcome, c.sent, c.why = refused, reply.Header.Get("Tg-Sent"), reply.Header.Get("Nats-Service-Error")
	default:
		c.outcome = done
	}
}

// queue publishes a burst of jobs. Each is repeated with its id until JetStream has it, so that the next is behind it.
func (s *sender) queue(ctx context.Context, p place, burst []numbered) {
	for i := range burst {
		m := s.message(p, &burst[i])
		for ctx.Err() == nil && burst[i].outcome == silent {
			once, cancel := context.WithTimeout(ctx, jobWait)
			if _, err := s.js.PublishMsg(once, m, jetstream.WithRetryAttempts(0)); err == nil {
				burst[i].outcome = unserved // until something is told of it
			} else {
				pause(ctx, 100*time.Millisecond)
			}
			cancel()
		}
	}
}

// numbered is all calls of all programs, and what became of the jobs.
func (g *rig) numbered(results map[string]nats.Header) (all []numbered) {
	for _, s := range g.senders.all {
		for _, c := range s.all {
			h, told := results[s.account+" "+c.id]
			if c.job && told && c.outcome == unserved {
				c.state, c.sent, c.why = h.Get("Tg-Job-State"), h.Get("Tg-Sent"), h.Get("Nats-Service-Error")
				c.outcome = refused
				if c.state == "done" {
					c.outcome = done
				}
			}
			all = append(all, c)
		}
	}
	return all
}

// results waits until no job is in the queue but those of which it is unknown whether they were run, and gives what is told of each.
func (g *rig) results(ctx context.Context) (results map[string]nats.Header) {
	results = map[string]nats.Header{}
	for {
		left, err := g.streamLength(ctx, "TG_QUEUE")
		if err == nil {
			results, err = g.readResults(ctx)
		}
		unknown := uint64(0)
		for _, h := range results {
			if h.Get("Tg-Job-State") == "unknown" {
				unknown++
			}
		}
		if err == nil && left <= unknown || ctx.Err() != nil {
			return results
		}
		pause(ctx, time.Second)
	}
}

func (g *rig) streamLength(ctx context.Context, name string) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	st, err := g.js.Stream(ctx, name)
	if err != nil {
		return 0, err
	}
	return st.CachedInfo().State.Msgs, nil
}

// readResults reads the headers of all results: by account and id of the job.
func (g *rig) readResults(ctx context.Context) (map[string]nats.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	all := map[string]nats.Header{}
	consumer, err := g.js.OrderedConsumer(ctx, "TG_DONE", jetstream.OrderedConsumerConfig{HeadersOnly: true})
	if err != nil || consumer.CachedInfo().NumPending == 0 {
		return all, err
	}
	messages, err := consumer.Messages()
	if err != nil {
		return all, err
	}
	defer messages.Stop()
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return all, err
		}
		meta, err := m.Metadata()
		if err != nil {
			return all, err
		}
		all[strings.Split(m.Subject(), ".")[2]+" "+m.Headers().Get("Tg-Job")] = m.Headers()
		if meta.NumPending == 0 {
			return all, nil
		}
	}
}

// ran is the texts of numbered calls that Telegram has executed, those of each series in its order, and which edits stand.
func (g *rig) ran() (ran []string, stands map[string]bool) {
	g.senders.mu.Lock()
	ran, stands = slices.Clone(g.senders.edits), map[string]bool{}
	g.senders.mu.Unlock()
	for _, name := range g.traffic.names {
		for _, e := range g.traffic.events(g.t, name) {
			switch {
			case e.Msg == nil || e.Msg.From != g.traffic.accounts[name].ID() || !strings.HasPrefix(e.Msg.Text, burstPrefix):
			case e.What == world.NewMessage:
				ran = append(ran, e.Msg.Text)
			case e.What == world.EditMessage:
				stands[e.Msg.Text] = true
			}
		}
	}
	return ran, stands
}

// events are all that happened in an account's boxes.
func (t *traffic) events(tt *testing.T, name string) []world.Event {
	a, base := t.accounts[name], t.base[name]
	d, err := t.server.World().Difference(a.ID(), world.State{Pts: base.state.Pts, Qts: base.state.Qts, Date: base.state.Date}, world.Limits{})
	must(tt, err)
	events := d.Events
	for _, ch := range t.channels {
		d, err := t.server.World().ChannelDifference(a.ID(), ch.ID(), base.channels[ch.ID()], world.Limits{})
		must(tt, err)
		events = append(events, d.Events...)
	}
	return events
}

// burstFigures says how numbered calls ended.
func burstFigures(all []numbered, ran []string) string {
	n := map[string]int{}
	for _, c := range all {
		way := "request"
		if c.job {
			way = "job"
		}
		name := [...]string{"silent", "unserved", "refused", "done"}[c.outcome]
		switch {
		case c.state != "":
			name = c.state
		case c.outcome == refused:
			name += " sent=" + strconv.Quote(c.sent)
		}
		n[way+" "+name]++
	}
	return fmt.Sprintf("%d calls in bursts, %d executed: %v", len(all), len(ran), n)
}
