package gen

import (
	"github.com/natsgram/natsgram/schemas"
	"github.com/natsgram/natsgram/tl"
)

// Output is a generated package.
type Output struct {
	Files map[string][]byte // by name
	Notes []string          // what whoever generates should know: names that are not the obvious ones
}

// Packages are the packages of this module that are generated, by the name that tlgen takes.
var Packages = map[string]func() (Output, error){
	"mt": func() (Output, error) {
		src, err := ServiceMessages()
		return Output{Files: map[string][]byte{"service.gen.go": src}}, err
	},
	"tg":     TelegramAPI,
	"tgtest": TelegramTable,
}

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

// TelegramAPI writes package tg: the API of schemas/api.tl.
func TelegramAPI() (Output, error) {
	s, o, err := telegram()
	if err != nil {
		return Output{}, err
	}
	return API(s, o)
}

// TelegramTable writes package tgtest, which lists what tg has.
func TelegramTable() (Output, error) {
	s, o, err := telegram()
	if err != nil {
		return Output{}, err
	}
	return APITable(s, o, "tgtest", "github.com/natsgram/natsgram/tl/tg")
}

func telegram() (*tl.Schema, APIOptions, error) {
	s, err := tl.Parse("schemas/api.tl", schemas.API())
	if err != nil {
		return nil, APIOptions{}, err
	}
	known, err := ReadErrors(schemas.Errors())
	return s, APIOptions{
		Package: "tg",
		Source:  "schemas/api.tl",
		Errors:  known,
		Reserved: []string{
			"Append", "CallError", "Decode", "ErrorKind", "FieldError", "Invoker", "IsKind", "Layer", "MethodName", "Object", "Opt", "Raw",
			"ResultError", "RetryAfter", "Some", "With", "Wrapper",
		},
	}, err
}
