package mttest

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"
)

// qrFor is how long a login token may be scanned (F7).
const qrFor = 30 * time.Second

// scan is a login by QR code that has begun.
type scan struct {
	device *device
	dc     int
	until  time.Time
	except []int64
	by     *Account // who scanned it
}

// ErrToken says that a QR code is none, or not any more.
var ErrToken = errors.New("mttest: AUTH_TOKEN_INVALID")

// Scan accepts a login by QR code, as another device of the account would; url is what the code holds.
func (a *Account) Scan(url string) error {
	text, ok := strings.CutPrefix(url, "tg://login?token=")
	token, err := base64.RawURLEncoding.DecodeString(text)
	if !ok || err != nil {
		return ErrToken
	}
	return a.accept(string(token))
}

func (a *Account) accept(token string) error {
	s := a.server
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.entry.scans[token]
	if at == nil || at.by != nil || s.cfg.Now().After(at.until) || slices.Contains(at.except, a.id) {
		return ErrToken
	}
	at.by = a
	b := must(s.enc.object(M{"_": "updateShort", "update": M{"_": "updateLoginToken"}, "date": int(s.cfg.Now().Unix())}))
	at.device.push(func() []byte { return b })
	return nil
}

func exportLoginToken(r *Request) (any, error) {
	s := r.server
	if r.Args.Int("api_id") <= 0 || r.Args.Str("api_hash") == "" {
		return nil, refusal(400, "API_ID_INVALID")
	}
	token, at := s.scanOf(r.device)
	if at != nil && at.by != nil {
		if at.by.DC() != r.DC {
			return M{"_": "auth.loginTokenMigrateTo", "dc_id": at.by.DC(), "token": []byte(token)}, nil
		}
		return r.scanned(token, at)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.entry.scans, token)
	if s.entry.scans == nil {
		s.entry.scans = map[string]*scan{}
	}
	token = string(random(32))
	until := s.cfg.Now().Add(qrFor)
	s.entry.scans[token] = &scan{device: r.device, dc: r.DC, until: until, except: r.Args.Longs("except_ids")}
	return M{"_": "auth.loginToken", "expires": int(until.Unix()), "token": []byte(token)}, nil
}

// scanOf is the login by QR code that a device has begun.
func (s *Server) scanOf(d *device) (string, *scan) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for token, at := range s.entry.scans {
		if at.device == d {
			return token, at
		}
	}
	return "", nil
}

func importLoginToken(r *Request) (any, error) {
	s, token := r.server, r.Args.Str("token")
	s.mu.Lock()
	at := s.entry.scans[token]
	s.mu.Unlock()
	switch {
	case at == nil || at.by == nil:
		return nil, refusal(400, "AUTH_TOKEN_INVALID")
	case s.cfg.Now().After(at.until.Add(qrFor)):
		return nil, refusal(400, "AUTH_TOKEN_EXPIRED")
	case at.by.DC() != r.DC:
		return M{"_": "auth.loginTokenMigrateTo", "dc_id": at.by.DC(), "token": []byte(token)}, nil
	}
	return r.scanned(token, at)
}

// scanned signs in who has scanned a code.
func (r *Request) scanned(token string, at *scan) (any, error) {
	s := r.server
	s.mu.Lock()
	delete(s.entry.scans, token)
	s.mu.Unlock()
	auth, err := r.admitted(at.by)
	if err != nil {
		return nil, err
	}
	return M{"_": "auth.loginTokenSuccess", "authorization": auth}, nil
}
