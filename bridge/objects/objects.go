// Package objects reads objects of NATS Object Stores, as files that are to go to Telegram: from beginning to end, or again from any
// place. Whoever may write into a bucket writes what describes its objects as well, so nothing of that is believed. And it writes them, so
// that another daemon can go on where one ended.
package objects

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/subjects"
)

// Ref names an object.
type Ref struct{ Bucket, Name string }

// Class is the one in whose place such a text stands in calls.
const Class = "InputFile"

// The parameter that an InputFile stands in, and those beside it that the file fills in where the schema demands them and the caller does
// not give them.
const (
	ParamFile       = "file"
	ParamMime       = "mime_type"
	ParamName       = "file_name"
	ParamAttributes = "attributes"
)

// prefix begins the text that stands for an object.
const prefix = "object:"

// Is reports whether a text is to stand for an object, well written or not.
func Is(text string) bool { return strings.HasPrefix(text, prefix) }

// In reports whether such a text may stand in some bytes.
func In(b []byte) bool { return bytes.Contains(b, []byte(prefix)) }

// nameMost is how long the name of an object may be, in bytes.
const nameMost = 512

// ParseText reads object:BUCKET/NAME. The name may have slashes.
func ParseText(text string) (Ref, error) {
	rest, ok := strings.CutPrefix(text, prefix)
	if !ok {
		return Ref{}, fmt.Errorf("want %sBUCKET/NAME, got %.40q", prefix, text)
	}
	return Parse(rest)
}

// Parse reads BUCKET/NAME.
func Parse(text string) (Ref, error) {
	bucket, name, ok := strings.Cut(text, "/")
	switch {
	case !ok || name == "":
		return Ref{}, fmt.Errorf("want BUCKET/NAME, got %.40q", text)
	case !Token(bucket):
		return Ref{}, fmt.Errorf("%.40q is no name of a bucket", bucket)
	case len(name) > nameMost || !utf8.ValidString(name):
		return Ref{}, fmt.Errorf("the object's name: want UTF-8 of %d bytes at most", nameMost)
	}
	return Ref{bucket, name}, nil
}

// String is the object as it is written in a call.
func (r Ref) String() string { return prefix + r.Bucket + "/" + r.Name }

// Token reports whether a text can be one token of a subject and the name of a bucket.
func Token(text string) bool {
	return text != "" && len(text) <= 255 && strings.Trim(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

// Errors of objects; all others are those of JetStream.
var (
	// ErrMissing says that there is no such object, or not any more.
	ErrMissing = errors.New("there is no such object")
	// ErrDamaged says that an object is not what it says of itself.
	ErrDamaged = errors.New("the object is damaged")
	// ErrLink says that an object only names another, perhaps of a bucket that its writer may not read.
	ErrLink = errors.New("the object is a link, which is not followed")
	// ErrNoBucket says that there is no such object store.
	ErrNoBucket = errors.New("there is no object store")
	// ErrFull says that an object store has no room for an object.
	ErrFull = errors.New("there is no room")
	// ErrDisorder says that chunks are in the stream that a writer did not write there, or not in its order: another owner's.
	ErrDisorder = errors.New("another daemon wrote the same object")
)

// Info is what an object says of itself.
type Info struct {
	Ref
	ID     string // of these contents: another one when the object is written again
	Size   int64
	Digest string // SHA-256=...
	Title  string // the file's name
	Mime   string // empty: not said
	Owner  string // the account whose daemon wrote it, or for which a program did; empty: nobody says
}

// Keys of an object's metadata, and the header, that say what a file is.
const (
	MetaName    = "name"
	MetaMime    = "mime_type"
	MetaAccount = "natsgram_account" // whose daemon wrote it
	MetaFile    = "natsgram_file"    // which of Telegram's files it is: document/5368324170671202286
	MetaOf      = "natsgram_of"      // who stands in the messages that it came from: user.5 channel.7
	header      = "Content-Type"
)

// kinds are what the names of an account's files have behind the account's: those that were fetched and nobody named, and those that are to
// be sent.
var kinds = []string{"document", "photo", "profile", "location", "up"}

// OwnerOf is the account whose files are called so, in the object store that accounts share; empty: those of no account alone.
func OwnerOf(name string) string {
	account, rest, _ := strings.Cut(name, "/")
	kind, id, _ := strings.Cut(rest, "/")
	if id == "" || subjects.CheckAccount(account) != nil || !slices.Contains(kinds, kind) {
		return ""
	}
	return account
}

// Find finds an object.
func Find(ctx context.Context, js jetstream.JetStream, ref Ref) (Info, error) {
	store, err := js.ObjectStore(ctx, ref.Bucket)
	if err != nil {
		return Info{}, missing(err)
	}
	o, err := store.GetInfo(ctx, ref.Name)
	if err != nil {
		return Info{}, missing(err)
	}
	return infoOf(ref, o)
}

func infoOf(ref Ref, o *jetstream.ObjectInfo) (Info, error) {
	switch {
	case o.Opts != nil && o.Opts.Link != nil:
		return Info{}, ErrLink
	case o.Deleted:
		return Info{}, ErrMissing
	case !Token(o.NUID) || o.Size > math.MaxInt64:
		return Info{}, ErrDamaged
	}
	info := Info{Ref: ref, ID: o.NUID, Size: int64(o.Size), Digest: o.Digest, Title: title(o.Metadata[MetaName]), Mime: plain(o.Metadata[MetaMime])}
	if info.Title == "" {
		info.Title = cmp.Or(title(ref.Name), "file")
	}
	info.Owner = cmp.Or(OwnerOf(ref.Name), plain(o.Metadata[MetaAccount]))
	if info.Mime == "" {
		info.Mime = plain(o.Headers.Get(header))
	}
	return info, nil
}

func missing(err error) error {
	for _, none := range []error{jetstream.ErrBucketNotFound, jetstream.ErrObjectNotFound, jetstream.ErrStreamNotFound, jetstream.ErrMsgNotFound} {
		if errors.Is(err, none) {
			return ErrMissing
		}
	}
	if errors.Is(err, jetstream.ErrBadObjectMeta) {
		return ErrDamaged
	}
	return err
}

// title is a file's name without the folders before it, as Telegram takes one.
func title(name string) string {
	switch name = path.Base(plain(name)); name {
	case ".", "..", "/":
		return ""
	}
	return name
}

// plain is a text of a line that can be read, and of no more bytes than names have; else it is none.
func plain(text string) string {
	if len(text) > nameMost || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return ""
	}
	return text
}
