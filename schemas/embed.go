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
)

// API is Telegram's API: what an account can call, and what it is told. The caller must not change it.
func API() []byte { return api }

// MTProto is the protocol's service messages: key exchange, acknowledgements, containers. The caller must not change it.
func MTProto() []byte { return mtproto }

// Secret is what the two ends of a secret chat send each other. The caller must not change it.
func Secret() []byte { return secret }
