package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/vmihailenco/msgpack/v5"
	"golang.org/x/term"

	"github.com/natsgram/natsgram/bridge/client"
	"github.com/natsgram/natsgram/subjects"
)

// updateBody is what tail reads of a published update, whatever the layer: what is not there is left out.
type updateBody struct {
	Update struct {
		Message json.RawMessage `json:"message"`
	} `json:"update"`
	Users []struct {
		ID        json.Number `json:"id"`
		FirstName string      `json:"first_name"`
		LastName  string      `json:"last_name"`
	} `json:"users"`
	Chats []struct {
		ID    json.Number `json:"id"`
		Title string      `json:"title"`
	} `json:"chats"`
	Gap *struct {
		Box      string `json:"box"`
		From, To int64
		Reason   string `json:"reason"`
		Filled   bool   `json:"filled"`
	} `json:"gap"`
	Redacted json.RawMessage `json:"redacted"`
	raw      struct{ Update json.RawMessage }
}

// asJSON is a payload in JSON. What is in another encoding is made JSON of, or else told as bytes; so is what is none.
func asJSON(content string, data []byte) ([]byte, error) {
	var v any
	switch {
	case (content == "" || content == subjects.ContentJSON) && json.Valid(data):
		return data, nil
	case content == subjects.ContentMsgpack && msgpack.Unmarshal(data, &v) == nil:
		if text, err := json.Marshal(v); err == nil {
			return text, nil
		}
	}
	text, _ := json.Marshal(map[string]any{"content_type": content, "base64": data}) // strings: cannot fail
	return text, errNoJSON
}

var errNoJSON = errors.New("not JSON")

func (b *updateBody) UnmarshalJSON(data []byte) error {
	type plain updateBody
	if err := json.Unmarshal(data, (*plain)(b)); err != nil {
		return err
	}
	return json.Unmarshal(data, &b.raw)
}

// message is the part of a message that fits a line.
type message struct {
	Text   string          `json:"message"`
	FromID peer            `json:"from_id"`
	PeerID peer            `json:"peer_id"`
	Out    bool            `json:"out"`
	Media  json.RawMessage `json:"media"`
	Action json.RawMessage `json:"action"`
}

type peer struct {
	UserID    json.Number `json:"user_id"`
	ChatID    json.Number `json:"chat_id"`
	ChannelID json.Number `json:"channel_id"`
}

// clock is a time of day; that of now where none is told.
func clock(at time.Time) string {
	if at.IsZero() {
		at = time.Now()
	}
	return at.Local().Format(time.TimeOnly)
}

// chat is where it happened, by name where the update brings one.
func (b *updateBody) chat(where client.Meta) string {
	id := strconv.FormatInt(where.ChatID, 10)
	name := b.title(id)
	if where.Kind == client.User {
		name = b.name(id)
	}
	if name == "" {
		return string(where.Kind) + "." + id
	}
	return fmt.Sprintf("%s (%s.%s)", printable(name), where.Kind, id)
}

func (b *updateBody) name(id string) string {
	for _, u := range b.Users {
		if u.ID.String() == id {
			return strings.TrimSpace(u.FirstName + " " + u.LastName)
		}
	}
	return ""
}

func (b *updateBody) title(id string) string {
	for _, c := range b.Chats {
		if c.ID.String() == id {
			return c.Title
		}
	}
	return ""
}

// text is who said what, or else the update itself.
func (b *updateBody) text() string {
	switch {
	case b.Gap != nil:
		return b.gap()
	case b.Redacted != nil:
		return shorten(printable(string(b.Redacted)))
	}
	var m message
	if json.Unmarshal(b.Update.Message, &m) != nil || m.Text == "" && m.Media == nil && m.Action == nil {
		return shorten(printable(string(b.raw.Update)))
	}
	from := b.name(m.FromID.UserID.String())
	switch {
	case m.Out:
		from = "me"
	case from == "":
		from = b.name(m.PeerID.UserID.String())
	}
	if from != "" {
		from += ": "
	}
	return shorten(printable(from + m.Text + kindOf(m.Media) + kindOf(m.Action)))
}

// gap is what is missing, why, and whether it comes after all.
func (b *updateBody) gap() string {
	switch b.Gap.Reason {
	case "beginning":
		return fmt.Sprintf("the account's updates begin here, after pts %d", b.Gap.To)
	case "another user":
		return fmt.Sprintf("the updates of another user begin here, after pts %d", b.Gap.To)
	}
	lost := fmt.Sprintf("after %d, up to %d", b.Gap.From, b.Gap.To)
	if b.Gap.From == b.Gap.To {
		lost = "nobody knows how many"
	}
	after := "not filled"
	if b.Gap.Filled {
		after = "filled from history, what it still has"
	}
	return shorten(printable(fmt.Sprintf("updates of %s are missing, %s: %s; %s", b.Gap.Box, lost, b.Gap.Reason, after)))
}

func kindOf(object json.RawMessage) string {
	var o struct {
		Name string `json:"_"`
	}
	if json.Unmarshal(object, &o) != nil || o.Name == "" {
		return ""
	}
	return " [" + o.Name + "]"
}

// printable keeps what people write to us from steering the terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}

func shorten(s string) string {
	const most = 160
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == ""
}
