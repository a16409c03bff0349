package attach

import (
	"context"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/objects"
	"github.com/natsgram/natsgram/tl/codec"
)

// Albums take no files that were just uploaded: each has to be made a photo or document of Telegram's first, by messages.uploadMedia. So
// it is done with those that are named by text.

const (
	albumMethod = "messages.sendMultiMedia"
	albumItems  = "multi_media" // Vector<InputSingleMedia>
	albumMedia  = "media"       // of each, an InputMedia
)

// Invoke makes a call.
type Invoke func(ctx context.Context, query []byte) ([]byte, error)

// Album has the files of an album be photos and documents of Telegram's. It gives the call as it is then; calls of other methods stay as
// they are.
func (r *Reader) Album(ctx context.Context, invoke Invoke, u *Uses, method string, call []byte) ([]byte, error) {
	if method != albumMethod {
		return call, nil
	}
	v, err := r.schema.View(call)
	if err != nil {
		return call, err
	}
	const head = 8 // of a vector: its id, and how many there are
	at := v.Offset(albumItems)
	if at < 0 {
		return call, nil
	}
	made := append(make([]byte, 0, len(call)), call[:at+head]...)
	at += head
	for item := range v.Objects(albumItems) {
		media, _ := item.Object(albumMedia)
		begin := item.Offset(albumMedia)
		made = append(made, item.Raw()[:begin]...)
		ready, err := r.uploadMedia(ctx, invoke, u, v, media)
		if err != nil {
			return call, err
		}
		made = append(made, ready...)
		made = append(made, item.Raw()[begin+len(media.Raw()):]...)
		at += len(item.Raw())
	}
	return append(made, call[at:]...), nil
}

// uploadMedia makes one of an album's media of a file that is up. All others stay as they are.
func (r *Reader) uploadMedia(ctx context.Context, invoke Invoke, u *Uses, album, media codec.View) ([]byte, error) {
	file, ok := media.Object(objects.ParamFile)
	if !ok || u.of(file.Raw()) == nil {
		return media.Raw(), nil
	}
	peer, _ := album.Object("peer")
	query, err := r.schema.Encode(nil, codec.M{"_": "messages.uploadMedia", "peer": peer, albumMedia: media})
	if err != nil {
		return nil, err
	}
	result, err := invoke(ctx, query)
	if err != nil {
		return nil, err
	}
	v, err := r.schema.View(result)
	if err != nil {
		return nil, err
	}
	for _, kind := range []struct{ field, input, media string }{
		{"photo", "inputPhoto", "inputMediaPhoto"}, {"document", "inputDocument", "inputMediaDocument"},
	} {
		o, ok := v.Object(kind.field)
		if !ok || !o.Has("access_hash") {
			continue
		}
		m := codec.M{"_": kind.media, "id": codec.M{
			"_": kind.input, "id": o.Int("id"), "access_hash": o.Int("access_hash"), "file_reference": o.Bytes("file_reference"),
		}}
		r.keepOf(kind.media, m, media)
		return r.schema.Encode(nil, m)
	}
	return nil, badAlbum(v.Name())
}

func badAlbum(got string) error {
	return &answer.Fault{Code: 502, Text: "messages.uploadMedia: Telegram made " + got + " of a file, which no album takes"}
}

// keepOf copies what is said of the media and not of its file, as far as this layer has it in both.
func (r *Reader) keepOf(constructor string, m codec.M, media codec.View) {
	c, ok := r.schema.Constructor(constructor)
	if !ok {
		return
	}
	for _, name := range []string{"spoiler"} {
		if c.Param(name) != nil && media.Bool(name) {
			m[name] = true
		}
	}
	for _, name := range []string{"ttl_seconds", "video_timestamp"} {
		if c.Param(name) != nil && media.Has(name) {
			m[name] = media.Int(name)
		}
	}
	if cover, ok := media.Object("video_cover"); ok && c.Param("video_cover") != nil {
		m["video_cover"] = cover
	}
}
