package account

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/erase"
	"github.com/natsgram/natsgram/bridge/history"
	"github.com/natsgram/natsgram/bridge/peers"
	"github.com/natsgram/natsgram/bridge/rpc"
	"github.com/natsgram/natsgram/bridge/stream"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// takeHistory prepares to fetch history for the account, and has the service answer for it. Telegram gives bots none.
func (o *ownership) takeHistory(c *rpc.Config, state mtproto.State) {
	if o.c.History == nil {
		return
	}
	add := func(verb string, do func(ctx context.Context, request []byte) ([]byte, *answer.Fault)) {
		c.Extra["history_"+verb] = rpc.Extra{Subject: c.Scheme.Ctl(o.c.Name, "history."+verb), Slow: true, Answer: do}
	}
	if state.Bot {
		for _, verb := range history.Verbs() {
			add(verb, func(context.Context, []byte) ([]byte, *answer.Fault) {
				return nil, answer.Refuse(403, "history."+verb+": Telegram gives bots no history")
			})
		}
		return
	}
	d := o.driver
	w := *d.publisher.writer // what is written here is no update: nothing of it is counted
	o.history = history.New(history.Config{
		Account: o.c.Name, User: state.UserID, Scheme: c.Scheme, Store: o.c.History, Records: o.c.Records,
		Schema: o.c.Methods.Schema(), Rules: o.c.Rules, Invoke: o.calls.ask, Find: o.findChat, Input: d.publisher.directory.input, Met: o.met,
		Unknown: func(err error) bool { var unknown *peers.UnknownError; return errors.As(err, &unknown) },
		Message: func(item *updates.Item) (nats.Header, []byte) { return w.history(o.c.Conn, item) },
		Through: d.ledger.last, Held: o.historyHeld, Sure: o.c.Sure, Explain: o.status.explain, Tell: o.tell.event, Log: o.tell.log,
		Stored: func(n int) { o.tell.metrics.History(o.c.Name, n) },
		Ended:  func(state history.State) { o.tell.metrics.HistoryJob(o.c.Name, string(state)) },
	})
	for _, verb := range history.Verbs() {
		add(verb, func(ctx context.Context, request []byte) ([]byte, *answer.Fault) {
			ctx, cancel := context.WithTimeout(mtproto.WithFloodWait(ctx, 0), o.c.Settings.Timeout) // whose a name is, is not waited for
			defer cancel()
			return o.history.Answer(ctx, verb, request)
		})
	}
}

func (o *ownership) runHistory() {
	if o.history != nil {
		o.history.Start()
	}
}

func (o *ownership) endHistory() {
	if o.history != nil {
		o.history.Close()
	}
}

// historyHeld is why nothing is fetched now.
func (o *ownership) historyHeld() string {
	if g := o.calls.gate; g != nil && g.Frozen() != nil {
		return "the account is frozen (natsgram unfreeze)"
	}
	return ""
}

// met learns who is in an answer, but for who was erased.
func (o *ownership) met(result []byte, without []erase.Who) {
	v, err := o.c.Methods.Schema().View(result)
	if err != nil {
		return
	}
	var all []codec.View
	for _, field := range []string{"users", "chats"} {
		for one := range v.Objects(field) {
			if !slices.ContainsFunc(without, func(who erase.Who) bool { return tellsOf(one, who.Target) }) {
				all = append(all, one)
			}
		}
	}
	o.driver.publisher.directory.Met(all, result)
}

// tellsOf reports whether a User or Chat object is of somebody.
func tellsOf(v codec.View, t erase.Target) bool {
	kind := subjects.User
	switch {
	case strings.HasPrefix(v.Name(), "channel"):
		kind = subjects.Channel
	case v.Class() == "Chat":
		kind = subjects.Chat
	}
	return t.Kind == kind && t.ID == v.Int("id")
}

// findChat is the chat that a caller named, in any way that calls take; Telegram may be asked.
func (o *ownership) findChat(ctx context.Context, peer json.RawMessage) (kind subjects.Kind, id int64, err error) {
	x := o.driver.publisher.directory
	text, err := x.Text(peer)
	var b []byte
	if err == nil {
		b, _, err = x.Resolve(ctx, "InputPeer", text)
	}
	if err != nil {
		f := peers.Refusal(err, o.status.explain)
		f.Text, f.Sent = err.Error(), answer.No
		return "", 0, &f
	}
	v, err := o.c.Methods.Schema().View(b)
	if err != nil {
		return "", 0, err
	}
	if v.Name() == "inputPeerSelf" {
		return subjects.User, x.self, nil
	}
	for _, one := range []struct {
		field string
		kind  subjects.Kind
	}{{"user_id", subjects.User}, {"chat_id", subjects.Chat}, {"channel_id", subjects.Channel}} {
		if id := v.Int(one.field); id != 0 {
			return one.kind, id, nil
		}
	}
	return "", 0, answer.Refuse(400, v.Name()+" is no chat")
}

// historyRoom is for the headers by which a message of history is stored behind others.
const historyRoom = 512

// history is a message out of history as it stands in TG_HISTORY: as its update would, with a name of its own. Not for concurrent use.
func (w *writer) history(conn *nats.Conn, item *updates.Item) (nats.Header, []byte) {
	m := w.message(item)
	m.Header[subjects.HeaderMsgID] = []string{w.account + "/" + w.user[0] + "/history/" + string(item.Peer.Kind) + "." + strconv.FormatInt(item.Peer.ID, 10) + "/" + strconv.Itoa(item.Index)}
	limits := stream.LimitsOf(conn)
	limits.Message, limits.Header = limits.Message-historyRoom, limits.Header-historyRoom
	if !limits.Takes(m) {
		m = w.smaller(m, limits, "")[0]
	}
	return m.Header, m.Data
}
