package client_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/bridge/client"
	"github.com/natsgram/natsgram/tl/tg"
)

// A file from a program is what arrives at Telegram, in a typed call and in a job; the object store is made when there is none.
func TestUploadFiles(t *testing.T) {
	w := newFixture(t)
	c := client.New(w.nc, "main")
	data := bytes.Repeat([]byte("0123456789abcdef"), 20_000)
	object, err := c.Upload(t.Context(), "dir/a.jpg", bytes.NewReader(data))
	if err != nil || !strings.HasPrefix(string(object), "object:TG_FILES/main/up/") || !strings.HasSuffix(string(object), "/a.jpg") {
		t.Fatal(object, err)
	}
	got, err := tg.MessagesSendMedia(t.Context(), c, &tg.MessagesSendMediaRequest{
		Peer: &tg.InputPeerSelf{}, Message: "a photo", Media: &tg.InputMediaUploadedPhoto{File: object.InputFile()},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range got.(*tg.Updates).Updates {
		m, ok := u.(*tg.UpdateNewMessage)
		if !ok {
			continue
		}
		photo := m.Message.(*tg.Message).Media.(*tg.MessageMediaPhoto)
		if f, ok := w.World().File(photo.Photo.(*tg.Photo).ID); !ok || !bytes.Equal(f.Data, data) || f.Name != "a.jpg" {
			t.Error("another file came")
		}
		return
	}
	t.Errorf("%+v", got)
}
