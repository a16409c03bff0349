package main

import (
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/bridge"
	"github.com/natsgram/natsgram/bridge/settings"
)

func serveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Put the signed-in accounts on NATS, until it is told to stop",
		Long: `Put the signed-in accounts on NATS, until it is told to stop. Accounts that are signed in later are found at once.

Without NATS_URL, NATS_CONTEXT and the like, a NATS server runs inside, on 127.0.0.1:4222. It asks everybody who they are:
natsgram's own commands sign in by the state folder, the nats CLI by the context that 'natsgram context' writes, others as user
natsgram with the password in nats.password there, or as the users of a nats-server configuration (NATSGRAM_NATS_CONFIG).

It stops on SIGTERM or Ctrl-C: calls at work are answered and updates flushed first.`,
		Example: `  natsgram serve
  NATSGRAM_ACCOUNTS=main,news NATS_CONTEXT=prod natsgram serve
  NATSGRAM_NATS_PORT=4333 NATSGRAM_STATE_DIR=/var/lib/natsgram natsgram serve`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			set, err := loadSettings(c)
			if err != nil {
				return err
			}
			log := newLogger(set, c.ErrOrStderr())
			for _, one := range settings.Misspelt(os.Environ()) {
				log.Warn(one)
			}
			b, err := bridge.New(set, bridge.Options{Log: log, Version: version})
			if err != nil {
				return err
			}
			go func() {
				select {
				case <-b.Ready():
					log.Info("serving", "nats", b.ClientURL(), "prefix", set.Prefix)
					if !set.External() {
						log.Info("the NATS server asks who you are; for the nats CLI: natsgram context")
					}
				case <-c.Context().Done():
				}
			}()
			return b.Run(c.Context())
		},
	}
}

func newLogger(set bridge.Settings, w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: set.Level()}
	if set.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
