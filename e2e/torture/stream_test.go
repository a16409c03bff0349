package torture

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// readStream reads what stands in the stream behind a sequence, up to its present end.
func readStream(ctx context.Context, js jetstream.JetStream, after uint64) ([]entry, error) {
	st, err := js.Stream(ctx, "TG_UPDATES")
	if err != nil {
		return nil, err
	}
	info, err := st.Info(ctx)
	if err != nil || info.State.LastSeq <= after {
		return nil, err
	}
	consumer, err := st.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1,
	})
	if err != nil {
		return nil, err
	}
	messages, err := consumer.Messages()
	if err != nil {
		return nil, err
	}
	defer messages.Stop()
	var all []entry
	for {
		msg, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return all, err
		}
		e, err := entryOf(msg)
		if err != nil {
			return all, err
		}
		all = append(all, e)
		if e.seq >= info.State.LastSeq {
			return all, nil
		}
	}
}

// payload is what is read of a message.
type payload struct {
	Owner  string
	Update struct {
		Message  json.RawMessage
		Pts, Qts int
		QueryID  string `json:"query_id"`
	}
	Gap *struct {
		From, To int
		Reason   string
	}
}

func entryOf(msg jetstream.Msg) (e entry, err error) {
	meta, err := msg.Metadata()
	if err != nil {
		return e, err
	}
	tokens := strings.Split(msg.Subject(), ".")
	h := msg.Headers()
	e = entry{
		seq: meta.Sequence.Stream, account: tokens[2], owner: tokens[1] == "own", box: h.Get("Tg-Box"), typ: h.Get("Tg-Type"),
		id: h.Get("Nats-Msg-Id"), request: h.Get("Tg-Request-Id"), state: h.Get("Tg-State"), backfill: h.Get("Tg-Backfill") != "",
	}
	e.pts, _ = strconv.Atoi(h.Get("Tg-Pts"))
	e.fence, _ = strconv.ParseUint(h.Get("Nats-Expected-Last-Subject-Sequence"), 10, 64)
	e.inBatch = h.Get("Nats-Batch-Id") != "" && h.Get("Nats-Batch-Sequence") != "1"
	var p payload
	if err := json.Unmarshal(msg.Data(), &p); err != nil {
		return e, fmt.Errorf("message %d: %w: %s", e.seq, err, msg.Data())
	}
	if e.owner {
		e.ownerID, e.fence = p.Owner, 0
		return e, nil
	}
	e.index, _ = strconv.Atoi(e.id[strings.LastIndex(e.id, "/")+1:])
	if e.begins = p.Gap != nil && p.Gap.Reason == "beginning"; p.Gap != nil && !e.begins {
		e.gap = &gap{p.Gap.From, p.Gap.To, p.Gap.Reason}
	}
	e.name(&p)
	return e, nil
}

// name finds what the update is.
func (e *entry) name(p *payload) {
	var m struct {
		ID      int
		Message string
	}
	_ = json.Unmarshal(p.Update.Message, &m) // of some updates it is a text
	e.msgID, e.text = m.ID, m.Message
	switch {
	case e.typ == "updateNewMessage" || e.typ == "updateNewChannelMessage":
		e.key = fmt.Sprintf("m%d", m.ID)
	case e.typ == "updateBotCallbackQuery":
		e.key = "e" + p.Update.QueryID
		e.msgID, _ = strconv.Atoi(p.Update.QueryID)
	case e.box == "secret":
		e.key = fmt.Sprintf("q%d", p.Update.Qts)
	case e.box != "none" && p.Update.Pts > 0:
		e.key = fmt.Sprintf("p%d", p.Update.Pts)
	}
}
