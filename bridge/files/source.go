package files

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/peers"
	"github.com/natsgram/natsgram/mtproto/files"
	"github.com/natsgram/natsgram/tl/codec"
)

// found is a file that a request means.
type found struct {
	files.Source
	key  string // tells it from all other files of the account, whatever its reference: document/5368324170671202286
	name string // as people expect it
	mime string
}

const unknownSize = -1

// recent is a file that was found lately.
type recent struct {
	*found
	until time.Time
}

const (
	recentLife = time.Minute
	recentMost = 256
)

// find finds the file that is asked for. Who asks for one range after another asks where the file is once.
func (s *Service) find(ctx context.Context, a *asked) (*found, error) {
	only := *a
	only.Offset, only.Limit, only.To, only.Job = 0, 0, "", false
	key, err := json.Marshal(only)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	known, ok := s.recent[string(key)]
	s.mu.Unlock()
	if ok && time.Now().Before(known.until) {
		return known.found, nil
	}
	f, err := s.findAnew(ctx, a)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.recent) >= recentMost {
		clear(s.recent)
	}
	s.recent[string(key)] = recent{f, time.Now().Add(recentLife)}
	return f, nil
}

func (s *Service) findAnew(ctx context.Context, a *asked) (*found, error) {
	switch {
	case a.Link != "":
		l, ok := parseLink(a.Link)
		if !ok {
			return nil, bad("link: want one to a message or a story, such as https://t.me/news/5 or https://t.me/c/123/5, got " + quote(a.Link))
		}
		return s.linked(ctx, l, a.Size)
	case a.Message != nil:
		peer, err := s.object(ctx, "message.peer", "InputPeer", a.Message.Peer)
		if err != nil {
			return nil, err
		}
		return s.inMessage(ctx, peer, a.Message.ID, a.Size)
	case a.Story != nil:
		peer, err := s.object(ctx, "story.peer", "InputPeer", a.Story.Peer)
		if err != nil {
			return nil, err
		}
		return s.inStory(ctx, peer, a.Story.ID, a.Size)
	case a.PhotoOf != nil:
		return s.photoOf(ctx, a.PhotoOf, a.Size)
	case a.Emoji != "":
		return s.emoji(ctx, a.Emoji, a.Size)
	case a.Document != nil:
		return s.given(ctx, "document", "Document", a.Document, a.Size)
	case a.Photo != nil:
		return s.given(ctx, "photo", "Photo", a.Photo, a.Size)
	}
	return s.located(ctx, a)
}

// linked finds what a link leads to.
func (s *Service) linked(ctx context.Context, l link, size string) (*found, error) {
	peer, err := s.object(ctx, "link", "InputPeer", []byte(strconv.Quote(l.peer)))
	if err != nil {
		return nil, err
	}
	if l.story {
		return s.inStory(ctx, peer, l.id, size)
	}
	id := l.id
	if l.comment > 0 {
		if peer, err = s.discussion(ctx, peer, l.id); err != nil {
			return nil, err
		}
		id = l.comment
	}
	return s.inMessage(ctx, peer, id, size)
}

// discussion is the group in which a channel's post is discussed.
func (s *Service) discussion(ctx context.Context, peer codec.M, post int64) (codec.M, error) {
	v, err := s.call(ctx, codec.M{"_": "messages.getDiscussionMessage", "peer": peer, "msg_id": post})
	if err != nil {
		return nil, err
	}
	for m := range v.Objects("messages") {
		in, _ := m.Object("peer_id")
		for c := range v.Objects("chats") {
			if in.Name() == "peerChannel" && c.Name() == "channel" && c.Int("id") == in.Int("channel_id") {
				return codec.M{"_": "inputPeerChannel", "channel_id": c.Int("id"), "access_hash": c.Int("access_hash")}, nil
			}
		}
	}
	return nil, notFound("the post has no discussion")
}

// inMessage finds the file of a message.
func (s *Service) inMessage(ctx context.Context, peer codec.M, id int64, size string) (*found, error) {
	origin := messageCall(peer, id)
	v, err := s.call(ctx, origin)
	if err != nil {
		return nil, err
	}
	for m := range v.Objects("messages") {
		if m.Int("id") != id || m.Name() == "messageEmpty" {
			continue
		}
		if in, _ := m.Object("peer_id"); !samePeer(peer, in) {
			return nil, notFound("message " + strconv.FormatInt(id, 10) + " is in another chat")
		}
		f, ok := fileIn(m, depthMost)
		if !ok {
			return nil, notFound("message " + strconv.FormatInt(id, 10) + " has no file")
		}
		return s.of(ctx, f, size, origin)
	}
	return nil, notFound("there is no message " + strconv.FormatInt(id, 10))
}

func notFound(text string) *answer.Fault { return answer.Refuse(404, "get: "+text) }

// messageCall asks for one message. Ids are a channel's own, and the account's in all other chats.
func messageCall(peer codec.M, id int64) codec.M {
	ids := []codec.M{{"_": "inputMessageID", "id": id}}
	switch peer["_"] {
	case "inputPeerChannel":
		in := codec.M{"_": "inputChannel", "channel_id": peer["channel_id"], "access_hash": peer["access_hash"]}
		return codec.M{"_": "channels.getMessages", "channel": in, "id": ids}
	case "inputPeerChannelFromMessage":
		in := codec.M{"_": "inputChannelFromMessage", "peer": peer["peer"], "msg_id": peer["msg_id"], "channel_id": peer["channel_id"]}
		return codec.M{"_": "channels.getMessages", "channel": in, "id": ids}
	}
	return codec.M{"_": "messages.getMessages", "id": ids}
}

// samePeer reports whether a message of a user or basic group, whose ids are all of one sequence, is in the chat that was named. Who
// the account itself is only Telegram knows here, so that it may be any user.
func samePeer(in codec.M, is codec.View) bool {
	switch name, _ := in["_"].(string); {
	case strings.HasPrefix(name, "inputPeerUser"):
		return is.Name() == "peerUser" && is.Int("user_id") == in["user_id"]
	case name == "inputPeerChat":
		return is.Name() == "peerChat" && is.Int("chat_id") == in["chat_id"]
	case name == "inputPeerSelf":
		return is.Name() == "peerUser"
	}
	return true
}

// inStory finds the file of a story.
func (s *Service) inStory(ctx context.Context, peer codec.M, id int64, size string) (*found, error) {
	origin := codec.M{"_": "stories.getStoriesByID", "peer": peer, "id": []int64{id}}
	v, err := s.call(ctx, origin)
	if err != nil {
		return nil, err
	}
	for story := range v.Objects("stories") {
		if f, ok := fileIn(story, depthMost); ok && story.Int("id") == id {
			return s.of(ctx, f, size, origin)
		}
	}
	return nil, notFound("there is no story " + strconv.FormatInt(id, 10) + ", or it has no file")
}

// emoji finds a custom emoji.
func (s *Service) emoji(ctx context.Context, text, size string) (*found, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, bad("emoji: want the id of a custom emoji in decimal, got " + quote(text))
	}
	origin := codec.M{"_": "messages.getCustomEmojiDocuments", "document_id": []int64{id}}
	for v, err := range s.list(ctx, origin, "Document") {
		if err != nil {
			return nil, err
		}
		if v.Name() == "document" {
			return s.of(ctx, v, size, origin)
		}
	}
	return nil, notFound("there is no custom emoji " + text)
}

// photoOf finds the photo that a peer has now.
func (s *Service) photoOf(ctx context.Context, text []byte, size string) (*found, error) {
	peer, err := s.object(ctx, "photo_of", "InputPeer", text)
	if err != nil {
		return nil, err
	}
	if size != "" && size != sizeOriginal && size != sizeThumb {
		return nil, bad("size: photos of peers are there as " + sizeThumb + " and " + sizeOriginal)
	}
	call, class := peerCall(peer)
	if call == nil {
		return nil, bad("photo_of: want a user, a group or a channel")
	}
	about, err := s.one(ctx, call, class)
	if err != nil {
		return nil, err
	}
	photo, _ := about.Object("photo")
	id := photo.Int("photo_id")
	if id == 0 {
		return nil, notFound("it has no photo")
	}
	big, kind := size != sizeThumb, "small"
	if big {
		kind = "big"
	}
	name := strconv.FormatInt(id, 10)
	return &found{
		key: "profile/" + name + "_" + kind, name: "photo_" + name + ".jpg", mime: "image/jpeg",
		Source: files.Source{
			DC: int(photo.Int("dc_id")), Size: unknownSize,
			Location: codec.M{"_": "inputPeerPhotoFileLocation", "big": big, "peer": peer, "photo_id": id},
		},
	}, nil
}

// peerCall asks who a peer is.
func peerCall(peer codec.M) (call codec.M, class string) {
	switch peer["_"] {
	case "inputPeerSelf":
		return codec.M{"_": "users.getUsers", "id": []codec.M{{"_": "inputUserSelf"}}}, "User"
	case "inputPeerUser":
		return codec.M{"_": "users.getUsers", "id": []codec.M{{"_": "inputUser", "user_id": peer["user_id"], "access_hash": peer["access_hash"]}}}, "User"
	case "inputPeerChat":
		return codec.M{"_": "messages.getChats", "id": []any{peer["chat_id"]}}, ""
	case "inputPeerChannel":
		return codec.M{"_": "channels.getChannels", "id": []codec.M{{"_": "inputChannel", "channel_id": peer["channel_id"], "access_hash": peer["access_hash"]}}}, ""
	}
	return nil, ""
}

// one is the first object of an answer: a vector of a class, or one with chats.
func (s *Service) one(ctx context.Context, call codec.M, class string) (codec.View, error) {
	if class == "" {
		v, err := s.call(ctx, call)
		if err != nil {
			return v, err
		}
		for c := range v.Objects("chats") {
			return c, nil
		}
		return v, notFound("there is no such chat")
	}
	for v, err := range s.list(ctx, call, class) {
		return v, err
	}
	return codec.View{}, notFound("there is no such user")
}

// given finds the file of a document or photo that the caller has in an update or answer.
func (s *Service) given(ctx context.Context, field, class string, body []byte, size string) (*found, error) {
	m, err := s.object(ctx, field, class, body)
	if err != nil {
		return nil, err
	}
	b, err := s.c.Client.Schema().Encode(nil, m)
	if err != nil {
		return nil, bad(field + ": " + err.Error())
	}
	v, err := s.c.Client.Schema().View(b)
	if err != nil {
		return nil, bad(field + ": " + err.Error())
	}
	f, ok := fileIn(v, 1)
	if !ok {
		return nil, bad(field + ": it is " + v.Name() + ", without a file")
	}
	return s.of(ctx, f, size)
}

// located is a file by its location alone, of which nothing else is known.
func (s *Service) located(ctx context.Context, a *asked) (*found, error) {
	class := "InputFileLocation"
	if strings.HasPrefix(nameIn(a.Location), "inputWebFile") {
		class = "InputWebFileLocation"
	}
	location, err := s.object(ctx, "location", class, a.Location)
	if err != nil {
		return nil, err
	}
	if a.Size != "" {
		return nil, bad("size: a location names its size by itself (thumb_size)")
	}
	f := &found{Source: files.Source{Location: location, Size: unknownSize}, mime: octets}
	if f.key, err = s.keyOf(location); err == nil && class != "InputFileLocation" {
		f.DC, err = s.webDC(ctx)
	}
	return f, err
}

// webDC is the data centre that has what is on the web.
func (s *Service) webDC(ctx context.Context) (int, error) {
	v, err := s.call(ctx, codec.M{"_": "help.getConfig"})
	if err != nil {
		return 0, err
	}
	return int(v.Int("webfile_dc_id")), nil
}

const octets = "application/octet-stream"

// object reads an object of a class, in JSON.
func (s *Service) object(ctx context.Context, field, class string, body []byte) (codec.M, error) {
	schema := s.c.Client.Schema()
	t, ok := schema.Type(class)
	if !ok {
		return nil, bad(field + ": this layer has no " + class)
	}
	if len(body) == 0 {
		return nil, bad(field + ": missing, want " + class)
	}
	resolve := func(class, text string) ([]byte, bool, error) {
		if s.c.Resolve == nil {
			return nil, false, nil
		}
		object, ok, fault := s.c.Resolve(ctx, class, text)
		if fault != nil {
			return nil, true, fault
		}
		return object, ok, nil
	}
	b, err := schema.AppendTLFromJSON(nil, body, t, &codec.Options{Resolve: resolve, Forms: peers.Forms()})
	if err != nil {
		return nil, badObject(field, err)
	}
	v, err := schema.View(b)
	if err != nil {
		return nil, badObject(field, err)
	}
	return fieldsOf(schema, v), nil
}

func badObject(field string, err error) error {
	f := &answer.Fault{Code: 400}
	var asked *answer.Fault
	if errors.As(err, &asked) {
		*f = *asked
	}
	f.Text, f.Path, f.Sent = "get: "+field+": "+err.Error(), field, answer.No
	var e *codec.Error
	if errors.As(err, &e) && e.Path != "" {
		f.Path = field + "." + e.Path
	}
	return f
}
