package mtproto_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

const phone = "+15550001"

// step checks where a login stands after something was done.
func step(t testing.TB, s mtproto.LoginState, err error, want mtproto.LoginStep) {
	t.Helper()
	if err != nil || s.Step != want {
		t.Fatalf("%v, %v, want %v", s.Step, err, want)
	}
}

// F1, F3, F11: phone, code, signed in; the user is bound to the key and kept.
func TestLoginByCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		alice := s.AddUser(mttest.User{First: "Alice", Phone: phone})
		r := start(t, s)
		l := r.Login()
		st, err := l.SendCode(t.Context(), phone)
		step(t, st, err, mtproto.WaitCode)
		if c := st.Code; c.Type != "sms" || c.Length != 5 || c.Next != "sms" || c.Timeout != time.Minute || !c.SentAt.Equal(time.Now()) {
			t.Errorf("code: %+v", c)
		}
		if st, err = l.SignIn(t.Context(), "xxxxx"); !mtproto.IsKind(err, "PHONE_CODE_INVALID") || st.Step != mtproto.WaitCode {
			t.Errorf("wrong code: %v %v", st.Step, err)
		}
		st, err = l.ResendCode(t.Context())
		step(t, st, err, mtproto.WaitCode)
		st, err = l.SignIn(t.Context(), s.Code(phone))
		step(t, st, err, mtproto.SignedIn)
		equal(t, "user", st.UserID, alice.ID())
		equal(t, "authorized", seen[mtproto.Authorized](r), []mtproto.Authorized{{UserID: alice.ID()}})
		if got := r.state(); got.UserID != alice.ID() || !got.DCs[2].Authorized || got.Bot {
			t.Errorf("saved: %v", got)
		}
		if _, err := l.SendCode(t.Context(), phone); !errors.Is(err, mtproto.ErrStep) {
			t.Errorf("a second login over the first: %v", err)
		}
		r.call(M{"_": "updates.getState"})
	})
}

// F1, D6: the number lives at another data centre.
func TestLoginElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory, centres(2, 4))
		s.AddUser(mttest.User{First: "Alice", Phone: phone, DC: 4})
		bot := s.AddBot("Bot", "a_bot")
		r := start(t, s)
		st, err := r.Login().SendCode(t.Context(), phone)
		step(t, st, err, mtproto.WaitCode)
		equal(t, "home", r.Home(), 4)
		// F8: and a bot back at 2
		st, err = r.Login().BotToken(t.Context(), bot.Token())
		step(t, st, err, mtproto.SignedIn)
		if !st.Bot || r.Home() != 2 || !r.state().DCs[2].Authorized || r.state().DCs[4].Authorized {
			t.Errorf("%+v, home %d", st, r.Home())
		}
	})
}

// F3, F5: two-step verification by SRP.
func TestLoginByPassword(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		s.AddUser(mttest.User{First: "Alice", Phone: phone, Password: "correct horse"})
		r := start(t, s)
		l := r.Login()
		st, err := l.SendCode(t.Context(), phone)
		step(t, st, err, mtproto.WaitCode)
		if _, err := l.Password(t.Context(), "correct horse"); !errors.Is(err, mtproto.ErrStep) {
			t.Errorf("a password before the code: %v", err)
		}
		st, err = l.SignIn(t.Context(), s.Code(phone))
		step(t, st, err, mtproto.WaitPassword)
		equal(t, "hint", st.Hint, "the one you know")
		st, err = l.Password(t.Context(), "battery staple")
		if !mtproto.IsKind(err, "PASSWORD_HASH_INVALID") || st.Step != mtproto.WaitPassword {
			t.Errorf("wrong password: %v %v", st.Step, err)
		}
		s.FailNext("auth.checkPassword", 1, 400, "SRP_ID_INVALID")
		st, err = l.Password(t.Context(), "correct horse")
		step(t, st, err, mtproto.SignedIn)
		equal(t, "lost", len(seen[mtproto.AuthLost](r)), 0)
	})
}

// F5: another way of hashing is refused.
func TestLoginUnknownAlgorithm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		s.AddUser(mttest.User{First: "Alice", Phone: phone, Password: "correct horse"})
		s.InterceptMethod("account.getPassword", func(*mttest.Request) mttest.Action {
			return mttest.Answer(M{
				"_": "account.password", "has_password": true, "current_algo": M{"_": "passwordKdfAlgoUnknown"},
				"srp_B": []byte{1}, "srp_id": 1, "new_algo": M{"_": "passwordKdfAlgoUnknown"},
				"new_secure_algo": M{"_": "securePasswordKdfAlgoUnknown"}, "secure_random": []byte{1},
			})
		})
		r := start(t, s)
		st, err := r.Login().SendCode(t.Context(), phone)
		step(t, st, err, mtproto.WaitCode)
		st, err = r.Login().SignIn(t.Context(), s.Code(phone))
		step(t, st, err, mtproto.WaitPassword)
		if _, err = r.Login().Password(t.Context(), "correct horse"); !errors.Is(err, mtproto.ErrAlgorithm) {
			t.Errorf("%v", err)
		}
	})
}

// F3: a number without an account.
func TestSignUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		r := start(t, s)
		st, err := r.Login().SendCode(t.Context(), phone)
		step(t, st, err, mtproto.WaitCode)
		st, err = r.Login().SignIn(t.Context(), s.Code(phone))
		step(t, st, err, mtproto.WaitSignUp)
		st, err = r.Login().SignUp(t.Context(), "Carol", "")
		step(t, st, err, mtproto.SignedIn)
		if st.UserID == 0 {
			t.Error("no user")
		}
	})
}

// F10, F1: future_auth_tokens of log-outs shorten the next login.
func TestLogOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		alice := s.AddUser(mttest.User{First: "Alice", Phone: phone})
		s.InterceptMethod("auth.logOut", func(*mttest.Request) mttest.Action {
			return mttest.Answer(M{"_": "auth.loggedOut", "future_auth_token": []byte("token")})
		})
		r := start(t, s, as(s, alice))
		equal(t, "step", r.Login().State().Step, mtproto.SignedIn)
		if err := r.Login().LogOut(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := r.end(); !errors.Is(err, mtproto.ErrLoggedOut) {
			t.Errorf("Run: %v", err)
		}
		st := r.state()
		if st.UserID != 0 || len(st.DCs) != 0 || len(st.LogoutTokens) != 1 || r.Login().State().Step != mtproto.LoggedOut {
			t.Errorf("%v, %d tokens", st, len(st.LogoutTokens))
		}
		var tokens int
		s.InterceptMethod("auth.sendCode", func(q *mttest.Request) mttest.Action {
			settings, _ := q.Args.Object("settings")
			tokens = settings.Len("logout_tokens")
			return mttest.Answer(M{"_": "auth.sentCodeSuccess", "authorization": M{
				"_": "auth.authorization", "user": M{"_": "user", "id": alice.ID()},
			}})
		})
		again := start(t, s, func(o *mtproto.Options) { o.State = st })
		got, err := again.Login().SendCode(t.Context(), phone)
		step(t, got, err, mtproto.SignedIn)
		equal(t, "tokens sent", tokens, 1)
	})
}

// F1, F2: every form that an auth.SentCode takes.
func TestCodeForms(t *testing.T) {
	sent := func(kind M) M {
		return M{"_": "auth.sentCode", "type": kind, "phone_code_hash": "h", "next_type": M{"_": "auth.codeTypeCall"}, "timeout": 30}
	}
	for _, tc := range []struct {
		answer       M
		kind         string
		length       int
		pattern, url string
		err          error
	}{
		{sent(M{"_": "auth.sentCodeTypeApp", "length": 5}), "app", 5, "", "", nil},
		{sent(M{"_": "auth.sentCodeTypeCall", "length": 4}), "call", 4, "", "", nil},
		{sent(M{"_": "auth.sentCodeTypeFlashCall", "pattern": "+7*"}), "flash_call", 0, "+7*", "", nil},
		{sent(M{"_": "auth.sentCodeTypeMissedCall", "prefix": "+7", "length": 6}), "missed_call", 6, "+7", "", nil},
		{sent(M{"_": "auth.sentCodeTypeEmailCode", "email_pattern": "a***@b", "length": 6}), "email", 6, "a***@b", "", nil},
		{sent(M{"_": "auth.sentCodeTypeFragmentSms", "url": "https://f", "length": 5}), "fragment", 5, "", "https://f", nil},
		{sent(M{"_": "auth.sentCodeTypeFirebaseSms", "length": 5}), "firebase", 5, "", "", nil},
		{sent(M{"_": "auth.sentCodeTypeSmsWord", "beginning": "a"}), "word", 0, "a", "", nil},
		{sent(M{"_": "auth.sentCodeTypeSmsPhrase", "beginning": "a b"}), "phrase", 0, "a b", "", nil},
		{sent(M{"_": "auth.sentCodeTypeSms", "length": 5}), "sms", 5, "", "", nil},
		{M{
			"_": "auth.sentCodePaymentRequired", "store_product": "", "phone_code_hash": "", "support_email_address": "",
			"support_email_subject": "", "currency": "", "amount": 1,
		}, "", 0, "", "", mtproto.ErrNoPayment},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := mttest.NewServer(t, inMemory)
			s.InterceptMethod("auth.sendCode", func(*mttest.Request) mttest.Action { return mttest.Answer(tc.answer) })
			var emailed bool
			s.InterceptMethod("auth.signIn", func(q *mttest.Request) mttest.Action {
				e, _ := q.Args.Object("email_verification")
				emailed = e.Str("code") == "12345" && !q.Args.Has("phone_code")
				return mttest.Error(400, "PHONE_CODE_EXPIRED")
			})
			r := start(t, s)
			st, err := r.Login().SendCode(t.Context(), phone)
			if tc.err != nil {
				if !errors.Is(err, tc.err) || st.Step != mtproto.WaitPhone {
					t.Errorf("%v: %v", st.Step, err)
				}
				return
			}
			step(t, st, err, mtproto.WaitCode)
			c := st.Code
			if c.Type != tc.kind || c.Length != tc.length || c.Pattern != tc.pattern || c.URL != tc.url || c.Next != "call" {
				t.Errorf("%+v", c)
			}
			st, err = r.Login().SignIn(t.Context(), "12345")
			if !mtproto.IsKind(err, "PHONE_CODE_EXPIRED") || st.Step != mtproto.WaitPhone || emailed != (tc.kind == "email") {
				t.Errorf("%s: %v %v, as e-mail: %v", tc.kind, st.Step, err, emailed)
			}
		})
	}
}

// F11: the key turns out to be somebody else's.
func TestWrongUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})), func(o *mtproto.Options) { o.State.UserID++ })
		if err := <-r.ran; !errors.Is(err, mtproto.ErrWrongUser) {
			t.Errorf("Run: %v", err)
		}
		r.ran <- nil
	})
}

// D17, D8: at home these end the account's life here, once and for good, with the state kept.
func TestAuthLost(t *testing.T) {
	for text, code := range map[string]int{
		"AUTH_KEY_UNREGISTERED": 401, "SESSION_REVOKED": 401, "USER_DEACTIVATED_BAN": 401, "AUTH_KEY_DUPLICATED": 406,
	} {
		synctest.Test(t, func(t *testing.T) {
			s := mttest.NewServer(t, inMemory)
			r := start(t, s, as(s, s.AddUser(mttest.User{First: "Alice"})))
			r.ready()
			time.Sleep(time.Second)
			s.FailNext("updates.getState", 9, code, text)
			r.refused(M{"_": "updates.getState"}, code, text)
			err := <-r.ran
			if !errors.Is(err, mtproto.ErrAuthLost) || errors.Is(err, mtproto.ErrKeyDuplicated) != (code == 406) {
				t.Errorf("%s: Run: %v", text, err)
			}
			r.ran <- nil
			equal(t, "lost", len(seen[mtproto.AuthLost](r)), 1)
			if st := r.state(); st.UserID == 0 || len(st.DCs[2].Key) == 0 {
				t.Errorf("%s: the state is not kept: %v", text, st)
			}
			_, err = r.tryCall(context.Background(), getConfig)
			if !errors.Is(err, mtproto.ErrAuthLost) {
				t.Errorf("%s: a later call: %v", text, err)
			}
		})
	}
}

// Without anybody signed in the same errors are the caller's alone.
func TestUnauthorizedCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		r := start(t, s)
		r.refused(M{"_": "updates.getState"}, 401, "AUTH_KEY_UNREGISTERED")
		r.call(getConfig)
		equal(t, "lost", len(seen[mtproto.AuthLost](r)), 0)
	})
}

// Nothing that prints shows a secret.
func TestSecretsAreNotPrinted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory, func(c *mttest.Config) { c.Code = "secretcode" })
		s.AddUser(mttest.User{First: "Alice", Phone: phone, Password: "secretpassword"})
		r := start(t, s)
		l := r.Login()
		var out strings.Builder
		note := func(st mtproto.LoginState, err error) {
			fmt.Fprintf(&out, "%+v %#v %v %+v\n", st, st, err, err)
		}
		note(l.SendCode(t.Context(), phone))
		note(l.BotToken(t.Context(), "1:secrettoken"))
		note(l.SignIn(t.Context(), "secretcodewrong"))
		note(l.SignIn(t.Context(), "secretcode"))
		note(l.Password(t.Context(), "secretpasswordwrong"))
		note(l.Password(t.Context(), "secretpassword"))
		r.end()
		for _, e := range r.events {
			fmt.Fprintf(&out, "%+v\n", e)
		}
		st := r.state()
		for _, v := range []any{st, &st, st.DCs[2], struct{ S mtproto.State }{st}, mtproto.API{ID: 1, Hash: "secrethash"}} {
			fmt.Fprintf(&out, "%v %+v %#v %s %q\n", v, v, v, v, v)
		}
		if strings.Contains(out.String(), "secret") || strings.Contains(out.String(), fmt.Sprintf("%d", st.DCs[2].Key[:4])[1:8]) {
			t.Errorf("a secret shows:\n%s", out.String())
		}
	})
}

// F2, D17: what only Telegram's own apps can do is said, with what to do instead; and a code that is to be asked for again is.
func TestLoginNeedsTheirApp(t *testing.T) {
	for _, text := range []string{"RECAPTCHA_CHECK_signup__6Lcxyz", "APNS_VERIFY_CHECK_0123", "INTEGRITY_CHECK_CLASSIC_2_nonce"} {
		synctest.Test(t, func(t *testing.T) {
			s := mttest.NewServer(t, inMemory)
			s.AddUser(mttest.User{First: "Alice", Phone: phone})
			r := start(t, s)
			s.FailNext("auth.sendCode", 1, 403, text)
			st, err := r.Login().SendCode(t.Context(), phone)
			if !errors.Is(err, mtproto.ErrCheck) || !strings.Contains(err.Error(), "--qr") || st.Step != mtproto.WaitPhone {
				t.Errorf("%v: %v", st.Step, err)
			}
			s.FailNext("auth.sendCode", 2, 500, "AUTH_RESTART")
			st, err = r.Login().SendCode(t.Context(), phone)
			step(t, st, err, mtproto.WaitCode)
		})
	}
	for _, next := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			s := mttest.NewServer(t, inMemory)
			r := start(t, s)
			s.InterceptMethod("auth.sendCode", func(*mttest.Request) mttest.Action {
				sent := M{"_": "auth.sentCode", "type": M{"_": "auth.sentCodeTypeFirebaseSms", "length": 5}, "phone_code_hash": "h"}
				if next {
					sent["next_type"], sent["timeout"] = M{"_": "auth.codeTypeSms"}, 60
				}
				return mttest.Answer(sent)
			})
			st, err := r.Login().SendCode(t.Context(), phone)
			if next {
				step(t, st, err, mtproto.WaitCode)
			} else if !errors.Is(err, mtproto.ErrCheck) || st.Step != mtproto.WaitPhone {
				t.Errorf("%v: %v", st.Step, err)
			}
		})
	}
}

// F14: a login that is refused is told, and never tried again by the client itself: a number has some five tries a day.
func TestLoginNeverLoops(t *testing.T) {
	for _, text := range []string{"PHONE_NUMBER_FLOOD", "PHONE_NUMBER_BANNED", "PHONE_NUMBER_INVALID", "PHONE_PASSWORD_FLOOD"} {
		loginAskedOnce(t, 400, text)
	}
	loginAskedOnce(t, 420, "FLOOD_WAIT_86400")
	loginAskedOnce(t, 406, "PHONE_NUMBER_INVALID")
}

func loginAskedOnce(t *testing.T, code int, text string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		asked := 0
		s.InterceptMethod("auth.sendCode", func(*mttest.Request) mttest.Action {
			asked++
			return mttest.Error(code, text)
		})
		r := start(t, s)
		r.ready()
		if _, err := r.Login().SendCode(r.ctx, "+15550001"); err == nil {
			t.Errorf("%s: no error", text)
		}
		time.Sleep(24 * time.Hour)
		if asked != 1 {
			t.Errorf("%s: asked %d times in a day", text, asked)
		}
	})
}
