package bus

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/embedded"
	"github.com/natsgram/natsgram/bridge/settings"
)

// pretend is a connection to a server whose JetStream answers with an API level.
func pretend(t *testing.T, answer string) *nats.Conn {
	t.Helper()
	nc, err := External(settings.NATS{URL: guarded(t, func(*server.Options) {})}, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	if _, err := nc.Subscribe("$JS.API.INFO", func(m *nats.Msg) { _ = m.Respond([]byte(answer)) }); err != nil {
		t.Fatal(err)
	}
	return nc
}

// Versions that are too old are told so, and which would do; those that nobody tried are said to be.
func TestVersions(t *testing.T) {
	for answer, want := range map[string]struct{ warn, err string }{
		`{"api":{"total":1}}`:           {err: "needs 2.12 to 2.15"},
		`{"api":{"level":1,"total":1}}`: {warn: "tested with 2.12 to 2.15"},
		`{"api":{"level":2,"total":1}}`: {},
		`{"api":{"level":9,"total":1}}`: {},
		`{"error":{"code":503,"err_code":10076,"description":"JetStream not enabled"}}`:             {err: "which this NATS account has not"},
		`{"error":{"code":503,"err_code":10039,"description":"JetStream not enabled for account"}}`: {err: "which this NATS account has not"},
	} {
		nc := pretend(t, answer)
		js, _ := JetStream(nc, settings.NATS{})
		warn, err := CheckVersion(t.Context(), nc, js)
		if got := fmt.Sprint(err); (err == nil) != (want.err == "") || !strings.Contains(got, want.err) || Passing(err) {
			t.Errorf("%s: %v, want %q", answer, err, want.err)
		}
		if (warn == "") != (want.warn == "") || !strings.Contains(warn, want.warn) {
			t.Errorf("%s: %q, want %q", answer, warn, want.warn)
		}
	}
	srv, err := embedded.Start(embedded.Config{Dir: t.TempDir(), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	nc, err := InProcess(srv, settings.NATS{}, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, _ := JetStream(nc, settings.NATS{})
	if warn, err := CheckVersion(t.Context(), nc, js); warn != "" || err != nil {
		t.Errorf("our own: %q %v", warn, err)
	}
}

// No leader yet passes; so it must not look like a version.
func TestVersionOfWhatIsNotThereYet(t *testing.T) {
	nc := pretend(t, `{"error":{"code":503,"err_code":10008,"description":"JetStream system temporarily unavailable"}}`)
	js, _ := JetStream(nc, settings.NATS{})
	if _, err := CheckVersion(t.Context(), nc, js); !Passing(err) || !errors.As(err, new(*jetstream.APIError)) {
		t.Error(err)
	}
}
