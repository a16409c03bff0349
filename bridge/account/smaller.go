package account

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/vmihailenco/msgpack/v5"

	"github.com/natsgram/natsgram/bridge/stream"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

func (w *writer) smaller(m stream.Message, limits stream.Limits, refusal string) []stream.Message {
	m.Header = cloned(m.Header)
	if len(first(m.Header, subjects.HeaderRequestID)) > longestRequest {
		delete(m.Header, subjects.HeaderRequestID)
	}
	all := w.split(m, min(limits.Header, limits.Message)/4)
	m = all[0]
	if refusal != "" && m.Form < formSlim {
		m = w.form(m, formSlim, redactedRefused, limits)
	}
	for m.Form < formBare && !limits.Takes(m) {
		m = w.form(m, m.Form+1, redactedTooLarge, limits)
	}
	all[0] = m
	return all
}

func cloned(h nats.Header) nats.Header {
	c := make(nats.Header, len(h))
	for k, v := range h {
		c[k] = v
	}
	return c
}

// split has what of a long state does not fit into most bytes follow in messages of its own.
func (w *writer) split(m stream.Message, most int64) []stream.Message {
	state, id := first(m.Header, subjects.HeaderState), first(m.Header, subjects.HeaderMsgID)
	if int64(len(state)) <= most {
		return []stream.Message{m}
	}
	parts := chunks(state, int(max(most, 1)))
	m.Header[subjects.HeaderState] = []string{parts[0]}
	all := []stream.Message{m}
	for i, part := range parts[1:] {
		all = append(all, stream.Message{
			Subject: w.scheme.Update(w.account, subjects.Update{Type: stateName}),
			Header: nats.Header{
				subjects.HeaderType: {stateName}, subjects.HeaderBox: {"none"}, subjects.HeaderState: {part},
				subjects.HeaderMsgID: {id + "/" + strconv.Itoa(i+1)}, subjects.HeaderUser: w.user,
			},
			Form: formBare,
		})
	}
	return all
}

// chunks cuts a state between its fields, so that each part has at most so many bytes, or one field.
func chunks(state string, most int) (parts []string) {
	for len(state) > most {
		cut := strings.LastIndexByte(state[:most+1], ';')
		if cut <= 0 {
			if cut = strings.IndexByte(state, ';'); cut < 0 {
				break
			}
		}
		parts = append(parts, state[:cut])
		state = state[cut+1:]
	}
	return append(parts, state)
}

// form leaves out of a message what that form does not have.
func (w *writer) form(m stream.Message, form uint8, why string, limits stream.Limits) stream.Message {
	update, ok := w.open(m)
	m.Form = form
	switch {
	case form == formBare, !ok && first(m.Header, subjects.HeaderType) == gapName:
		m.Form, m.Data = formBare, nil
		delete(m.Header, subjects.HeaderDelay)
		delete(m.Header, subjects.HeaderRequestID)
	case form == formAlone && !ok:
		return m
	case form == formAlone:
		why = redactedMentions
		m.Data = w.alone(update)
	default:
		v, _ := w.viewOf(update)
		m.Header[subjects.HeaderContentType] = w.content
		m.Data = w.slimmed(w.about(m, v, why), limits.Message-stream.HeaderSize(m.Header))
	}
	if old := first(m.Header, subjects.HeaderRedacted); old == "" || old == redactedMentions {
		m.Header[subjects.HeaderRedacted] = []string{why}
	}
	return m
}

// about is what is needed to fetch an update that is left out.
func (w *writer) about(m stream.Message, v codec.View, why string) *redaction {
	r := &redaction{
		Name: first(m.Header, subjects.HeaderType), Why: why, Box: first(m.Header, subjects.HeaderBox), Bytes: len(m.Data),
	}
	r.Pts, _ = strconv.Atoi(first(m.Header, subjects.HeaderPts))
	if tokens := strings.Split(m.Subject, "."); len(tokens) > 2 {
		r.Kind = tokens[len(tokens)-2]
		r.ID, _ = strconv.ParseInt(tokens[len(tokens)-1], 10, 64)
	}
	if v.Valid() {
		r.IDs = messageIDs(v)
	}
	return r
}

// slimmed is a payload without the update's contents, with as many of the ids as room leaves.
func (w *writer) slimmed(r *redaction, room int64) []byte {
	for {
		data := w.redacted(r)
		if int64(len(data)) <= room || len(r.IDs) <= 1 {
			return data
		}
		half := len(r.IDs) / 2
		r.Left, r.IDs = r.Left+len(r.IDs)-half, r.IDs[:half]
	}
}

// open takes the update out of a payload, as it is encoded. One of a layer that nobody knows is none.
func (w *writer) open(m stream.Message) (update []byte, ok bool) {
	data := m.Data
	if first(m.Header, subjects.HeaderContentType) != w.content[0] {
		return nil, false
	}
	if w.msgpack {
		var frame struct {
			Update msgpack.RawMessage `msgpack:"update"`
		}
		err := msgpack.Unmarshal(data, &frame)
		return frame.Update, err == nil && len(frame.Update) > 0
	}
	var frame struct {
		Update json.RawMessage `json:"update"`
	}
	err := json.Unmarshal(data, &frame)
	return frame.Update, err == nil && len(frame.Update) > 0
}

// viewOf reads an update that is encoded.
func (w *writer) viewOf(update []byte) (codec.View, error) {
	var tl []byte
	var err error
	if w.msgpack {
		tl, err = w.schema.AppendTLFromMsgpack(nil, update, w.schema.AnyObject(), nil)
	} else {
		tl, err = w.schema.AppendTLFromJSON(nil, update, w.schema.AnyObject(), nil)
	}
	if err != nil {
		return codec.View{}, err
	}
	return w.schema.View(tl)
}

// messageIDs are the ids of the messages that an update is about, by the names that the API has for them in all its layers.
func messageIDs(v codec.View) []int64 {
	ids := []int64{}
	if message, ok := v.Object("message"); ok {
		if id := message.Int("id"); id != 0 {
			ids = append(ids, id)
		}
	}
	ids = append(ids, v.Longs("messages")...)
	for _, field := range []string{"msg_id", "id", "max_id"} {
		if id := v.Int(field); len(ids) == 0 && id != 0 {
			ids = append(ids, id)
		}
	}
	return ids
}
