package source

import (
	"context"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/mtproto/files"
	"github.com/natsgram/natsgram/tl/codec"
)

// depthMost is how deep a file stands in a message at most: in the media of the story that a message shows.
const depthMost = 6

// holders are the fields that files stand in, in the order in which a person would say which file a message has: a page's document goes before
// its picture. All else that holds one (covers, alternatives, who is in the message) is not what is meant.
var holders = []string{"media", "action", "document", "photo", "webpage", "game", "story", "extended_media", "attached_media", "sticker"}

// fileIn finds the document, photo or web document in a message or whatever else holds one. It knows no layer by heart.
func fileIn(v codec.View, depth int) (codec.View, bool) {
	switch v.Name() {
	case "document", "photo", "webDocument", "webDocumentNoProxy":
		return v, true
	}
	if depth == 0 || !v.Valid() {
		return v, false
	}
	for _, field := range holders {
		if !v.Has(field) {
			continue
		}
		if o, ok := v.Object(field); ok {
			if f, ok := fileIn(o, depth-1); ok {
				return f, true
			}
			continue
		}
		for o := range v.Objects(field) {
			if f, ok := fileIn(o, depth-1); ok {
				return f, true
			}
		}
	}
	return v, false
}

// Sizes by name; the others are Telegram's own: s, m, x, y ...
const (
	sizeOriginal = "original"
	sizeThumb    = "thumb"
)

// of is a file in a size. It is found again by the calls that it came from.
func (fi *Finder) of(ctx context.Context, v codec.View, size string, origins ...codec.M) (*Found, error) {
	var f *Found
	var err error
	switch v.Name() {
	case "document":
		f, err = document(v, size)
	case "photo":
		f, err = photo(v, size)
	default:
		return fi.web(ctx, v, size)
	}
	if err == nil && len(origins) > 0 {
		f.Refresh = fi.files.Refetch(f.Location, origins...)
	}
	return f, err
}

func document(v codec.View, size string) (*Found, error) {
	f := &Found{
		Key: keyOf("document", v.Int("id"), ""), Name: documentName(v), Mime: mimeOf(v.Str("mime_type")),
		Source: files.Source{DC: int(v.Int("dc_id")), Size: v.Int("size")},
	}
	thumb := ""
	if size != "" && size != sizeOriginal {
		one, err := pick(sizesOf(v, "thumbs", "video_thumbs"), size)
		if err != nil {
			return nil, err
		}
		thumb = one.kind
		f.Key, f.Size, f.Mime = keyOf("document", v.Int("id"), thumb), one.bytes, one.mime
		f.Name = strings.TrimSuffix(f.Name, path.Ext(f.Name)) + "_" + thumb + extensions[one.mime]
	}
	f.Location = locationOf("inputDocumentFileLocation", v, thumb)
	return f, nil
}

func photo(v codec.View, size string) (*Found, error) {
	one, err := pick(sizesOf(v, "sizes", "video_sizes"), size)
	if err != nil {
		return nil, err
	}
	return &Found{
		Key: keyOf("photo", v.Int("id"), one.kind), Name: dated("photo", v) + extensions[one.mime], Mime: one.mime,
		Source: files.Source{DC: int(v.Int("dc_id")), Size: one.bytes, Location: locationOf("inputPhotoFileLocation", v, one.kind)},
	}, nil
}

func locationOf(name string, v codec.View, thumb string) codec.M {
	return codec.M{"_": name, "id": v.Int("id"), "access_hash": v.Int("access_hash"), "file_reference": slices.Clone(v.Bytes("file_reference")), "thumb_size": thumb}
}

// web is a file that is on the web, and that Telegram fetches.
func (fi *Finder) web(ctx context.Context, v codec.View, size string) (*Found, error) {
	if size != "" && size != sizeOriginal {
		return nil, noSize(size, nil)
	}
	if v.Name() == "webDocumentNoProxy" {
		return nil, notFound("the file is not at Telegram, but at " + answer.Quote(v.Str("url")))
	}
	f := &Found{
		Name: documentName(v), Mime: mimeOf(v.Str("mime_type")),
		Source: files.Source{Size: unknownSize, Location: codec.M{"_": "inputWebFileLocation", "url": v.Bytes("url"), "access_hash": v.Int("access_hash")}},
	}
	var err error
	if f.Key, err = fi.keyOf(f.Location); err == nil {
		f.DC, err = fi.webDC(ctx)
	}
	return f, err
}

// sized is a size in which Telegram has a photo or the preview of a document.
type sized struct {
	kind  string
	area  int64
	bytes int64
	mime  string
}

// sizesOf are those that can be fetched: not the outlines and blurred previews, which stand in the object itself.
func sizesOf(v codec.View, still, moving string) (all []sized) {
	for o := range v.Objects(still) {
		one := sized{kind: o.Str("type"), area: o.Int("w") * o.Int("h"), bytes: o.Int("size"), mime: "image/jpeg"}
		switch o.Name() {
		case "photoSizeProgressive":
			if n := o.Longs("sizes"); len(n) > 0 {
				one.bytes = slices.Max(n)
			}
		case "photoCachedSize":
			one.bytes = int64(len(o.Bytes("bytes")))
		}
		if one.area > 0 && one.bytes > 0 {
			all = append(all, one)
		}
	}
	for o := range v.Objects(moving) {
		if o.Name() == "videoSize" && o.Int("size") > 0 {
			all = append(all, sized{kind: o.Str("type"), bytes: o.Int("size"), mime: "video/mp4"})
		}
	}
	return all
}

// pick chooses the largest, the smallest, or the one of a kind.
func pick(all []sized, size string) (sized, error) {
	still := slices.Collect(func(yield func(sized) bool) {
		for _, one := range all {
			if one.area > 0 && !yield(one) {
				return
			}
		}
	})
	byArea := func(a, b sized) int { return int(min(max(a.area-b.area, -1), 1)) }
	switch {
	case size == "" || size == sizeOriginal:
		if len(still) > 0 {
			return slices.MaxFunc(still, byArea), nil
		}
	case size == sizeThumb:
		if len(still) > 0 {
			return slices.MinFunc(still, byArea), nil
		}
	default:
		if i := slices.IndexFunc(all, func(one sized) bool { return one.kind == size }); i >= 0 {
			return all[i], nil
		}
	}
	return sized{}, noSize(size, all)
}

func noSize(size string, all []sized) *answer.Fault {
	var kinds []string
	for _, one := range all {
		kinds = append(kinds, one.kind)
	}
	if len(kinds) == 0 {
		return notFound("the file is there in no other size than " + sizeOriginal)
	}
	return notFound("the file is not there in the size " + answer.Quote(size) + ", but in " + strings.Join(kinds, ", "))
}

// extensions are those of what Telegram has, for files that came without a name.
var extensions = map[string]string{
	"image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp", "video/mp4": ".mp4", "video/webm": ".webm",
	"video/quicktime": ".mov", "audio/ogg": ".ogg", "audio/mpeg": ".mp3", "audio/mp4": ".m4a", "audio/flac": ".flac", "audio/x-wav": ".wav",
	"application/x-tgsticker": ".tgs", "application/pdf": ".pdf", "application/zip": ".zip", "text/plain": ".txt", "application/json": ".json",
}

// kinds are what files without a name are called, by an attribute that they have.
var kinds = []struct{ attribute, name string }{
	{"documentAttributeSticker", "sticker"}, {"documentAttributeCustomEmoji", "emoji"}, {"documentAttributeAnimated", "animation"},
	{"documentAttributeVideo", "video"}, {"documentAttributeAudio", "audio"}, {"documentAttributeImageSize", "image"},
}

// documentName is a document's own name, or one as Telegram's apps make it: video_2026-11-27_22-03-45.mp4, in UTC.
func documentName(v codec.View) string {
	kind, has := "file", map[string]bool{}
	for a := range v.Objects("attributes") {
		if name := clean(a.Str("file_name")); name != "" && a.Name() == "documentAttributeFilename" {
			return name
		}
		has[a.Name()] = true
	}
	for _, k := range kinds {
		if has[k.attribute] {
			kind = k.name
			break
		}
	}
	return dated(kind, v) + extensions[mimeOf(v.Str("mime_type"))]
}

func dated(kind string, v codec.View) string {
	if !v.Has("date") {
		return kind
	}
	return kind + time.Unix(v.Int("date"), 0).UTC().Format("_2006-01-02_15-04-05")
}

// nameMost is how long a file's name may be, in bytes: as most systems have it.
const nameMost = 255

// clean makes a name of what somebody wrote as one: of one line, without folders.
func clean(name string) string {
	name = strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || r == 0 {
			return '_'
		}
		if !unicode.IsPrint(r) {
			return -1 // control characters, and those that turn the direction of writing
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	name = strings.TrimSpace(name)
	if strings.Trim(name, ". ") == "" {
		return ""
	}
	if ext := path.Ext(name); len(name) > nameMost && len(ext) < 20 {
		return strings.ToValidUTF8(name[:nameMost-len(ext)], "") + ext
	}
	return strings.ToValidUTF8(name[:min(len(name), nameMost)], "")
}

// mimeOf is a media type that can stand in a header.
func mimeOf(text string) string {
	kind, sub, ok := strings.Cut(text, "/")
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("!#$&-^_.+", r)
	}
	if !ok || kind == "" || sub == "" || len(text) > 127 || strings.ContainsFunc(kind+sub, func(r rune) bool { return !plain(r) }) {
		return octets
	}
	return strings.ToLower(text)
}
