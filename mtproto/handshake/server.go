package handshake

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"io"
	"math/big"
	"slices"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

// ServerConfig is what a server needs to know, and how it is to misbehave.
type ServerConfig struct {
	// Keys are offered in this order.
	Keys []*crypto.PrivateKey

	// Rand is a source of cryptographic randomness.
	Rand io.Reader

	// AcceptDC says whether the wire id of a data centre (B6) is ours; another ends the exchange with [ErrWrongDC]. Nil
	// accepts all.
	AcceptDC func(dc int) bool

	// OldRSA takes inner data also as clients sealed them before RSA_PAD (B7).
	OldRSA bool

	// Retries is how many times dh_gen_retry comes before anything else; RefuseParams and Refuse end the exchange by
	// server_DH_params_fail and dh_gen_fail. All of them are properly proved (B15).
	Retries              int
	RefuseParams, Refuse bool

	// Alter, if set, sees every object before it is encoded (ResPQ, ServerDHInnerData, ServerDHParamsOk,
	// ServerDHParamsFail, DhGenOk, DhGenRetry, DhGenFail; pointers) and returns what goes out in its place.
	Alter func(mt.Object) mt.Object
}

// Server is a data centre's side of exchanges, one after another on one connection. It is used by one goroutine.
type Server struct {
	config      ServerConfig
	clock       clock
	query, sent []byte // the last packet and its answer, for a client that asks again (B17)

	step        step
	began       time.Time
	nonce       [16]byte
	serverNonce [16]byte
	newNonce    [32]byte
	key, iv     [32]byte
	pq, p, q    []byte

	dc        int
	expiresIn int32
	group     group
	a         *big.Int
	retryID   int64
	retries   int
}

// NewServer returns a Server that waits for its first packet.
func NewServer(c ServerConfig) *Server { return &Server{config: c} }

// DC is the wire id of the data centre that the last client asked for (B6).
func (s *Server) DC() int { return s.dc }

// Receive takes an unencrypted packet and returns the answer to send and, with the last one, the result. The same packet
// again has the same answer, without a result. An error means that a data centre would answer with the transport's
// error -404, or -444 for [ErrWrongDC]; the exchange is over, and a new one may begin.
func (s *Server) Receive(now time.Time, packet []byte) (send []byte, done *Result, err error) {
	if len(packet) > 0 && bytes.Equal(packet, s.query) {
		return slices.Clone(s.sent), nil, nil
	}
	body, err := parsePlain(packet)
	if err == nil {
		send, done, err = s.receive(now, body)
	}
	if err != nil {
		*s = Server{config: s.config, clock: s.clock, dc: s.dc}
		return nil, nil, err
	}
	s.query, s.sent = slices.Clone(packet), slices.Clone(send)
	return send, done, nil
}

func (s *Server) receive(now time.Time, body []byte) (send []byte, done *Result, err error) {
	id := bin.NewReader(body).Peek()
	if id != mt.ReqPqMultiID && now.Sub(s.began) > lifetime {
		return nil, nil, ErrExpired
	}
	switch {
	case id == mt.ReqPqMultiID:
		send, err = s.onReqPQ(now, body)
	case id == mt.ReqDHParamsID && s.step == stepPQ:
		send, err = s.onReqDHParams(now, body)
	case id == mt.SetClientDHParamsID && s.step == stepParams:
		return s.onSetClientDHParams(now, body)
	default:
		err = invalid("object %08x is not expected now", id)
	}
	return send, nil, err
}

// answer encodes an object, or what Alter makes of it.
func (s *Server) answer(now time.Time, o mt.Object) ([]byte, error) {
	return plainPacket(s.clock.next(now, 1), s.alter(o).Encode)
}

func (s *Server) alter(o mt.Object) mt.Object {
	if s.config.Alter == nil {
		return o
	}
	return s.config.Alter(o)
}

func (s *Server) onReqPQ(now time.Time, body []byte) ([]byte, error) {
	var q mt.ReqPqMulti
	if err := decode(body, q.Decode); err != nil {
		return nil, err
	}
	*s = Server{config: s.config, clock: s.clock, dc: s.dc, step: stepPQ, began: now, nonce: q.Nonce}
	if err := random(s.config.Rand, s.serverNonce[:]); err != nil {
		return nil, err
	}
	if err := s.drawPQ(); err != nil {
		return nil, err
	}
	out := &mt.ResPQ{Nonce: s.nonce, ServerNonce: s.serverNonce, PQ: s.pq}
	for _, k := range s.config.Keys {
		out.ServerPublicKeyFingerprints = append(out.ServerPublicKeyFingerprints, k.Public().Fingerprint())
	}
	return s.answer(now, out)
}

// drawPQ draws two primes of 31 bits.
func (s *Server) drawPQ() error {
	p, err := prime31(s.config.Rand)
	if err != nil {
		return err
	}
	q, err := prime31(s.config.Rand)
	if err != nil {
		return err
	}
	switch p.Cmp(q) {
	case 0:
		return errors.New("handshake: the same prime twice: is the source of randomness random?")
	case 1:
		p, q = q, p
	}
	s.p, s.q, s.pq = p.Bytes(), q.Bytes(), new(big.Int).Mul(p, q).Bytes()
	return nil
}

// prime31 takes a random number of 31 bits and goes up to the next prime. The last number there is, 2^31-1, is one.
func prime31(rand io.Reader) (*big.Int, error) {
	var raw [4]byte
	if err := random(rand, raw[:]); err != nil {
		return nil, err
	}
	raw[0] = raw[0]&0x7f | 0x40
	raw[3] |= 1
	n, two := new(big.Int).SetBytes(raw[:]), big.NewInt(2)
	for !n.ProbablyPrime(0) { // exact below 2^64
		n.Add(n, two)
	}
	return n, nil
}

func (s *Server) onReqDHParams(now time.Time, body []byte) ([]byte, error) {
	var q mt.ReqDHParams
	if err := decode(body, q.Decode); err != nil {
		return nil, err
	}
	if err := s.nonces(&q.Nonce, &q.ServerNonce); err != nil {
		return nil, err
	}
	if !bytes.Equal(q.P, s.p) || !bytes.Equal(q.Q, s.q) {
		return nil, invalid("p and q are wrong")
	}
	if err := s.readInnerData(q.PublicKeyFingerprint, q.EncryptedData); err != nil {
		return nil, err
	}
	if !s.accepts() {
		return nil, ErrWrongDC
	}
	if s.config.RefuseParams {
		sum := sha1.Sum(s.newNonce[:])
		return s.answer(now, &mt.ServerDHParamsFail{Nonce: s.nonce, ServerNonce: s.serverNonce, NewNonceHash: [16]byte(sum[4:])})
	}
	return s.offerGroup(now)
}

// accepts reports whether the client wants us. One that names no data centre takes whom it has.
func (s *Server) accepts() bool {
	return s.dc == 0 || s.config.AcceptDC == nil || s.config.AcceptDC(s.dc)
}

// The forms of p_q_inner_data without a data centre. The pages do not have them any more; Telethon and GramJS live on them.
const (
	pqInnerData     = 0x83c95aec
	pqInnerDataTemp = 0x3c6a84d4
)

// readInnerData decrypts what the client has put under our RSA key (B6, B7).
func (s *Server) readInnerData(fingerprint int64, encrypted []byte) error {
	i := slices.IndexFunc(s.config.Keys, func(k *crypto.PrivateKey) bool { return k.Public().Fingerprint() == fingerprint })
	if i < 0 {
		return invalid("fingerprint %016x", uint64(fingerprint))
	}
	padded, err := crypto.RSAUnpad(s.config.Keys[i], encrypted)
	var d mt.PQInnerDataTempDc
	switch {
	case err == nil:
		d, _, err = decodeInnerData(padded)
	case s.config.OldRSA:
		d, err = openOld(s.config.Keys[i], encrypted)
	default:
		err = invalid("%w", err)
	}
	if err != nil {
		return err
	}
	if err := s.nonces(&d.Nonce, &d.ServerNonce); err != nil {
		return err
	}
	if !bytes.Equal(d.PQ, s.pq) || !bytes.Equal(d.P, s.p) || !bytes.Equal(d.Q, s.q) || d.ExpiresIn < 0 {
		return invalid("inner data do not repeat pq, p and q")
	}
	s.newNonce, s.dc, s.expiresIn = d.NewNonce, int(d.Dc), d.ExpiresIn
	s.key, s.iv = crypto.TempKey(&s.newNonce, &s.serverNonce)
	return nil
}

// openOld reads inner data that are sealed as clients did before RSA_PAD (Telethon does so still, and lives on Telegram).
func openOld(k *crypto.PrivateKey, encrypted []byte) (d mt.PQInnerDataTempDc, err error) {
	padded, sum, err := crypto.RSAUnpadOld(k, encrypted)
	if err != nil {
		return d, invalid("%w", err)
	}
	d, n, err := decodeInnerData(padded)
	if err == nil && sha1.Sum(padded[:n]) != sum {
		err = invalid("inner data do not have the hash before them")
	}
	return d, err
}

// decodeInnerData reads any form of p_q_inner_data, which takes n bytes; a permanent key has ExpiresIn 0. Random padding
// follows it.
func decodeInnerData(padded []byte) (d mt.PQInnerDataTempDc, n int, err error) {
	r := bin.NewReader(padded)
	switch id := r.Peek(); id {
	case mt.PQInnerDataDcID:
		var x mt.PQInnerDataDc
		x.Decode(r)
		d = mt.PQInnerDataTempDc{PQ: x.PQ, P: x.P, Q: x.Q, Nonce: x.Nonce, ServerNonce: x.ServerNonce, NewNonce: x.NewNonce, Dc: x.Dc}
	case mt.PQInnerDataTempDcID:
		d.Decode(r)
	case pqInnerData, pqInnerDataTemp:
		d = withoutCentre(r)
	default:
		return d, 0, invalid("inner data %08x", id)
	}
	if err := r.Err(); err != nil {
		return d, 0, invalid("%w", err)
	}
	return d, len(padded) - r.Remaining(), nil
}

func withoutCentre(r *bin.Reader) (d mt.PQInnerDataTempDc) {
	id := r.Uint32()
	d.PQ, d.P, d.Q = bytes.Clone(r.Bytes()), bytes.Clone(r.Bytes()), bytes.Clone(r.Bytes())
	copy(d.Nonce[:], r.Raw(len(d.Nonce)))
	copy(d.ServerNonce[:], r.Raw(len(d.ServerNonce)))
	copy(d.NewNonce[:], r.Raw(len(d.NewNonce)))
	if id == pqInnerDataTemp {
		d.ExpiresIn = r.Int32()
	}
	return d
}

// generator suits the published prime (B11).
const generator = 3

// offerGroup draws a and sends g_a with the published prime.
func (s *Server) offerGroup(now time.Time) ([]byte, error) {
	s.group = group{g: big.NewInt(generator), p: new(big.Int).SetBytes(crypto.PublishedPrime())}
	a, ga, err := s.group.draw(s.config.Rand)
	if err != nil {
		return nil, err
	}
	inner := s.alter(&mt.ServerDHInnerData{Nonce: s.nonce, ServerNonce: s.serverNonce, G: generator,
		DhPrime: crypto.PublishedPrime(), GA: ga, ServerTime: int32(now.Unix())})
	encrypted, err := sealInner(inner.Encode, &s.key, &s.iv, s.config.Rand)
	if err != nil {
		return nil, err
	}
	s.a, s.step = a, stepParams
	return s.answer(now, &mt.ServerDHParamsOk{Nonce: s.nonce, ServerNonce: s.serverNonce, EncryptedAnswer: encrypted})
}

func (s *Server) onSetClientDHParams(now time.Time, body []byte) ([]byte, *Result, error) {
	key, err := s.readClientHalf(body)
	if err != nil {
		return nil, nil, err
	}
	var done *Result
	var out mt.Object
	hash := func(n byte) [16]byte { return crypto.NonceHash(&s.newNonce, n, key) }
	switch {
	case s.retries < s.config.Retries:
		s.retries++
		s.retryID = int64(key.Aux())
		out = &mt.DhGenRetry{Nonce: s.nonce, ServerNonce: s.serverNonce, NewNonceHash2: hash(2)}
	case s.config.Refuse:
		s.step = stepDone
		out = &mt.DhGenFail{Nonce: s.nonce, ServerNonce: s.serverNonce, NewNonceHash3: hash(3)}
	default:
		s.step = stepDone
		done = s.result(now, key)
		out = &mt.DhGenOk{Nonce: s.nonce, ServerNonce: s.serverNonce, NewNonceHash1: hash(1)}
	}
	send, err := s.answer(now, out)
	return send, done, err
}

// readClientHalf checks the client's g_b and computes the key (B12 to B14).
func (s *Server) readClientHalf(body []byte) (crypto.Key, error) {
	var q mt.SetClientDHParams
	if err := decode(body, q.Decode); err != nil {
		return crypto.Key{}, err
	}
	if err := s.nonces(&q.Nonce, &q.ServerNonce); err != nil {
		return crypto.Key{}, err
	}
	var inner mt.ClientDHInnerData
	if err := openInner(q.EncryptedData, &s.key, &s.iv, inner.Decode); err != nil {
		return crypto.Key{}, err
	}
	if err := s.nonces(&inner.Nonce, &inner.ServerNonce); err != nil {
		return crypto.Key{}, err
	}
	if inner.RetryID != s.retryID || len(inner.GB) > dhSize {
		return crypto.Key{}, invalid("retry_id %x, g_b of %d bytes", uint64(inner.RetryID), len(inner.GB))
	}
	gb := new(big.Int).SetBytes(inner.GB)
	if err := crypto.CheckPublic(gb, s.group.p); err != nil {
		return crypto.Key{}, invalid("%w", err)
	}
	return crypto.NewKey(gb.Exp(gb, s.a, s.group.p).FillBytes(make([]byte, dhSize)))
}

func (s *Server) result(now time.Time, key crypto.Key) *Result {
	r := &Result{Key: key, Salt: firstSalt(&s.newNonce, &s.serverNonce)}
	if s.expiresIn > 0 {
		r.ExpiresAt = now.Add(time.Duration(s.expiresIn) * time.Second)
	}
	return r
}

func (s *Server) nonces(nonce, serverNonce *[16]byte) error {
	if !same(nonce[:], s.nonce[:]) || !same(serverNonce[:], s.serverNonce[:]) {
		return invalid("the nonces are not those of this exchange")
	}
	return nil
}
