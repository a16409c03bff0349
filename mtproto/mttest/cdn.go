package mttest

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"sync"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/mttest/wire"
	"github.com/natsgram/natsgram/mtproto/mttest/world"
)

// cdnKeyPEM is the key of every CDN data centre in a box.
const cdnKeyPEM = `-----BEGIN RSA PRIVATE KEY-----
MIIEpAIBAAKCAQEAw6zDuHfpr/uCDaYLldBYGLV31xgzFnBtPqnZx6+qZy0ykD2Y
Knkla2lF0pGm2SwHhdsPzof5PJhPV0Vy0NZM5qeBBr+hWSdyM/mww2zWoTyHuSmB
z65Gt6Dqxgk40h6VevCUGYlYCulScmdQUdykR9qxFDVC6Vnd30aHVVMx8WDIUk2m
ga4BxE8H5PoLUnYeXsK7MoZxDNZM4As+64RCLNjiqlvArzkQFYk9MU7Pf7eQS+iA
5DYf8hvUTIsurMr4aJ592A0E8r/c4D72QdltwnHebHU1rtA2XipYH09JEyOZQgbQ
D0HuMKUqfvNBVvxouL7E6DQzZbrbU49AlrcuvwIDAQABAoIBAAFYVi4V8O7LQU0b
t5eri3d8A9tgKLW+Rxn3q+4R+I9mAaN5MOsV0xqGajr00ltK0LBsXZLzX1S5zU3R
xeTGnFe3jg0AUzkcKs5NqJfnTyBjnKE6tlA5p/XKLuL2nEPhfvCN5863IXpNuUnd
CPHPHPf7el0jspaNDhfjUbnV7RF2MELWgIfIXyLclD+o3RVcX0Nbx01G0QqKgxED
ctZz+R1jijEqcWYbHuOLDdLwhzusXMDA4f9oK+dbIOxtp4cA/fF1u8WcAy/SunKS
dMHwWLymJK7AwEt0Xu7zsiEqBMbWcobIcscLdMSElvZ1b66DT0DLgkvuP+qLyOwr
1vlDHy0CgYEA9tBY5gYFJ3FcfjqIXKCzTxvVAeBShHBvqJGdVcpJc5Elyx6X1K8b
4IPnYCS+89zjXyy2V9i9YeDwZIeBpPC5AYP4EhF0BPnynNj9QRcSP7Lnp1grFSrt
4NW13WEgDFQcIYPaypWeTDZKmdFi2iMb+8IMlVGPdwqMYW/l5SB+ei0CgYEAyvUp
rLdh3eKYH0QYCzFcKzAnBttepajfVd9Tkj4IwwmRzY4+6bMaobIOMSejXV5MtFLU
ig1dSiB+hwkvEXVPpoMX8NZY5w/dSqePXyLDYulAJzodxp0T1g9XvHTLiq3apw+7
MBkv0Jb9YcTrh1aLmqYjgFC4tjiwDoN6HAsM/BsCgYAgidcufByx1oAbJBxWGdmJ
1GGAndJDI4+U6Z2Ucda9JaWV4bKil3NVZg5a3n1OKRDQu1ROwIQ3IzCOEE9HL3U0
ffF2cFabUVhq1TCOJDyDqVJg/X6wi7hQq9wOE3/mIDCVOozdqFv2MDIllTUzDO3j
gvGlvdrsFrfrIJVuX5pNAQKBgQCQYk7uh1tBPbVY8NlmBQx70PrCnwc7NOMFNSY/
8I/NKJ6oLFzHZto4U/JSt885Wh+ZXR/EwnMui+VXbYolkl5CqBo9BFAkuR2FwaR2
WsXDNQqlnWuXYyG8dBfHgxNWKg5WMRPKyPBCJVhG2I9yLXiNYUn6O/Lb94IQISqa
jqYDJwKBgQDb4t84Y0KLMVQl9II5gpjTL/UMMc+N1txiaZJq+NTfb/88wyZIjh4y
6CQJalXlOLcbcw3xN2Nk4ta1tBevNalrVx0q37t8oqH0s9+5QeqAnBF5TZ0z2DC/
GKraJgQ5FG2iI8KyEcJZ8dmUa0p25xQsgoaCfY5kQBsCEyUbKkLOhQ==
-----END RSA PRIVATE KEY-----`

var cdnKey = sync.OnceValues(func() (*crypto.PrivateKey, error) { return crypto.ParsePrivateKey([]byte(cdnKeyPEM)) })

const (
	hashRange  = 128 << 10 // bytes that one hash is of
	hashesMost = 8         // in one answer
	hashesSent = 2         // with a redirect
)

// CDNFile is how a file does on the CDN.
type CDNFile struct {
	// Cold files have to be uploaded to the CDN again before it has them (D14).
	Cold bool
	// Corrupt has the CDN give wrong bytes.
	Corrupt bool
	// Stale has the CDN and the data centre refuse all tokens of the file (D14).
	Stale bool
}

// cdn is the CDN data centre, and what it has.
type cdn struct {
	mu    sync.Mutex
	files map[int64]*cdnFile  // by the file's id
	known map[string]*cdnFile // by token
	said  []string            // what clients have told that is none of a CDN's business
}

type cdnFile struct {
	CDNFile
	file           *world.File
	token, request []byte
	key, iv        []byte
}

// openCDN starts the CDN data centre. It proves itself by its own key, and does not answer to a negative number (D13).
func (s *Server) openCDN(id int) error {
	key, err := cdnKey()
	if err != nil {
		return err
	}
	wireID := id
	if s.cfg.Test {
		wireID += 10000
	}
	c := &centre{id: id, cdn: true}
	c.Centre = wire.NewCentre(wire.Config{
		Keys: []*crypto.PrivateKey{key}, AcceptDC: func(dc int) bool { return dc == wireID },
		Call: func(call *wire.Call) { s.cdnCall(c, call) }, Faults: s.Faults, Now: s.cfg.Now,
	})
	s.centres = append(s.centres, c)
	return s.listen(c, true)
}

// AddFile puts a file into a data centre.
func (s *Server) AddFile(dc int, name string, data []byte) *world.File {
	return s.world.AddFile(world.File{DC: dc, Name: name, MimeType: "application/octet-stream", Data: data})
}

// Location is a file as an account would name it now, an InputFileLocation.
func (a *Account) Location(f *world.File) M {
	return M{
		"_": "inputDocumentFileLocation", "id": f.ID, "access_hash": a.server.fileHash(a.id, f.ID), "file_reference": a.server.fileReference(f.ID),
		"thumb_size": "",
	}
}

// PutOnCDN has those who ask for a file sent to the CDN (Config.CDN) for it. It may be called again, to change how the
// file does there.
func (s *Server) PutOnCDN(f *world.File, how CDNFile) {
	s.cdn.mu.Lock()
	defer s.cdn.mu.Unlock()
	if s.cdn.files == nil {
		s.cdn.files, s.cdn.known = map[int64]*cdnFile{}, map[string]*cdnFile{}
	}
	c := s.cdn.files[f.ID]
	if c == nil {
		c = &cdnFile{file: f, token: random(24), request: random(16), key: random(32), iv: random(16)}
		s.cdn.files[f.ID], s.cdn.known[string(c.token)] = c, c
	}
	c.CDNFile = how
}

// ForgetCDNKeys has the CDN know nobody any more: it answers -404 (D13).
func (s *Server) ForgetCDNKeys() {
	for _, c := range s.centres {
		for _, k := range c.Keys() {
			if c.cdn {
				c.Forget(k.ID())
				for _, conn := range c.Conns() {
					conn.Close()
				}
			}
		}
	}
}

// ToldCDN lists what clients have said to the CDN that is none of its business: methods, and devices.
func (s *Server) ToldCDN() []string {
	s.cdn.mu.Lock()
	defer s.cdn.mu.Unlock()
	return append([]string(nil), s.cdn.said...)
}

// cdnCall answers at the CDN, where nobody is signed in.
func (s *Server) cdnCall(c *centre, call *wire.Call) {
	r := &Request{Query: call.Query, DC: c.id, KeyID: call.Session.Key().ID(), SessionID: call.Session.ID, MsgID: call.MsgID, server: s, centre: c, call: call}
	w, err := r.unwrap()
	if err != nil {
		r.fail(err)
		return
	}
	s.eavesdrop(r, w)
	if r.Method != "upload.getCdnFile" {
		r.fail(refusal(400, "CDN_METHOD_INVALID"))
		return
	}
	r.run()
}

// eavesdrop notes what a CDN should not hear.
func (s *Server) eavesdrop(r *Request, w wrapping) {
	s.cdn.mu.Lock()
	defer s.cdn.mu.Unlock()
	if r.Method != "upload.getCdnFile" {
		s.cdn.said = append(s.cdn.said, r.Method)
	}
	if !w.init {
		return
	}
	outer, err := s.schema.View(r.call.Query)
	if init, ok := outer.Object("query"); err == nil && ok {
		for _, field := range []string{"device_model", "system_version"} {
			if said := init.Str(field); said != "n/a" {
				s.cdn.said = append(s.cdn.said, said)
			}
		}
	}
}

// byToken finds what a token stands for.
func (s *Server) byToken(token []byte) (*cdnFile, CDNFile, error) {
	s.cdn.mu.Lock()
	defer s.cdn.mu.Unlock()
	c := s.cdn.known[string(token)]
	if c == nil || c.Stale {
		return nil, CDNFile{}, refusal(400, "FILE_TOKEN_INVALID")
	}
	return c, c.CDNFile, nil
}

// getCdnFile gives an encrypted piece of a file.
func getCdnFile(r *Request) (any, error) {
	c, how, err := r.server.byToken(r.Args.Bytes("file_token"))
	offset, limit := r.Args.Int("offset"), r.Args.Int("limit")
	switch {
	case err != nil:
		return nil, err
	case !r.centre.cdn:
		return nil, refusal(400, "CDN_METHOD_INVALID")
	case offset < 0 || offset%pieceStep != 0 || limit <= 0 || limit%pieceStep != 0 || pieceMax%limit != 0 || offset/pieceMax != (offset+limit-1)/pieceMax:
		return nil, refusal(400, "OFFSET_INVALID")
	case how.Cold:
		return M{"_": "upload.cdnFileReuploadNeeded", "request_token": c.request}, nil
	}
	size := int64(len(c.file.Data))
	piece, err := c.encrypt(offset, c.file.Data[min(offset, size):min(offset+limit, size)])
	if how.Corrupt && len(piece) > 0 {
		piece[len(piece)/2] ^= 1
	}
	return M{"_": "upload.cdnFile", "bytes": piece}, err
}

func (c *cdnFile) encrypt(offset int64, data []byte) ([]byte, error) {
	block, err := aes.NewCipher(c.key)
	if err != nil {
		return nil, err
	}
	iv := bytes.Clone(c.iv)
	binary.BigEndian.PutUint32(iv[12:], uint32(offset/16))
	out := make([]byte, len(data))
	cipher.NewCTR(block, iv).XORKeyStream(out, data)
	return out, nil
}

// redirect is the answer to who asks for a file that the CDN has; nil: it is not there.
func (s *Server) redirect(f *world.File) M {
	s.cdn.mu.Lock()
	defer s.cdn.mu.Unlock()
	c := s.cdn.files[f.ID]
	if c == nil {
		return nil
	}
	return M{
		"_": "upload.fileCdnRedirect", "dc_id": s.cfg.CDN, "file_token": c.token, "encryption_key": c.key, "encryption_iv": c.iv,
		"file_hashes": hashes(f.Data, 0, hashesSent),
	}
}

// hashes are those of at most n ranges from the one on that offset lies in.
func hashes(data []byte, offset int64, n int) []M {
	all := []M{}
	for at := offset / hashRange * hashRange; at < int64(len(data)) && len(all) < n; at += hashRange {
		piece := data[at:min(at+hashRange, int64(len(data)))]
		sum := sha256.Sum256(piece)
		all = append(all, M{"_": "fileHash", "offset": at, "limit": len(piece), "hash": sum[:]})
	}
	return all
}

func getFileHashes(r *Request) (any, error) {
	location, _ := r.Args.Object("location")
	f, err := r.file(location, "LOCATION_INVALID")
	if err != nil {
		return nil, err
	}
	return hashes(f.Data, max(r.Args.Int("offset"), 0), hashesMost), nil
}

func getCdnFileHashes(r *Request) (any, error) {
	c, _, err := r.server.byToken(r.Args.Bytes("file_token"))
	if err != nil {
		return nil, err
	}
	return hashes(c.file.Data, max(r.Args.Int("offset"), 0), hashesMost), nil
}

func reuploadCdnFile(r *Request) (any, error) {
	c, _, err := r.server.byToken(r.Args.Bytes("file_token"))
	switch {
	case err != nil:
		return nil, err
	case !bytes.Equal(r.Args.Bytes("request_token"), c.request):
		return nil, refusal(400, "REQUEST_TOKEN_INVALID")
	}
	r.server.cdn.mu.Lock()
	defer r.server.cdn.mu.Unlock()
	c.Cold = false
	return hashes(c.file.Data, 0, hashesMost), nil
}

func getCdnConfig(r *Request) (any, error) {
	key, err := cdnKey()
	if err != nil {
		return nil, err
	}
	if r.server.cfg.CDN == 0 {
		return nil, errors.New("mttest: no CDN")
	}
	return M{"_": "cdnConfig", "public_keys": []M{
		{"_": "cdnPublicKey", "dc_id": r.server.cfg.CDN, "public_key": string(key.Public().AppendPEM(nil))},
	}}, nil
}
