package session

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"strings"
	"time"

	"github.com/natsgram/natsgram/mtproto/mt"
)

// line is a message of the server as a script describes it: a verb and words.
type line struct {
	p     *peer
	words []string
	m     mt.Message
}

// message makes a message of the server from its description.
func (p *peer) message(text string) mt.Message {
	words := strings.Fields(text)
	say := sayings[words[0]]
	if say == nil {
		p.t.Fatalf("unknown message %q", text)
	}
	l := &line{p, words[1:], mt.Message{MsgID: p.nextID(3), SeqNo: 2 * p.content}}
	if body := say(l); body != nil {
		l.m.Body = encode(body)
	}
	return l.m
}

// of is the id of the message that a word names.
func (l *line) of(i int) int64 {
	if id, ok := l.p.queries[l.words[i]]; ok {
		return id
	}
	if id, ok := l.p.last[l.words[i]]; ok {
		return id
	}
	l.p.t.Fatalf("no message %q was sent", l.words[i])
	return 0
}

func (l *line) all() (ids []int64) {
	for i := range l.words {
		ids = append(ids, l.of(i))
	}
	return ids
}

// box is the container that a message went in.
func (l *line) box(i int) int64 { return l.p.inside[l.of(i)] }

func (l *line) number(i int) (n int64) {
	if _, err := fmt.Sscan(l.words[i], &n); err != nil {
		l.p.t.Fatal(err)
	}
	return n
}

// content makes the message one that has to be acknowledged.
func (l *line) content() {
	l.m.SeqNo++
	l.p.content++
}

// named gives the message a name that later lines may use.
func (l *line) named(name string) {
	l.p.queries[name], l.p.names[l.m.MsgID] = l.m.MsgID, name
}

// future names a message that the server has not sent yet.
func (l *line) future(i int) int64 {
	id := l.p.nextID(1)
	l.p.queries[l.words[i]], l.p.names[id] = id, l.words[i]
	return id
}

// result is an rpc_result to the query that the first word names.
func (l *line) result(body []byte) mt.Object {
	l.content()
	l.m.MsgID = l.m.MsgID&^3 | 1
	l.p.queries["answer("+l.words[0]+")"] = l.m.MsgID
	return &mt.RPCResult{ReqMsgID: l.of(0), Result: body}
}

func (l *line) update() mt.Object {
	l.content()
	l.named(l.words[0])
	return raw(query(l.words[0]))
}

// plain is the name of a query, whichever sending of it was meant.
func plain(name string) string { return strings.TrimRight(name, "'") }

// sayings are the messages that a server of a script may send.
var sayings = map[string]func(*line) mt.Object{
	"result": func(l *line) mt.Object { return l.result(query(plain(l.words[0]))) },
	"zip":    func(l *line) mt.Object { return l.result(zipped(query(plain(l.words[0])))) },
	"badzip": func(l *line) mt.Object { return l.result(encode(&mt.GzipPacked{PackedData: []byte("no gzip")})) },
	"error": func(l *line) mt.Object {
		return l.result(encode(&mt.RPCError{ErrorCode: 420, ErrorMessage: l.words[1]}))
	},
	"pong": func(l *line) mt.Object {
		return &mt.Pong{MsgID: l.p.last["ping"], PingID: l.p.s.conn.ping.id}
	},
	"session": func(l *line) mt.Object {
		l.content()
		return &mt.NewSessionCreated{FirstMsgID: l.of(0), UniqueID: l.m.MsgID, ServerSalt: l.p.s.salts.current.Value}
	},
	"bad": func(l *line) mt.Object {
		return &mt.BadMsgNotification{BadMsgID: l.of(0), ErrorCode: int32(l.number(1))}
	},
	"badbox": func(l *line) mt.Object {
		return &mt.BadMsgNotification{BadMsgID: l.box(0), ErrorCode: int32(l.number(1))}
	},
	"salt": func(l *line) mt.Object {
		return &mt.BadServerSalt{BadMsgID: l.of(0), ErrorCode: 48, NewServerSalt: l.number(1)}
	},
	"saltbox": func(l *line) mt.Object {
		return &mt.BadServerSalt{BadMsgID: l.box(0), ErrorCode: 48, NewServerSalt: l.number(1)}
	},
	"ack": func(l *line) mt.Object { return &mt.MsgsAck{MsgIDs: l.all()} },
	"info": func(l *line) mt.Object { // to the last msgs_state_req
		o := &mt.MsgsStateInfo{ReqMsgID: l.p.last["state"]}
		witness := byte(stateReceived)
		for i, word := range l.words {
			if word == "anew" { // by a session that does not know what was before
				witness = stateForgotten
				continue
			}
			o.Info = append(o.Info, byte(l.number(i)))
		}
		o.Info = append(o.Info, bytes.Repeat([]byte{witness}, l.p.witnesses)...)
		return o
	},
	"all": func(l *line) mt.Object {
		return &mt.MsgsAllInfo{MsgIDs: []int64{l.of(0)}, Info: []byte{byte(l.number(1))}}
	},
	"detailed": func(l *line) mt.Object {
		return &mt.MsgDetailedInfo{MsgID: l.of(0), AnswerMsgID: l.future(1)}
	},
	"detailed-seen": func(l *line) mt.Object {
		return &mt.MsgDetailedInfo{MsgID: l.of(0), AnswerMsgID: l.of(1)}
	},
	"newdetailed": func(l *line) mt.Object { return &mt.MsgNewDetailedInfo{AnswerMsgID: l.future(0)} },
	"update":      (*line).update,
	"zipupdate": func(l *line) mt.Object {
		l.content()
		return raw(zipped(query(l.words[0])))
	},
	"again": func(l *line) mt.Object { // an update, with the id that it had
		l.content()
		l.m.MsgID = l.of(0)
		return raw(query(l.words[0]))
	},
	"oldupdate": func(l *line) mt.Object { // of some time ago, or ahead
		d, _ := time.ParseDuration(l.words[1])
		l.m.MsgID = idAt(l.p.now.Add(l.p.skew-d).UnixNano()) | 3
		return l.update()
	},
	"copy": func(l *line) mt.Object {
		inner := &line{l.p, l.words, mt.Message{MsgID: l.p.nextID(3), SeqNo: 2 * l.p.content}}
		inner.m.Body = encode(inner.update())
		return &mt.MsgCopy{OrigMessage: inner.m}
	},
	"boxcopy": func(l *line) mt.Object { // a copy of an update that came before
		l.content()
		return &mt.MsgCopy{OrigMessage: mt.Message{MsgID: l.of(0), SeqNo: 1, Body: query(l.words[0])}}
	},
	"even": func(l *line) mt.Object {
		l.m.MsgID &^= 3
		return raw(query("x"))
	},
	"ping": func(l *line) mt.Object {
		l.p.names[l.m.MsgID] = "ping"
		return &mt.Ping{PingID: l.number(0)}
	},
	"wantstate": func(l *line) mt.Object {
		l.p.names[l.m.MsgID] = "wantstate"
		return &mt.MsgsStateReq{MsgIDs: l.all()}
	},
	"wantagain": func(l *line) mt.Object {
		l.p.names[l.m.MsgID] = "wantagain"
		return &mt.MsgResendReq{MsgIDs: l.all()}
	},
	"salts": func(l *line) mt.Object {
		o := &mt.FutureSalts{ReqMsgID: l.p.last["salts"], Now: int32(l.p.now.Unix())}
		for i := range l.words {
			since := int32(l.p.now.Add(time.Duration(i) * time.Hour).Unix())
			o.Salts = append(o.Salts, mt.FutureSalt{ValidSince: since, ValidUntil: since + 3600, Salt: l.number(i)})
		}
		return o
	},
	"short": func(l *line) mt.Object { // a service message that breaks off
		l.content()
		return raw(encode(&mt.BadMsgNotification{})[:12])
	},
}

func zipped(b []byte) []byte {
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	_, _ = w.Write(b)
	_ = w.Close()
	return encode(&mt.GzipPacked{PackedData: z.Bytes()})
}
