package peers

import (
	"strings"

	"github.com/natsgram/natsgram/tl/codec"
)

// Forms are the objects that may stand for a peer: those by which updates and messages name it (peerUser, peerChat, peerChannel),
// and inputs that lack their access hash, or have 0 there.
func Forms() *codec.Forms { return &forms }

var forms = codec.Forms{
	May: func(class, constructor string) bool {
		if _, ok := wrappers[class]; !ok {
			return false
		}
		switch constructor {
		case "peerUser", "peerChat", "peerChannel", "inputPeerUser", "inputPeerChannel", "inputUser", "inputChannel":
			return true
		}
		return false
	},
	Text: func(class string, object codec.View) (string, bool) {
		name := object.Name()
		p := peerOf(object)
		exact := strings.HasPrefix(name, "inputPeer") && class == "InputPeer" || name == "inputUser" && class == "InputUser" || name == "inputChannel" && class == "InputChannel"
		return p.String(), p.id > 0 && !(exact && object.Int("access_hash") != 0)
	},
	Absent: func(constructor, param string) bool {
		switch constructor {
		case "inputPeerUser", "inputPeerChannel", "inputUser", "inputChannel":
			return param == "access_hash"
		}
		return false
	},
}
