package account

import (
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/stream"
	"github.com/natsgram/natsgram/bridge/withhold"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// writer makes messages of updates.
type writer struct {
	account  string
	scheme   subjects.Scheme
	schema   *codec.Schema
	rules    *updates.Rules
	layer    []string
	content  []string
	msgpack  bool
	withheld *withhold.Rule
	conn     *nats.Conn
	owner    string
	unplaced uint64               // updates in no box so far
	received time.Time            // when what is written now came
	ahead    func() time.Duration // how far our clock is ahead of Telegram's; nil: not at all
}

func newWriter(r *Runner, owner string) *writer {
	w := &writer{
		account: r.Name, scheme: r.Settings.Scheme(), schema: r.Methods.Schema(), rules: r.Rules, layer: []string{strconv.Itoa(r.Methods.Schema().Layer())},
		content: []string{"application/json"}, msgpack: r.Settings.Encoding == "msgpack", withheld: r.Methods.Withheld(),
		conn: r.Conn, owner: owner,
	}
	if w.msgpack {
		w.content[0] = "application/msgpack"
	}
	return w
}

// headerRoom is what the headers of an update may take of max_payload, in bytes.
const headerRoom = 4096

// message is an update as it stands in the stream.
func (w *writer) message(item *updates.Item) stream.Message {
	m := stream.Message{Subject: w.subject(item), Header: w.header(item)}
	if item.Name == updates.Unknown {
		return w.unknown(item, m)
	}
	update, cut, err := w.withheld.Redact(nil, item.Update, w.schema.Object())
	if cut || err != nil {
		m.Header[subjects.HeaderRedacted] = []string{withhold.Reason}
	}
	if err != nil { // nobody can tell what is in it
		m.Data = w.slim(item)
		return m
	}
	if cut {
		without := *item
		without.Update, item = update, &without
	}
	m.Data = w.body(item, true)
	if room := w.conn.MaxPayload() - headerRoom; int64(len(m.Data)) > room {
		m.Header[subjects.HeaderRedacted] = []string{"too large"}
		if m.Data = w.body(item, false); int64(len(m.Data)) > room {
			m.Data = w.slim(item)
		}
	}
	return m
}

// unknown writes what no schema at hand can read as it came. Whose message it holds cannot be read either: where the id of
// one of Telegram's own users stands anywhere in it, it is kept from the bus.
func (w *writer) unknown(item *updates.Item, m stream.Message) stream.Message {
	m.Header[subjects.HeaderContentType] = []string{"application/x-tl"}
	switch {
	case w.withheld.Names(item.Update):
		m.Header[subjects.HeaderRedacted] = []string{withhold.Reason}
	case int64(len(item.Update)) > w.conn.MaxPayload()-headerRoom:
		m.Header[subjects.HeaderRedacted] = []string{"too large"}
	default:
		m.Data = item.Update
	}
	return m
}

func (w *writer) subject(item *updates.Item) string {
	u := subjects.Update{Type: item.Name, Kind: subjects.Kind(item.Peer.Kind), ID: item.Peer.ID}
	if item.Live {
		return w.scheme.Live(w.account, u)
	}
	return w.scheme.Update(w.account, u)
}

func (w *writer) header(item *updates.Item) nats.Header {
	box := item.Box.String()
	h := make(nats.Header, 16) // with what the log adds
	h[subjects.HeaderType] = []string{item.Name}
	h[subjects.HeaderBox] = []string{box}
	h[subjects.HeaderDate] = []string{strconv.Itoa(item.Date)}
	h[subjects.HeaderLayer] = w.layer
	h[subjects.HeaderContentType] = w.content
	if item.Pts != 0 {
		h[subjects.HeaderPts] = []string{strconv.Itoa(item.Pts)}
	}
	if item.State != "" {
		h[subjects.HeaderState] = []string{item.State}
	}
	if isNew(item) {
		h[subjects.HeaderDelay] = []string{strconv.FormatInt(w.delay(item).Milliseconds(), 10)}
	}
	if item.Backfill {
		h[subjects.HeaderBackfill] = []string{"true"}
	}
	if connection := w.rules.Business(item); connection != "" {
		h[subjects.HeaderBusiness] = []string{connection}
	}
	if item.Origin != "" {
		h[subjects.HeaderRequestID] = []string{item.Origin}
	}
	if !item.Live {
		h[subjects.HeaderMsgID] = []string{w.id(item, box)}
	}
	return h
}

// delay is how late a new message came, as far as its date tells: that has whole seconds.
func (w *writer) delay(item *updates.Item) time.Duration {
	received := w.received
	if w.ahead != nil {
		received = received.Add(-w.ahead())
	}
	return max(received.Sub(time.Unix(int64(item.Date), 0)), 0)
}

// isNew: a message that was just written, as far as is known, so that its delay tells something.
func isNew(item *updates.Item) bool {
	return item.Date > 0 && !item.Backfill && item.Origin == "" && strings.HasPrefix(item.Name, "updateNew") && strings.HasSuffix(item.Name, "Message")
}

// id names an update for ever: account/box/pts/index. What has no place in a box is numbered under its owner (E23).
func (w *writer) id(item *updates.Item, box string) string {
	if item.Box.Kind == updates.None {
		w.unplaced++
		return w.account + "/none/" + w.owner + "/" + strconv.FormatUint(w.unplaced, 10)
	}
	return w.account + "/" + box + "/" + strconv.Itoa(item.Pts) + "/" + strconv.Itoa(item.Index)
}

// body is the payload; what cannot be read with this layer is told by its name.
func (w *writer) body(item *updates.Item, mentioned bool) []byte {
	if item.Gap != nil {
		return w.gap(item)
	}
	size := len(item.Update)
	users, chats := item.Users, item.Chats
	if !mentioned {
		users, chats = nil, nil
	}
	for _, list := range [][][]byte{users, chats} {
		for _, o := range list {
			size += len(o)
		}
	}
	p := payload{w: w, b: make([]byte, 0, 64+2*size)}
	p.open(3)
	p.key("update")
	p.object(item.Update)
	p.list("users", users)
	p.list("chats", chats)
	p.close()
	if p.err != nil {
		return w.slim(item)
	}
	return p.b
}

// slim is a payload without contents.
func (w *writer) slim(item *updates.Item) []byte {
	p := payload{w: w}
	p.open(3)
	p.key("update")
	p.open(1)
	p.key("_")
	p.text(item.Name)
	p.close()
	p.list("users", nil)
	p.list("chats", nil)
	p.close()
	return p.b
}

func (w *writer) gap(item *updates.Item) []byte {
	p := payload{w: w}
	p.open(1)
	p.key("gap")
	p.open(5)
	p.key("box")
	p.text(item.Gap.Box.String())
	p.key("from")
	p.number(item.Gap.From)
	p.key("to")
	p.number(item.Gap.To)
	p.key("reason")
	p.text(item.Gap.Reason)
	p.key("filled")
	p.truth(item.Gap.Fill)
	p.close()
	p.close()
	return p.b
}
