package mtproto

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/natsgram/natsgram/tl/codec"
)

// ErrStep is the error of a step that the login does not wait for.
var ErrStep = errors.New("mtproto: login: not at this step")

// ErrNoPayment and ErrAlgorithm are the errors of logins that cannot go on in this program.
var (
	ErrNoPayment = errors.New("mtproto: login: Telegram wants to be paid for the code, which only its own apps can do (F1): " + byQR)
	ErrAlgorithm = errors.New("mtproto: login: the password is hashed in a way that this program does not know (F5)")

	// ErrCheck: Telegram wants a proof that the user is human or the app its own (reCAPTCHA, APNS, Play Integrity, Firebase),
	// which third-party programs cannot give.
	ErrCheck = errors.New("mtproto: login: Telegram wants a check that only its own apps can pass: " + byQR)
)

const byQR = "sign in by a QR code instead (login --qr)"

// checks are what the errors begin with that ask for such a proof (NetQueryDispatcher.cpp of TDLib).
var checks = []string{"RECAPTCHA_CHECK_", "APNS_VERIFY_CHECK_", "INTEGRITY_CHECK_"}

// wantsCheck reports whether an error asks for a proof that we cannot give.
func wantsCheck(err error) bool {
	var e *Error
	asks := func(check string) bool { return strings.HasPrefix(e.Type, check) }
	return errors.As(err, &e) && e.Code == 403 && slices.ContainsFunc(checks, asks)
}

// Login signs an account in, step by step. The caller makes each step: Login makes none by itself and repeats none, because
// Telegram counts the attempts (F14). [Login.State] tells what it waits for. Steps run one at a time.
//
// Codes, passwords and tokens are not kept, and no error has them.
type Login struct {
	c    *Client
	step sync.Mutex

	mu    sync.Mutex
	state LoginState

	// Of the step.
	hash    string        // phone_code_hash
	except  []int64       // users that a QR code is not for
	scanned chan struct{} // has an element when a QR code was
}

// restore takes over what the state says.
func (l *Login) restore(s State) {
	if s.UserID != 0 {
		l.state = LoginState{Step: SignedIn, UserID: s.UserID, Bot: s.Bot}
	}
}

// State returns where the login stands.
func (l *Login) State() LoginState {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.state
	if s.Code != nil {
		info := *s.Code
		s.Code = &info
	}
	if s.QR != nil {
		code := *s.QR
		s.QR = &code
	}
	return s
}

// set changes the state, and tells of it.
func (l *Login) set(s LoginState) LoginState {
	l.mu.Lock()
	l.state = s
	l.mu.Unlock()
	l.c.events.emit(LoginChanged{State: l.State()})
	return l.State()
}

// require returns ErrStep unless the login is at one of these steps.
func (l *Login) require(steps ...LoginStep) (LoginState, error) {
	s := l.State()
	if !slices.Contains(steps, s.Step) {
		return s, fmt.Errorf("%w: it waits for %v", ErrStep, s.Step)
	}
	return s, nil
}

// lost records that Telegram has signed the account out.
func (l *Login) lost() { l.set(LoginState{Step: LoggedOut}) }

// invoke makes one call of the login.
func (l *Login) invoke(ctx context.Context, call codec.M) (codec.View, error) {
	query, err := l.c.o.Schema.Encode(nil, call)
	if err != nil {
		return codec.View{}, fmt.Errorf("mtproto: login: the schema does not fit: %v", call["_"])
	}
	body, err := l.c.Invoke(ctx, query)
	if err != nil {
		return codec.View{}, err
	}
	return l.c.o.Schema.View(body)
}

// SendCode asks for a code for a phone number (F1). It may be called again for another number.
func (l *Login) SendCode(ctx context.Context, phone string) (LoginState, error) {
	l.step.Lock()
	defer l.step.Unlock()
	if s, err := l.require(beforeLogin...); err != nil {
		return s, err
	}
	settings := codec.M{"_": "codeSettings"}
	if tokens := l.c.State().LogoutTokens; len(tokens) > 0 {
		settings["logout_tokens"] = tokens
	}
	v, err := l.invoke(ctx, codec.M{
		"_": "auth.sendCode", "phone_number": phone, "api_id": l.c.o.API.ID, "api_hash": l.c.o.API.Hash, "settings": settings,
	})
	if err != nil {
		return l.refused(ctx, LoginState{Phone: phone}, err)
	}
	return l.codeSent(phone, v)
}

// ResendCode has the code sent in the next way, when the timeout of the last one is over (F2).
func (l *Login) ResendCode(ctx context.Context) (LoginState, error) {
	return l.anotherCode(ctx, "auth.resendCode")
}

// anotherCode makes a call that has another code sent.
func (l *Login) anotherCode(ctx context.Context, method string) (LoginState, error) {
	l.step.Lock()
	defer l.step.Unlock()
	s, err := l.require(WaitCode)
	if err != nil {
		return s, err
	}
	v, err := l.invoke(ctx, codec.M{"_": method, "phone_number": s.Phone, "phone_code_hash": l.hash})
	if err != nil {
		return l.refused(ctx, s, err)
	}
	return l.codeSent(s.Phone, v)
}

// codeSent takes an auth.SentCode.
func (l *Login) codeSent(phone string, v codec.View) (LoginState, error) {
	switch v.Name() {
	case "auth.sentCode":
	case "auth.sentCodeSuccess":
		auth, _ := v.Object("authorization")
		return l.authorized(phone, auth)
	case "auth.sentCodePaymentRequired":
		return l.State(), ErrNoPayment
	default:
		return l.State(), fmt.Errorf("mtproto: login: answer %s", v.Name())
	}
	l.hash = v.Str("phone_code_hash")
	if t, _ := v.Object("type"); t.Name() == "auth.sentCodeTypeSetUpEmailRequired" {
		return l.set(LoginState{Step: WaitEmail, Phone: phone}), nil
	} else if codeType(t.Name()) == "firebase" && !v.Has("next_type") {
		return l.State(), ErrCheck // the code comes to an app that Firebase knows, in no other way
	}
	return l.set(LoginState{Step: WaitCode, Phone: phone, Code: readCode(v)}), nil
}

// SignIn sends the code to Telegram (F3). After a wrong one the login is where it was.
func (l *Login) SignIn(ctx context.Context, code string) (LoginState, error) {
	l.step.Lock()
	defer l.step.Unlock()
	s, err := l.require(WaitCode)
	if err != nil {
		return s, err
	}
	call := codec.M{"_": "auth.signIn", "phone_number": s.Phone, "phone_code_hash": l.hash}
	if s.Code.Type == "email" {
		call["email_verification"] = codec.M{"_": "emailVerificationCode", "code": code}
	} else {
		call["phone_code"] = code
	}
	v, err := l.invoke(ctx, call)
	if err != nil {
		return l.refused(ctx, s, err)
	}
	return l.authorized(s.Phone, v)
}

// refused goes on after an error: to the password if Telegram wants one, back to the phone number if the code is too old.
func (l *Login) refused(ctx context.Context, s LoginState, err error) (LoginState, error) {
	switch {
	case wantsCheck(err):
		return l.State(), fmt.Errorf("%w: %w", ErrCheck, err)
	case IsKind(err, "SESSION_PASSWORD_NEEDED"):
		return l.wantPassword(ctx, s.Phone)
	case IsKind(err, "PHONE_CODE_EXPIRED", "PHONE_CODE_HASH_EMPTY"):
		return l.set(LoginState{Step: WaitPhone}), err
	}
	return l.State(), err
}

// SignUp makes a new account for a number that has none (F3). It accepts the terms of service that [LoginState] shows.
func (l *Login) SignUp(ctx context.Context, first, last string) (LoginState, error) {
	l.step.Lock()
	defer l.step.Unlock()
	s, err := l.require(WaitSignUp)
	if err != nil {
		return s, err
	}
	v, err := l.invoke(ctx, codec.M{
		"_": "auth.signUp", "phone_number": s.Phone, "phone_code_hash": l.hash, "first_name": first, "last_name": last,
	})
	if err != nil {
		return l.refused(ctx, s, err)
	}
	return l.authorized(s.Phone, v)
}

// BotToken signs a bot in (F8).
func (l *Login) BotToken(ctx context.Context, token string) (LoginState, error) {
	l.step.Lock()
	defer l.step.Unlock()
	if s, err := l.require(beforeLogin...); err != nil {
		return s, err
	}
	v, err := l.invoke(ctx, codec.M{
		"_": "auth.importBotAuthorization", "flags": 0, "api_id": l.c.o.API.ID, "api_hash": l.c.o.API.Hash, "bot_auth_token": token,
	})
	if err != nil {
		return l.State(), err
	}
	return l.authorized("", v)
}

// authorized takes an auth.Authorization, and binds the user to the key (F11).
func (l *Login) authorized(phone string, v codec.View) (LoginState, error) {
	if v.Name() == "auth.authorizationSignUpRequired" {
		terms, _ := v.Object("terms_of_service")
		return l.set(LoginState{Step: WaitSignUp, Phone: phone, Terms: terms.Str("text")}), nil
	}
	user, _ := v.Object("user")
	id, bot := user.Int("id"), user.Bool("bot")
	if v.Name() != "auth.authorization" || id == 0 {
		return l.State(), fmt.Errorf("mtproto: login: answer %s without a user", v.Name())
	}
	home := l.c.links.home.Load().id
	l.c.store.change(func(s *State) {
		s.UserID, s.Bot = id, bot
		for i, d := range s.DCs { // what was imported elsewhere was somebody else's
			d.Authorized = i == home
			s.setDC(i, d)
		}
		s.addToken(v.Bytes("future_auth_token"))
	})
	s := l.set(LoginState{Step: SignedIn, UserID: id, Bot: bot})
	l.c.events.emit(Authorized{UserID: id, Bot: bot})
	return s, nil
}

// LogOut signs out at Telegram, forgets all keys, and ends Run with [ErrLoggedOut], which takes until the data centres have
// been asked to forget them too, 10 s at most (F10).
func (l *Login) LogOut(ctx context.Context) error {
	l.step.Lock()
	defer l.step.Unlock()
	if _, err := l.require(SignedIn); err != nil {
		return err
	}
	v, err := l.invoke(ctx, codec.M{"_": "auth.logOut"})
	if err != nil {
		return err
	}
	l.set(LoginState{Step: LoggedOut})
	l.c.store.change(func(s *State) {
		l.c.life.toDestroy = s.DCs
		s.UserID, s.Bot, s.DCs = 0, false, nil
		s.addToken(v.Bytes("future_auth_token"))
	})
	l.c.life.fatal(ErrLoggedOut)
	return nil
}

// codeTypes are the ways of a code by the constructors' names (F2).
var codeTypes = map[string]string{
	"auth.sentCodeTypeApp": "app", "auth.sentCodeTypeSms": "sms", "auth.sentCodeTypeCall": "call",
	"auth.sentCodeTypeFlashCall": "flash_call", "auth.sentCodeTypeMissedCall": "missed_call",
	"auth.sentCodeTypeEmailCode": "email", "auth.sentCodeTypeFragmentSms": "fragment",
	"auth.sentCodeTypeFirebaseSms": "firebase", "auth.sentCodeTypeSmsWord": "word", "auth.sentCodeTypeSmsPhrase": "phrase",
	"auth.codeTypeSms": "sms", "auth.codeTypeCall": "call", "auth.codeTypeFlashCall": "flash_call",
	"auth.codeTypeMissedCall": "missed_call", "auth.codeTypeFragmentSms": "fragment",
}

func codeType(name string) string {
	if t, ok := codeTypes[name]; ok {
		return t
	}
	return name
}

// readCode reads where a code was sent.
func readCode(v codec.View) *CodeInfo {
	t, _ := v.Object("type")
	next, _ := v.Object("next_type")
	info := &CodeInfo{
		Type: codeType(t.Name()), Length: int(t.Int("length")), URL: t.Str("url"), Next: codeType(next.Name()),
		Timeout: time.Duration(v.Int("timeout")) * time.Second, SentAt: time.Now(),
	}
	info.ResetAfter = time.Duration(t.Int("reset_available_period")) * time.Second
	if at := t.Int("reset_pending_date"); at > 0 {
		info.ResetAt = time.Unix(at, 0)
	}
	for _, field := range []string{"pattern", "prefix", "email_pattern", "beginning"} {
		if p := t.Str(field); p != "" {
			info.Pattern = p
		}
	}
	return info
}
