package layer

import (
	"fmt"
	"os"
	"strings"

	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/dc"
)

// Environment is where Telegram is, by the settings; or instead of them, a Telegram in a box.
func Environment(s settings.Settings, instead *dc.Environment) (dc.Environment, error) {
	if instead != nil {
		return *instead, instead.Check()
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
