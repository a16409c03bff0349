package source

import (
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/mtproto/files"
	"github.com/natsgram/natsgram/tl/api"
	"github.com/natsgram/natsgram/tl/codec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// knows is a client that has a schema, and makes no calls.
type knows struct {
	files.Client
	schema *codec.Schema
}

func (k knows) Schema() *codec.Schema { return k.schema }

// Whatever a caller writes as a location: it is read into what is written as the same bytes again, or refused as the caller's fault.
func FuzzLocation(f *testing.F) {
	for _, text := range []string{
		`{"_":"inputDocumentFileLocation","id":"1","access_hash":"2","file_reference":"AAEC","thumb_size":""}`,
		`{"_":"inputPeerPhotoFileLocation","big":true,"peer":{"_":"inputPeerSelf"},"photo_id":"5"}`,
		`{"_":"inputTakeoutFileLocation"}`, `{"_":"inputGroupCallStream","call":{"_":"inputGroupCall","id":1,"access_hash":2},"time_ms":"1","scale":1}`,
		`"me"`, `{}`, `null`, `[`, ``,
	} {
		f.Add([]byte(text))
	}
	schema, err := api.Schema()
	if err != nil {
		f.Fatal(err)
	}
	fi := New(knows{schema: schema}, nil, nil)
	class, _ := schema.Type("InputFileLocation")
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := fi.object(t.Context(), "location", "InputFileLocation", text)
		if err != nil {
			var f *answer.Fault
			if !errors.As(err, &f) || f.Code != 400 || f.Sent != answer.No {
				t.Error(err)
			}
			return
		}
		b, err := schema.Encode(nil, m)
		want, bad := schema.AppendTLFromJSON(nil, text, class, nil)
		if err != nil || bad != nil || string(b) != string(want) {
			t.Errorf("%s: %v %v %x, want %x", text, err, bad, b, want)
		}
	})
}
