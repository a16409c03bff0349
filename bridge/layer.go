package bridge

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/natsgram/natsgram/bridge/gate"
	"github.com/natsgram/natsgram/bridge/rpc"
	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/schemas"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
)

// layer is the API as it is spoken: made once, shared by all accounts.
type layer struct {
	decl    *tl.Schema
	schema  *codec.Schema
	methods *rpc.Methods
	rules   *updates.Rules
	rates   *gate.Rules
}

// readLayer reads the built-in schema, or the file of another layer.
func readLayer(s Settings) (l layer, err error) {
	decl, err := readSchema(s.Schema)
	if err != nil {
		return l, err
	}
	l.decl = decl
	if l.schema, err = codec.Compile(decl); err != nil {
		return l, fmt.Errorf("schema: %w", err)
	}
	if l.rules, err = updates.Compile(l.schema, decl); err != nil {
		return l, fmt.Errorf("schema: %w", err)
	}
	if err := rpc.CheckAllow(decl, s.Allow); err != nil {
		return l, fmt.Errorf("NATSGRAM_ALLOW: %w", err)
	}
	l.rates = gate.NewRules(l.schema)
	budgets, err := s.BudgetsOf()
	for method := range budgets {
		if err == nil && !l.rates.Knows(method) {
			err = fmt.Errorf("NATSGRAM_BUDGETS: layer %d has no method %.60q: see natsgram methods", decl.Layer, method)
		}
	}
	if err != nil {
		return l, err
	}
	l.methods = rpc.NewMethods(l.schema, decl, s.Allow)
	if s.ServiceMessages {
		l.methods.ShowServiceMessages()
	}
	return l, nil
}

func readSchema(file string) (*tl.Schema, error) {
	if file == "" {
		return tl.Parse("api.tl", schemas.API())
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("NATSGRAM_SCHEMA: %w", err)
	}
	decl, err := tl.Import(filepath.Base(file), text)
	if err != nil {
		return nil, fmt.Errorf("NATSGRAM_SCHEMA: %w", err)
	}
	if decl.Layer == 0 {
		return nil, fmt.Errorf("NATSGRAM_SCHEMA: %s does not say which layer it is: add a line `// LAYER n`", file)
	}
	return decl, nil
}

// environment is where Telegram is.
func environment(s Settings, o Options) (dc.Environment, error) {
	if o.Env != nil {
		return *o.Env, o.Env.Check()
	}
	env := dc.Production()
	if s.Environment == "test" {
		env = dc.Test()
	}
	if options := strings.Fields(s.DCs); len(options) > 0 {
		env.Options = nil
		for _, text := range options {
			option, err := dc.ParseOption(text)
			if err != nil {
				return env, fmt.Errorf("NATSGRAM_DCS: %w", err)
			}
			env.Options = append(env.Options, option)
		}
		env.Default = env.Options[0].ID
	}
	if s.DCKeys != "" {
		text, err := os.ReadFile(s.DCKeys)
		if err == nil {
			env.Keys, err = crypto.ParsePublicKeys(text)
		}
		if err != nil {
			return env, fmt.Errorf("NATSGRAM_DC_KEYS: %w", err)
		}
	}
	if s.DefaultDC != 0 {
		env.Default = s.DefaultDC
	}
	return env, env.Check()
}
