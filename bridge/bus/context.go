package bus

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"github.com/natsgram/natsgram/bridge/settings"
)

// target is where NATS is and how to sign in there: the settings, and what only a context can say.
type target struct {
	settings.NATS
	userJWT, userSeed string // the JWT and the seed themselves
	name              bool   // User is a name, also without a password; NATS_USER may be a token then
	tlsFirst          bool
}

// saved is a context as the nats CLI writes it (jsm.go's natscontext, which reads the same file, brings 8 MB of other things).
type saved struct {
	Description string `json:"description"`
	URL         string `json:"url"`
	User        string `json:"user"`
	Password    string `json:"password"`
	Token       string `json:"token"`
	Creds       string `json:"creds"`
	NKey        string `json:"nkey"`
	UserJWT     string `json:"user_jwt"`
	UserSeed    string `json:"user_seed"`
	Cert        string `json:"cert"`
	Key         string `json:"key"`
	CA          string `json:"ca"`
	TLSFirst    bool   `json:"tls_first"`
	SocksProxy  string `json:"socks_proxy"`
	Domain      string `json:"jetstream_domain"`
	APIPrefix   string `json:"jetstream_api_prefix"`
	InboxPrefix string `json:"inbox_prefix"`
}

// honoured are the fields of saved, and those that say nothing about a connection. Any other that is not empty is refused: it
// would lead the CLI to another place than us.
var honoured = []string{"url", "user", "password", "token", "creds", "nkey", "user_jwt", "user_seed", "cert", "key", "ca", "tls_first",
	"socks_proxy", "jetstream_domain", "jetstream_api_prefix", "inbox_prefix", "name", "description", "color_scheme", "jetstream_event_prefix"}

// resolve is the target of settings. What they say is taken before their context's: each of its fields, but a way to sign in as a
// whole.
func resolve(n settings.NATS) (target, error) {
	t := target{NATS: n}
	if n.Context != "" {
		c, err := readContext(n.Context)
		if err != nil {
			return t, fmt.Errorf("NATS_CONTEXT=%s: %w", n.Context, err)
		}
		t.add(c)
	}
	if t.Domain != "" && t.APIPrefix != "" {
		return t, errors.New("a JetStream domain (NATSGRAM_JETSTREAM_DOMAIN, jetstream_domain of a context) and an API prefix (NATSGRAM_JETSTREAM_API_PREFIX, jetstream_api_prefix) exclude each other")
	}
	return t, nil
}

func (t *target) add(c saved) {
	if !t.SignsIn() {
		t.User, t.Password, t.Token, t.userJWT, t.userSeed = c.User, c.Password, c.Token, c.UserJWT, c.UserSeed
		t.name = true
		t.Creds, t.NKey = path(os.ExpandEnv(c.Creds)), path(c.NKey)
	}
	if t.Domain == "" && t.APIPrefix == "" {
		t.Domain, t.APIPrefix = c.Domain, c.APIPrefix
	}
	if t.Cert == "" && t.Key == "" {
		t.Cert, t.Key = path(c.Cert), path(c.Key)
	}
	for _, f := range []struct {
		to   *string
		text string
	}{{&t.URL, c.URL}, {&t.CA, path(c.CA)}, {&t.Socks, c.SocksProxy}, {&t.Inbox, c.InboxPrefix}} {
		if *f.to == "" {
			*f.to = f.text
		}
	}
	t.tlsFirst = c.TLSFirst
}

// readContext reads a context by name or file.
func readContext(name string) (c saved, err error) {
	file := name
	if !filepath.IsAbs(name) {
		if file, err = ContextFile(name); err != nil {
			return c, err
		}
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) && file != name {
		return c, fmt.Errorf("there is no such context (%s); `nats context ls` lists them", file)
	}
	if err != nil {
		return c, err
	}
	var all map[string]json.RawMessage
	if json.Unmarshal(text, &all) != nil || json.Unmarshal(text, &c) != nil {
		return c, fmt.Errorf("%s is no context of the nats CLI", file) // an error of JSON may quote a password
	}
	for field, value := range all {
		if !slices.Contains(honoured, field) && !slices.Contains([]string{`""`, "null", "false", "[]"}, string(value)) {
			return c, fmt.Errorf("natsgram does not take a context's field %.40q: leave it out", field)
		}
	}
	return c, c.check()
}

// check refuses what the CLI would fetch by other programs.
func (c saved) check() error {
	for field, value := range map[string]string{"creds": c.Creds, "nkey": c.NKey, "password": c.Password, "token": c.Token, "user_jwt": c.UserJWT, "user_seed": c.UserSeed} {
		for _, scheme := range []string{"op://", "nsc://", "env://", "data:"} {
			if strings.HasPrefix(value, scheme) {
				return fmt.Errorf("natsgram does not take %s as %s...: name a file, or set NATS_CREDS and the like beside the context", field, scheme)
			}
		}
	}
	return nil
}

// ContextFile is where the nats CLI keeps a context.
func ContextFile(name string) (string, error) {
	if name == "" || name == "." || strings.Contains(name, "..") || strings.ContainsAny(name, `/\`) {
		return "", fmt.Errorf("%q is no name of a context", name)
	}
	dir := os.Getenv("XDG_CONFIG_HOME")
	if dir == "" {
		home, err := homeDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "nats", "context", name+".json"), nil
}

// path replaces ~ by the home folder, as the CLI does.
func path(text string) string {
	if rest, ok := strings.CutPrefix(text, "~"); ok {
		if home, err := homeDir(); err == nil {
			return home + rest
		}
	}
	return text
}

// homeDir is the user's, whatever HOME says, as the CLI takes it.
func homeDir() (string, error) {
	if u, err := user.Current(); err == nil && u.HomeDir != "" {
		return u.HomeDir, nil
	}
	return os.UserHomeDir()
}
