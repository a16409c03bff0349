// Package embedded runs a NATS server with JetStream inside the process, for those who have none: on 127.0.0.1 alone, its data
// below the state folder, every write synced before it is acknowledged, so that acknowledged means on disk (design §4, §7).
package embedded

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
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
}

// Server is a running NATS server.
type Server struct {
	srv *server.Server
	dir string
	own *os.File // the lock
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
	srv, err := start(c)
	if err != nil {
		return nil, errors.Join(err, own.Close())
	}
	s := &Server{srv: srv, dir: c.Dir, own: own}
	if err := os.WriteFile(filepath.Join(c.Dir, urlFile), []byte(s.ClientURL()+"\n"), 0o600); err != nil {
		s.Close()
		return nil, fmt.Errorf("state folder: %w", err)
	}
	return s, nil
}

func start(c Config) (*server.Server, error) {
	port, err := freePort(c.Port)
	if err != nil {
		return nil, err
	}
	log := &logger{log: c.Log}
	srv, err := server.NewServer(options(c, port))
	if err != nil {
		return nil, fmt.Errorf("embedded NATS server: %w", err)
	}
	srv.SetLoggerV2(log, false, false, false)
	srv.Start()
	if !srv.ReadyForConnections(startTime) || log.fatal() != "" {
		srv.Shutdown()
		srv.WaitForShutdown()
		return nil, fmt.Errorf("embedded NATS server did not start: %s", log.fatal())
	}
	return srv, nil
}

func options(c Config, port int) *server.Options {
	payload := c.MaxPayload
	if payload == 0 {
		payload = MaxPayload
	}
	return &server.Options{
		ServerName: "natsgram-embedded",
		Host:       host,
		Port:       port,
		MaxPayload: payload,
		JetStream:  true,
		StoreDir:   c.Dir,
		SyncAlways: !c.NoSync,
		NoSigs:     true,
	}
}

// freePort tells a taken port apart from other failures before the server starts, because it would only log it.
func freePort(port int) (int, error) {
	if port <= 0 {
		return server.RANDOM_PORT, nil
	}
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	if err != nil {
		return 0, fmt.Errorf("port %d on %s is taken (%w): another NATS server may be running; use it with NATS_URL=nats://%s:%d, or choose another port with NATSGRAM_NATS_PORT",
			port, host, err, host, port)
	}
	return port, l.Close()
}

// ClientURL is where clients connect.
func (s *Server) ClientURL() string { return s.srv.ClientURL() }

// InProcessConn makes the daemon's own connection, without a socket (nats.InProcessServer).
func (s *Server) InProcessConn() (net.Conn, error) { return s.srv.InProcessConn() }

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
	s.srv.Shutdown()
	s.srv.WaitForShutdown()
	_ = s.own.Close()
}

// Running is where the server of a state folder listens, empty when none runs as far as can be told.
func Running(dir string) string {
	b, err := os.ReadFile(filepath.Join(dir, urlFile))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
