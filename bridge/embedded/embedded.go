// Package embedded runs a NATS server with JetStream inside the process, for those who have none: on 127.0.0.1 alone unless a file
// says otherwise, its data below the state folder, every write synced before it is acknowledged, so that acknowledged means on
// disk (design §4, §7). It lets in who can read the state folder, and whom the operator's file names (design §10).
package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// MaxPayload is the largest message the embedded server takes, in bytes. The usual 1 MiB does not hold a whole part of a
// file in JSON; above 8 MiB NATS itself advises against.
const MaxPayload = 8 << 20

const (
	host      = "127.0.0.1"
	startTime = 20 * time.Second // opening a large store takes time
	urlFile   = "nats.url"
	lockFile  = "nats.lock"
)

// Config says where the server lives. The zero value is not usable: Dir must be set.
type Config struct {
	Dir        string // state folder; made when missing, readable by its owner alone
	Port       int    // 0 or -1: any free port
	Log        *slog.Logger
	MaxPayload int32 // 0: MaxPayload
	NoSync     bool  // trade what "acknowledged" means for speed; only for tests and demos

	// Users: everybody has to sign in, and the process and the commands of its owner have a user each (see SignIn, UserOf). Without,
	// the file alone decides, and where there is none whoever reaches the port may do everything.
	Users   bool
	File    string // a nats-server configuration to begin with: users, accounts, TLS, leaf nodes, other addresses
	Account string // the one of its accounts that natsgram is in; may be empty where it has one
}

// Server is a running NATS server.
type Server struct {
	srv    *server.Server
	config Config
	dir    string
	own    *os.File // the lock
	daemon User     // the process's own user; none where everybody, or nobody of ours, may come in
}

// ErrInUse says that another process runs a server on the same folder.
var ErrInUse = errors.New("the state folder is in use by another natsgram")

// Start runs a server until Close. The folder is locked: two servers on one store would destroy it.
func Start(c Config) (*Server, error) {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	own, err := lock(filepath.Join(c.Dir, lockFile))
	if err != nil {
		return nil, err
	}
	_ = os.Remove(filepath.Join(c.Dir, urlFile)) // of one that was killed: nobody is to go there (see Running)
	s := &Server{config: c, dir: c.Dir, own: own}
	if err := s.start(c); err != nil {
		return nil, errors.Join(err, own.Close())
	}
	if err := os.WriteFile(filepath.Join(c.Dir, urlFile), []byte(s.ClientURL()+"\n"), 0o600); err != nil {
		s.Close()
		return nil, fmt.Errorf("state folder: %w", err)
	}
	return s, nil
}

func (s *Server) start(c Config) error {
	o, err := c.options()
	if err != nil {
		return err
	}
	account := cmp.Or(c.Account, globalAccount)
	if !c.Users && c.File != "" && !asks(o) {
		return fmt.Errorf("%s: it names no users, so it would let everybody in: NATS_USER, NATS_TOKEN, NATS_CREDS and the like say that natsgram has a user there; unset them, or make that user", c.File)
	}
	if c.Users {
		if s.daemon, err = c.addUsers(o); err != nil {
			return err
		}
		if a := o.Users[len(o.Users)-1].Account; a != nil {
			account = a.GetName()
		}
		if err := c.moved(account); err != nil { // before the server makes anything there
			return err
		}
	}
	if err := portFree(o); err != nil {
		return err
	}
	log := &logger{log: c.Log}
	if s.srv, err = server.NewServer(o); err != nil {
		return fmt.Errorf("embedded NATS server: %w", err)
	}
	s.srv.SetLoggerV2(log, false, false, false)
	s.srv.Start()
	if !s.srv.ReadyForConnections(startTime) || log.fatal() != "" {
		s.shutdown()
		return fmt.Errorf("embedded NATS server did not start: %s", log.fatal())
	}
	if a, err := s.srv.LookupAccount(account); c.Users && (err != nil || !a.JetStreamEnabled()) {
		s.shutdown()
		return fmt.Errorf("%s: account %s has no JetStream, which natsgram needs: add `jetstream: enabled` to it", c.File, account)
	}
	return nil
}

func (s *Server) shutdown() {
	s.srv.Shutdown()
	s.srv.WaitForShutdown()
}

// portFree tells a taken port apart from other failures before the server starts, because it would only log it.
func portFree(o *server.Options) error {
	if o.Port <= 0 || o.DontListen {
		return nil
	}
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", net.JoinHostPort(o.Host, strconv.Itoa(o.Port)))
	if err != nil {
		return fmt.Errorf("port %d on %s is taken (%w): another NATS server may be running; use it with NATS_URL=nats://%s:%d, or choose another port with NATSGRAM_NATS_PORT",
			o.Port, o.Host, err, o.Host, o.Port)
	}
	return l.Close()
}

// ClientURL is where clients on this machine connect.
func (s *Server) ClientURL() string {
	u, err := url.Parse(s.srv.ClientURL())
	if err != nil {
		return s.srv.ClientURL()
	}
	if ip := net.ParseIP(u.Hostname()); ip != nil && ip.IsUnspecified() {
		u.Host = net.JoinHostPort(host, u.Port())
	}
	return u.String()
}

// SignIn is the process's own user, for connections in process alone; empty where nobody is asked.
func (s *Server) SignIn() User { return s.daemon }

// InProcessConn makes the daemon's own connection, without a socket (nats.InProcessServer).
func (s *Server) InProcessConn() (net.Conn, error) { return s.srv.InProcessConn() }

// Fits says why a NATS account cannot be natsgram's: the state folder's data is of another.
func (s *Server) Fits(account string) error { return s.config.moved(account) }

// Room is how many bytes JetStream takes in all.
func (s *Server) Room() int64 {
	if c := s.srv.JetStreamConfig(); c != nil {
		return c.MaxStore
	}
	return 0
}

// Close stops the server and waits until all is on disk.
func (s *Server) Close() {
	_ = os.Remove(filepath.Join(s.dir, urlFile)) // the next start writes it anew
	s.shutdown()
	_ = s.own.Close()
}

// Running is where the server of a state folder listens, empty when none runs as far as can be told. An address that a dead one
// left behind is none: whoever listens there now would be given the folder's password.
func Running(dir string) string {
	b, err := os.ReadFile(filepath.Join(dir, urlFile))
	if err != nil || !locked(filepath.Join(dir, lockFile)) {
		return ""
	}
	return strings.TrimSpace(string(b))
}
