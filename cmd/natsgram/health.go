package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/bridge"
	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/subjects"
)

func healthCommand() *cobra.Command {
	timeout := 5 * time.Second
	c := &cobra.Command{
		Use:   "health",
		Short: "Is the daemon ready? For the health check of a container",
		Long: `Ask whether the daemon is ready, and say by the exit status: 0 ready, 1 not. With NATSGRAM_HTTP the daemon of this machine is
asked (/readyz); without, all daemons on the NATS servers (tg.ctl._.health).`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			set, err := loadSettings(c)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), timeout)
			defer cancel()
			ask := askBus
			if set.HTTP != "" {
				ask = askHTTP
			}
			if err := ask(ctx, set, timeout); err != nil {
				return fmt.Errorf("not ready: %w", err)
			}
			fmt.Fprintln(c.OutOrStdout(), "ready")
			return nil
		},
	}
	c.Flags().DurationVar(&timeout, "timeout", timeout, "how long to wait")
	return c
}

// maxReason bounds what is shown of an answer, in bytes.
const maxReason = 4096

// askHTTP asks the daemon of this machine.
func askHTTP(ctx context.Context, set settings.Settings, _ time.Duration) error {
	where, err := localAddress(set.HTTP)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+where+"/readyz", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxReason))
	if answer.StatusCode != http.StatusOK && err == nil {
		err = errors.New(string(bytes.TrimSpace(text)))
	}
	return err
}

// localAddress is where this machine reaches what listens at an address, which may be all of them.
func localAddress(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Errorf("NATSGRAM_HTTP: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}

// askBus asks all daemons, by any of them.
func askBus(ctx context.Context, set settings.Settings, timeout time.Duration) error {
	reply, err := request(ctx, set, nats.NewMsg(set.Scheme().Ctl(subjects.Daemon, "health")), timeout)
	if err != nil {
		return err
	}
	if code := reply.Header.Get(subjects.HeaderErrorCode); code != "" {
		return replyError(code, reply.Header)
	}
	var all struct {
		Ready   bool
		Daemons []bridge.Health
	}
	if err := json.Unmarshal(reply.Data, &all); err != nil {
		return fmt.Errorf("the daemon's answer: %w", err)
	}
	if all.Ready {
		return nil
	}
	return errors.New(problemsOf(all.Daemons))
}

// problemsOf names each daemon that is not ready, and why.
func problemsOf(daemons []bridge.Health) string {
	var lines []string
	for _, d := range daemons {
		for _, p := range d.Problems {
			lines = append(lines, strings.TrimSpace(d.Daemon+" "+p.Account)+": "+p.Text)
		}
	}
	return strings.Join(lines, "; ")
}
