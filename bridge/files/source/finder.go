// Package source finds out which of Telegram's files somebody means who asks for one: by a message, a link, a story, a peer, or where it is.
package source

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/mtproto/files"
	"github.com/natsgram/natsgram/tl/codec"
)

// Finder finds the files of an account. It is safe for concurrent use.
type Finder struct {
	client  files.Client
	files   *files.Files
	resolve Resolve

	mu     sync.Mutex
	recent map[string]recent
}

// Resolve makes an object of a class of what a caller wrote in its place; false for what it does not know.
type Resolve func(ctx context.Context, class, text string) ([]byte, bool, *answer.Fault)

// New makes the finder of a client's account. Without resolve no text stands for an object.
func New(client files.Client, f *files.Files, resolve Resolve) *Finder {
	return &Finder{client: client, files: f, resolve: resolve, recent: map[string]recent{}}
}

// Found is a file that a request means.
type Found struct {
	files.Source
	Key  string // tells it from all other files of the account, whatever its reference: document/5368324170671202286
	Name string // as people expect it
	Mime string
	Of   []string // who stands in the message or story that it came from, as user.5; none: nobody knows
}

const unknownSize = -1

// Part is how many bytes of the file are asked for; less than 0: that is not known, as its size is not.
func (f *Found) Part(a *Asked) int64 {
	if f.Size < 0 {
		return unknownSize
	}
	rest := max(f.Size-a.Offset, 0)
	if a.Limit > 0 {
		return min(a.Limit, rest)
	}
	return rest
}

// recent is a file that was found lately.
type recent struct {
	*Found
	until time.Time
}

const (
	recentLife = time.Minute
	recentMost = 256
	recentKey  = 4 << 10 // bytes of a request that is remembered
)

// Find finds the file that is asked for. Who asks for one range after another asks where the file is once.
func (fi *Finder) Find(ctx context.Context, a *Asked) (*Found, error) {
	only := *a
	only.Offset, only.Limit, only.To, only.Job = 0, 0, "", false
	key, err := json.Marshal(only)
	if err != nil {
		return nil, err
	}
	fi.mu.Lock()
	known, ok := fi.recent[string(key)]
	fi.mu.Unlock()
	if ok && time.Now().Before(known.until) {
		return known.Found, nil
	}
	f, err := fi.FindAnew(ctx, a)
	if err != nil {
		return nil, err
	}
	fi.mu.Lock()
	defer fi.mu.Unlock()
	if len(key) > recentKey {
		return f, nil
	}
	if len(fi.recent) >= recentMost {
		clear(fi.recent)
	}
	fi.recent[string(key)] = recent{f, time.Now().Add(recentLife)}
	return f, nil
}

// FindAnew finds it without a look at what was found before, whose reference may have expired.
func (fi *Finder) FindAnew(ctx context.Context, a *Asked) (*Found, error) {
	switch {
	case a.Link != "":
		l, err := parseLink(a.Link)
		if err != nil {
			return nil, bad("link: want one to a message or a story, such as https://t.me/news/5 or https://t.me/c/123/5, got " + answer.Quote(a.Link) + ": " + err.Error())
		}
		return fi.linked(ctx, l, a.Size)
	case a.Message != nil:
		peer, err := fi.object(ctx, "message.peer", "InputPeer", a.Message.Peer)
		if err != nil {
			return nil, err
		}
		return fi.inMessage(ctx, peer, a.Message.ID, a.Size)
	case a.Story != nil:
		peer, err := fi.object(ctx, "story.peer", "InputPeer", a.Story.Peer)
		if err != nil {
			return nil, err
		}
		return fi.inStory(ctx, peer, a.Story.ID, a.Size)
	case a.PhotoOf != nil:
		return fi.photoOf(ctx, a.PhotoOf, a.Size)
	case a.Emoji != "":
		return fi.emoji(ctx, a.Emoji, a.Size)
	case a.Document != nil:
		return fi.given(ctx, "document", "Document", a.Document, a.Size)
	case a.Photo != nil:
		return fi.given(ctx, "photo", "Photo", a.Photo, a.Size)
	}
	return fi.located(ctx, a)
}

// linked finds what a link leads to.
func (fi *Finder) linked(ctx context.Context, l link, size string) (*Found, error) {
	peer, err := fi.object(ctx, "link", "InputPeer", []byte(strconv.Quote(l.peer)))
	if err != nil {
		return nil, err
	}
	if l.story {
		return fi.inStory(ctx, peer, l.id, size)
	}
	id := l.id
	if l.comment > 0 {
		if peer, err = fi.discussion(ctx, peer, l.id); err != nil {
			return nil, err
		}
		id = l.comment
	}
	return fi.inMessage(ctx, peer, id, size)
}

// discussion is the group in which a channel's post is discussed.
func (fi *Finder) discussion(ctx context.Context, peer codec.M, post int64) (codec.M, error) {
	v, err := fi.call(ctx, codec.M{"_": "messages.getDiscussionMessage", "peer": peer, "msg_id": post})
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
func (fi *Finder) inMessage(ctx context.Context, peer codec.M, id int64, size string) (*Found, error) {
	origin := messageCall(peer, id)
	v, err := fi.call(ctx, origin)
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
		found, err := fi.of(ctx, f, size, origin)
		return found.from(m), err
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
func (fi *Finder) inStory(ctx context.Context, peer codec.M, id int64, size string) (*Found, error) {
	origin := codec.M{"_": "stories.getStoriesByID", "peer": peer, "id": []int64{id}}
	v, err := fi.call(ctx, origin)
	if err != nil {
		return nil, err
	}
	for story := range v.Objects("stories") {
		if f, ok := fileIn(story, depthMost); ok && story.Int("id") == id {
			found, err := fi.of(ctx, f, size, origin)
			return found.from(story).by(peer), err
		}
	}
	return nil, notFound("there is no story " + strconv.FormatInt(id, 10) + ", or it has no file")
}

// emoji finds a custom emoji.
func (fi *Finder) emoji(ctx context.Context, text, size string) (*Found, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, bad("emoji: want the id of a custom emoji in decimal, got " + answer.Quote(text))
	}
	origin := codec.M{"_": "messages.getCustomEmojiDocuments", "document_id": []int64{id}}
	for v, err := range fi.list(ctx, origin, "Document") {
		if err != nil {
			return nil, err
		}
		if v.Name() == "document" {
			return fi.of(ctx, v, size, origin)
		}
	}
	return nil, notFound("there is no custom emoji " + text)
}

// photoOf finds the photo that a peer has now.
func (fi *Finder) photoOf(ctx context.Context, text []byte, size string) (*Found, error) {
	peer, err := fi.object(ctx, "photo_of", "InputPeer", text)
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
	about, err := fi.one(ctx, call, class)
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
	found := &Found{
		Key: "profile/" + name + "_" + kind, Name: "photo_" + name + ".jpg", Mime: "image/jpeg",
		Source: files.Source{
			DC: int(photo.Int("dc_id")), Size: unknownSize,
			Location: codec.M{"_": "inputPeerPhotoFileLocation", "big": big, "peer": peer, "photo_id": id},
		},
	}
	return found.by(peer), nil
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
func (fi *Finder) one(ctx context.Context, call codec.M, class string) (codec.View, error) {
	if class == "" {
		v, err := fi.call(ctx, call)
		if err != nil {
			return v, err
		}
		for c := range v.Objects("chats") {
			return c, nil
		}
		return v, notFound("there is no such chat")
	}
	for v, err := range fi.list(ctx, call, class) {
		return v, err
	}
	return codec.View{}, notFound("there is no such user")
}

// given finds the file of a document or photo that the caller has in an update or answer.
func (fi *Finder) given(ctx context.Context, field, class string, body []byte, size string) (*Found, error) {
	m, err := fi.object(ctx, field, class, body)
	if err != nil {
		return nil, err
	}
	b, err := fi.client.Schema().Encode(nil, m)
	if err != nil {
		return nil, bad(field + ": " + err.Error())
	}
	v, err := fi.client.Schema().View(b)
	if err != nil {
		return nil, bad(field + ": " + err.Error())
	}
	f, ok := fileIn(v, 1)
	if !ok {
		return nil, bad(field + ": it is " + v.Name() + ", without a file")
	}
	return fi.of(ctx, f, size)
}

// located is a file by its location alone, of which nothing else is known.
func (fi *Finder) located(ctx context.Context, a *Asked) (*Found, error) {
	class := "InputFileLocation"
	if strings.HasPrefix(nameIn(a.Location), "inputWebFile") {
		class = "InputWebFileLocation"
	}
	location, err := fi.object(ctx, "location", class, a.Location)
	if err != nil {
		return nil, err
	}
	if a.Size != "" {
		return nil, bad("size: a location names its size by itself (thumb_size)")
	}
	f := &Found{Source: files.Source{Location: location, Size: unknownSize}, Mime: octets}
	if f.Key, err = fi.keyOf(location); err == nil && class != "InputFileLocation" {
		f.DC, err = fi.webDC(ctx)
	}
	return f, err
}

// webDC is the data centre that has what is on the web.
func (fi *Finder) webDC(ctx context.Context) (int, error) {
	v, err := fi.call(ctx, codec.M{"_": "help.getConfig"})
	if err != nil {
		return 0, err
	}
	return int(v.Int("webfile_dc_id")), nil
}

const octets = "application/octet-stream"
