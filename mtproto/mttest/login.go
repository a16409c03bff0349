package mttest

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/natsgram/natsgram/mtproto/mttest/world"
)

// login is a login by phone that has begun.
type login struct {
	code, hash string
	shown      bool // the right code was shown; signUp may follow

	email, emailCode string // where codes are to be sent, and what was sent there
	byEmail          bool   // they are
}

// exported is an authorization on its way to another data centre (D7).
type exported struct {
	account *Account
	dc      int
	until   time.Time
}

const exportedFor = time.Minute

// Code is the code that was last sent to a phone number; empty: none is awaited.
func (s *Server) Code(phone string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.entry.logins[digits(phone)]; l != nil {
		return l.code
	}
	return ""
}

func random(n int) []byte {
	b := make([]byte, n)
	// crypto/rand does not fail.
	_, _ = rand.Read(b)
	return b
}

// newCode is the code for a phone number: what the configuration says, the number of a test phone's data centre (F14),
// or a random one.
func (s *Server) newCode(phone string) string {
	if s.cfg.Code != "" {
		return s.cfg.Code
	}
	if len(phone) == 10 && phone[:5] == "99966" {
		x := phone[5]
		return string([]byte{x, x, x, x, x})
	}
	b := random(5)
	for i := range b {
		b[i] = '0' + b[i]%10
	}
	return string(b)
}

// live refuses whoever lives at another data centre.
func (s *Server) live(dc int, a *Account, migrate string) error {
	if a != nil && a.DC() != dc {
		return refusal(303, fmt.Sprintf("%s_MIGRATE_%d", migrate, a.DC()))
	}
	return nil
}

func (s *Server) byPhone(phone string) *Account {
	u, ok := s.world.ByPhone(phone)
	if !ok {
		return nil
	}
	return s.Account(u.ID)
}

func sendCode(r *Request) (any, error) {
	s, phone := r.server, digits(r.Args.Str("phone_number"))
	switch {
	case r.Args.Int("api_id") <= 0 || r.Args.Str("api_hash") == "":
		return nil, refusal(400, "API_ID_INVALID")
	case len(phone) < 5 || len(phone) > 15:
		return nil, refusal(400, "PHONE_NUMBER_INVALID")
	}
	if err := s.live(r.DC, s.byPhone(phone), "PHONE"); err != nil {
		return nil, err
	}
	l := &login{code: s.newCode(phone), hash: hex.EncodeToString(random(9))}
	s.mu.Lock()
	s.entry.logins[phone] = l
	s.mu.Unlock()
	return s.sentCode(phone, l), nil
}

func (s *Server) sentCode(phone string, l *login) M {
	kind := "auth.sentCodeTypeSms"
	if a := s.byPhone(phone); a != nil && a.signedIn() {
		kind = "auth.sentCodeTypeApp"
	}
	sent := M{"_": "auth.sentCode", "type": M{"_": kind, "length": len(l.code)}, "phone_code_hash": l.hash}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.entry.wantEmail[phone]:
		sent["type"] = M{"_": "auth.sentCodeTypeSetUpEmailRequired"}
	case l.byEmail:
		sent["type"] = M{
			"_": "auth.sentCodeTypeEmailCode", "email_pattern": l.email[:1] + "***", "length": len(l.emailCode), "reset_available_period": 0,
		}
	default:
		sent["next_type"], sent["timeout"] = M{"_": "auth.codeTypeSms"}, 60
	}
	return sent
}

func (a *Account) signedIn() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.devices) > 0
}

// login finds the login that a request goes on with.
func (r *Request) login() (phone string, l *login, err error) {
	return r.server.login(r.Args.Str("phone_number"), r.Args.Str("phone_code_hash"))
}

func (s *Server) login(number, hash string) (phone string, l *login, err error) {
	phone = digits(number)
	s.mu.Lock()
	defer s.mu.Unlock()
	l = s.entry.logins[phone]
	switch {
	case hash == "":
		return phone, nil, refusal(400, "PHONE_CODE_HASH_EMPTY")
	case l == nil || l.hash != hash:
		return phone, nil, refusal(400, "PHONE_CODE_EXPIRED")
	}
	return phone, l, nil
}

func resendCode(r *Request) (any, error) {
	phone, l, err := r.login()
	if err != nil {
		return nil, err
	}
	code := r.server.newCode(phone)
	r.server.mu.Lock()
	l.code = code
	r.server.mu.Unlock()
	return r.server.sentCode(phone, l), nil
}

func cancelCode(r *Request) (any, error) {
	phone, _, err := r.login()
	if err != nil {
		return nil, err
	}
	r.server.mu.Lock()
	delete(r.server.entry.logins, phone)
	r.server.mu.Unlock()
	return true, nil
}

func signIn(r *Request) (any, error) {
	s := r.server
	phone, l, err := r.login()
	if err != nil {
		return nil, err
	}
	code := r.Args.Str("phone_code")
	s.mu.Lock()
	right := code == l.code && !l.byEmail
	if v, ok := r.Args.Object("email_verification"); ok && l.byEmail {
		code = v.Str("code")
		right = code == l.emailCode
	}
	l.shown = l.shown || right
	s.mu.Unlock()
	switch {
	case code == "":
		return nil, refusal(400, "PHONE_CODE_EMPTY")
	case !right:
		return nil, refusal(400, "PHONE_CODE_INVALID")
	}
	a := s.byPhone(phone)
	if a == nil {
		return M{"_": "auth.authorizationSignUpRequired"}, nil
	}
	s.mu.Lock()
	delete(s.entry.logins, phone)
	s.mu.Unlock()
	return r.admitted(a)
}

// admitted signs an account in, unless it has a password to ask for.
func (r *Request) admitted(a *Account) (any, error) {
	if a.secret() != nil {
		r.device.mu.Lock()
		r.device.pending = a
		r.device.mu.Unlock()
		return nil, refusal(401, "SESSION_PASSWORD_NEEDED")
	}
	return r.enter(a, false), nil
}

// enter signs the device in and says who it is.
func (r *Request) enter(a *Account, imported bool) M {
	r.device.signIn(a, imported)
	return M{"_": "auth.authorization", "user": r.server.scene(a.id).user(a.id)}
}

func signUp(r *Request) (any, error) {
	s := r.server
	phone, l, err := r.login()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	shown := l.shown
	if shown {
		delete(s.entry.logins, phone)
	}
	s.mu.Unlock()
	first := r.Args.Str("first_name")
	switch {
	case !shown:
		return nil, refusal(400, "PHONE_CODE_INVALID")
	case first == "":
		return nil, refusal(400, "FIRSTNAME_INVALID")
	case s.byPhone(phone) != nil:
		return nil, refusal(400, "PHONE_NUMBER_OCCUPIED")
	}
	a := s.addAccount(world.Profile{First: first, Last: r.Args.Str("last_name"), Phone: phone, DC: r.DC}, "")
	return r.enter(a, false), nil
}

func importBot(r *Request) (any, error) {
	s := r.server
	s.mu.Lock()
	a := s.entry.tokens[r.Args.Str("bot_auth_token")]
	s.mu.Unlock()
	switch {
	case r.Args.Int("api_id") <= 0 || r.Args.Str("api_hash") == "":
		return nil, refusal(400, "API_ID_INVALID")
	case a == nil:
		return nil, refusal(400, "ACCESS_TOKEN_INVALID")
	}
	if err := s.live(r.DC, a, "USER"); err != nil {
		return nil, err
	}
	return r.enter(a, false), nil
}

func exportAuthorization(r *Request) (any, error) {
	s, to := r.server, int(r.Args.Int("dc_id"))
	if s.centre(to) == nil || to == r.DC {
		return nil, refusal(400, "DC_ID_INVALID")
	}
	token := random(64)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.entry.exports[string(token)] = &exported{account: r.Account, dc: to, until: s.cfg.Now().Add(exportedFor)}
	return M{"_": "auth.exportedAuthorization", "id": r.Account.id, "bytes": token}, nil
}

func importAuthorization(r *Request) (any, error) {
	s, token := r.server, r.Args.Str("bytes")
	s.mu.Lock()
	e := s.entry.exports[token]
	delete(s.entry.exports, token)
	s.mu.Unlock()
	if e == nil || e.dc != r.DC || e.account.id != r.Args.Int("id") || s.cfg.Now().After(e.until) {
		return nil, refusal(400, "AUTH_BYTES_INVALID")
	}
	return r.enter(e.account, true), nil
}

func logOut(r *Request) (any, error) {
	if r.device.signOut() == nil {
		return nil, refusal(401, "AUTH_KEY_UNREGISTERED")
	}
	if r.method.decl.Result.Name == "Bool" { // as older layers had it
		return true, nil
	}
	return M{"_": "auth.loggedOut"}, nil
}
