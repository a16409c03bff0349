package attach

import (
	"github.com/natsgram/natsgram/bridge/objects"
	"github.com/natsgram/natsgram/tl/codec"
)

// In raw TL, where no text can stand for an object, an inputFile without parts is the file that its name says; so it may be written
// in the other encodings too.

// Forms adds that constructor to the forms of other objects.
func (r *Reader) Forms(others *codec.Forms) *codec.Forms {
	if r == nil {
		return others
	}
	return &codec.Forms{
		May: func(class, constructor string) bool {
			return class == objects.Class && constructor == formOfFile || others != nil && others.May(class, constructor)
		},
		Text: func(class string, object codec.View) (string, bool) {
			if class == objects.Class {
				name := object.Str("name")
				return name, object.Int("parts") == 0 && objects.Is(name)
			}
			return others.Text(class, object)
		},
		As: func(class, constructor string) (as, within string) {
			if others == nil {
				return "", ""
			}
			return others.As(class, constructor)
		},
		IDs:    func(fn, param string) bool { return others != nil && others.IDs(fn, param) },
		ID:     func(text string) (int64, error) { return others.ID(text) },
		Absent: func(constructor, param string) bool { return others != nil && others.Absent(constructor, param) },
	}
}

// AppendTL takes a call in raw TL, as it is; one that may name files, as one in MessagePack.
func (r *Reader) AppendTL(dst, call []byte, fn *codec.Function, o *codec.Options) ([]byte, error) {
	if r == nil || !objects.In(call) {
		return append(dst, call...), nil
	}
	pack, err := r.schema.AppendMsgpack(nil, call, r.schema.AnyObject())
	if err != nil {
		return dst, err
	}
	return r.schema.AppendCallFromMsgpack(dst, pack, fn, o)
}
