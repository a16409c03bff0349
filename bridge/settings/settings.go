// Package settings reads how the daemon and the commands are to run: NATSGRAM_* for our own, and for the connection to NATS
// the names that the nats CLI knows. Every setting carries its meaning and default in its tags, from which `natsgram config`
// prints them.
//
// A secret may be given as a file instead: NATSGRAM_API_HASH_FILE=/run/secrets/hash stands for NATSGRAM_API_HASH.
package settings

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kelseyhightower/envconfig"

	"github.com/natsgram/natsgram/subjects"
)

// Settings are all of them, by theme. The zero value is not usable: call Load or Defaults.
type Settings struct {
	Daemon
	Telegram
	Patience
	Calls
	Jobs
	Files
	History
	Updates
	Storage
	NATS
	SignIn

	given map[string]bool // the variables that the environment sets
}

// Daemon is what concerns the process as a whole.
type Daemon struct {
	Prefix    string   `envconfig:"NATSGRAM_PREFIX" default:"tg" desc:"first token of every subject"`
	StateDir  string   `envconfig:"NATSGRAM_STATE_DIR" desc:"folder of the embedded NATS server and the key file; default: natsgram below $XDG_STATE_HOME or ~/.local/state"`
	Accounts  []string `envconfig:"NATSGRAM_ACCOUNTS" desc:"accounts this daemon may run, by name; empty: all that are signed in"`
	Name      string   `envconfig:"NATSGRAM_NAME" desc:"of this daemon, shown to people; default: the host's name"`
	Capacity  int      `envconfig:"NATSGRAM_CAPACITY" desc:"accounts this daemon runs at most; 0: any number"`
	Schema    string   `envconfig:"NATSGRAM_SCHEMA" desc:"file of another API layer to run instead of the built-in one"`
	Secret    string   `envconfig:"NATSGRAM_SECRET" secret:"true" desc:"seals the sessions in NATS, 16 characters or more; empty: a key file made in the state folder on first start, which goes on opening what it sealed when this is set"`
	Other     string   `envconfig:"NATSGRAM_SECRET_OTHER" secret:"true" desc:"another secret that opens sessions and seals none, for while NATSGRAM_SECRET is changed: see natsgram rotate-secret"`
	HTTP      string   `envconfig:"NATSGRAM_HTTP" desc:"address to answer /metrics (Prometheus), /healthz and /readyz at, such as 127.0.0.1:9464; empty: none. It asks nobody who they are"`
	LogLevel  string   `envconfig:"NATSGRAM_LOG_LEVEL" default:"info" desc:"debug, info, warn or error"`
	LogFormat string   `envconfig:"NATSGRAM_LOG_FORMAT" default:"text" desc:"text or json"`
}

// Telegram is what concerns the other side.
type Telegram struct {
	APIID         int      `envconfig:"NATSGRAM_API_ID" desc:"of https://my.telegram.org/apps; needed to sign in and to run"`
	APIHash       string   `envconfig:"NATSGRAM_API_HASH" secret:"true" desc:"of the same page"`
	Environment   string   `envconfig:"NATSGRAM_ENVIRONMENT" default:"production" desc:"production or test: which of Telegram's data centres"`
	DCs           string   `envconfig:"NATSGRAM_DCS" desc:"data centres to use instead, as \"2=149.154.167.50:443 4=...\""`
	DCKeys        string   `envconfig:"NATSGRAM_DC_KEYS" desc:"file with the RSA public keys (PEM) of those data centres"`
	Ways          []string `envconfig:"NATSGRAM_WAYS" secret:"true" desc:"ways to Telegram, the preferred first, tried by their health: direct, socks5://user:password@host:port, http://..., tg://proxy?..., mtproxy://secret@host:port, wss; account=way for one account alone; default: direct"`
	PFS           bool     `envconfig:"NATSGRAM_PFS" default:"true" desc:"send everything under temporary keys, changed every day, so that a stolen session opens nothing of what was sent before"`
	DefaultDC     int      `envconfig:"NATSGRAM_DC" desc:"data centre of the first connection; default: as the environment says"`
	DeviceModel   string   `envconfig:"NATSGRAM_DEVICE_MODEL" default:"natsgram" desc:"shown in the account's list of devices"`
	SystemVersion string   `envconfig:"NATSGRAM_SYSTEM_VERSION" desc:"shown there too; default: the operating system"`
	AppVersion    string   `envconfig:"NATSGRAM_APP_VERSION" desc:"shown there too; default: natsgram's version"`
	LangCode      string   `envconfig:"NATSGRAM_LANG_CODE" default:"en" desc:"language of Telegram's own messages"`
}

// Patience is how long things with Telegram may take.
type Patience struct {
	Ping      time.Duration `envconfig:"NATSGRAM_PING" default:"5s" desc:"silence until a connection is tried, 1s to 25s: it counts as dead 10s later. An idle account costs 126 KB an hour with 5s, 25 KB with 25s"`
	Look      time.Duration `envconfig:"NATSGRAM_LOOK" default:"1m" desc:"how often dialogs are looked at for posts that Telegram has not pushed, and down to an eighth as often while none are found; 0: never, as Telegram's own apps, and such posts come with the channel's next one"`
	FloodWait time.Duration `envconfig:"NATSGRAM_FLOOD_WAIT" default:"10s" desc:"longest FLOOD_WAIT that a request sits out, if its Tg-Timeout allows; longer ones are told at once; 0: all are"`
}

// Calls is how requests are served.
type Calls struct {
	Endpoints   string        `envconfig:"NATSGRAM_ENDPOINTS" default:"namespace" desc:"endpoints of an account's micro service: one per namespace, or per method"`
	Allow       []string      `envconfig:"NATSGRAM_ALLOW" desc:"refused methods to serve all the same, by name or namespace: auth.logOut, auth.*"`
	Budgets     []string      `envconfig:"NATSGRAM_BUDGETS" desc:"calls of each account in a day (UTC), as method=calls: messages.sendMessage=500,messages.*=2000; by caller, and of Stars, at run time by tg.ctl.<account>.budget.set"`
	Replies     []string      `envconfig:"NATSGRAM_REPLIES" desc:"subjects that requests may want their answer at, and all below them, beside inboxes (_INBOX...): for clients with an inbox prefix of another kind"`
	Timeout     time.Duration `envconfig:"NATSGRAM_TIMEOUT" default:"1m" desc:"how long a request may take when it does not say (Tg-Timeout)"`
	TimeoutMax  time.Duration `envconfig:"NATSGRAM_TIMEOUT_MAX" default:"5m" desc:"how long any request may take, whatever its Tg-Timeout says"`
	Concurrency int           `envconfig:"NATSGRAM_CONCURRENCY" default:"512" desc:"requests of one account at work at the same time, those not counted that wait for a flood wait, a name or a call before them; no caller has more than three quarters of it"`
	Queue       int           `envconfig:"NATSGRAM_QUEUE" default:"4096" desc:"requests of one account waiting; more are answered 503. No caller has more than three quarters of it"`
	QueueBytes  int64         `envconfig:"NATSGRAM_QUEUE_BYTES" default:"67108864" desc:"bytes of requests of one account, waiting and at work; more are answered 503. No caller has more than three quarters of it"`
	QueueTotal  int64         `envconfig:"NATSGRAM_QUEUE_BYTES_TOTAL" default:"268435456" desc:"the same of all accounts of this daemon; no account has more than three quarters of it"`
}

// Jobs is how the queue is worked on.
type Jobs struct {
	JobsAtWork int           `envconfig:"NATSGRAM_JOBS" default:"32" desc:"jobs of the queue of one account at work at the same time, each of another chat"`
	DoneMaxAge time.Duration `envconfig:"NATSGRAM_DONE_MAX_AGE" default:"168h" desc:"how long it is kept what became of jobs, and their ids are known again; 0: for ever"`
}

// Files is how files are kept.
type Files struct {
	FilesBuckets []string      `envconfig:"NATSGRAM_FILES_BUCKETS" desc:"object stores whose objects may be named as files, beside TG_FILES: whoever may send anything can then send any of their objects"`
	FilesAge     time.Duration `envconfig:"NATSGRAM_FILES_AGE" default:"72h" desc:"how long files stay in the object store TG_FILES; 0: for ever"`
}

// History is how messages of the past are kept.
type History struct {
	HistoryAge time.Duration `envconfig:"NATSGRAM_HISTORY_MAX_AGE" default:"0s" desc:"how long messages that were fetched from history stay in TG_HISTORY; 0: for ever"`
}

// Updates is how updates are kept.
type Updates struct {
	Encoding        string        `envconfig:"NATSGRAM_UPDATE_ENCODING" default:"json" desc:"payload of updates: json or msgpack"`
	ServiceMessages bool          `envconfig:"NATSGRAM_ALLOW_SERVICE_MESSAGES" default:"false" desc:"give out messages of 777000 (login codes) as they are, in updates and in answers: whoever may read can then sign in"`
	MaxAge          time.Duration `envconfig:"NATSGRAM_UPDATES_MAX_AGE" default:"168h" desc:"how long updates are kept; 0: for ever"`
	MaxBytes        int64         `envconfig:"NATSGRAM_UPDATES_MAX_BYTES" default:"-1" desc:"how many bytes of updates are kept; -1: no limit. Where it is not set, a new stream gets half of the room that there is, if that is known"`
	Replicas        int           `envconfig:"NATSGRAM_REPLICAS" default:"1" desc:"copies of streams and buckets in a NATS cluster: 1, 3 or 5"`
	Watch           []string      `envconfig:"NATSGRAM_WATCH" desc:"channels to look at again and again, so that their posts come in time: ids between commas, account=id for one account alone; 10 an account at most, more at run time by tg.ctl.<account>.watch.add"`
	Online          []string      `envconfig:"NATSGRAM_ONLINE" desc:"accounts that are shown as online while they are served, by name, or all: Telegram pushes to them more promptly, everybody sees it, and their other devices may not ring"`
	State           []string      `envconfig:"NATSGRAM_STATE" desc:"accounts whose dialogs are kept as they are now in the stream TG_STATE, by name, or all; not those of bots, who have none. It asks Telegram for them: at first for all, later for what no update tells"`
	PendingTotal    int64         `envconfig:"NATSGRAM_UPDATES_PENDING_TOTAL" default:"268435456" desc:"bytes that updates of all accounts of this daemon may take while they wait; every account is sure of its part of the half"`
	Pending         int64         `envconfig:"NATSGRAM_UPDATES_PENDING" default:"33554432" desc:"bytes of updates of one account that may wait for JetStream; beyond, they are left with Telegram for later"`
}

// NATS is where NATS is. With none of URL, Context and the ways to sign in set, or with Config, a server runs inside the daemon.
type NATS struct {
	Config    string        `envconfig:"NATSGRAM_NATS_CONFIG" desc:"nats-server configuration for the embedded NATS server: users, accounts, TLS, leaf nodes, websocket, other addresses"`
	Account   string        `envconfig:"NATSGRAM_NATS_ACCOUNT" desc:"the NATS account of that configuration that natsgram is in, where it has several"`
	Port      int           `envconfig:"NATSGRAM_NATS_PORT" default:"4222" desc:"port of the embedded NATS server on 127.0.0.1, unless its configuration names one; -1: a free one"`
	URL       string        `envconfig:"NATS_URL" address:"true" desc:"NATS servers to use instead of the embedded one"`
	Context   string        `envconfig:"NATS_CONTEXT" desc:"context of the nats CLI to use, by name or file"`
	User      string        `envconfig:"NATS_USER" desc:"user name, or token when there is no password"`
	Password  string        `envconfig:"NATS_PASSWORD" secret:"true" desc:"password"`
	Token     string        `envconfig:"NATS_TOKEN" secret:"true" desc:"token"`
	Creds     string        `envconfig:"NATS_CREDS" desc:"file of user credentials"`
	NKey      string        `envconfig:"NATS_NKEY" desc:"file of a user's NKEY seed"`
	JWT       string        `envconfig:"NATS_JWT" desc:"file of a user's JWT, with NATS_SEED"`
	Seed      string        `envconfig:"NATS_SEED" desc:"file of the seed for that JWT"`
	Cert      string        `envconfig:"NATS_CERT" desc:"file of a TLS client certificate"`
	Key       string        `envconfig:"NATS_KEY" desc:"file of its key"`
	CA        string        `envconfig:"NATS_CA" desc:"file of certificate authorities to trust"`
	Domain    string        `envconfig:"NATSGRAM_JETSTREAM_DOMAIN" desc:"JetStream domain to keep everything in, where NATS is reached by a leaf node; default: the context's"`
	APIPrefix string        `envconfig:"NATSGRAM_JETSTREAM_API_PREFIX" desc:"prefix of JetStream's API instead, where it is imported from another NATS account; default: the context's"`
	Inbox     string        `envconfig:"NATS_INBOX_PREFIX" desc:"prefix of the subjects that answers come to, where this user may listen to no others; default: _INBOX"`
	Wait      time.Duration `envconfig:"NATS_TIMEOUT" default:"5s" desc:"how long to wait for NATS to answer"`
	Socks     string        `envconfig:"NATS_SOCKS_PROXY" address:"true" desc:"SOCKS5 proxy to NATS: socks5://host:port"`
}

// SignIn is what `natsgram login` need not ask then.
type SignIn struct {
	LoginPhone    string `envconfig:"NATSGRAM_LOGIN_PHONE" secret:"true" desc:"natsgram login: phone number in international form"`
	LoginBotToken string `envconfig:"NATSGRAM_LOGIN_BOT_TOKEN" secret:"true" desc:"natsgram login: token of a bot instead"`
	LoginCode     string `envconfig:"NATSGRAM_LOGIN_CODE" secret:"true" desc:"natsgram login: the code, once it is known"`
	LoginPassword string `envconfig:"NATSGRAM_LOGIN_PASSWORD" secret:"true" desc:"natsgram login: the 2FA password"`
	LoginSignUp   string `envconfig:"NATSGRAM_LOGIN_SIGN_UP" secret:"true" desc:"natsgram login: 'First Last', to make a new account where the number has none"`
}

// LoadOver reads the environment, with other values for some variables, such as flags give. An empty variable, or value, is one that
// is not set.
func LoadOver(over map[string]string) (Settings, error) {
	var s Settings
	given, err := readEnvironment(over)
	if err != nil {
		return s, err
	}
	defer given.restore()
	if err := envconfig.Process("", &s); err != nil {
		return s, explain(err)
	}
	s.given = given.names
	s.trimLists()
	return s.checked()
}

// IsSet reports whether the environment sets a variable, by itself or by its _FILE: what is by default changes nothing that is
// there already.
func (s Settings) IsSet(name string) bool { return s.given[name] }

// Defaults are the settings of an empty environment, for tests and demos. StateDir is left to the caller.
func Defaults() Settings {
	var s Settings
	for _, v := range fieldsOf(&s) {
		if err := v.setDefault(); err != nil {
			panic(err) // a tag in this file is wrong
		}
	}
	return s
}

func (s Settings) checked() (Settings, error) {
	if s.StateDir == "" {
		dir, err := defaultStateDir()
		if err != nil {
			return s, err
		}
		s.StateDir = dir
	}
	return s, s.Check()
}

// plainName is how NATS has the names of buckets.
var plainName = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

// Check says what is wrong with the settings, naming the variable.
func (s Settings) Check() error {
	if _, err := subjects.New(s.Prefix); err != nil {
		return fmt.Errorf("NATSGRAM_PREFIX: %w", err)
	}
	if _, err := s.Scheme().Replies(s.Replies...); err != nil {
		return fmt.Errorf("NATSGRAM_REPLIES: %w", err)
	}
	for _, a := range s.Accounts {
		if err := subjects.CheckAccount(a); err != nil {
			return fmt.Errorf("NATSGRAM_ACCOUNTS: %w", err)
		}
	}
	for _, c := range []struct {
		name, value string
		want        []string
	}{
		{"NATSGRAM_ENDPOINTS", s.Endpoints, []string{"namespace", "method"}},
		{"NATSGRAM_UPDATE_ENCODING", s.Encoding, []string{"json", "msgpack"}},
		{"NATSGRAM_ENVIRONMENT", s.Environment, []string{"production", "test"}},
		{"NATSGRAM_LOG_LEVEL", s.LogLevel, []string{"debug", "info", "warn", "error"}},
		{"NATSGRAM_LOG_FORMAT", s.LogFormat, []string{"text", "json"}},
	} {
		if !slices.Contains(c.want, c.value) {
			return fmt.Errorf("%s=%s: want %s", c.name, c.value, strings.Join(c.want, " or "))
		}
	}
	for _, b := range s.FilesBuckets {
		if !plainName.MatchString(b) {
			return fmt.Errorf("NATSGRAM_FILES_BUCKETS: %.40q is no name of an object store", b)
		}
		if s.Scheme().Documents(b) {
			return fmt.Errorf("NATSGRAM_FILES_BUCKETS: %s is for the documents that daemons write: name another", b)
		}
	}
	if err := checkInbox(s.Inbox); err != nil {
		return err
	}
	if err := s.checkEmbedded(); err != nil {
		return err
	}
	if err := s.checkWays(); err != nil {
		return err
	}
	for _, a := range s.Online {
		if err := subjects.CheckAccount(a); err != nil {
			return fmt.Errorf("NATSGRAM_ONLINE: %w", err)
		}
	}
	for _, a := range s.Updates.State {
		if err := subjects.CheckAccount(a); err != nil {
			return fmt.Errorf("NATSGRAM_STATE: %w", err)
		}
	}
	if err := s.checkWatch(); err != nil {
		return err
	}
	if _, err := s.LimitsOf(); err != nil {
		return err
	}
	return s.checkNumbers()
}

// checkInbox says what is wrong with a prefix of inboxes.
func checkInbox(prefix string) error {
	if prefix != "" && (strings.ContainsAny(prefix, "*> \t\r\n") || slices.Contains(strings.Split(prefix, "."), "")) {
		return fmt.Errorf("NATS_INBOX_PREFIX: %q is no beginning of a subject, such as _INBOX_.main", prefix)
	}
	return nil
}

// ErrNoAPI says that nobody told as which application to speak to Telegram.
var ErrNoAPI = errors.New("NATSGRAM_API_ID and NATSGRAM_API_HASH are not set: https://my.telegram.org/apps gives them")

// checkEmbedded: a server is inside, or it is somebody else's.
func (s Settings) checkEmbedded() error {
	switch {
	case s.Config != "" && (s.URL != "" || s.Context != ""):
		return errors.New("NATSGRAM_NATS_CONFIG is for the NATS server inside, NATS_URL and NATS_CONTEXT are for one elsewhere: set one of them")
	case s.Account != "" && s.Config == "":
		return errors.New("NATSGRAM_NATS_ACCOUNT: accounts are made by NATSGRAM_NATS_CONFIG, which is not set")
	}
	return nil
}

func (s Settings) checkNumbers() error {
	if _, err := s.BudgetsOf(); err != nil {
		return err
	}
	for _, c := range []struct {
		name          string
		value, lo, hi int64
	}{
		{"NATSGRAM_CAPACITY", int64(s.Capacity), 0, 1 << 20},
		{"NATSGRAM_CONCURRENCY", int64(s.Concurrency), 1, 1 << 16},
		{"NATSGRAM_JOBS", int64(s.JobsAtWork), 1, 1 << 12},
		{"NATSGRAM_QUEUE", int64(s.Queue), 1, 1 << 20},
		{"NATSGRAM_QUEUE_BYTES", s.QueueBytes, 1 << 20, 1 << 40},
		{"NATSGRAM_QUEUE_BYTES_TOTAL", s.QueueTotal, 1 << 20, 1 << 40},
		{"NATSGRAM_NATS_PORT", int64(s.Port), -1, 65535},
		{"NATSGRAM_UPDATES_PENDING", s.Pending, 1 << 16, 1 << 40},
		{"NATSGRAM_UPDATES_PENDING_TOTAL", s.PendingTotal, 1 << 20, 1 << 50},
	} {
		if c.value < c.lo || c.value > c.hi {
			return fmt.Errorf("%s: %d is not between %d and %d", c.name, c.value, c.lo, c.hi)
		}
	}
	if !slices.Contains([]int{1, 3, 5}, s.Replicas) {
		return fmt.Errorf("NATSGRAM_REPLICAS: %d is none of 1, 3 and 5", s.Replicas)
	}
	if s.Replicas > 1 && !s.External() {
		return fmt.Errorf("NATSGRAM_REPLICAS: %d copies need a cluster; the NATS server inside is alone (NATS_URL, NATS_CONTEXT ...)", s.Replicas)
	}
	return s.checkTimes()
}

func (s Settings) checkTimes() error {
	for _, c := range []struct {
		name          string
		value, lo, hi time.Duration
	}{
		{"NATSGRAM_TIMEOUT_MAX", s.TimeoutMax, time.Millisecond, 24 * time.Hour},
		{"NATSGRAM_TIMEOUT", s.Timeout, time.Millisecond, 24 * time.Hour},
		{"NATSGRAM_PING", s.Ping, time.Second, 25 * time.Second},
		{"NATSGRAM_FLOOD_WAIT", s.FloodWait, 0, 24 * time.Hour},
		{"NATSGRAM_LOOK", s.Look, 0, 24 * time.Hour},
		{"NATSGRAM_FILES_AGE", s.FilesAge, 0, 10 * 365 * 24 * time.Hour},
		{"NATSGRAM_HISTORY_MAX_AGE", s.HistoryAge, 0, 10 * 365 * 24 * time.Hour},
		{"NATSGRAM_DONE_MAX_AGE", s.DoneMaxAge, 0, 10 * 365 * 24 * time.Hour},
	} {
		if c.value < c.lo || c.value > c.hi {
			return fmt.Errorf("%s: %s is not between %s and %s", c.name, shortDuration(c.value), shortDuration(c.lo), shortDuration(c.hi))
		}
	}
	if s.Timeout > s.TimeoutMax {
		return fmt.Errorf("NATSGRAM_TIMEOUT: %s is more than any request may take: NATSGRAM_TIMEOUT_MAX is %s", shortDuration(s.Timeout), shortDuration(s.TimeoutMax))
	}
	if s.QueueBytes > s.QueueTotal {
		return fmt.Errorf("NATSGRAM_QUEUE_BYTES: %d is more than all accounts may have together: NATSGRAM_QUEUE_BYTES_TOTAL is %d", s.QueueBytes, s.QueueTotal)
	}
	return nil
}

// External reports whether NATS is somebody else's; otherwise a server runs inside the daemon.
func (n NATS) External() bool {
	return n.URL != "" || n.Context != "" || n.SignsIn() && n.Config == ""
}

// SignsIn reports whether one of the ways to sign in is set.
func (n NATS) SignsIn() bool {
	return n.Creds != "" || n.User != "" || n.Token != "" || n.NKey != "" || n.JWT != ""
}

// Scheme is the subjects of this daemon.
func (s Settings) Scheme() subjects.Scheme { return subjects.Scheme{Prefix: s.Prefix} }

// Serves reports whether this daemon may run an account.
func (s Settings) Serves(account string) bool {
	return len(s.Accounts) == 0 || slices.Contains(s.Accounts, account)
}

// ShownOnline reports whether an account is to be shown as online (E34).
func (u Updates) ShownOnline(account string) bool {
	return slices.Contains(u.Online, account) || slices.Contains(u.Online, "all")
}

// KeepsState says whether an account's dialogs are kept as they are now.
func (u Updates) KeepsState(account string) bool {
	return slices.Contains(u.State, account) || slices.Contains(u.State, "all")
}

// Level is the log level; Check has seen that it is one.
func (s Settings) Level() slog.Level {
	var l slog.Level
	_ = l.UnmarshalText([]byte(s.LogLevel))
	return l
}

func defaultStateDir() (string, error) {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "natsgram"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no home folder, so set NATSGRAM_STATE_DIR: %w", err)
	}
	return filepath.Join(home, ".local", "state", "natsgram"), nil
}
