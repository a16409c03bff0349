package attach

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/tl/codec"
)

const album = `{"peer":{"_":"inputPeerUser","user_id":"5","access_hash":"55"},"multi_media":[
	{"media":{"_":"inputMediaUploadedPhoto","file":"object:B/a","spoiler":true,"ttl_seconds":9},"random_id":"1","message":"one"},
	{"media":{"_":"inputMediaPhoto","id":{"_":"inputPhoto","id":"8","access_hash":"88","file_reference":""}},"random_id":"2","message":"two"},
	{"media":{"_":"inputMediaUploadedDocument","file":"object:B/b"},"random_id":"3","message":"three"}]}`

// upAlbum is the album as a call whose files are up.
func upAlbum(t *testing.T) (*Reader, *Uses, codec.View) {
	t.Helper()
	r, u := newReader(shelf{"object:B/a": {name: "a.jpg", id: 1}, "object:B/b": {name: "b.pdf", mime: "application/pdf", id: 2}}), &Uses{}
	if _, err := r.call(t, u, albumMethod, album); err != nil {
		t.Fatal(err)
	}
	if err := r.Up(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	v, err := r.call(t, u, albumMethod, album)
	if err != nil {
		t.Fatal(err)
	}
	return r, u, v
}

// Files of an album that are named by text become photos and documents of Telegram's, in the chat that it is for; the rest of it stays.
func TestAlbum(t *testing.T) {
	r, u, v := upAlbum(t)
	var asked []string
	made, err := r.Album(t.Context(), func(_ context.Context, query []byte) ([]byte, error) {
		q := r.view(t, query)
		peer, _ := q.Object("peer")
		asked = append(asked, q.Name()+" "+mediaOf(q).Name())
		if peer.Int("user_id") != 5 {
			t.Errorf("for %s", peer.Name())
		}
		if mediaOf(q).Name() == "inputMediaUploadedPhoto" {
			return r.schema.Encode(nil, codec.M{"_": "messageMediaPhoto", "photo": codec.M{
				"_": "photo", "id": 70, "access_hash": 71, "file_reference": []byte("p"), "date": 1, "sizes": []codec.M{}, "dc_id": 2,
			}})
		}
		return r.schema.Encode(nil, codec.M{"_": "messageMediaDocument", "document": codec.M{
			"_": "document", "id": 80, "access_hash": 81, "file_reference": []byte("d"), "date": 1, "mime_type": "application/pdf", "size": 3, "dc_id": 2, "attributes": []codec.M{},
		}})
	}, u, albumMethod, v.Raw())
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"messages.uploadMedia inputMediaUploadedPhoto", "messages.uploadMedia inputMediaUploadedDocument"}; !slices.Equal(asked, want) {
		t.Errorf("%q", asked)
	}
	var got []string
	for item := range r.view(t, made).Objects(albumItems) {
		m := mediaOf(item)
		id, _ := m.Object("id")
		line := item.Str("message") + " " + m.Name() + " " + string(id.Bytes("file_reference"))
		if m.Bool("spoiler") {
			line += " spoiler"
		}
		if m.Has("ttl_seconds") && m.Int("ttl_seconds") == 9 && id.Int("access_hash") == 71 {
			line += " ttl"
		}
		got = append(got, line)
	}
	if want := []string{"one inputMediaPhoto p spoiler ttl", "two inputMediaPhoto ", "three inputMediaDocument d"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// What Telegram refuses, or answers with something else, ends the album before it is sent.
func TestAlbumFails(t *testing.T) {
	r, u, v := upAlbum(t)
	refusal := errors.New("MEDIA_INVALID")
	made, err := r.Album(t.Context(), func(context.Context, []byte) ([]byte, error) { return nil, refusal }, u, albumMethod, v.Raw())
	if !errors.Is(err, refusal) || !bytes.Equal(made, v.Raw()) {
		t.Error(err)
	}
	_, err = r.Album(t.Context(), func(context.Context, []byte) ([]byte, error) {
		return r.schema.Encode(nil, codec.M{"_": "messageMediaEmpty"})
	}, u, albumMethod, v.Raw())
	if f := new(answer.Fault); !errors.As(err, &f) || f.Code != 502 || !strings.Contains(f.Text, "messageMediaEmpty") {
		t.Error(err)
	}
	_, err = r.Album(t.Context(), func(context.Context, []byte) ([]byte, error) { return []byte{1, 2, 3, 4}, nil }, u, albumMethod, v.Raw())
	if err == nil {
		t.Error("rubbish is a photo")
	}
	none := func(context.Context, []byte) ([]byte, error) { t.Error("asked"); return nil, refusal }
	if made, err := r.Album(t.Context(), none, u, "messages.sendMedia", v.Raw()); err != nil || !bytes.Equal(made, v.Raw()) {
		t.Error(err)
	}
}
