// Package attach is the files that calls name by text.
//
// A call may name an object of NATS wherever the schema wants an InputFile: "object:BUCKET/NAME" (design §13). The call is read once
// with placeholders in their place, so that it is refused before anything of them is sent; then they are brought to Telegram, and the
// call is read again.
package attach

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/objects"
	"github.com/natsgram/natsgram/tl/bin"
	"github.com/natsgram/natsgram/tl/codec"
)

// Files brings the files to Telegram that calls name.
type Files interface {
	// Find finds the file that a text names, object:BUCKET/NAME, and sends nothing of it.
	Find(ctx context.Context, text string) (File, *answer.Fault)
}

// File is one of them, for one call.
type File interface {
	Name() string
	MimeType() string
	// Up returns when Telegram has the file, with the InputFile that it is.
	Up(ctx context.Context) (codec.M, *answer.Fault)
	// Mend does what an error of the call asks for: true: the call may be made again, with what Up gives then. False without a fault: it
	// says nothing of this file.
	Mend(ctx context.Context, err error) (again bool, fault *answer.Fault)
}

const (
	encryptedFile = "InputEncryptedFile" // the class of files that the sender has encrypted: no object of theirs is sent as it is
	formOfFile    = "inputFile"          // the constructor whose name may be that of an object
	filesMost     = 64                   // that one call names
)

// Reader reads calls of a schema that name files. Nil reads those that name none.
type Reader struct {
	schema *codec.Schema
	files  Files
}

// New makes one; nil where there are no files.
func New(schema *codec.Schema, files Files) *Reader {
	if files == nil {
		return nil
	}
	return &Reader{schema: schema, files: files}
}

// Is reports whether a text in the place of an object stands for a file.
func (r *Reader) Is(class, text string) bool {
	return r != nil && class == objects.Class && objects.Is(text)
}

// Encrypted refuses a text in the place of a secret chat's file; nil: it stands for something else.
func Encrypted(class, text string) *answer.Fault {
	if class != encryptedFile || !objects.Is(text) {
		return nil
	}
	return answer.Refuse(400, "files of secret chats are encrypted by whoever sends them: "+
		"tg.file put brings the encrypted object up, and its answer's id and parts make an inputEncryptedFileUploaded")
}

// Uses are the files that one call names.
type Uses struct{ all []*use }

type use struct {
	text   string
	file   File
	object []byte // the InputFile in TL: a placeholder, until it is up
}

// Any reports whether there are some.
func (u *Uses) Any() bool { return len(u.all) > 0 }

// Object is the InputFile that a text of a call stands for.
func (r *Reader) Object(ctx context.Context, u *Uses, text string) ([]byte, *answer.Fault) {
	if i := slices.IndexFunc(u.all, func(one *use) bool { return one.text == text }); i >= 0 {
		return u.all[i].object, nil
	}
	if len(u.all) == filesMost {
		return nil, answer.Refuse(400, "it names more than 64 files")
	}
	file, fault := r.files.Find(ctx, text)
	if fault != nil {
		return nil, fault
	}
	one := &use{text: text, file: file, object: r.Placeholder(len(u.all) + 1)}
	u.all = append(u.all, one)
	return one.object, nil
}

// Placeholder stands for the nth file of a call, while it is looked at.
func (r *Reader) Placeholder(n int) []byte {
	b, _ := r.schema.Encode(nil, codec.M{"_": formOfFile, "id": n, "parts": 0, "name": "", "md5_checksum": ""})
	return b
}

// Up brings the files of a call to Telegram, all at once.
func (r *Reader) Up(ctx context.Context, u *Uses) error {
	group, inner := errgroup.WithContext(ctx)
	for _, one := range u.all {
		group.Go(func() error {
			m, fault := one.file.Up(inner)
			if fault != nil {
				return fault
			}
			var err error
			one.object, err = r.schema.Encode(nil, m)
			return err
		})
	}
	return group.Wait()
}

// Mend reports whether a call that failed is to be made again: what Telegram lacked of a file is there now.
func (u *Uses) Mend(ctx context.Context, err error) (again bool, fault *answer.Fault) {
	for _, one := range u.all {
		mended, fault := one.file.Mend(ctx, err)
		if fault != nil {
			return false, fault
		}
		again = again || mended
	}
	return again, nil
}

// of is the file that an InputFile is of; nil: it is another one.
func (u *Uses) of(object []byte) *use {
	i := slices.IndexFunc(u.all, func(one *use) bool { return bytes.Equal(one.object, object) })
	if i < 0 {
		return nil
	}
	return u.all[i]
}

// Besides fills in what the files of a call say of themselves, as codec.Options.MissingValue.
func (r *Reader) Besides(u *Uses) func(fn, param string, beside codec.Beside) ([]byte, bool) {
	if r == nil {
		return nil
	}
	return func(_, param string, beside codec.Beside) ([]byte, bool) {
		one := u.of(beside.TL(objects.ParamFile))
		if one == nil {
			return nil, false
		}
		return r.says(one.file.Name(), one.file.MimeType(), param)
	}
}

// Anything fills in the same where nobody has looked for the file yet: for the order of calls, and for what tells one from another.
func (r *Reader) Anything(_, param string, beside codec.Beside) ([]byte, bool) {
	if r == nil {
		return nil, false
	}
	object := beside.TL(objects.ParamFile)
	asText := len(object) >= 4 && binary.LittleEndian.Uint32(object) == 0 // see codec.Options.AsText
	if !asText && !bytes.Equal(object, r.Placeholder(1)) {
		return nil, false
	}
	return r.says("", "", param)
}

// says is the value of a parameter, in TL.
func (r *Reader) says(name, mime, param string) ([]byte, bool) {
	switch param {
	case objects.ParamMime:
		return textTL(mime), true
	case objects.ParamName:
		return textTL(name), true
	case objects.ParamAttributes:
		attribute, err := r.schema.Encode(nil, codec.M{"_": "documentAttributeFilename", "file_name": name})
		return vectorTL(attribute), err == nil
	}
	return nil, false
}

func textTL(text string) []byte { return bin.AppendText(nil, text) }

// vectorTL is a vector of one object.
func vectorTL(object []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, bin.IDVector)
	b = binary.LittleEndian.AppendUint32(b, 1)
	return append(b, object...)
}
