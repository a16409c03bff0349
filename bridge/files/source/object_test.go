package source

import (
	"errors"
	"testing"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/tl/api"
)

// What is wrong with an object is said of the place where the caller has written it, and of no class.
func TestObjectErrors(t *testing.T) {
	schema, err := api.Schema()
	if err != nil {
		t.Fatal(err)
	}
	fi := New(knows{schema: schema}, nil, nil)
	for text, want := range map[string][2]string{
		`[5]`:                  {"get: message.peer: want InputPeer, got an array", "message.peer"},
		`{"_":"peerUser"}`:     {"get: message.peer: user_id: missing, want long", "message.peer.user_id"},
		`{"_":"peerUser"`:      {"get: message.peer: ", "message.peer"},
		`{"_":"inputPeerPot"}`: {`get: message.peer: want InputPeer, there is no constructor "inputPeerPot"`, "message.peer"},
	} {
		_, err := fi.object(t.Context(), "message.peer", "InputPeer", []byte(text))
		var f *answer.Fault
		if !errors.As(err, &f) || len(f.Text) < len(want[0]) || f.Text[:len(want[0])] != want[0] || f.Path != want[1] {
			t.Errorf("%s: %+v, want %q", text, f, want)
		}
	}
}
