package mttest

import (
	"crypto/rand"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/mttest/wire"
	"github.com/natsgram/natsgram/mtproto/mttest/world"
)

// User is what an account starts from.
type User struct {
	First, Last string
	Username    string // without @
	Phone       string // any form; only digits count
	About       string
	Password    string // of two-step verification; empty: none
	DC          int    // where the account lives; 0: the server's first
	Premium     bool
	ID          int64 // as Telegram's own users have it, 777000; 0: the next
}

// Peer is what can be written to: an [Account], a [Group] or a [Channel].
type Peer interface{ Peer() world.Peer }

// Account is a user or bot of the server, with what it can do. Methods that act panic where Telegram would refuse: the
// script is wrong then. Who wants to see refusals uses [Server.World].
type Account struct {
	id     int64
	token  string
	server *Server

	mu       sync.Mutex
	devices  []*device
	password *password
	hidden   map[world.Peer]bool // conversations whose newest message lists do not have
}

// device is an authorization key as the API knows it.
type device struct {
	mu       sync.Mutex
	key      *wire.Key   // the permanent one
	temps    []*wire.Key // temporary ones that are bound, the latest last; updates go there
	media    []*wire.Key // the same of addresses for media
	bound    *device     // of a temporary key: the permanent one's (B19)
	inited   bool
	layer    int
	account  *Account // nil: not signed in
	imported bool     // the authorization came from another data centre
	pending  *Account // has shown its code, the password is wanted

	looks map[int64]time.Time // at which channels it looks, until when
}

func (s *Server) newDevice(k *wire.Key) any { return &device{key: k} }

// deviceOf is the device that asks; a bound temporary key is its permanent one's.
func deviceOf(c *wire.Call) *device {
	d, _ := c.Session.Key().Data.(*device)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.bound != nil {
		return d.bound
	}
	return d
}

func (d *device) push(build func() []byte) {
	d.mu.Lock()
	keys := d.temps
	if len(keys) == 0 {
		keys = []*wire.Key{d.key}
	}
	if d.imported { // updates go home
		keys = nil
	}
	d.mu.Unlock()
	wire.Push(keys, build)
}

func (d *device) signIn(a *Account, imported bool) {
	d.signOut()
	d.mu.Lock()
	d.account, d.pending, d.imported = a, nil, imported
	d.mu.Unlock()
	a.mu.Lock()
	a.devices = append(a.devices, d)
	a.mu.Unlock()
}

func (d *device) signOut() *Account {
	d.mu.Lock()
	a := d.account
	d.account, d.pending, d.imported = nil, nil, false
	d.mu.Unlock()
	if a != nil {
		a.mu.Lock()
		a.devices = slices.DeleteFunc(a.devices, func(o *device) bool { return o == d })
		a.mu.Unlock()
	}
	return a
}

// AddUser makes a user.
func (s *Server) AddUser(u User) *Account {
	a := s.addAccount(world.Profile{
		First: u.First, Last: u.Last, Username: u.Username, Phone: digits(u.Phone), About: u.About, DC: u.DC, ID: u.ID, Premium: u.Premium,
	}, "")
	if u.Password != "" {
		s.SetPassword(a, u.Password)
	}
	return a
}

// AddBot makes a bot and its token.
func (s *Server) AddBot(name, username string) *Account {
	return s.addAccount(world.Profile{First: name, Username: username, Bot: true}, "secret-of-"+username)
}

func (s *Server) addAccount(p world.Profile, secret string) *Account {
	if p.DC == 0 {
		p.DC = s.cfg.Centres[0]
	}
	u := s.world.AddUser(p)
	a := &Account{id: u.ID, server: s}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts[a.id] = a
	if p.Bot {
		a.token = fmt.Sprintf("%d:%s", a.id, secret)
		s.entry.tokens[a.token] = a
	}
	return a
}

// Account finds an account by its id; nil: there is none.
func (s *Server) Account(id int64) *Account {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.accounts[id]
}

// Authorize makes a new authorization key with which a is signed in already, and introduced, so that a test need not
// log in. The key belongs to the account's data centre; salt is its first server salt.
func (s *Server) Authorize(a *Account) (key crypto.Key, salt int64, dcID int) {
	var b [crypto.KeySize]byte
	// crypto/rand does not fail.
	_, _ = rand.Read(b[:])
	key, _ = crypto.NewKey(b[:])
	c := s.centre(a.DC())
	if c == nil {
		panic(fmt.Sprintf("mttest: no data centre %d", a.DC()))
	}
	k := c.AddKey(key, int64(key.Aux()))
	if d, ok := k.Data.(*device); ok {
		d.signIn(a, false)
	}
	return key, k.Salt(), c.id
}

// SignOutAll ends every authorization of an account, as if the user had done so elsewhere.
func (s *Server) SignOutAll(a *Account) {
	a.mu.Lock()
	all := slices.Clone(a.devices)
	a.mu.Unlock()
	for _, d := range all {
		d.signOut()
	}
}

// ID is the user id.
func (a *Account) ID() int64 { return a.id }

// Token is a bot's; it is empty for users.
func (a *Account) Token() string { return a.token }

// Peer is the account as somebody to write to.
func (a *Account) Peer() world.Peer { return world.UserPeer(a.id) }

func (a *Account) user() world.User {
	u, _ := a.server.world.User(a.id)
	return u
}

// Phone is the number, digits only.
func (a *Account) Phone() string { return a.user().Phone }

// Username is the public name, without @.
func (a *Account) Username() string { return a.user().Username }

// DC is where the account lives.
func (a *Account) DC() int { return a.user().DC }

// AccessHash is the number by which a may address p.
func (a *Account) AccessHash(p Peer) int64 { return a.server.world.AccessHash(a.id, p.Peer()) }

// State is where the account's sequences stand.
func (a *Account) State() world.State { return a.server.world.State(a.id) }

func must[T any](v T, err error) T {
	if err != nil {
		panic("mttest: the script does what Telegram refuses: " + err.Error())
	}
	return v
}

// Send sends a text and returns the message as the sender has it.
func (a *Account) Send(to Peer, text string) *world.Message {
	return must(a.server.world.Send(a.id, to.Peer(), world.Draft{Text: text})).Event.Msg
}

// SendDraft sends anything that a message can be.
func (a *Account) SendDraft(to Peer, d world.Draft) *world.Message {
	return must(a.server.world.Send(a.id, to.Peer(), d)).Event.Msg
}

// Edit changes the text of one of the account's messages; id is that of its own box.
func (a *Account) Edit(in Peer, id int, text string) {
	must(a.server.world.Edit(a.id, in.Peer(), id, world.Edit{Text: text}))
}

// Delete deletes messages for everybody.
func (a *Account) Delete(in Peer, ids ...int) {
	if p := in.Peer(); p.Kind == world.KindChannel {
		must(a.server.world.DeleteInChannel(a.id, p.ID, ids, nil))
		return
	}
	must(a.server.world.Delete(a.id, ids, true, nil))
}

// Read marks a conversation as read up to a message; 0: all of it.
func (a *Account) Read(in Peer, maxID int) {
	if p := in.Peer(); p.Kind == world.KindChannel {
		must(a.server.world.ReadChannel(a.id, p.ID, maxID, nil))
		return
	}
	must(a.server.world.Read(a.id, in.Peer(), maxID, nil))
}

// Typing shows the others that the account is writing.
func (a *Account) Typing(in Peer) {
	must(0, a.server.world.Type(a.id, in.Peer(), M{"_": "sendMessageTypingAction"}))
}

// SetOnline changes the account's status.
func (a *Account) SetOnline(online bool) { a.server.world.SetOnline(a.id, online) }

// SetUsername gives the account another username, which nobody is told.
func (a *Account) SetUsername(name string) { a.server.world.SetUsername(a.id, name) }

// AddContact puts others into the account's contact list.
func (a *Account) AddContact(others ...*Account) {
	for _, o := range others {
		a.server.world.AddContact(a.id, o.id)
	}
}

// Join makes the account a member of a channel.
func (a *Account) Join(c *Channel) { must(0, a.server.world.Join(a.id, c.id)) }

// Leave takes the account out of a channel.
func (a *Account) Leave(c *Channel) { must(0, a.server.world.Leave(a.id, c.id)) }

// Push sends the account an update that no difference brings back, as updateShort (E27).
func (a *Account) Push(update M) { a.server.world.PushRaw(a.id, world.Unnumbered, update) }

// PushQts sends the account an update numbered by qts, whose field qts is filled in.
func (a *Account) PushQts(update M) int { return a.server.world.PushRaw(a.id, world.ByQts, update).Qts }

// PushSeq sends the account updates numbered by seq, in one container: updates, or updatesCombined where there are more
// than one (E4). It returns the last number.
func (a *Account) PushSeq(updates ...M) int {
	return a.server.world.PushRaw(a.id, world.BySeq, items(updates)...).Seq
}

// Group is a basic group.
type Group struct {
	id     int64
	server *Server
}

// AddGroup makes a basic group; the creator says so in its first message.
func (s *Server) AddGroup(title string, creator *Account, members ...*Account) *Group {
	c, _, err := s.world.AddChat(title, creator.id, ids(members), nil)
	must(0, err)
	return &Group{id: c.ID, server: s}
}

func ids(accounts []*Account) []int64 {
	all := make([]int64, len(accounts))
	for i, a := range accounts {
		all[i] = a.id
	}
	return all
}

// ID is the group's, positive.
func (g *Group) ID() int64 { return g.id }

// Peer is the group as something to write to.
func (g *Group) Peer() world.Peer { return world.ChatPeer(g.id) }

// Channel is a broadcast channel or a supergroup.
type Channel struct {
	id     int64
	server *Server
}

// ChannelConfig is what a channel starts from.
type ChannelConfig struct {
	Title, About string
	Username     string // makes it public
	Megagroup    bool   // everybody may write
	Creator      *Account
	Members      []*Account
}

// AddChannel makes a channel; the creator says so in its first message.
func (s *Server) AddChannel(c ChannelConfig) *Channel {
	made, _, err := s.world.AddChannel(world.NewChannel{
		Title: c.Title, About: c.About, Username: c.Username, Megagroup: c.Megagroup, Creator: c.Creator.id, Members: ids(c.Members),
	})
	must(0, err)
	return &Channel{id: made.ID, server: s}
}

// ID is the channel's, positive and without the -100 of bot libraries.
func (c *Channel) ID() int64 { return c.id }

// Peer is the channel as something to write to.
func (c *Channel) Peer() world.Peer { return world.ChannelPeer(c.id) }

// Pts is where the channel's box stands.
func (c *Channel) Pts() int {
	found, _, _ := c.server.world.Channel(0, c.id)
	return found.Pts
}
