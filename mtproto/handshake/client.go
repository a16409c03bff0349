package handshake

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"slices"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

// Config is what a client needs to know.
type Config struct {
	// Keys are the server's RSA keys that we trust (B3, B4).
	Keys []crypto.PublicKey

	// DC is the wire id of the data centre: +10000 for a test server, negated for a media data centre (B6).
	DC int

	// ExpiresIn, whole seconds, asks for a temporary key that lives that long (B19). 0: a permanent key.
	ExpiresIn time.Duration

	// Rand is a source of cryptographic randomness.
	Rand io.Reader
}

// step is which answer a client waits for.
type step int

const (
	stepNew step = iota
	stepPQ
	stepParams
	stepAnswer
	stepDone
)

// Client is the client's side of one exchange. It is used by one goroutine and once: after an error or a result it
// answers nothing more.
type Client struct {
	config  Config
	step    step
	err     error
	clock   clock
	began   time.Time
	last    []byte // the packet that waits for its answer
	expires time.Time

	nonce       [16]byte
	serverNonce [16]byte
	newNonce    [32]byte
	key, iv     [32]byte // for the Diffie-Hellman messages

	group   group
	auth    crypto.Key
	retries int
	offset  time.Duration
}

// group is what the server's Diffie-Hellman parameters are.
type group struct {
	g, p, ga *big.Int
}

// NewClient prepares an exchange.
func NewClient(c Config) *Client { return &Client{config: c} }

// Start begins the exchange: it returns the first packet to send (B2).
func (c *Client) Start(now time.Time) ([]byte, error) {
	if c.step != stepNew {
		return nil, errors.New("handshake: started twice")
	}
	if err := c.config.check(); err != nil {
		return nil, err
	}
	if err := random(c.config.Rand, c.nonce[:]); err != nil {
		return nil, err
	}
	c.began, c.step = now, stepPQ
	return c.send(now, &mt.ReqPqMulti{Nonce: c.nonce})
}

func (c *Config) check() error {
	seconds := c.ExpiresIn / time.Second
	switch {
	case c.Rand == nil:
		return errors.New("handshake: no source of randomness")
	case len(c.Keys) == 0:
		return errors.New("handshake: no public keys")
	case c.DC != int(int32(c.DC)):
		return fmt.Errorf("handshake: data centre %d", c.DC)
	case c.ExpiresIn < 0 || c.ExpiresIn%time.Second != 0 || seconds > math.MaxInt32:
		return fmt.Errorf("handshake: key for %v", c.ExpiresIn)
	}
	return nil
}

// Resend returns the packet whose answer is awaited, byte for byte, to be sent again where the answer was lost, on this
// connection or a new one, within 10 minutes of Start (B17). Nil: nothing is awaited.
func (c *Client) Resend() []byte { return slices.Clone(c.last) }

// Receive takes a packet from the server and returns the next one to send, or the result. Repeated answers to earlier
// queries are ignored: all three results are nil. After an error the Client is of no use; errors other than
// [ErrRefused], [ErrExpired] and [NoKeyError] mean that the server, or somebody between, does not follow the protocol.
func (c *Client) Receive(now time.Time, packet []byte) (send []byte, done *Result, err error) {
	if c.err == nil {
		send, done, c.err = c.receive(now, packet)
	}
	if c.err != nil || done != nil {
		c.forget()
	}
	return send, done, c.err
}

func (c *Client) receive(now time.Time, packet []byte) ([]byte, *Result, error) {
	if c.step == stepNew || c.step == stepDone {
		return nil, nil, errors.New("handshake: no answer is awaited")
	}
	if now.Sub(c.began) > lifetime {
		return nil, nil, ErrExpired
	}
	body, err := parsePlain(packet)
	if err != nil {
		return nil, nil, err
	}
	if answerStep(body) < c.step {
		return nil, nil, nil
	}
	var send []byte
	switch c.step {
	case stepPQ:
		send, err = c.onResPQ(now, body)
	case stepParams:
		send, err = c.onParams(now, body)
	default:
		return c.onAnswer(now, body)
	}
	return send, nil, err
}

// answerStep is the step that a body is an answer in. What is no answer at all counts as one of the last step, where it
// is refused.
func answerStep(body []byte) step {
	switch bin.NewReader(body).Peek() {
	case mt.ResPQID:
		return stepPQ
	case mt.ServerDHParamsOkID, mt.ServerDHParamsFailID:
		return stepParams
	}
	return stepAnswer
}

// forget wipes what is secret and of no use any more.
func (c *Client) forget() {
	c.step, c.last, c.auth, c.group = stepDone, nil, crypto.Key{}, group{}
	clear(c.newNonce[:])
	clear(c.key[:])
	clear(c.iv[:])
}

// send keeps and returns a query.
func (c *Client) send(now time.Time, query mt.Object) ([]byte, error) {
	packet, err := plainPacket(c.clock.next(now, 0), query.Encode)
	if err != nil {
		return nil, err
	}
	c.last = packet
	return slices.Clone(packet), nil
}

// nonces compares both nonces of an answer (B2).
func (c *Client) nonces(nonce, serverNonce *[16]byte) error {
	if !same(nonce[:], c.nonce[:]) || !same(serverNonce[:], c.serverNonce[:]) {
		return invalid("the nonces are not those of this exchange")
	}
	return nil
}

// onResPQ factors pq, chooses a key, and sends a new nonce under it (B3, B5, B6, B7).
func (c *Client) onResPQ(now time.Time, body []byte) ([]byte, error) {
	var a mt.ResPQ
	if err := decode(body, a.Decode); err != nil {
		return nil, err
	}
	if !same(a.Nonce[:], c.nonce[:]) {
		return nil, invalid("the nonce is not that of this exchange")
	}
	c.serverNonce = a.ServerNonce
	key, err := c.chooseKey(a.ServerPublicKeyFingerprints)
	if err != nil {
		return nil, err
	}
	p, q, err := crypto.FactorBytes(a.PQ)
	if err != nil {
		return nil, invalid("%w", err)
	}
	if err := random(c.config.Rand, c.newNonce[:]); err != nil {
		return nil, err
	}
	c.key, c.iv = crypto.TempKey(&c.newNonce, &c.serverNonce)
	encrypted, err := crypto.RSAPad(key, c.innerData(a.PQ, p, q), c.config.Rand)
	if err != nil {
		return nil, err
	}
	if c.config.ExpiresIn > 0 {
		c.expires = now.Add(c.config.ExpiresIn)
	}
	c.step = stepParams
	return c.send(now, &mt.ReqDHParams{Nonce: c.nonce, ServerNonce: c.serverNonce, P: p, Q: q,
		PublicKeyFingerprint: key.Fingerprint(), EncryptedData: encrypted})
}

// chooseKey takes the first key that the server offers and we own (B3).
func (c *Client) chooseKey(offered []int64) (*crypto.PublicKey, error) {
	for _, f := range offered {
		for i := range c.config.Keys {
			if c.config.Keys[i].Fingerprint() == f {
				return &c.config.Keys[i], nil
			}
		}
	}
	return nil, &NoKeyError{Offered: slices.Clone(offered)}
}

// innerData is what only the server can read: p_q_inner_data_dc, or p_q_inner_data_temp_dc for a temporary key (B6, B19).
func (c *Client) innerData(pq, p, q []byte) []byte {
	var w bin.Writer
	if c.config.ExpiresIn == 0 {
		(&mt.PQInnerDataDc{PQ: pq, P: p, Q: q, Nonce: c.nonce, ServerNonce: c.serverNonce, NewNonce: c.newNonce,
			Dc: int32(c.config.DC)}).Encode(&w)
	} else {
		(&mt.PQInnerDataTempDc{PQ: pq, P: p, Q: q, Nonce: c.nonce, ServerNonce: c.serverNonce, NewNonce: c.newNonce,
			Dc: int32(c.config.DC), ExpiresIn: int32(c.config.ExpiresIn / time.Second)}).Encode(&w)
	}
	return w.Buf
}

// onParams checks the server's Diffie-Hellman parameters and sends our half (B9 to B13).
func (c *Client) onParams(now time.Time, body []byte) ([]byte, error) {
	if bin.NewReader(body).Peek() == mt.ServerDHParamsFailID {
		return nil, c.onParamsFail(body)
	}
	var a mt.ServerDHParamsOk
	if err := decode(body, a.Decode); err != nil {
		return nil, err
	}
	if err := c.nonces(&a.Nonce, &a.ServerNonce); err != nil {
		return nil, err
	}
	var inner mt.ServerDHInnerData
	if err := openInner(a.EncryptedAnswer, &c.key, &c.iv, inner.Decode); err != nil {
		return nil, err
	}
	if err := c.nonces(&inner.Nonce, &inner.ServerNonce); err != nil { // B10
		return nil, err
	}
	if err := c.setGroup(&inner); err != nil {
		return nil, err
	}
	c.offset = time.Unix(int64(inner.ServerTime), 0).Sub(now)
	c.step = stepAnswer
	return c.exchange(now, 0)
}

// onParamsFail believes a failure only with the hash that the server alone can make.
func (c *Client) onParamsFail(body []byte) error {
	var a mt.ServerDHParamsFail
	if err := decode(body, a.Decode); err != nil {
		return err
	}
	if err := c.nonces(&a.Nonce, &a.ServerNonce); err != nil {
		return err
	}
	if sum := sha1.Sum(c.newNonce[:]); !same(a.NewNonceHash[:], sum[4:]) {
		return invalid("a failure with a wrong hash")
	}
	return ErrRefused
}

// setGroup checks prime, generator and g_a (B11, B12).
func (c *Client) setGroup(inner *mt.ServerDHInnerData) error {
	if len(inner.DhPrime) != dhSize || len(inner.GA) > dhSize {
		return invalid("Diffie-Hellman prime of %d bytes, g_a of %d", len(inner.DhPrime), len(inner.GA))
	}
	if err := crypto.CheckDH(inner.DhPrime, int(inner.G)); err != nil {
		return invalid("%w", err)
	}
	c.group = group{
		g: big.NewInt(int64(inner.G)), p: new(big.Int).SetBytes(inner.DhPrime), ga: new(big.Int).SetBytes(inner.GA),
	}
	if err := crypto.CheckPublic(c.group.ga, c.group.p); err != nil {
		return invalid("%w", err)
	}
	return nil
}

// exchange draws b, computes the key and sends g_b (B13, B14). retryID is 0, or the aux hash of the key that failed.
func (c *Client) exchange(now time.Time, retryID int64) ([]byte, error) {
	b, gb, err := c.group.draw(c.config.Rand)
	if err != nil {
		return nil, err
	}
	secret := b.Exp(c.group.ga, b, c.group.p).FillBytes(make([]byte, dhSize))
	c.auth, err = crypto.NewKey(secret)
	clear(secret)
	if err != nil {
		return nil, err
	}
	inner := mt.ClientDHInnerData{Nonce: c.nonce, ServerNonce: c.serverNonce, RetryID: retryID, GB: gb}
	encrypted, err := sealInner(inner.Encode, &c.key, &c.iv, c.config.Rand)
	if err != nil {
		return nil, err
	}
	return c.send(now, &mt.SetClientDHParams{Nonce: c.nonce, ServerNonce: c.serverNonce, EncryptedData: encrypted})
}

// draw takes a random exponent and its power, which it keeps in the safe range (B12, B13).
func (g *group) draw(rand io.Reader) (exp *big.Int, power []byte, err error) {
	var raw [dhSize]byte
	defer clear(raw[:])
	for range dhAttempts {
		if err := random(rand, raw[:]); err != nil {
			return nil, nil, err
		}
		exp := new(big.Int).SetBytes(raw[:])
		x := new(big.Int).Exp(g.g, exp, g.p)
		if crypto.CheckPublic(x, g.p) == nil {
			return exp, x.FillBytes(make([]byte, dhSize)), nil
		}
	}
	return nil, nil, errors.New("handshake: no usable exponent: is the source of randomness random?")
}

// onAnswer takes the server's verdict, each form proved by its own hash (B15).
func (c *Client) onAnswer(now time.Time, body []byte) ([]byte, *Result, error) {
	switch id := bin.NewReader(body).Peek(); id {
	case mt.DhGenOkID:
		var a mt.DhGenOk
		if err := c.verdict(body, a.Decode, 1, &a.Nonce, &a.ServerNonce, &a.NewNonceHash1); err != nil {
			return nil, nil, err
		}
		return nil, c.result(), nil
	case mt.DhGenRetryID:
		var a mt.DhGenRetry
		if err := c.verdict(body, a.Decode, 2, &a.Nonce, &a.ServerNonce, &a.NewNonceHash2); err != nil {
			return nil, nil, err
		}
		if c.retries++; c.retries > dhAttempts {
			return nil, nil, fmt.Errorf("%w: it wants ever new tries", ErrRefused)
		}
		send, err := c.exchange(now, int64(c.auth.Aux()))
		return send, nil, err
	case mt.DhGenFailID:
		var a mt.DhGenFail
		if err := c.verdict(body, a.Decode, 3, &a.Nonce, &a.ServerNonce, &a.NewNonceHash3); err != nil {
			return nil, nil, err
		}
		return nil, nil, ErrRefused
	default:
		return nil, nil, invalid("object %08x", id)
	}
}

// verdict decodes one of the three forms into the fields given and checks it.
func (c *Client) verdict(body []byte, into func(*bin.Reader), n byte, nonce, serverNonce, hash *[16]byte) error {
	if err := decode(body, into); err != nil {
		return err
	}
	if err := c.nonces(nonce, serverNonce); err != nil {
		return err
	}
	if want := crypto.NonceHash(&c.newNonce, n, c.auth); !same(hash[:], want[:]) {
		return invalid("new_nonce_hash%d is wrong", n)
	}
	return nil
}

func (c *Client) result() *Result {
	return &Result{
		Key: c.auth, Salt: firstSalt(&c.newNonce, &c.serverNonce), TimeOffset: c.offset, ExpiresAt: c.expires,
	}
}
