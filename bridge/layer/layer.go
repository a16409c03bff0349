// Package layer is the API as the settings want it spoken: the built-in layer or that of a file, compiled once for all accounts;
// and where the Telegram is that speaks it.
package layer

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/natsgram/natsgram/bridge/gate"
	"github.com/natsgram/natsgram/bridge/methods"
	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/schemas"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
)

// Layer is the API as it is spoken: made once, shared by all accounts.
type Layer struct {
	Decl    *tl.Schema
	Schema  *codec.Schema
	Methods *methods.Methods
	Rules   *updates.Rules
	Rates   *gate.Rules
}

// Read reads the built-in schema, or the file of another layer.
func Read(s settings.Settings) (*Layer, error) {
	decl, err := readSchema(s.Schema)
	if err != nil {
		return nil, err
	}
	l := &Layer{Decl: decl}
	if l.Schema, err = codec.Compile(decl); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	if l.Rules, err = updates.Compile(l.Schema, decl); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	if err := methods.CheckAllow(decl, s.Allow); err != nil {
		return nil, fmt.Errorf("NATSGRAM_ALLOW: %w", err)
	}
	if l.Rates, err = readRates(s, l); err != nil {
		return nil, err
	}
	l.Methods = methods.New(l.Schema, decl, s.Allow)
	if s.ServiceMessages {
		l.Methods.ShowServiceMessages()
	}
	return l, nil
}

// readRates reads which methods are budgeted, and refuses those that the layer has not.
func readRates(s settings.Settings, l *Layer) (*gate.Rules, error) {
	rates := gate.NewRules(l.Schema)
	budgets, err := s.BudgetsOf()
	for method := range budgets {
		if err == nil && !rates.Knows(method) {
			err = fmt.Errorf("NATSGRAM_BUDGETS: layer %d has no method %.60q: see natsgram methods", l.Decl.Layer, method)
		}
	}
	return rates, err
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
