package e2e

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	gotdbin "github.com/gotd/td/bin"
	"github.com/gotd/td/telegram/auth"
	"github.com/gotd/td/tg"
	"github.com/gotd/td/tgerr"
	"github.com/gotd/td/tgtest"
	"github.com/gotd/td/tgtest/cluster"
	gotdtransport "github.com/gotd/td/transport"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/mtproto/transport"
	"github.com/natsgram/natsgram/tl/codec"
)

const (
	rightCode     = "12345"
	rightPassword = "correct horse"
	rightToken    = "42:secret"
	gotdUser      = 4200
)

// gotdServer is a data centre of gotd/td's tgtest, with handlers of ours for what it is to answer.
type gotdServer struct {
	*tgtest.Server
	env dc.Environment

	mu       sync.Mutex
	config   tg.Config
	signedIn map[int64]bool // by id of the permanent key
	last     tgtest.Session
	counts   map[string]int
	stray    []string // what no handler knows
	password *secret
	drops    int            // calls of users.getUsers to answer with a broken connection
	answered map[int64]bool // by msg_id
	bound    map[[8]byte]int64
}

// serverKey is one for all: making it takes a while.
var gotdServerKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// newGotdServer listens until the test ends. wrap is what is between the sockets and the server.
func newGotdServer(t *testing.T, wrap func(net.Listener) gotdtransport.Listener) *gotdServer {
	t.Helper()
	s := emptyServer()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	addr := l.Addr().(*net.TCPAddr)
	s.config = tg.Config{ThisDC: 2, DCOptions: []tg.DCOption{{ID: 2, IPAddress: "127.0.0.1", Port: addr.Port}}}
	s.Server = tgtest.NewServer(tgtest.NewPrivateKey(gotdServerKey()), tgtest.UnpackInvoke(s.dispatcher()), tgtest.ServerOptions{DC: 2})
	public, err := crypto.NewPublicKey(gotdServerKey().N, gotdServerKey().E)
	must(t, err)
	s.env = dc.Environment{Options: []dc.Option{{ID: 2, Addr: addr.String()}}, Keys: []crypto.PublicKey{public}, Default: 2}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, wrap(l)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("gotd's server: %v", err)
		}
		if len(s.stray) > 0 {
			t.Errorf("gotd's server was sent what it does not know: %v", s.stray)
		}
	})
	return s
}

func emptyServer() *gotdServer {
	return &gotdServer{signedIn: map[int64]bool{}, counts: map[string]int{}, answered: map[int64]bool{}, bound: map[[8]byte]int64{}}
}

func detecting(l net.Listener) gotdtransport.Listener { return gotdtransport.Listen(l) }

// on has f answer calls that decode into request. f runs one at a time.
func on[T any, R interface {
	*T
	gotdbin.Decoder
}](s *gotdServer, d *tgtest.Dispatcher, id uint32, f func(req *tgtest.Request, call *T) error) {
	d.HandleFunc(id, func(_ *tgtest.Server, req *tgtest.Request) error {
		call := R(new(T))
		if err := call.Decode(req.Buf); err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.last = req.Session
		s.counts[fmt.Sprintf("%T", call)]++
		s.answered[req.MsgID] = true
		return f(req, call)
	})
}

func (s *gotdServer) dispatcher() *tgtest.Dispatcher {
	d := tgtest.NewDispatcher()
	on(s, d, tg.HelpGetConfigRequestTypeID, func(req *tgtest.Request, _ *tg.HelpGetConfigRequest) error {
		return s.SendResult(req, &s.config)
	})
	on(s, d, tg.HelpGetNearestDCRequestTypeID, func(req *tgtest.Request, _ *tg.HelpGetNearestDCRequest) error {
		return s.SendResult(req, &tg.NearestDC{Country: "ZZ", ThisDC: 2, NearestDC: 2})
	})
	on(s, d, tg.UsersGetUsersRequestTypeID, s.getUsers)
	on(s, d, tg.MessagesSendMessageRequestTypeID, s.sendMessage)
	on(s, d, tg.MessagesGetHistoryRequestTypeID, s.getHistory)
	s.logins(d)
	d.Fallback(tgtest.HandlerFunc(s.fallback))
	return d
}

// bind takes a client's word that its temporary key stands for a permanent one (B19): gotd's server does not know of that,
// and does not show the permanent key by which the proof could be checked.
func (s *gotdServer) bind(req *tgtest.Request, call *tg.AuthBindTempAuthKeyRequest) error {
	s.bound[req.Session.AuthKey.ID] = call.PermAuthKeyID
	return s.SendBool(req, true)
}

func (s *gotdServer) permanent(req *tgtest.Request) int64 {
	if id, ok := s.bound[req.Session.AuthKey.ID]; ok {
		return id
	}
	return req.Session.AuthKey.IntID()
}

func (s *gotdServer) logins(d *tgtest.Dispatcher) {
	on(s, d, tg.AuthBindTempAuthKeyRequestTypeID, s.bind)
	on(s, d, tg.AuthSendCodeRequestTypeID, func(req *tgtest.Request, call *tg.AuthSendCodeRequest) error {
		if call.APIID != apiID || call.APIHash != apiHash {
			return tgerr.New(400, "API_ID_INVALID")
		}
		return s.SendResult(req, &tg.AuthSentCode{
			Type: &tg.AuthSentCodeTypeApp{Length: 5}, PhoneCodeHash: "hash of " + call.PhoneNumber, NextType: &tg.AuthCodeTypeSMS{}, Timeout: 60,
		})
	})
	on(s, d, tg.AuthSignInRequestTypeID, s.signIn)
	on(s, d, tg.AuthImportBotAuthorizationRequestTypeID, func(req *tgtest.Request, call *tg.AuthImportBotAuthorizationRequest) error {
		if call.BotAuthToken != rightToken {
			return tgerr.New(400, "ACCESS_TOKEN_INVALID")
		}
		return s.enter(req, &tg.User{ID: gotdUser, Bot: true, FirstName: "Bot"})
	})
	on(s, d, tg.AccountGetPasswordRequestTypeID, func(req *tgtest.Request, _ *tg.AccountGetPasswordRequest) error {
		return s.SendResult(req, s.password.ask())
	})
	on(s, d, tg.AuthCheckPasswordRequestTypeID, func(req *tgtest.Request, call *tg.AuthCheckPasswordRequest) error {
		proof, ok := call.Password.(*tg.InputCheckPasswordSRP)
		if !ok || !s.password.proven(proof) {
			return tgerr.New(400, "PASSWORD_HASH_INVALID")
		}
		return s.enter(req, &tg.User{ID: gotdUser, FirstName: "User"})
	})
}

func (s *gotdServer) signIn(req *tgtest.Request, call *tg.AuthSignInRequest) error {
	switch {
	case call.PhoneCodeHash != "hash of "+call.PhoneNumber:
		return tgerr.New(400, "PHONE_CODE_EXPIRED")
	case call.PhoneCode != rightCode:
		return tgerr.New(400, "PHONE_CODE_INVALID")
	case s.password != nil:
		return tgerr.New(401, "SESSION_PASSWORD_NEEDED")
	}
	return s.enter(req, &tg.User{ID: gotdUser, FirstName: "User"})
}

func (s *gotdServer) enter(req *tgtest.Request, u *tg.User) error {
	u.Self = true
	s.signedIn[s.permanent(req)] = true
	return s.SendResult(req, &tg.AuthAuthorization{User: u})
}

func (s *gotdServer) getUsers(req *tgtest.Request, _ *tg.UsersGetUsersRequest) error {
	if !s.signedIn[s.permanent(req)] {
		return tgerr.New(401, "AUTH_KEY_UNREGISTERED")
	}
	if s.drops > 0 {
		s.drops--
		delete(s.answered, req.MsgID)
		s.ForceDisconnect(req.Session)
		return nil
	}
	return s.SendVector(req, &tg.User{Self: true, ID: gotdUser, FirstName: "User"})
}

func (s *gotdServer) sendMessage(req *tgtest.Request, call *tg.MessagesSendMessageRequest) error {
	if call.RandomID == 0 {
		return tgerr.New(400, "RANDOM_ID_EMPTY")
	}
	if seconds, ok := strings.CutPrefix(call.Message, "flood "); ok {
		return tgerr.New(420, "FLOOD_WAIT_"+seconds)
	}
	return s.SendResult(req, &tg.UpdateShortSentMessage{Out: true, ID: len(call.Message), Pts: 1, PtsCount: 1, Date: int(time.Now().Unix())})
}

// getHistory answers with as many messages as are wanted, gzipped.
func (s *gotdServer) getHistory(req *tgtest.Request, call *tg.MessagesGetHistoryRequest) error {
	answer := &tg.MessagesMessages{}
	for i := range call.Limit {
		answer.Messages = append(answer.Messages, &tg.Message{
			ID: i + 1, PeerID: &tg.PeerUser{UserID: gotdUser}, Date: 1700000000, Message: strings.Repeat("again and ", 20) + strconv.Itoa(i),
		})
	}
	return s.SendGZIP(req, answer)
}

// fallback takes what gotd's server does not know by itself. Of MTProto's own messages only acknowledgements and
// msgs_state_req may come here; the latter is answered in its stead, since no client can do without.
func (s *gotdServer) fallback(_ *tgtest.Server, req *tgtest.Request) error {
	id, err := req.Buf.PeekID()
	if err != nil || id == idMsgsAck {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if id != idMsgsStateReq {
		s.stray = append(s.stray, fmt.Sprintf("%08x", id))
		return tgerr.New(400, "INPUT_METHOD_INVALID")
	}
	info := stateInfo{req: req.MsgID}
	_, _ = req.Buf.Int32()
	n, err := req.Buf.VectorHeader()
	for range n {
		id, err := req.Buf.Long()
		if err != nil {
			return err
		}
		info.states = append(info.states, s.state(id))
	}
	return errors.Join(err, s.Send(req.RequestCtx, req.Session, tgtest.MessageServerResponse, info))
}

// state is that of a message of a client (C26): 2, not received, or 4, received, with an answer.
func (s *gotdServer) state(id int64) byte {
	if s.answered[id] {
		return 4 | 64
	}
	return 2
}

const (
	idMsgsAck       = 0x62d6b459
	idMsgsStateReq  = 0xda69fb52
	idMsgsStateInfo = 0x04deb57d
)

type stateInfo struct {
	req    int64
	states []byte
}

func (i stateInfo) Encode(b *gotdbin.Buffer) error {
	b.PutID(idMsgsStateInfo)
	b.PutLong(i.req)
	b.PutBytes(i.states)
	return nil
}

// session is the client's, as its last call showed it.
func (s *gotdServer) session() tgtest.Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

func (s *gotdServer) count(call any) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts[fmt.Sprintf("%T", call)]
}

// secret is the server's half of a password: what gotd hashed when it was set, and one try to prove it.
type secret struct {
	algo     tg.PasswordKdfAlgoSHA256SHA256PBKDF2HMACSHA512iter100000SHA256ModPow
	verifier *big.Int
	b, gb    *big.Int
	id       int64
}

func newSecret(t *testing.T, password string) *secret {
	t.Helper()
	p := &secret{}
	p.algo.Salt1, p.algo.Salt2, p.algo.G, p.algo.P = []byte("salt one"), []byte("salt two of 16 b"), 3, crypto.PublishedPrime()
	hash, err := auth.NewPasswordHash([]byte(password), &p.algo)
	must(t, err)
	p.verifier = new(big.Int).SetBytes(hash)
	return p
}

func (p *secret) prime() *big.Int { return new(big.Int).SetBytes(p.algo.P) }

// ask begins a try: g_b = k*v + g^b, where k = H(p | g).
func (p *secret) ask() *tg.AccountPassword {
	if p == nil {
		return &tg.AccountPassword{NewAlgo: &tg.PasswordKdfAlgoUnknown{}, NewSecureAlgo: &tg.SecurePasswordKdfAlgoUnknown{}}
	}
	random := make([]byte, 256)
	_, _ = rand.Read(random)
	g := big.NewInt(int64(p.algo.G))
	p.b = new(big.Int).SetBytes(random)
	p.gb = new(big.Int).Mul(digest(p.algo.P, wide(g)), p.verifier)
	p.gb.Add(p.gb, new(big.Int).Exp(g, p.b, p.prime()))
	p.gb.Mod(p.gb, p.prime())
	p.id++
	algo := p.algo
	return &tg.AccountPassword{
		HasPassword: true, CurrentAlgo: &algo, SRPB: wide(p.gb), SRPID: p.id, Hint: "a horse", SecureRandom: random,
		NewAlgo: &algo, NewSecureAlgo: &tg.SecurePasswordKdfAlgoUnknown{},
	}
}

// proven compares M1 with H(H(p) xor H(g) | H(salt1) | H(salt2) | g_a | g_b | H((g_a * v^u)^b)) where u = H(g_a | g_b).
func (p *secret) proven(proof *tg.InputCheckPasswordSRP) bool {
	if proof.SRPID != p.id {
		return false
	}
	ga := new(big.Int).SetBytes(proof.A)
	s := new(big.Int).Exp(p.verifier, digest(wide(ga), wide(p.gb)), p.prime())
	s.Mul(s, ga)
	s.Exp(s, p.b, p.prime())
	hp, hg := sha256.Sum256(p.algo.P), sha256.Sum256(wide(big.NewInt(int64(p.algo.G))))
	subtle.XORBytes(hp[:], hp[:], hg[:])
	h1, h2, k := sha256.Sum256(p.algo.Salt1), sha256.Sum256(p.algo.Salt2), sha256.Sum256(wide(s))
	m1 := sha256.Sum256(slices.Concat(hp[:], h1[:], h2[:], wide(ga), wide(p.gb), k[:]))
	return string(m1[:]) == string(proof.M1)
}

func wide(x *big.Int) []byte { return x.FillBytes(make([]byte, 256)) }

func digest(parts ...[]byte) *big.Int {
	sum := sha256.Sum256(slices.Concat(parts...))
	return new(big.Int).SetBytes(sum[:])
}

// client is ours, running until the test ends.
type client struct {
	*mtproto.Client
	t       *testing.T
	ctx     context.Context //nolint:containedctx // the test's patience
	updates chan mtproto.Update

	mu     sync.Mutex
	events []mtproto.Event
	stop   func()
}

func newClient(t *testing.T, env dc.Environment, change ...func(*mtproto.Options)) *client {
	t.Helper()
	c := &client{t: t, updates: make(chan mtproto.Update, 1000)}
	o := mtproto.Options{
		API: mtproto.API{ID: apiID, Hash: apiHash}, Schema: gotdLayer(t), Env: env, Throttle: new(mtproto.Throttle),
		Transport: mtproto.Transport{Plain: true}, // gotd's server does not see obfuscation by itself
		Updates:   func(u mtproto.Update) { c.updates <- u },
		Events: func(e mtproto.Event) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.events = append(c.events, e)
		},
	}
	for _, f := range change {
		f(&o)
	}
	var err error
	c.Client, err = mtproto.New(o)
	must(t, err)
	var cancel context.CancelFunc
	c.ctx, cancel = context.WithTimeout(context.Background(), patience)
	ended := make(chan error, 1)
	go func() { ended <- c.Run(c.ctx) }()
	c.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("our client ended with %v\n%v", err, c.seen())
		}
	})
	t.Cleanup(c.stop)
	return c
}

func (c *client) seen() []mtproto.Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.events)
}

// call makes a call that has to succeed.
func (c *client) call(m codec.M) codec.View {
	c.t.Helper()
	body, err := c.try(m)
	if err != nil {
		c.t.Fatalf("%v: %v\n%v", m["_"], err, c.seen())
	}
	v, err := c.Schema().View(body)
	must(c.t, err)
	return v
}

func (c *client) try(m codec.M) ([]byte, error) {
	query, err := c.Schema().Encode(nil, m)
	if err != nil {
		return nil, err
	}
	return c.Invoke(c.ctx, query)
}

// users calls users.getUsers and gives the ids.
func (c *client) users() (ids []int64) {
	c.t.Helper()
	body, err := c.try(codec.M{"_": "users.getUsers", "id": []codec.M{{"_": "inputUserSelf"}}})
	if err != nil {
		c.t.Fatalf("users.getUsers: %v\n%v", err, c.seen())
	}
	vector, _ := c.Schema().Type("Vector<User>")
	for v := range c.Schema().Objects(body, vector) {
		ids = append(ids, v.Int("id"))
	}
	return ids
}

func (c *client) isGotdUser() {
	c.t.Helper()
	if ids := c.users(); !slices.Equal(ids, []int64{gotdUser}) {
		c.t.Errorf("users.getUsers: %v", ids)
	}
}

func (c *client) signInAsBot() {
	c.t.Helper()
	s, err := c.Login().BotToken(c.ctx, rightToken)
	if err != nil || s.Step != mtproto.SignedIn || s.UserID != gotdUser || !s.Bot {
		c.t.Fatalf("bot token: %+v, %v\n%v", s, err, c.seen())
	}
}

var randomID int64

func message(text string) codec.M {
	randomID++
	return codec.M{"_": "messages.sendMessage", "peer": codec.M{"_": "inputPeerSelf"}, "message": text, "random_id": randomID}
}

// A1 to A6, A15 to A17, B1 to B16: our client exchanges a key with gotd's server and calls it, over each framing.
func TestGotdServerFramings(t *testing.T) {
	leaves(t)
	for _, kind := range []transport.Kind{transport.Abridged, transport.Intermediate, transport.Padded, transport.Full} {
		for _, plain := range []bool{true, false} {
			if kind == transport.Full && !plain {
				continue
			}
			t.Run(fmt.Sprintf("%v, plain %v", kind, plain), func(t *testing.T) {
				s := newGotdServer(t, listening(kind, plain))
				c := newClient(t, s.env, func(o *mtproto.Options) { o.Transport = mtproto.Transport{Kind: kind, Plain: plain} })
				c.signInAsBot()
				c.isGotdUser()
				long := strings.Repeat("long ", 1000)
				if v := c.call(message(long)); v.Name() != "updateShortSentMessage" || v.Int("id") != int64(len(long)) {
					t.Errorf("messages.sendMessage: %s", v.Name())
				}
			})
		}
	}
}

func listening(kind transport.Kind, plain bool) func(net.Listener) gotdtransport.Listener {
	return func(l net.Listener) gotdtransport.Listener {
		if !plain {
			l = gotdtransport.ObfuscatedListener(l)
		}
		if kind == transport.Padded {
			return gotdtransport.ListenCodec(func() gotdtransport.Codec { return tolerant{gotdtransport.PaddedIntermediate.Codec()} }, l)
		}
		return gotdtransport.Listen(l)
	}
}

// tolerant takes off all of the up to 15 bytes of padding (A4). gotd takes off what is more than a multiple of 4.
type tolerant struct{ gotdtransport.Codec }

func (c tolerant) Read(r io.Reader, b *gotdbin.Buffer) error {
	err := c.Codec.Read(r, b)
	if err == nil && b.Len() >= 24 {
		b.Buf = unpadded(b.Buf)
	}
	return err
}

// unpadded takes off what the padded framing leaves at the end (A4).
func unpadded(packet []byte) []byte {
	if len(packet) >= 20 && binary.LittleEndian.Uint64(packet) == 0 {
		n := 20 + int(binary.LittleEndian.Uint32(packet[16:]))
		return packet[:min(n, len(packet))]
	}
	return packet[:len(packet)-(len(packet)-24)%16]
}

// F1, F3, F5, F8: the ways to sign in, and the wrong ones.
func TestGotdServerSignIn(t *testing.T) {
	leaves(t)
	t.Run("code", func(t *testing.T) {
		s := newGotdServer(t, detecting)
		c := newClient(t, s.env)
		c.showCode()
		if st, err := c.Login().SignIn(c.ctx, rightCode); err != nil || st.Step != mtproto.SignedIn || st.UserID != gotdUser {
			t.Fatalf("%+v, %v", st, err)
		}
		c.isGotdUser()
		c.stop()
		again := newClient(t, s.env, func(o *mtproto.Options) { o.State = c.State() })
		again.isGotdUser()
	})
	t.Run("password", func(t *testing.T) {
		s := newGotdServer(t, detecting)
		s.password = newSecret(t, rightPassword)
		c := newClient(t, s.env)
		c.showCode()
		if st, err := c.Login().SignIn(c.ctx, rightCode); err != nil || st.Step != mtproto.WaitPassword || st.Hint != "a horse" {
			t.Fatalf("%+v, %v", st, err)
		}
		if st, err := c.Login().Password(c.ctx, "wrong"); !mtproto.IsKind(err, "PASSWORD_HASH_INVALID") || st.Step != mtproto.WaitPassword {
			t.Fatalf("a wrong password: %+v, %v", st, err)
		}
		if st, err := c.Login().Password(c.ctx, rightPassword); err != nil || st.Step != mtproto.SignedIn {
			t.Fatalf("%+v, %v", st, err)
		}
		c.isGotdUser()
	})
	t.Run("bot", func(t *testing.T) {
		s := newGotdServer(t, detecting)
		c := newClient(t, s.env)
		if _, err := c.Login().BotToken(c.ctx, "42:wrong"); !mtproto.IsKind(err, "ACCESS_TOKEN_INVALID") {
			t.Fatal(err)
		}
		c.signInAsBot()
	})
}

// showCode asks for a code and shows a wrong one first.
func (c *client) showCode() {
	c.t.Helper()
	st, err := c.Login().SendCode(c.ctx, "+15550001")
	if err != nil || st.Step != mtproto.WaitCode || st.Code.Type != "app" || st.Code.Length != 5 || st.Code.Next != "sms" {
		c.t.Fatalf("send code: %+v, %v\n%v", st, err, c.seen())
	}
	if st, err = c.Login().SignIn(c.ctx, "54321"); !mtproto.IsKind(err, "PHONE_CODE_INVALID") || st.Step != mtproto.WaitCode {
		c.t.Fatalf("a wrong code: %+v, %v", st, err)
	}
}

// D5, D6: a cluster of gotd's, the account's home being the data centre that nobody asked first.
func TestGotdServerMigration(t *testing.T) {
	leaves(t)
	cl := cluster.NewCluster(cluster.Options{Config: tg.Config{}})
	other, far := emptyServer(), cl.Dispatch(2, "two")
	far.HandleFunc(tg.AuthSendCodeRequestTypeID, func(*tgtest.Server, *tgtest.Request) error { return tgerr.New(303, "PHONE_MIGRATE_4") })
	two := emptyServer()
	two.Server, _ = cl.DC(2, "two")
	on(two, far, tg.AuthBindTempAuthKeyRequestTypeID, two.bind)
	var home *tgtest.Dispatcher
	other.Server, home = cl.DC(4, "four")
	other.logins(home)
	on(other, home, tg.UsersGetUsersRequestTypeID, other.getUsers)
	cl.Common().Fallback(tgtest.HandlerFunc(other.fallback))

	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- cl.Up(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	<-cl.Ready()
	c := newClient(t, clusterEnv(t, cl))
	c.showCode()
	if st, err := c.Login().SignIn(c.ctx, rightCode); err != nil || st.Step != mtproto.SignedIn {
		t.Fatalf("%+v, %v", st, err)
	}
	c.isGotdUser()
	if c.Home() != 4 {
		t.Errorf("home is %d", c.Home())
	}
}

// clusterEnv is the first data centre alone, with the keys of all: the rest has to be learnt.
func clusterEnv(t *testing.T, cl *cluster.Cluster) dc.Environment {
	env := dc.Environment{Default: 2}
	for _, o := range cl.List().Options {
		if o.ID == env.Default {
			env.Options = append(env.Options, dc.Option{ID: o.ID, Addr: net.JoinHostPort(o.IPAddress, strconv.Itoa(o.Port))})
		}
	}
	for _, k := range cl.Keys() {
		ours, err := crypto.NewPublicKey(k.RSA.N, k.RSA.E)
		must(t, err)
		env.Keys = append(env.Keys, ours)
	}
	return env
}

// C12, C40, D16: results as they are, gzipped, and errors, for many callers at once.
func TestGotdServerCalls(t *testing.T) {
	leaves(t)
	s := newGotdServer(t, detecting)
	c := newClient(t, s.env)
	c.signInAsBot()
	h := c.call(codec.M{"_": "messages.getHistory", "peer": codec.M{"_": "inputPeerSelf"}, "limit": 200, "offset_id": 0, "offset_date": 0, "add_offset": 0, "max_id": 0, "min_id": 0, "hash": 0})
	n := 0
	for m := range h.Objects("messages") {
		if text := m.Str("message"); !strings.HasSuffix(text, " "+strconv.Itoa(n)) {
			t.Fatalf("message %d: %q", n, text)
		}
		n++
	}
	if n != 200 {
		t.Errorf("%d messages", n)
	}
	_, err := c.try(message("flood 3600"))
	if mtproto.RetryAfter(err) != time.Hour || mtproto.SentOf(err) != mtproto.SentRefused {
		t.Errorf("a flood wait: %v, %v", err, mtproto.SentOf(err))
	}
	manyCallers(t, c)
	if got := s.count(&tg.HelpGetNearestDCRequest{}); got != 64*20 {
		t.Errorf("%d calls were executed, not %d", got, 64*20)
	}
}

func manyCallers(t *testing.T, c *client) {
	query, err := c.Schema().Encode(nil, codec.M{"_": "help.getNearestDc"})
	must(t, err)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range 20 {
				if _, err := c.Invoke(c.ctx, query); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// E4: what the server pushes is handed on once each, in order.
func TestGotdServerUpdates(t *testing.T) {
	leaves(t)
	s := newGotdServer(t, detecting)
	c := newClient(t, s.env)
	c.signInAsBot()
	for i := range 100 {
		must(t, s.SendUpdates(c.ctx, s.session(), &tg.UpdateNewMessage{
			Message: &tg.Message{ID: i, PeerID: &tg.PeerUser{UserID: 1}, Message: fmt.Sprint("update ", i)}, Pts: i + 1, PtsCount: 1,
		}))
	}
	for i := range 100 {
		select {
		case u := <-c.updates:
			v, err := c.Schema().View(u.Body)
			must(t, err)
			for one := range v.Objects("updates") {
				m, _ := one.Object("message")
				if one.Int("pts") != int64(i+1) || m.Str("message") != fmt.Sprint("update ", i) {
					t.Fatalf("update %d: pts %d, %q", i, one.Int("pts"), m.Str("message"))
				}
			}
			u.Ack()
		case <-c.ctx.Done():
			t.Fatalf("only %d updates came", i)
		}
	}
	c.isGotdUser()
}

// C15, C36: gotd's server breaks the connection, between calls and during one. Our client goes on over a new one.
func TestGotdServerDisconnects(t *testing.T) {
	leaves(t)
	s := newGotdServer(t, detecting)
	c := newClient(t, s.env)
	c.signInAsBot()
	for range 5 {
		s.ForceDisconnect(s.session())
		c.isGotdUser()
	}
	s.mu.Lock()
	s.drops = 1
	s.mu.Unlock()
	c.isGotdUser()
	if cuts := c.disconnections(); cuts != 6 {
		t.Errorf("%d connections were lost, want 6: %v", cuts, c.seen())
	}
	must(t, s.SendUpdates(c.ctx, s.session(), &tg.UpdateNewMessage{Message: &tg.MessageEmpty{ID: 1}, Pts: 1, PtsCount: 1}))
	select {
	case u := <-c.updates:
		u.Ack()
	case <-c.ctx.Done():
		t.Error("no update after reconnecting")
	}
}

// disconnections counts connections that were lost once they had answered. A key exchange that fails before that is not
// among them: gotd's server cuts leading zeros off the nonces (B8), so one in some 130 cannot be completed and is done anew.
func (c *client) disconnections() (n int) {
	connected := false
	for _, e := range c.seen() {
		switch e.(type) {
		case mtproto.Connected:
			connected = true
		case mtproto.Disconnected:
			if connected {
				n++
			}
			connected = false
		}
	}
	return n
}
