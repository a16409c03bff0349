// Package schemas is the schema files that natsgram is built with. They hold facts only, and are written in canonical
// form: one line a combinator, constructors before functions. What they mean is for package tl to say.
package schemas

import _ "embed"

var (
	//go:embed api.tl
	api []byte
	//go:embed mtproto.tl
	mtproto []byte
	//go:embed secret.tl
	secret []byte
	//go:embed errors.json
	errors []byte
)

// API is Telegram's API: what an account can call, and what it is told. The caller must not change it.
func API() []byte { return api }

// MTProto is the protocol's service messages: key exchange, acknowledgements, containers. The caller must not change it.
func MTProto() []byte { return mtproto }

// Secret is what the two ends of a secret chat send each other. The caller must not change it.
func Secret() []byte { return secret }

// Errors is which errors each method of the API is known to give, as JSON: {"method": ["400 NAME", ...]}. Telegram publishes
// no complete list; these were gathered by the authors of @mtcute/tl, `tlgen errors` takes them over. The caller must not
// change it.
func Errors() []byte { return errors }
