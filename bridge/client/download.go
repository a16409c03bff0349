package client

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/subjects"
)

// FileOf says which file of Telegram's is meant: by one of Link, Message, Story, PhotoOf and Emoji.
type FileOf struct {
	Link    string     `json:"link,omitempty"`     // https://t.me/news/5
	Message *MessageAt `json:"message,omitempty"`  // the message that has it
	Story   *MessageAt `json:"story,omitempty"`    // the story that has it
	PhotoOf string     `json:"photo_of,omitempty"` // the photo of a peer
	Emoji   string     `json:"emoji,omitempty"`    // the id of a custom emoji

	Size   string `json:"size,omitempty"`   // original where it is empty, thumb, or a type of Telegram's: m, x, y
	Offset int64  `json:"offset,omitempty"` // bytes that the program has already
}

// MessageAt is where a message or a story is: the peer as text, such as @news or channel.123.
type MessageAt struct {
	Peer string `json:"peer"`
	ID   int64  `json:"id"`
}

// FileInfo is what is known of a file.
type FileInfo struct {
	Name string `json:"name"`
	Size int64  `json:"size"` // of the whole file, in bytes; 0: not known
	Mime string `json:"mime_type"`
}

// rangeSize is how much of a file one answer has: what is lost of it is asked for again.
const rangeSize = 4 << 20

// fileTries is how often a part of a file is asked for that was not answered.
const fileTries = 8

// Download writes a file to w, from its offset to its end, one range after another: it needs no right but to tg.file. It returns how many
// bytes it wrote; where that is not all of them, a later call goes on from there. Its error is an [*Error], or w's.
func (c *Client) Download(ctx context.Context, of FileOf, w io.Writer) (info FileInfo, n int64, err error) {
	for {
		data, got, err := c.fileRange(ctx, of)
		if err != nil {
			return info, n, err
		}
		info = got
		m, err := w.Write(data)
		n += int64(m)
		if err != nil {
			return info, n, err
		}
		of.Offset += int64(len(data))
		if len(data) < rangeSize || info.Size > 0 && of.Offset >= info.Size {
			return info, n, nil
		}
	}
}

// fileRange asks for a range until it is answered.
func (c *Client) fileRange(ctx context.Context, of FileOf) (data []byte, info FileInfo, err error) {
	k := &call{method: subjects.TreeFile + "." + subjects.FileGet, subject: c.o.scheme.File(c.account, subjects.FileGet)}
	if c.err != nil {
		return nil, info, c.failed(k, &Error{Code: codeBadRequest, Text: c.err.Error(), Sent: SentNo, Err: c.err})
	}
	body, err := json.Marshal(struct {
		FileOf
		Limit int64 `json:"limit"`
	}{of, rangeSize})
	if err != nil {
		return nil, info, err
	}
	err = retry.Do(ctx, retry.Backoff{Min: 100 * time.Millisecond, Max: 2 * time.Second}, func(ctx context.Context) (bool, error) {
		var e *Error
		if data, info, e = c.tryRange(ctx, k, body); e == nil {
			return false, nil
		}
		return k.attempts < fileTries && (e.Code == codeUnavailable || e.Code == codeNoAnswer), e
	})
	return data, info, err
}

func (c *Client) tryRange(ctx context.Context, k *call, body []byte) (data []byte, info FileInfo, e *Error) {
	k.attempts++
	attempt, cancel := context.WithTimeout(ctx, c.o.timeout)
	defer cancel()
	deadline, _ := attempt.Deadline()
	h := nats.Header{subjects.HeaderReply: {subjects.ReplyParts}, subjects.HeaderTimeout: {daemonTimeout(time.Until(deadline))}}
	reply, err := c.inbox.request(attempt, c.nc, &nats.Msg{Subject: k.subject, Header: h, Data: body})
	if err != nil {
		return nil, info, c.failed(k, c.unanswered(ctx, k, err))
	}
	if e := refused(reply.Header); e != nil {
		return nil, info, c.failed(k, e)
	}
	said := reply.Header.Get(subjects.HeaderFile)
	if err := json.NewDecoder(strings.NewReader(said)).Decode(&info); err != nil {
		return nil, info, c.failed(k, &Error{Code: codeBadRequest, Text: subjects.HeaderFile + ": " + err.Error(), Sent: SentNo, Err: err})
	}
	return reply.Data, info, nil
}
