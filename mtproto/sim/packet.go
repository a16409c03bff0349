package sim

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

// queryID begins a query. A name follows in 12 bytes, and zeros as many as there are.
const queryID = 0x11223344

func query(name string, extra int) []byte {
	b := binary.LittleEndian.AppendUint32(make([]byte, 0, 16+extra), queryID)
	b = append(b, name...)
	return b[:16+extra]
}

// nameIn is the name in a query, in an answer to one, and in an update; empty if there is none.
func nameIn(body []byte) string {
	if len(body) < 16 || binary.LittleEndian.Uint32(body) != queryID {
		return ""
	}
	b := body[4:16]
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return string(b)
}

// packet is what is in an encrypted packet of the client.
type packet struct {
	salt, session int64
	outer         int64 // id of the lone message or of the container
	messages      []mt.Message
}

var errPacket = errors.New("the client's packet breaks a rule")

func readPacket(plain []byte) (p packet, err error) {
	r := bin.NewReader(plain)
	p.salt, p.session = r.Int64(), r.Int64()
	m := mt.Message{MsgID: r.Int64(), SeqNo: r.Int32()}
	m.Body = r.Raw(int(r.Int32()))
	p.outer = m.MsgID
	p.messages = []mt.Message{m}
	if idOf(m.Body) == mt.MsgContainerID {
		var c mt.MsgContainer
		in := bin.NewReader(m.Body)
		c.Decode(in)
		p.messages, err = c.Messages, in.Close()
		if m.SeqNo&1 != 0 || len(c.Messages) == 0 {
			err = errPacket
		}
	}
	for _, m := range p.messages {
		if m.MsgID&3 != 0 || m.MsgID > p.outer { // C6, C18
			err = errPacket
		}
	}
	return p, errors.Join(err, r.Err())
}

// sealPacket makes a packet of the server.
func sealPacket(k *crypto.Key, salt, session int64, m mt.Message, rand io.Reader) []byte {
	var w bin.Writer
	w.Int64(salt)
	w.Int64(session)
	w.Int64(m.MsgID)
	w.Int32(m.SeqNo)
	w.Int32(int32(len(m.Body)))
	w.Raw(m.Body)
	out, _, err := crypto.Seal(nil, k, crypto.Server, w.Buf, rand)
	if err != nil {
		panic(err) // of our own making
	}
	return out
}

func encode(o mt.Object) []byte {
	var w bin.Writer
	o.Encode(&w)
	return w.Buf
}

func idOf(body []byte) uint32 {
	if len(body) < 4 {
		return 0
	}
	return binary.LittleEndian.Uint32(body)
}

// idAt is the message id for a time, and whenOf the reverse (C6).
func idAt(t time.Time) int64 { return t.Unix()<<32 | int64(t.Nanosecond())<<32/1e9&^3 }

func whenOf(id int64) time.Time { return time.Unix(id>>32, (id&(1<<32-1))*1e9>>32) }

// raw is TL that is there already.
type raw []byte

func (x raw) Encode(w *bin.Writer) { w.Raw(x) }
func (raw) Decode(*bin.Reader)     {}

// zipped is body as gzip_packed, not smaller: compressing would take longer than all else.
func zipped(body []byte) []byte {
	b := []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1} // and a last block that is stored
	b = binary.LittleEndian.AppendUint16(b, uint16(len(body)))
	b = binary.LittleEndian.AppendUint16(b, ^uint16(len(body)))
	b = append(b, body...)
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(body))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(body)))
	return encode(&mt.GzipPacked{PackedData: b})
}

// boolTrue is the answer to a binding.
func boolTrue() []byte {
	var w bin.Writer
	w.Bool(true)
	return w.Buf
}

// describe says what a message is, for the trace.
func describe(body []byte) string {
	id := idOf(body)
	switch {
	case id == queryID:
		return nameIn(body)
	case id == invokeAfterMsgID && len(body) > 12:
		return fmt.Sprintf("%s after %x", describe(body[12:]), int64(binary.LittleEndian.Uint64(body[4:])))
	case id == bindID:
		return "bindTempAuthKey"
	case id == mt.RPCResultID && len(body) > 12:
		return fmt.Sprintf("rpc_result for %x", int64(binary.LittleEndian.Uint64(body[4:])))
	}
	if name := mt.Name(id); name != "" {
		return name
	}
	return fmt.Sprintf("%08x", id)
}
