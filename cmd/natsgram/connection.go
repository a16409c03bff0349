package main

import (
	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/subjects"
)

// connectionFlags say where NATS is, in the words of the nats CLI, and stand before the environment.
var connectionFlags = []struct{ name, short, setting, usage string }{
	{"server", "s", "NATS_URL", "NATS servers (NATS_URL)"},
	{"context", "", "NATS_CONTEXT", "context of the nats CLI, by name or file (NATS_CONTEXT)"},
	{"creds", "", "NATS_CREDS", "file of user credentials (NATS_CREDS)"},
	{"inbox-prefix", "", "NATS_INBOX_PREFIX", "prefix of the subjects that answers come to (NATS_INBOX_PREFIX)"},
	{"js-domain", "", "NATSGRAM_JETSTREAM_DOMAIN", "JetStream domain (NATSGRAM_JETSTREAM_DOMAIN)"},
	{"js-api-prefix", "", "NATSGRAM_JETSTREAM_API_PREFIX", "prefix of JetStream's API (NATSGRAM_JETSTREAM_API_PREFIX)"},
	{"prefix", "", "NATSGRAM_PREFIX", "first token of every subject (NATSGRAM_PREFIX)"},
}

func addConnectionFlags(root *cobra.Command) {
	for _, f := range connectionFlags {
		root.PersistentFlags().StringP(f.name, f.short, "", f.usage)
	}
}

// loadSettings reads the environment, and the flags of the connection over it. Who names a context means its servers, and who
// names servers or a context means another server than the one inside.
func loadSettings(c *cobra.Command) (settings.Settings, error) {
	over := map[string]string{}
	for _, f := range connectionFlags {
		if flag := c.Flags().Lookup(f.name); flag != nil && flag.Changed {
			over[f.setting] = flag.Value.String()
		}
	}
	_, server := over["NATS_URL"]
	_, context := over["NATS_CONTEXT"]
	switch {
	case context && !server:
		over["NATS_URL"] = ""
	case server && !context:
		over["NATS_CONTEXT"] = ""
	}
	if server || context {
		over["NATSGRAM_NATS_CONFIG"], over["NATSGRAM_NATS_ACCOUNT"] = "", ""
	}
	return settings.LoadOver(over)
}

// connectionFlag is the first of the flags that was given.
func connectionFlag(c *cobra.Command) string {
	for _, f := range connectionFlags {
		if flag := c.Flags().Lookup(f.name); flag != nil && flag.Changed {
			return f.name
		}
	}
	return ""
}

// checkAccount makes a usageError of what is no account's name.
func checkAccount(c *cobra.Command, name string) error {
	return misused(c, subjects.CheckAccount(name))
}

// misused makes a usageError of an error of the words or flags.
func misused(c *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	return &usageError{c.CommandPath(), err}
}
