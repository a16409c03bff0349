package mtproto_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// awaited is what a wait for a scan came to.
type awaited struct {
	state mtproto.LoginState
	err   error
}

func awaitQR(t testing.TB, l *mtproto.Login) chan awaited {
	got := make(chan awaited, 1)
	go func() {
		st, err := l.AwaitQR(t.Context())
		got <- awaited{st, err}
	}()
	return got
}

// F7: a code is shown until it is scanned, and another one when it has ended; who scans it is signed in, wherever the account
// lives, after its password if there is one.
func TestLoginByQR(t *testing.T) {
	for name, tc := range map[string]struct {
		dc       int
		password string
	}{
		"here": {2, ""}, "elsewhere": {4, ""}, "with a password": {2, "correct horse"}, "with a password elsewhere": {4, "correct horse"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := mttest.NewServer(t, inMemory, centres(2, 4))
				alice := s.AddUser(mttest.User{First: "Alice", Phone: phone, Password: tc.password, DC: tc.dc})
				bob := s.AddUser(mttest.User{First: "Bob"})
				r := start(t, s)
				l := r.Login()
				st, err := l.ShowQR(t.Context(), bob.ID())
				step(t, st, err, mtproto.WaitQR)
				if d := time.Until(st.QR.Expires); d < 28*time.Second || d > 31*time.Second {
					t.Errorf("it is good for %v", d)
				}
				first := st.QR.URL
				wait := awaitQR(t, l)
				time.Sleep(40 * time.Second)
				got := <-wait
				step(t, got.state, got.err, mtproto.WaitQR)
				if got.state.QR.URL == first || alice.Scan(first) == nil || bob.Scan(got.state.QR.URL) == nil {
					t.Error("a code that has ended, or somebody who was not to scan it")
				}
				wait = awaitQR(t, l)
				began := time.Now()
				if err := alice.Scan(got.state.QR.URL); err != nil {
					t.Fatal(err)
				}
				if got = <-wait; time.Since(began) > 2*time.Second {
					t.Errorf("noticed after %v", time.Since(began))
				}
				st, err = got.state, got.err
				if tc.password != "" {
					step(t, st, err, mtproto.WaitPassword)
					equal(t, "hint", st.Hint, "the one you know")
					st, err = l.Password(t.Context(), tc.password)
				}
				step(t, st, err, mtproto.SignedIn)
				if st.UserID != alice.ID() || r.Home() != tc.dc || !r.state().DCs[tc.dc].Authorized {
					t.Errorf("%+v at %d", st, r.Home())
				}
				r.call(M{"_": "updates.getState"})
			})
		})
	}
}

// F7: the word that a code was scanned may be lost with a connection; then the end of the code brings it.
func TestScanUnheard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		alice := s.AddUser(mttest.User{First: "Alice"})
		r := start(t, s)
		l := r.Login()
		st, err := l.ShowQR(t.Context())
		step(t, st, err, mtproto.WaitQR)
		s.ForgetSessions()
		if err := alice.Scan(st.QR.URL); err != nil {
			t.Fatal(err)
		}
		st, err = l.AwaitQR(t.Context())
		step(t, st, err, mtproto.SignedIn)
	})
}

// F7: a wait ends with its context and with another step; what cannot go on says so.
func TestQRSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		alice := s.AddUser(mttest.User{First: "Alice", Phone: phone})
		r := start(t, s)
		l := r.Login()
		if _, err := l.AwaitQR(t.Context()); !errors.Is(err, mtproto.ErrStep) {
			t.Errorf("waiting for nothing: %v", err)
		}
		st, err := l.ShowQR(t.Context())
		step(t, st, err, mtproto.WaitQR)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := l.AwaitQR(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		wait := awaitQR(t, l)
		synctest.Wait()
		st, err = l.SendCode(t.Context(), phone)
		step(t, st, err, mtproto.WaitCode)
		got := <-wait
		step(t, got.state, got.err, mtproto.WaitCode)

		st, err = l.ShowQR(t.Context())
		step(t, st, err, mtproto.WaitQR)
		s.FailNext("auth.exportLoginToken", 1, 400, "AUTH_TOKEN_EXPIRED")
		if err := alice.Scan(st.QR.URL); err != nil {
			t.Fatal(err)
		}
		if st, err = l.AwaitQR(t.Context()); !mtproto.IsKind(err, "AUTH_TOKEN_EXPIRED") || st.Step != mtproto.WaitPhone {
			t.Errorf("%v, %v", st, err)
		}
	})
}

// A QR code shows in JSON, where it is wanted, and in nothing that prints.
func TestQRIsNotPrinted(t *testing.T) {
	st := mtproto.LoginState{Step: mtproto.WaitQR, QR: &mtproto.QRCode{URL: "tg://login?token=secret", Expires: time.Now()}}
	b, err := json.Marshal(st)
	if err != nil || !strings.Contains(string(b), "secret") || !strings.Contains(string(b), "wait_qr") {
		t.Errorf("%s, %v", b, err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		if text := fmt.Sprintf(verb, *st.QR) + fmt.Sprintf(verb, st); strings.Contains(text, "secret") {
			t.Error(text)
		}
	}
}

// F4, F2: where Telegram wants an e-mail address, it is set up and proved, and the code of the login comes there.
func TestLoginByEmail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		s.AddUser(mttest.User{First: "Alice", Phone: phone, Password: "correct horse"})
		s.RequireEmail(phone)
		r := start(t, s)
		l := r.Login()
		st, err := l.SendCode(t.Context(), phone)
		step(t, st, err, mtproto.WaitEmail)
		if _, err := l.EmailCode(t.Context(), "1"); !errors.Is(err, mtproto.ErrStep) {
			t.Errorf("a code before the address: %v", err)
		}
		if st, err = l.SetEmail(t.Context(), "x"); !mtproto.IsKind(err, "EMAIL_INVALID") || st.Step != mtproto.WaitEmail {
			t.Errorf("%v %v", st.Step, err)
		}
		st, err = l.SetEmail(t.Context(), "alice@a.example")
		step(t, st, err, mtproto.WaitEmailCode)
		st, err = l.SetEmail(t.Context(), "alice@b.example") // thought better of it
		step(t, st, err, mtproto.WaitEmailCode)
		equal(t, "e-mail", *st.Email, mtproto.EmailInfo{Pattern: "a***", Length: 5})
		if st, err = l.EmailCode(t.Context(), "xxxxx"); !mtproto.IsKind(err, "CODE_INVALID") || st.Step != mtproto.WaitEmailCode {
			t.Errorf("%v %v", st.Step, err)
		}
		st, err = l.EmailCode(t.Context(), s.EmailCode("alice@b.example"))
		step(t, st, err, mtproto.WaitCode)
		if st.Code.Type != "email" || st.Code.Pattern != "a***" {
			t.Errorf("%+v", st.Code)
		}
		st, err = l.SignIn(t.Context(), s.EmailCode("alice@b.example"))
		step(t, st, err, mtproto.WaitPassword)
		st, err = l.Password(t.Context(), "correct horse")
		step(t, st, err, mtproto.SignedIn)
	})
}

// F4, F2: an owner without access to the e-mail has codes sent otherwise; a login may be given up.
func TestEmailReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		s.AddUser(mttest.User{First: "Alice", Phone: phone})
		s.RequireEmail(phone)
		r := start(t, s)
		l := r.Login()
		st, err := l.SendCode(t.Context(), phone)
		step(t, st, err, mtproto.WaitEmail)
		st, err = l.SetEmail(t.Context(), "a@b")
		step(t, st, err, mtproto.WaitEmailCode)
		st, err = l.EmailCode(t.Context(), s.EmailCode("a@b"))
		step(t, st, err, mtproto.WaitCode)
		st, err = l.ResetEmail(t.Context())
		step(t, st, err, mtproto.WaitCode)
		equal(t, "type", st.Code.Type, "sms")
		st, err = l.CancelCode(t.Context())
		step(t, st, err, mtproto.WaitPhone)
		equal(t, "the code is void", s.Code(phone), "")
		if _, err := l.CancelCode(t.Context()); !errors.Is(err, mtproto.ErrStep) {
			t.Errorf("%v", err)
		}
		st, err = l.SendCode(t.Context(), phone)
		step(t, st, err, mtproto.WaitCode)
		s.FailNext("auth.cancelCode", 1, 400, "PHONE_CODE_EXPIRED")
		if st, err = l.CancelCode(t.Context()); !mtproto.IsKind(err, "PHONE_CODE_EXPIRED") || st.Step != mtproto.WaitPhone {
			t.Errorf("%v %v", st, err)
		}
	})
}

// F3: the password may be wanted after any step.
func TestPasswordWantedAnywhere(t *testing.T) {
	calls := map[string]func(context.Context, *mtproto.Login) (mtproto.LoginState, error){
		"auth.sendCode":         func(ctx context.Context, l *mtproto.Login) (mtproto.LoginState, error) { return l.SendCode(ctx, phone) },
		"auth.resendCode":       func(ctx context.Context, l *mtproto.Login) (mtproto.LoginState, error) { return l.ResendCode(ctx) },
		"auth.exportLoginToken": func(ctx context.Context, l *mtproto.Login) (mtproto.LoginState, error) { return l.ShowQR(ctx) },
		"auth.signIn":           func(ctx context.Context, l *mtproto.Login) (mtproto.LoginState, error) { return l.SignIn(ctx, "1") },
	}
	for method, call := range calls {
		synctest.Test(t, func(t *testing.T) {
			s := mttest.NewServer(t, inMemory)
			s.AddUser(mttest.User{First: "Alice", Phone: phone})
			r := start(t, s)
			st, err := r.Login().SendCode(t.Context(), phone)
			step(t, st, err, mtproto.WaitCode)
			s.FailNext(method, 1, 401, "SESSION_PASSWORD_NEEDED")
			st, err = call(t.Context(), r.Login())
			step(t, st, err, mtproto.WaitPassword)
			equal(t, "phone", st.Phone != "", true)
		})
	}
}
