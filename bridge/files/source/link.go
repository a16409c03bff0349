package source

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/natsgram/natsgram/bridge/peers"
)

// link is what a link to a message or a story says.
type link struct {
	peer    string // text that stands for a peer
	id      int64
	comment int64 // a message under that one, in its discussion; 0: none
	story   bool
}

// parseLink reads t.me/name/5, t.me/c/123/5, either with a topic before the id, t.me/name/s/5, and the tg:// forms of these. ?comment=7 names a
// message under it; ?single and all else is left aside.
func parseLink(text string) (l link, err error) {
	said, err := peers.ReadLink(text)
	if err != nil {
		return l, err
	}
	if l.peer, err = said.Peer(); err != nil {
		return l, err
	}
	if comment := said.Query.Get("comment"); comment != "" {
		if l.comment, err = messageID(comment); err != nil {
			return l, err
		}
	}
	switch {
	case said.InApp && said.Query.Has("story"):
		return l.to("s", said.Query.Get("story"))
	case said.InApp:
		return l.to(said.Query.Get("post"))
	case said.Word() == "c":
		return l.to(said.Path[2:]...)
	}
	return l.to(said.Path[1:]...)
}

// to reads what stands behind the chat: an id, a topic and an id, or s and a story's.
func (l link) to(rest ...string) (link, error) {
	if len(rest) == 2 {
		if l.story = rest[0] == "s" || rest[0] == "S"; !l.story {
			if _, err := messageID(rest[0]); err != nil {
				return l, err
			}
		}
		rest = rest[1:]
	}
	switch {
	case len(rest) == 0:
		return l, errors.New("it names no message")
	case len(rest) > 1:
		return l, errors.New("too much stands behind the chat")
	case l.story && l.comment > 0:
		return l, errors.New("no comments are under a story")
	}
	var err error
	l.id, err = messageID(rest[0])
	return l, err
}

func messageID(text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 32)
	if err != nil || id <= 0 {
		return 0, fmt.Errorf("%.40q is no id of a message or story", text)
	}
	return id, nil
}
