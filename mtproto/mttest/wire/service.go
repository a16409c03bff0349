package wire

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"time"

	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

// Ids of the service messages.
const (
	idContainer        = 0x73f1f8dc
	idGzip             = 0x3072cfa1
	idCopy             = 0xe06046b2
	idAck              = 0x62d6b459
	idRPCResult        = 0xf35c6d01
	idRPCError         = 0x2144ca19
	idPing             = 0x7abe77ec
	idPingDelay        = 0xf3427b8c
	idPong             = 0x347773c5
	idBadMsg           = 0xa7eff811
	idBadSalt          = 0xedab447b
	idNewSession       = 0x9ec20908
	idStateReq         = 0xda69fb52
	idStateInfo        = 0x04deb57d
	idAllInfo          = 0x8cc0d131
	idResendReq        = 0x7d861a08
	idDropAnswer       = 0x58e4a740
	idAnswerUnknown    = 0x5e2ad36e
	idDroppedRunning   = 0xcd78e586
	idAnswerDropped    = 0xa43ad8b7
	idGetSalts         = 0xb921bd04
	idFutureSalts      = 0xae500895
	idDestroySession   = 0xe7512126
	idDestroyOK        = 0xe22045fc
	idDestroyNone      = 0x62d350c9
	idDestroyAuthKey   = 0xd1435160
	idDestroyAuthKeyOK = 0xf660e1d4
	idHTTPWait         = 0x9299359f
)

func idOf(body []byte) uint32 {
	if len(body) < 4 {
		return 0
	}
	return binary.LittleEndian.Uint32(body)
}

type class uint8

const (
	either class = iota // may be content-related or not
	never
	query
)

// classify says whether a message has to be content-related (C14). msgs_ack must not be by the page; mtcute has always sent it
// so, and lives on Telegram.
func classify(id uint32) class {
	switch id {
	case idContainer, idCopy:
		return never
	case idAck, idPing, idPingDelay, idStateReq, idStateInfo, idAllInfo, idResendReq, idDropAnswer, idGetSalts, idDestroySession, idDestroyAuthKey, idHTTPWait,
		// What gzip_packed holds is not known yet.
		idGzip:
		return either
	}
	return query
}

// process does what a message asks for.
func (s *Session) process(c *Conn, h header, body []byte) error {
	id := idOf(body)
	if id == idGzip {
		var err error
		if c.ungzip, err = gunzip(c.ungzip[:0], body); err != nil || idOf(c.ungzip) == idGzip || idOf(c.ungzip) == idContainer {
			return c.refuse()
		}
		body = c.ungzip
		id = idOf(body)
	}
	if classify(id) == query {
		s.call(c, h, body)
		return nil
	}
	r := bin.NewReader(body)
	r.Uint32()
	s.service(c, h, id, r)
	if r.Err() != nil {
		return c.refuse()
	}
	if h.seq&1 != 0 {
		s.acknowledge(h.id)
	}
	return nil
}

func (s *Session) acknowledge(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out.ack(id)
	if s.conn != nil {
		s.conn.poke()
	}
}

func (s *Session) service(c *Conn, h header, id uint32, r *bin.Reader) {
	switch id {
	case idAck:
		s.acksReceived(longs(r))
	case idPing:
		s.send(pong(h.id, r.Int64()))
	case idPingDelay:
		ping, delay := r.Int64(), r.Int32()
		c.byeAfter(time.Duration(max(delay, 0)) * time.Second)
		s.send(pong(h.id, ping))
	case idStateReq:
		s.sendStates(h.id, longs(r))
	case idResendReq:
		s.resend(h.id, longs(r))
	case idDropAnswer:
		s.dropAnswer(h.id, r.Int64())
	case idGetSalts:
		s.sendSalts(h.id, r.Int32())
	case idDestroySession:
		s.destroyOther(r.Int64())
	case idDestroyAuthKey:
		s.key.centre.destroy(s.key) // before the client can hear of it
		s.send(message{content: true, body: words(idDestroyAuthKeyOK)})
	}
}

// longs takes a Vector<long> of at most 8192 items (C16).
func longs(r *bin.Reader) []int64 {
	n := r.Vector(8)
	if n > maxIDs {
		r.Fail(errTooMany)
		return nil
	}
	all := make([]int64, n)
	for i := range all {
		all[i] = r.Int64()
	}
	return all
}

var errTooMany = errors.New("wire: more than 8192 ids")

func (s *Session) acksReceived(ids []int64) {
	if s.key.centre.cfg.Faults.happens(IgnoreAcks) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		s.acked(id)
	}
}

func (s *Session) sendStates(req int64, ids []int64) {
	s.mu.Lock()
	states := make([]byte, len(ids))
	for i, id := range ids {
		states[i] = s.in.state(id)
	}
	s.mu.Unlock()
	var w bin.Writer
	w.Uint32(idStateInfo)
	w.Int64(req)
	w.Bytes(states)
	s.send(message{content: true, body: w.Buf})
}

// resend sends again what is still there, and for the rest says what it knows (C30).
func (s *Session) resend(req int64, ids []int64) {
	missing := 0
	s.mu.Lock()
	for _, id := range ids {
		if m := s.out.find(id); m != nil {
			s.out.requeue(m)
		} else {
			missing++
		}
	}
	s.mu.Unlock()
	if missing > 0 {
		s.sendStates(req, ids)
	}
}

func (o *outbox) find(id int64) *message {
	for _, m := range o.sent {
		if m.id == id {
			return m
		}
	}
	return nil
}

// dropAnswer gives up the answer to a query, in one of three ways (C31).
func (s *Session) dropAnswer(req, of int64) {
	var w bin.Writer
	w.Uint32(idRPCResult)
	w.Int64(req)
	s.mu.Lock()
	switch e := s.in.find(of); {
	case e == nil || !e.query || e.done && e.answer == nil:
		w.Uint32(idAnswerUnknown)
	case e.answer == nil:
		w.Uint32(idDroppedRunning)
	default:
		w.Uint32(idAnswerDropped)
		w.Int64(e.answer.id)
		w.Int32(e.answer.seq)
		w.Int32(int32(len(e.answer.body)))
		s.acked(e.answer.id)
	}
	s.mu.Unlock()
	s.send(message{content: true, answer: true, to: req, body: w.Buf})
}

func (s *Session) sendSalts(req int64, n int32) {
	now := s.key.centre.cfg.Now()
	all := s.key.salts.future(now, int(min(max(n, 1), maxFutureSalts)))
	var w bin.Writer
	w.Uint32(idFutureSalts)
	w.Int64(req)
	w.Int32(int32(now.Unix()))
	w.Int32(int32(len(all)))
	for _, f := range all {
		w.Int32(f.since)
		w.Int32(f.until)
		w.Int64(f.salt)
	}
	s.send(message{body: w.Buf})
}

// destroyOther ends another session of the key, never the one that asks (C38).
func (s *Session) destroyOther(id int64) {
	answer := uint32(idDestroyNone)
	if id != s.ID && s.key.Destroy(id) {
		answer = idDestroyOK
	}
	w := bin.Writer{Buf: words(answer)}
	w.Int64(id)
	s.send(message{content: true, body: w.Buf})
}

func words(ids ...uint32) (b []byte) {
	for _, id := range ids {
		b = binary.LittleEndian.AppendUint32(b, id)
	}
	return b
}

func pong(msgID, pingID int64) message {
	w := bin.Writer{Buf: words(idPong)}
	w.Int64(msgID)
	w.Int64(pingID)
	return message{body: w.Buf}
}

func badMessage(h header, code int) message {
	w := bin.Writer{Buf: words(idBadMsg)}
	w.Int64(h.id)
	w.Int32(h.seq)
	w.Int32(int32(code))
	return message{body: w.Buf}
}

func badServerSalt(h header, salt int64) message {
	w := bin.Writer{Buf: words(idBadSalt)}
	w.Int64(h.id)
	w.Int32(h.seq)
	w.Int32(badSalt)
	w.Int64(salt)
	return message{body: w.Buf}
}

func newSession(first, unique, salt int64) *message {
	w := bin.Writer{Buf: words(idNewSession)}
	w.Int64(first)
	w.Int64(unique)
	w.Int64(salt)
	return &message{content: true, body: w.Buf}
}

func acksBody(ids []int64) []byte {
	w := bin.Writer{Buf: words(idAck)}
	w.Vector(len(ids))
	for _, id := range ids {
		w.Int64(id)
	}
	return w.Buf
}

// gunzip appends what a gzip_packed holds.
func gunzip(dst, body []byte) ([]byte, error) {
	r := bin.NewReader(body)
	r.Expect(idGzip, "gzip_packed")
	packed := r.Bytes()
	if err := r.Err(); err != nil {
		return dst, err
	}
	return mt.Gunzip(dst, packed, maxUncompressed)
}

// compressed is body, or a gzip_packed of it if it is over the limit and gets smaller.
func compressed(body []byte, over int) []byte {
	if over == 0 || len(body) <= over {
		return body
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	// A bytes.Buffer does not fail.
	_, _ = z.Write(body)
	_ = z.Close()
	if b.Len()+8 >= len(body) {
		return body
	}
	w := bin.Writer{Buf: words(idGzip)}
	w.Bytes(b.Bytes())
	return w.Buf
}
