package client

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/natsgram/natsgram/schemas"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
	"github.com/natsgram/natsgram/tl/tg"
)

// frames are the payloads of the stream in terms of TL, so that one pass of the codec makes TL of them, in either encoding.
// docs/decisions/0004-typed-updates.md has why.
const frames = `natsgram.update update:Update users:Vector<User> chats:Vector<Chat> = natsgram.Update;
natsgram.gap box:string from:long to:long reason:string filled:Bool = natsgram.Gap;
natsgram.gapped gap:natsgram.Gap = natsgram.Gapped;
`

type decoder struct {
	schema         *codec.Schema
	update, gapped codec.Type
}

// decoders is the one decoder. It is no variable with a function in it, which would link the codec and the schema into
// programs that read no updates.
var decoders struct {
	once sync.Once
	d    decoder
	err  error
}

// decoding is made for the first update that a program reads, in some 25 ms.
func decoding() (decoder, error) {
	decoders.once.Do(func() { decoders.d, decoders.err = newDecoder() })
	return decoders.d, decoders.err
}

func newDecoder() (d decoder, err error) {
	decl, err := tl.Parse("api.tl", append([]byte(frames), schemas.API()...))
	if err != nil {
		return d, err
	}
	if d.schema, err = codec.Compile(decl); err != nil {
		return d, err
	}
	var ok, too bool
	d.update, ok = d.schema.Type("natsgram.Update")
	d.gapped, too = d.schema.Type("natsgram.Gapped")
	if !ok || !too {
		err = errors.New("natsgram: the frames of updates are not in the schema")
	}
	return d, err
}

// view makes TL of a payload, and looks at it.
func (d decoder) view(content string, data []byte, t codec.Type) (codec.View, error) {
	var b []byte
	var err error
	switch content, _, _ = strings.Cut(content, ";"); content {
	case subjects.ContentJSON, "":
		b, err = d.schema.AppendTLFromJSON(nil, data, t, nil)
	case subjects.ContentMsgpack:
		b, err = d.schema.AppendTLFromMsgpack(nil, data, t, nil)
	default:
		err = fmt.Errorf("an update in %q", content)
	}
	if err != nil {
		return codec.View{}, err
	}
	return d.schema.View(b)
}

// read fills in Value, Users and Chats, or Gap.
func (u *Update) read(content string, data []byte) error {
	d, err := decoding()
	if err != nil {
		return err
	}
	if u.Type == gapName {
		return u.readGap(d, content, data)
	}
	v, err := d.view(content, data, d.update)
	if err != nil {
		return fmt.Errorf("natsgram: %s in layer %d, read with layer %d: %w", u.Type, u.Layer, tg.Layer, err)
	}
	if u.Users, err = objects(v, "users", tg.DecodeUser); err != nil {
		return err
	}
	if u.Chats, err = objects(v, "chats", tg.DecodeChat); err != nil {
		return err
	}
	update, _ := v.Object("update")
	u.Value, err = tg.DecodeUpdate(update.Raw())
	return err
}

func objects[T any](v codec.View, field string, decode func([]byte) (T, error)) (all []T, err error) {
	for o := range v.Objects(field) {
		x, err := decode(o.Raw())
		if err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	return all, nil
}

func (u *Update) readGap(d decoder, content string, data []byte) error {
	v, err := d.view(content, data, d.gapped)
	if err != nil {
		return fmt.Errorf("natsgram: a gap: %w", err)
	}
	gap, _ := v.Object("gap")
	u.Gap = &Gap{
		Box: gap.Str("box"), From: int(gap.Int("from")), To: int(gap.Int("to")), Reason: gap.Str("reason"), Filled: gap.Bool("filled"),
	}
	return nil
}
