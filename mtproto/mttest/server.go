// Package mttest is Telegram in a box: data centres that speak the whole of MTProto, with people, private chats, groups
// and channels inside, for tests, demos and benchmarks. It is to mtproto what net/http/httptest is to net/http.
//
//	s := mttest.NewServer(t)
//	alice, bob := s.AddUser(mttest.User{First: "Alice", Phone: "+15550001"}), s.AddUser(mttest.User{First: "Bob"})
//	alice.Send(bob, "hi")
//	// ... give s.Env() to a client, and s.Code(alice.Phone()) when it asks for one
//
// The server answers as Telegram does, also where a client errs: bad message numbers, wrong salts, missing rights,
// accounts of another data centre. It runs any layer (Config.Schema); methods that it does not implement answer with the
// error 400 NOT_IMPLEMENTED_IN_TEST_SERVER. Every query can be answered otherwise (Server.Intercept), and the network
// and the server itself can be made to fail (Server.Faults).
package mttest

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/natsgram/natsgram/mtproto/mttest/wire"
	"github.com/natsgram/natsgram/mtproto/mttest/world"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
)

// Config is what a server starts from. The zero value makes one data centre, number 2, with the built-in layer.
type Config struct {
	// Centres are the numbers of the data centres; the first is where a new account begins. Nil: 2 alone.
	Centres []int
	// Media gives each data centre a second address, for file traffic alone, where parallel connections are allowed.
	Media bool
	// CDN is the number of a data centre that is a CDN; 0: none. See [Server.PutOnCDN].
	CDN int
	// Test makes it a test environment: data centres are 10000 more on the wire (B6).
	Test bool
	// InMemory makes connections by net.Pipe instead of sockets, for tests with a clock of their own. Clients have to use
	// [Server.Dial].
	InMemory bool
	// Schema is the API of the server. Nil: the built-in one.
	Schema *tl.Schema
	// Code is what every login asks for. Empty: a new random one each time, see [Server.Code].
	Code string
	// Wire is how the server behaves on the wire.
	Wire WireConfig
	// Updates is how it tells what happened.
	Updates UpdatesConfig
	// Files is how it treats file traffic.
	Files FilesConfig
	// Dialogs is how it goes through lists of dialogs.
	Dialogs DialogsConfig
	// RepeatSends answers a known random_id with the first result instead of RANDOM_ID_DUPLICATE (D17).
	RepeatSends bool
	// TrackQueries remembers every query that was executed, see [Server.Repeated]. [NewServer] sets it.
	TrackQueries bool
	// Now is the clock; nil: time.Now.
	Now func() time.Time
	// Log may be nil.
	Log *slog.Logger
}

// WireConfig is how a server behaves on the wire.
type WireConfig struct {
	// GzipOver compresses what is larger, in bytes; 0: nothing.
	GzipOver int
	// OneConnection makes two connections of one key to one data centre AUTH_KEY_DUPLICATED, for good (D8).
	OneConnection bool
	// NumberLate numbers updates when they are sent. Else they are numbered when they happen, and those that waited for a client
	// come in a container of today under ids that are older than 300 s: TDLib looks at the age of the outer id alone (C8).
	NumberLate bool
	// Strict goes by the letter of the pages where Telegram does not: a new temporary key takes the place of the one that was
	// bound before (B19), and a msgs_ack must not be numbered as content (C14). Clients in wide use break both, TDLib the
	// first and mtcute the second.
	Strict bool
	// OldRSA takes key exchanges that are sealed as clients did before RSA_PAD (B7): Telethon does, and lives on Telegram.
	OldRSA bool
	// QueueLimit is how many updates wait for a client that does not read before they give way to updatesTooLong.
	// 0: 4096.
	QueueLimit int
}

// FilesConfig is how a server treats file traffic.
type FilesConfig struct {
	// Speed is how many bytes in a second an account may send, and as many receive. What comes faster is answered with
	// FLOOD_PREMIUM_WAIT_X, X from 4 to 15: so Telegram slows down accounts without Premium, in each larger file again and again
	// (Lonami/grammers#291, telegram_media_downloader#561). 0: any number.
	Speed int
}

// DialogsConfig is how a server goes through lists of dialogs.
type DialogsConfig struct {
	// ByPlace has a page begin at the date and id of its offset; the peer tells dialogs from one another that stand at the same.
	ByPlace bool
}

// UpdatesConfig is how a server tells what happened.
type UpdatesConfig struct {
	// Page is how many events fit into one difference before it is a slice (E8). 0: 1000.
	Page int
	// TooLong is how far behind a difference is refused with differenceTooLong. 0: never.
	TooLong int
	// ChannelTooLong is how far behind a channel's difference is too long (E12). 0: 100,000.
	ChannelTooLong int
	// Timeout is the timeout of channel differences in seconds (E13); 0: left out.
	Timeout int
	// Short uses updateShortMessage, updateShortChatMessage and updateShortSentMessage where they fit (E5).
	Short bool
	// Keep is how many events a box remembers; 0: 200,000.
	Keep int
	// Min shows those who are no contacts as min users in what happens in channels (E21).
	Min bool
	// LateChannels tells the members of large channels late, or not at all.
	LateChannels LateChannels
}

// Server is a Telegram in a box. All methods are safe for concurrent use.
type Server struct {
	// Faults makes the network and the server fail. It may be used at any time.
	Faults *wire.Faults

	cfg     Config
	api     *tl.Schema
	schema  *codec.Schema
	enc     encoder
	world   *world.World
	methods map[uint32]*method

	centres  []*centre
	listener sync.WaitGroup
	serving  sync.WaitGroup
	stop     context.CancelFunc
	stopped  context.Context //nolint:containedctx // it is the server's life, which Close ends

	hooks atomic.Pointer[[]*hook]
	track tracker

	mu       sync.Mutex // guards what follows
	accounts map[int64]*Account
	entry    entrance
	files    storage
	cdn      cdn
}

// entrance is the state of those who are not in yet.
type entrance struct {
	logins  map[string]*login    // by phone, digits only
	tokens  map[string]*Account  // bots
	exports map[string]*exported // authorizations on their way to another data centre
	scans   map[string]*scan     // QR codes, by token

	wantEmail map[string]bool // by phone: an e-mail address has to be set up first
}

// storage is files on their way.
type storage struct {
	uploads map[upload]*parts
	speeds  map[direction]*allowance
	age     int // generation of file references
}

// centre is a data centre and its addresses.
type centre struct {
	*wire.Centre
	id    int
	cdn   bool
	addrs []*address
}

type address struct {
	media    bool
	centre   *centre
	listener net.Listener // nil: in memory
	addr     string
}

// Start makes a server and has it listen on loopback ports.
func Start(c Config) (*Server, error) {
	if len(c.Centres) == 0 {
		c.Centres = []int{2}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Updates.Page == 0 {
		c.Updates.Page = 1000
	}
	if c.Updates.ChannelTooLong == 0 {
		c.Updates.ChannelTooLong = 100_000
	}
	s := &Server{
		Faults: wire.NewFaults(), cfg: c, accounts: map[int64]*Account{},
		entry: entrance{logins: map[string]*login{}, tokens: map[string]*Account{}, exports: map[string]*exported{}},
		files: storage{uploads: map[upload]*parts{}, speeds: map[direction]*allowance{}},
	}
	s.stopped, s.stop = context.WithCancel(context.Background())
	s.world = world.New(world.Config{
		Now: c.Now, Secret: 0x6d74746573740000, LogLimit: c.Updates.Keep, RepeatSends: c.RepeatSends, Deliver: s.deliver,
	})
	if err := s.compile(); err != nil {
		return nil, err
	}
	for _, id := range c.Centres {
		if err := s.open(id); err != nil {
			s.Close()
			return nil, err
		}
	}
	if c.CDN != 0 {
		if err := s.openCDN(c.CDN); err != nil {
			s.Close()
			return nil, err
		}
	}
	return s, nil
}

// TB is what a server needs of a *testing.T or *testing.B.
type TB interface {
	Helper()
	Fatal(args ...any)
	Cleanup(func())
}

// Option changes a [Config].
type Option func(*Config)

// NewServer starts a server for a test, which ends it. It stops the test where the server cannot start.
func NewServer(tb TB, opts ...Option) *Server {
	tb.Helper()
	c := Config{TrackQueries: true}
	for _, o := range opts {
		o(&c)
	}
	s, err := Start(c)
	if err != nil {
		tb.Fatal(err)
		return nil
	}
	tb.Cleanup(s.Close)
	return s
}

// Close ends all connections and waits until nothing of the server runs any more.
func (s *Server) Close() {
	s.mu.Lock()
	s.stop() // from here on nothing new is served
	s.mu.Unlock()
	for _, c := range s.centres {
		for _, a := range c.addrs {
			if a.listener != nil {
				a.listener.Close()
			}
		}
		c.Close()
	}
	s.listener.Wait()
	s.serving.Wait()
}

// Schema is the API that the server speaks, compiled.
func (s *Server) Schema() *codec.Schema { return s.schema }

// World is what is inside: for scripts that need more than [Account] offers.
func (s *Server) World() *world.World { return s.world }
