package e2e

import (
	"context"
	"crypto/rsa"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v4"
	"github.com/gotd/td/session"
	"github.com/gotd/td/telegram"
	"github.com/gotd/td/telegram/dcs"
	"github.com/gotd/td/tg"
	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
)

// patience bounds every test against gotd/td. Nothing here takes as long, but on a machine that does ten other things.
const patience = 40 * time.Second

const (
	apiID   = 17349
	apiHash = "0123456789abcdef0123456789abcdef"
)

// gotdSchema is the layer that gotd/td v0.93.0 speaks, 170, from its own schema file.
var gotdSchema = sync.OnceValues(func() (*tl.Schema, error) {
	file, err := gotdSchemaFile()
	if err != nil {
		return nil, err
	}
	src, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return tl.Import("telegram.tl", src)
})

// gotdSchemaFile is where the go command has put it.
func gotdSchemaFile() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/gotd/td").Output()
	if err != nil {
		return "", fmt.Errorf("go list -m github.com/gotd/td: %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(out)), "_schema", "telegram.tl"), nil
}

var gotdCodec = sync.OnceValues(func() (*codec.Schema, error) {
	s, err := gotdSchema()
	if err != nil {
		return nil, err
	}
	return codec.Compile(s)
})

// gotdLayer is gotd's layer, compiled.
func gotdLayer(tb testing.TB) *codec.Schema {
	tb.Helper()
	s, err := gotdCodec()
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// telegramInABox is a server of ours that speaks gotd's layer.
func telegramInABox(tb testing.TB, opts ...mttest.Option) *mttest.Server {
	tb.Helper()
	schema, err := gotdSchema()
	if err != nil {
		tb.Fatal(err)
	}
	return mttest.NewServer(tb, append(opts, func(c *mttest.Config) { c.Schema = schema })...)
}

// leaves wants the test, and all that it cleans up after this call, to leave no goroutine behind.
func leaves(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		if !t.Failed() {
			goleak.VerifyNone(t, before)
		}
	})
}

// gotd makes a client of gotd/td that knows the server, and only it.
func gotd(s *mttest.Server, o telegram.Options) *telegram.Client {
	env := s.Env()
	o.PublicKeys = publicKeys(env.Keys)
	if o.DCList.Zero() {
		o.DCList = dcList(s)
	}
	if o.DC == 0 {
		o.DC = env.Default
	}
	// Its own pauses begin at half a second.
	o.ReconnectionBackoff = func() backoff.BackOff { return backoff.NewConstantBackOff(20 * time.Millisecond) }
	// It does not look into a container while it is busy with the new_session_created that comes first in it, and waits for
	// the answer that comes next in it, until it asks again. By itself it does so after five seconds.
	if o.MaxRetries = 1000; o.RetryInterval == 0 {
		o.RetryInterval = 100 * time.Millisecond
	}
	return telegram.NewClient(apiID, apiHash, o)
}

func publicKeys(ours []crypto.PublicKey) []telegram.PublicKey {
	var keys []telegram.PublicKey
	for _, k := range ours {
		keys = append(keys, telegram.PublicKey{RSA: &rsa.PublicKey{N: k.Modulus(), E: k.Exponent()}})
	}
	return keys
}

func dcList(s *mttest.Server) dcs.List { return optionList(s.Env().Options) }

func optionList(options []dc.Option) (l dcs.List) {
	for _, o := range options {
		host, port, _ := net.SplitHostPort(o.Addr)
		n, _ := strconv.Atoi(port)
		l.Options = append(l.Options, tg.DCOption{ID: o.ID, IPAddress: host, Port: n, MediaOnly: o.MediaOnly})
	}
	return l
}

// runGotd runs f while the client is connected, and stops the test when it fails.
func runGotd(t *testing.T, c *telegram.Client, f func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	done := false
	err := c.Run(ctx, func(ctx context.Context) error {
		err := f(ctx)
		done = err == nil
		return err
	})
	if err != nil || !done {
		t.Fatalf("gotd: %v (finished: %v)", err, done)
	}
}

// gotdAs makes a client that is signed in already: key exchange takes gotd half a second of CPU each time.
func gotdAs(tb testing.TB, s *mttest.Server, a *mttest.Account, o telegram.Options) *telegram.Client {
	tb.Helper()
	key, salt, dc := s.Authorize(a)
	o.SessionStorage = storedSession(tb, key, salt, dc)
	return gotd(s, o)
}

// storedSession is a session of gotd's as it would have stored it itself.
func storedSession(tb testing.TB, key crypto.Key, salt int64, dc int) session.Storage {
	tb.Helper()
	stored := new(session.StorageMemory)
	loader := session.Loader{Storage: stored}
	if err := loader.Save(tb.Context(), &session.Data{
		DC: dc, AuthKey: key.AppendBytes(nil), AuthKeyID: binary.LittleEndian.AppendUint64(nil, key.ID()), Salt: salt,
	}); err != nil {
		tb.Fatal(err)
	}
	return stored
}
