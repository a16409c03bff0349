package mt

import (
	"errors"
	"fmt"

	"github.com/natsgram/natsgram/tl/bin"
)

// MaxMessages is how many messages a container may have (C18).
const MaxMessages = 1024

// ErrContainer says that a container is not as C18 wants it. It is to be rejected as a whole.
var ErrContainer = errors.New("mt: bad container")

// Message is a message inside a container, or an outer one without its envelope:
//
//	message#5bb8e511 msg_id:long seqno:int bytes:int body:Object = Message;
//
// Body is the TL of one object; its length is a multiple of 4.
type Message struct {
	MsgID int64
	SeqNo int32
	Body  []byte
}

// headSize is what a message in a container has before its body.
const headSize = 16

// MsgContainer is
//
//	msg_container#73f1f8dc messages:vector<message> = MessageContainer;
type MsgContainer struct{ Messages []Message }

// Encode appends the container with its id.
func (x *MsgContainer) Encode(w *bin.Writer) { AppendContainer(w, x.Messages) }

// Decode takes the container with its id. Bodies alias the input.
func (x *MsgContainer) Decode(r *bin.Reader) {
	x.Messages = x.Messages[:0]
	ReadContainer(r, func(m Message) error {
		x.Messages = append(x.Messages, m)
		return nil
	})
}

// MsgCopy is
//
//	msg_copy#e06046b2 orig_message:Message = MessageCopy;
//
// a message that was sent before under another id (C20).
type MsgCopy struct{ OrigMessage Message }

// Encode appends the message with both ids.
func (x *MsgCopy) Encode(w *bin.Writer) {
	w.Uint32(MsgCopyID)
	x.OrigMessage.Encode(w)
}

// Decode takes the message with both ids. The body aliases the input.
func (x *MsgCopy) Decode(r *bin.Reader) {
	r.Expect(MsgCopyID, "msg_copy")
	x.OrigMessage.Decode(r)
}

// Encode appends the message with its id, as in a msg_copy. In a container it has none.
func (x *Message) Encode(w *bin.Writer) {
	w.Uint32(MessageID)
	x.encode(w)
}

// Decode takes a message with its id.
func (x *Message) Decode(r *bin.Reader) {
	r.Expect(MessageID, "message")
	x.decode(r)
}

func (x *Message) encode(w *bin.Writer) {
	if len(x.Body)%4 != 0 || len(x.Body) > bin.MaxBytes {
		w.Fail(fmt.Errorf("%w: message of %d bytes", ErrContainer, len(x.Body)))
		return
	}
	w.Int64(x.MsgID)
	w.Int32(x.SeqNo)
	w.Int32(int32(len(x.Body)))
	w.Raw(x.Body)
}

func (x *Message) decode(r *bin.Reader) {
	x.MsgID, x.SeqNo = r.Int64(), r.Int32()
	n := r.Int32()
	if n%4 != 0 {
		r.Fail(fmt.Errorf("%w: at byte %d: message of %d bytes", ErrContainer, r.Offset()-4, n))
	}
	x.Body = r.Raw(int(n))
}

// AppendContainer appends a msg_container of the messages. It fails w for more than [MaxMessages], and for a body that
// is no multiple of 4 bytes or longer than 16 MiB.
func AppendContainer(w *bin.Writer, messages []Message) {
	if len(messages) > MaxMessages {
		w.Fail(fmt.Errorf("%w: %d messages, at most %d may be", ErrContainer, len(messages), MaxMessages))
		return
	}
	w.Uint32(MsgContainerID)
	w.Int32(int32(len(messages)))
	for i := range messages {
		messages[i].encode(w)
	}
}

// ReadContainer takes a msg_container and hands its messages to each, in order. It does so only when the whole container
// is well formed: at most [MaxMessages], every length a multiple of 4 and inside the container, and no container inside
// (C18). Bodies alias the input. An error of each ends the reading and becomes the Reader's.
func ReadContainer(r *bin.Reader, each func(Message) error) {
	r.Expect(MsgContainerID, "msg_container")
	n := r.Count(headSize)
	if n > MaxMessages {
		r.Fail(fmt.Errorf("%w: %d messages, at most %d may be", ErrContainer, n, MaxMessages))
	}
	check := *r
	var m Message
	for i := 0; i < n && check.Err() == nil; i++ {
		m.decode(&check)
		checkBody(&check, m.Body)
	}
	if err := check.Err(); err != nil {
		r.Fail(err)
		return
	}
	for range n {
		m.decode(r)
		if err := each(m); err != nil {
			r.Fail(err)
			return
		}
	}
}

func checkBody(r *bin.Reader, body []byte) {
	var b bin.Reader
	b.Reset(body)
	if b.Peek() == MsgContainerID {
		r.Fail(fmt.Errorf("%w: a container inside the container before byte %d", ErrContainer, r.Offset()))
	}
}
