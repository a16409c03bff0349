package rpc

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/objects"
	"github.com/natsgram/natsgram/bridge/turns"
	"github.com/natsgram/natsgram/tl/bin"
	"github.com/natsgram/natsgram/tl/codec"
)

// A call may name an object of NATS wherever the schema wants an InputFile: "object:BUCKET/NAME" (design §13). The call is read once
// with placeholders in their place, so that it is refused before anything of them is sent; then they are brought to Telegram, which
// takes no place at work, and the call is read again.

// Files brings the files to Telegram that calls name.
type Files interface {
	// Find finds the file that a text names, object:BUCKET/NAME, and sends nothing of it.
	Find(ctx context.Context, text string) (File, *Fault)
}

// File is one of them, for one call.
type File interface {
	Name() string
	MimeType() string
	// Up returns when Telegram has the file, with the InputFile that it is.
	Up(ctx context.Context) (codec.M, *Fault)
	// Mend does what an error of the call asks for: true: the call may be made again, with what Up gives then. False without a fault: it
	// says nothing of this file.
	Mend(ctx context.Context, err error) (again bool, fault *Fault)
}

const (
	inputFile     = "InputFile"          // the class
	encryptedFile = "InputEncryptedFile" // the class of files that the sender has encrypted: no object of theirs is sent as it is
	filesMost     = 64                   // that one call names
)

// use is a file that a call names.
type use struct {
	text   string
	file   File
	object []byte // the InputFile in TL: a placeholder, until it is up
}

// usedFile is the InputFile that a text of a call stands for.
func (s *Service) usedFile(ctx context.Context, j *job, text string) ([]byte, *Fault) {
	if i := slices.IndexFunc(j.uses, func(u *use) bool { return u.text == text }); i >= 0 {
		return j.uses[i].object, nil
	}
	if len(j.uses) == filesMost {
		return nil, answer.Refuse(400, "it names more than 64 files")
	}
	file, fault := s.c.Files.Find(ctx, text)
	if fault != nil {
		return nil, fault
	}
	u := &use{text: text, file: file, object: s.placeholder(len(j.uses) + 1)}
	j.uses = append(j.uses, u)
	return u.object, nil
}

// In raw TL, where no text can stand for an object, an inputFile without parts is the file that its name says; so it may be written
// in the other encodings too.

// formOfFile is that constructor.
const formOfFile = "inputFile"

// withFiles adds it to the forms of other objects.
func withFiles(others *codec.Forms) *codec.Forms {
	return &codec.Forms{
		May: func(class, constructor string) bool {
			return class == inputFile && constructor == formOfFile || others != nil && others.May(class, constructor)
		},
		Text: func(class string, object codec.View) (string, bool) {
			if class == inputFile {
				name := object.Str("name")
				return name, object.Int("parts") == 0 && objects.Is(name)
			}
			return others.Text(class, object)
		},
		Absent: func(constructor, param string) bool { return others != nil && others.Absent(constructor, param) },
	}
}

// appendTL takes a call in raw TL, as it is; where it may name files, as one in MessagePack.
func (s *Service) appendTL(dst []byte, j *job, o *codec.Options) ([]byte, error) {
	schema, call := s.c.Methods.schema, j.Data()
	if err := schema.CheckCall(call, j.m.fn); err != nil {
		return dst, err
	}
	if s.c.Files == nil || !objects.In(call) {
		return append(dst, call...), nil
	}
	pack, err := schema.AppendMsgpack(nil, call, schema.AnyObject())
	if err != nil {
		return dst, err
	}
	return schema.AppendCallFromMsgpack(dst, pack, j.m.fn, o)
}

// placeholder stands for the nth file of a call, while it is looked at.
func (s *Service) placeholder(n int) []byte {
	b, _ := s.c.Methods.schema.Encode(nil, codec.M{"_": "inputFile", "id": n, "parts": 0, "name": "", "md5_checksum": ""})
	return b
}

// isFile reports whether a text in the place of an object stands for a file.
func (s *Service) isFile(class, text string) bool {
	return s.c.Files != nil && class == inputFile && objects.Is(text)
}

// bringUp brings the files of a call to Telegram, all at once.
func (s *Service) bringUp(ctx context.Context, j *job) *Fault {
	defer j.Park(turns.ForUpload, nil)()
	group, inner := errgroup.WithContext(ctx)
	for _, u := range j.uses {
		group.Go(func() error {
			m, fault := u.file.Up(inner)
			if fault != nil {
				return fault
			}
			var err error
			u.object, err = s.c.Methods.schema.Encode(nil, m)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return badRequest(err)
	}
	return nil
}

// mended reports whether a call that failed is to be made again: what Telegram lacked of a file is there now.
func (s *Service) mended(ctx context.Context, j *job, err error) (bool, *Fault) {
	if len(j.uses) == 0 {
		return false, nil
	}
	defer j.Park(turns.ForUpload, nil)()
	some := false
	for _, u := range j.uses {
		again, fault := u.file.Mend(ctx, err)
		if fault != nil {
			return false, fault
		}
		some = some || again
	}
	return some, nil
}

// besides fills in what the files of a request say of themselves.
func (s *Service) besides(j *job) func(fn, param string, beside codec.Beside) ([]byte, bool) {
	return func(_, param string, beside codec.Beside) ([]byte, bool) {
		u := j.use(beside.TL(objects.ParamFile))
		if u == nil {
			return nil, false
		}
		return s.saysOf(u.file.Name(), u.file.MimeType(), param)
	}
}

// use is the file that an InputFile is of; nil: it is another one.
func (j *job) use(object []byte) *use {
	i := slices.IndexFunc(j.uses, func(u *use) bool { return bytes.Equal(u.object, object) })
	if i < 0 {
		return nil
	}
	return j.uses[i]
}

// saysOf is the value of a parameter, in TL.
func (s *Service) saysOf(name, mime, param string) ([]byte, bool) {
	switch param {
	case objects.ParamMime:
		return textTL(mime), true
	case objects.ParamName:
		return textTL(name), true
	case objects.ParamAttributes:
		attribute, err := s.c.Methods.schema.Encode(nil, codec.M{"_": "documentAttributeFilename", "file_name": name})
		return vectorTL(attribute), err == nil
	}
	return nil, false
}

// anything fills in the same where nobody has looked for the file yet: for the order of calls, and for what tells one from another.
func (s *Service) anything(_, param string, beside codec.Beside) ([]byte, bool) {
	object := beside.TL(objects.ParamFile)
	asText := len(object) >= 4 && binary.LittleEndian.Uint32(object) == 0 // see codec.Options.AsText
	if s.c.Files == nil || !asText && !bytes.Equal(object, s.placeholder(1)) {
		return nil, false
	}
	return s.saysOf("", "", param)
}

func textTL(text string) []byte { return bin.AppendText(nil, text) }

// vectorTL is a vector of one object.
func vectorTL(object []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, bin.IDVector)
	b = binary.LittleEndian.AppendUint32(b, 1)
	return append(b, object...)
}
