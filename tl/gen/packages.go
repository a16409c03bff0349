package gen

import (
	"github.com/natsgram/natsgram/schemas"
	"github.com/natsgram/natsgram/tl"
)

// Packages are the packages of this module that are generated, by the name that tlgen takes.
var Packages = map[string]func() ([]byte, error){"mt": ServiceMessages}

// ServiceMessages writes package mt: the messages of schemas/mtproto.tl. Containers are written by hand there, because
// the lengths in them are a matter of protocol and not of types.
func ServiceMessages() ([]byte, error) {
	s, err := tl.Parse("schemas/mtproto.tl", schemas.MTProto())
	if err != nil {
		return nil, err
	}
	return Generate(s, Options{
		Package: "mt",
		Source:  "schemas/mtproto.tl",
		Skip:    []string{"message", "msg_container", "msg_copy"},
		Names:   map[string]string{"pq": "PQ", "rpc_error": "RPCError", "rpc_result": "RPCResult"},
	})
}
