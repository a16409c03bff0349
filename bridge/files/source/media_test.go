package source

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/mtproto/files"
	"github.com/natsgram/natsgram/tl/api"
	"github.com/natsgram/natsgram/tl/codec"
)

// rig is a finder that makes no calls, to read what Telegram would answer.
func rig(t testing.TB) (*Finder, func(codec.M) codec.View) {
	t.Helper()
	schema, err := api.Schema()
	if err != nil {
		t.Fatal(err)
	}
	client := knows{schema: schema}
	return New(client, files.New(client), nil), func(m codec.M) codec.View {
		b, err := schema.Encode(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		v, err := schema.View(b)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

const day = 1_700_000_000 // 2023-11-14 22:13:20 UTC

func aDocument(mime, name string, attributes ...string) codec.M {
	all := []codec.M{}
	for _, a := range attributes {
		m := codec.M{"_": a}
		switch a {
		case "documentAttributeVideo":
			m["duration"], m["w"], m["h"] = 1.0, 2, 3
		case "documentAttributeAudio":
			m["duration"] = 1
		case "documentAttributeSticker":
			m["alt"], m["stickerset"] = "x", codec.M{"_": "inputStickerSetEmpty"}
		}
		all = append(all, m)
	}
	if name != "" {
		all = append(all, codec.M{"_": "documentAttributeFilename", "file_name": name})
	}
	return codec.M{
		"_": "document", "id": 7, "access_hash": 8, "file_reference": []byte("ref"), "date": day, "mime_type": mime, "size": 1000, "dc_id": 4, "attributes": all,
		"thumbs": []codec.M{
			{"_": "photoStrippedSize", "type": "i", "bytes": []byte{1}}, {"_": "photoPathSize", "type": "j", "bytes": []byte{1}},
			{"_": "photoSize", "type": "m", "w": 320, "h": 200, "size": 50},
		},
		"video_thumbs": []codec.M{{"_": "videoSize", "type": "v", "w": 1, "h": 1, "size": 60}},
	}
}

func aPhoto() codec.M {
	return codec.M{"_": "photo", "id": 9, "access_hash": 8, "file_reference": []byte("ref"), "date": day, "dc_id": 2, "sizes": []codec.M{
		{"_": "photoStrippedSize", "type": "i", "bytes": []byte{1}}, {"_": "photoCachedSize", "type": "s", "w": 90, "h": 60, "bytes": []byte{1, 2}},
		{"_": "photoSize", "type": "m", "w": 320, "h": 200, "size": 50}, {"_": "photoSizeProgressive", "type": "y", "w": 1280, "h": 800, "sizes": []int{10, 40, 900}},
		{"_": "photoSize", "type": "x", "w": 800, "h": 500, "size": 300},
	}}
}

// Names and media types are what people know from Telegram's apps; each size is a file of its own.
func TestNamesAndSizes(t *testing.T) {
	fi, view := rig(t)
	for _, c := range []struct {
		of              codec.M
		size            string
		name, mime, key string
		bytes           int64
		thumb           string
	}{
		{aDocument("application/pdf", "Report.pdf"), "", "Report.pdf", "application/pdf", "document/7", 1000, ""},
		{aDocument("application/pdf", "../../etc/pass\x00wd\n"), "original", ".._.._etc_pass_wd", "application/pdf", "document/7", 1000, ""},
		{aDocument("video/mp4", "", "documentAttributeVideo"), "", "video_2023-11-14_22-13-20.mp4", "video/mp4", "document/7", 1000, ""},
		{aDocument("video/mp4", "", "documentAttributeVideo", "documentAttributeAnimated"), "", "animation_2023-11-14_22-13-20.mp4", "video/mp4", "document/7", 1000, ""},
		{aDocument("audio/ogg", "", "documentAttributeAudio"), "", "audio_2023-11-14_22-13-20.ogg", "audio/ogg", "document/7", 1000, ""},
		{aDocument("image/webp", "", "documentAttributeSticker"), "", "sticker_2023-11-14_22-13-20.webp", "image/webp", "document/7", 1000, ""},
		{aDocument("x\r\nTg-Sent: yes", ""), "", "file_2023-11-14_22-13-20", octets, "document/7", 1000, ""},
		{aDocument("video/mp4", "a.mp4"), "thumb", "a_m.jpg", "image/jpeg", "document/7_m", 50, "m"},
		{aDocument("video/mp4", "a.mp4"), "v", "a_v.mp4", "video/mp4", "document/7_v", 60, "v"},
		{aPhoto(), "", "photo_2023-11-14_22-13-20.jpg", "image/jpeg", "photo/9_y", 900, "y"},
		{aPhoto(), "thumb", "photo_2023-11-14_22-13-20.jpg", "image/jpeg", "photo/9_s", 2, "s"},
		{aPhoto(), "x", "photo_2023-11-14_22-13-20.jpg", "image/jpeg", "photo/9_x", 300, "x"},
	} {
		f, err := fi.of(t.Context(), view(c.of), c.size)
		if err != nil {
			t.Errorf("%v %s: %v", c.of["_"], c.size, err)
			continue
		}
		if f.Name != c.name || f.Mime != c.mime || f.Key != c.key || f.Size != c.bytes || f.Location["thumb_size"] != c.thumb {
			t.Errorf("%v %s: %+v", c.of["_"], c.size, f)
		}
	}
	for _, size := range []string{"i", "z", "THUMB"} {
		var f *answer.Fault
		if _, err := fi.of(t.Context(), view(aPhoto()), size); !errors.As(err, &f) || f.Code != 404 || !strings.Contains(err.Error(), "s, m, y, x") {
			t.Errorf("%s: %v", size, err)
		}
	}
}

// The file of a message is the one that a person would say it has.
func TestFileOfAMessage(t *testing.T) {
	_, view := rig(t)
	message := func(media codec.M) codec.M {
		return codec.M{"_": "message", "id": 1, "peer_id": codec.M{"_": "peerUser", "user_id": 1}, "date": day, "message": "", "media": media}
	}
	other := aPhoto()
	other["id"] = 1
	page := codec.M{"_": "webPage", "id": 1, "url": "u", "display_url": "u", "hash": 0, "photo": other, "document": aDocument("video/mp4", "")}
	for name, c := range map[string]struct {
		of   codec.M
		want int64
	}{
		"document with a cover":  {message(codec.M{"_": "messageMediaDocument", "document": aDocument("video/mp4", ""), "video_cover": other}), 7},
		"photo":                  {message(codec.M{"_": "messageMediaPhoto", "photo": aPhoto()}), 9},
		"page":                   {message(codec.M{"_": "messageMediaWebPage", "webpage": page}), 7},
		"paid media":             {message(codec.M{"_": "messageMediaPaidMedia", "stars_amount": 1, "extended_media": []codec.M{{"_": "messageExtendedMedia", "media": codec.M{"_": "messageMediaPhoto", "photo": aPhoto()}}}}), 9},
		"paid media, not bought": {message(codec.M{"_": "messageMediaPaidMedia", "stars_amount": 1, "extended_media": []codec.M{{"_": "messageExtendedMediaPreview"}}}), 0},
		"a chat's photo": {codec.M{"_": "messageService", "id": 1, "peer_id": codec.M{"_": "peerChat", "chat_id": 1}, "date": day,
			"action": codec.M{"_": "messageActionChatEditPhoto", "photo": aPhoto()}}, 9},
		"text":            {message(codec.M{"_": "messageMediaEmpty"}), 0},
		"a photo no more": {message(codec.M{"_": "messageMediaPhoto", "ttl_seconds": 5}), 0},
	} {
		f, ok := fileIn(view(c.of), depthMost)
		if ok != (c.want != 0) || ok && f.Int("id") != c.want {
			t.Errorf("%s: %v %d", name, ok, f.Int("id"))
		}
	}
}

// Whatever Telegram writes as a message: it is read without a fault of ours, and what is told of it can stand in a header.
func FuzzMessage(f *testing.F) {
	fi, view := rig(f)
	for _, m := range []codec.M{aPhoto(), aDocument("video/mp4", "a.mp4", "documentAttributeVideo")} {
		for _, size := range []string{"", "thumb", "x"} {
			f.Add(view(m).Raw(), size)
		}
	}
	f.Fuzz(func(t *testing.T, body []byte, size string) {
		v, err := fi.client.Schema().View(body)
		if err != nil {
			return
		}
		o, ok := fileIn(v, depthMost)
		if !ok || strings.HasPrefix(o.Name(), "web") {
			return
		}
		got, err := fi.of(t.Context(), o, size, codec.M{"_": "help.getConfig"})
		if err != nil {
			var f *answer.Fault
			if !errors.As(err, &f) || f.Code != 404 || f.Sent != answer.No {
				t.Error(err)
			}
			return
		}
		if !utf8.ValidString(got.Name) || len(got.Name) > nameMost+30 || strings.ContainsAny(got.Name, "/\\\r\n\x00") || strings.ContainsAny(got.Mime, "\r\n ") {
			t.Errorf("%q %q", got.Name, got.Mime)
		}
	})
}
