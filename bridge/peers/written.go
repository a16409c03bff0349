package peers

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/natsgram/natsgram/tl/codec"
)

// Missing reports whether a caller has left a peer out.
func Missing(written json.RawMessage) bool {
	said := string(written)
	return said == "" || said == "null" || said == `""`
}

// text is [Directory.Text].
func (x *resolver) text(written json.RawMessage) (string, error) {
	const class = "InputPeer"
	empty, err := x.schema.Encode(nil, codec.M{"_": "inputPeerEmpty"})
	if err != nil {
		return "", err
	}
	text, found := "", false
	t, _ := x.schema.Type(class)
	b, err := x.schema.AppendTLFromJSON(nil, written, t, &codec.Options{Forms: Forms(), Resolve: func(_, said string) ([]byte, bool, error) {
		text, found = said, true
		return empty, true, nil
	}})
	if err != nil {
		var e *codec.Error
		if errors.As(err, &e) { // of the class nobody has written anything
			return "", &UnknownError{strings.TrimPrefix(err.Error(), class+": "), true}
		}
		return "", err
	}
	v, err := x.schema.View(b)
	if err != nil {
		return "", err
	}
	p := peerOf(v)
	switch {
	case p.id != 0: // an input that is whole; within it there may be text
		return p.String(), nil
	case v.Name() == "inputPeerSelf":
		return "me", nil
	case found && v.Name() == "inputPeerEmpty":
		return text, nil
	}
	return "", &UnknownError{v.Name() + " names no peer", true}
}
