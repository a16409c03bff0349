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
	owner    string
	user     []string  // whose updates they are
	unplaced uint64    // updates in no box so far
	received time.Time // when what is written now came
	client   Client    // which knows how far our clock is ahead of Telegram's; may be nil
}

func newWriter(c *Config, owner string, user int64) *writer {
	w := &writer{
		account: c.Name, scheme: c.Settings.Scheme(), schema: c.Methods.Schema(), rules: c.Rules,
		layer:   []string{strconv.Itoa(c.Methods.Schema().Layer())},
		content: []string{subjects.ContentJSON}, msgpack: c.Settings.Encoding == "msgpack", withheld: c.Methods.Withheld(),
		owner: owner, user: []string{strconv.FormatInt(user, 10)},
	}
	if w.msgpack {
		w.content[0] = subjects.ContentMsgpack
	}
	return w
}

// message is an update as it stands in the stream, if it fits.
func (w *writer) message(item *updates.Item) stream.Message {
	m := stream.Message{Subject: w.subject(item), Header: w.header(item)}
	if item.Name == updates.Unknown {
		return w.unknown(item, m)
	}
	update, why, err := w.withheld.Redact(nil, item.Update, w.schema.AnyObject())
	if err != nil { // nobody can tell what is in it
		m.Header[subjects.HeaderRedacted] = []string{withhold.Message}
		m.Data, m.Form = w.redacted(w.about(m, codec.View{}, withhold.Message)), formSlim
		return m
	}
	if why != "" {
		m.Header[subjects.HeaderRedacted] = []string{why}
		without := *item
		without.Update, item = update, &without
	}
	m.Data = w.body(item)
	return m
}

// unknown writes what no schema at hand can read as it came. Whose message it holds cannot be read either: where the id of
// one of Telegram's own users stands anywhere in it, it is kept from the bus.
func (w *writer) unknown(item *updates.Item, m stream.Message) stream.Message {
	m.Header[subjects.HeaderContentType] = []string{subjects.ContentTL}
	if w.withheld.Names(item.Update) {
		m.Header[subjects.HeaderRedacted] = []string{withhold.Message}
		m.Form = formBare
		return m
	}
	m.Data = item.Update
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
	h[subjects.HeaderUser] = w.user
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
	about(h, &item.About)
	if item.Backfill {
		h[subjects.HeaderBackfill] = []string{"true"}
	}
	if connection := w.rules.BusinessConnection(item); connection != "" {
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

// mostNamed is how many messages a header names: a difference can tell of thousands that were deleted.
const mostNamed = 100

// about says in headers which messages an update is about, so that nobody has to read it for that.
func about(h nats.Header, a *updates.About) {
	if a.MsgID != 0 {
		h[subjects.HeaderMessage] = []string{strconv.Itoa(a.MsgID)}
	} else if n := len(a.MsgIDs); 0 < n && n <= mostNamed {
		all := make([]byte, 0, 8*n)
		for i, id := range a.MsgIDs {
			if i > 0 {
				all = append(all, ',')
			}
			all = strconv.AppendInt(all, id, 10)
		}
		h[subjects.HeaderMessage] = []string{string(all)}
	}
	if a.Topic != 0 {
		h[subjects.HeaderTopic] = []string{strconv.Itoa(a.Topic)}
	}
	if a.Thread != 0 {
		h[subjects.HeaderThread] = []string{strconv.Itoa(a.Thread)}
	}
	if a.Album != 0 {
		h[subjects.HeaderAlbum] = []string{strconv.FormatInt(a.Album, 10)}
	}
}

// delay is how late a new message came, as far as its date tells: that has whole seconds.
func (w *writer) delay(item *updates.Item) time.Duration {
	received := w.received.Add(-ahead(w.client))
	return max(received.Sub(time.Unix(int64(item.Date), 0)), 0)
}

// isNew reports whether an item is a message that was just written, as far as is known, so that its delay tells something.
func isNew(item *updates.Item) bool {
	return item.Date > 0 && !item.Backfill && item.Origin == "" &&
		strings.HasPrefix(item.Name, "updateNew") && strings.HasSuffix(item.Name, "Message")
}

// id names an update for ever: account/user/era/box/pts/index. An era is a counting of Telegram's: it may begin anew (E10). What
// has no place in a box is numbered under its owner (E23). Parts of an update about several chats have their number behind it.
func (w *writer) id(item *updates.Item, box string) string {
	whose := w.account + "/" + w.user[0] + "/"
	if item.Box.Kind == updates.None {
		w.unplaced++
		return whose + "none/" + w.owner + "/" + strconv.FormatUint(w.unplaced, 10)
	}
	return whose + strconv.FormatUint(item.Era, 10) + "/" + box + "/" + strconv.Itoa(item.Pts) + "/" + strconv.Itoa(item.Index)
}

// body is the payload; what cannot be read with this layer is told by its name.
func (w *writer) body(item *updates.Item) []byte {
	if item.Gap != nil {
		return w.gap(item)
	}
	size := len(item.Update)
	for _, list := range [][][]byte{item.Users, item.Chats} {
		for _, o := range list {
			size += len(o)
		}
	}
	p := payload{schema: w.schema, msgpack: w.msgpack, b: make([]byte, 0, 64+2*size)}
	p.open(3)
	p.key("update")
	p.object(item.Update)
	p.list("users", item.Users)
	p.list("chats", item.Chats)
	p.close()
	if p.err != nil {
		return w.named(item.Name)
	}
	return p.b
}

// named is a payload with nothing but the update's name.
func (w *writer) named(name string) []byte {
	p := payload{schema: w.schema, msgpack: w.msgpack}
	p.open(3)
	p.name(name)
	p.list("users", nil)
	p.list("chats", nil)
	p.close()
	return p.b
}

// alone is the payload of an update, encoded already, without users and chats.
func (w *writer) alone(update []byte) []byte {
	p := payload{schema: w.schema, msgpack: w.msgpack}
	p.open(3)
	p.key("update")
	p.raw(update)
	p.list("users", nil)
	p.list("chats", nil)
	p.close()
	return p.b
}

// redacted is the payload of an update that is left out.
func (w *writer) redacted(r *redaction) []byte {
	p := payload{schema: w.schema, msgpack: w.msgpack}
	p.open(4)
	p.name(r.Name)
	p.list("users", nil)
	p.list("chats", nil)
	p.key("redacted")
	p.open(8)
	p.field("reason", r.Why)
	p.field("box", r.Box)
	p.key("pts")
	p.number(r.Pts)
	p.field("kind", r.Kind)
	p.key("id")
	p.long(r.ID)
	p.key("message_ids")
	p.array(len(r.IDs))
	for i, id := range r.IDs {
		p.next(i)
		p.number(int(id))
	}
	p.endArray()
	p.key("message_ids_left_out")
	p.number(r.Left)
	p.key("bytes")
	p.number(r.Bytes)
	p.close()
	p.close()
	return p.b
}

func (w *writer) gap(item *updates.Item) []byte {
	p := payload{schema: w.schema, msgpack: w.msgpack}
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
