package mttest_test

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// guest is a client that has introduced itself and is not signed in.
func guest(t testing.TB, s *mttest.Server) *client {
	c := connected(t, s)
	c.introduce()
	return c
}

func askCode(phone string) M {
	return M{"_": "auth.sendCode", "phone_number": phone, "api_id": 1, "api_hash": "h", "settings": M{"_": "codeSettings"}}
}

func showCode(phone, hash, code string) M {
	return M{"_": "auth.signIn", "phone_number": phone, "phone_code_hash": hash, "phone_code": code}
}

// F1, F2, F3
func TestSignInByCode(t *testing.T) {
	s := mttest.NewServer(t)
	alice := s.AddUser(mttest.User{First: "Alice", Phone: "+1 555 0001"})
	c := guest(t, s)
	c.refused(M{"_": "updates.getState"}, "401 AUTH_KEY_UNREGISTERED")
	c.refused(askCode("12"), "400 PHONE_NUMBER_INVALID")
	bad := askCode("15550001")
	bad["api_id"] = 0
	c.refused(bad, "400 API_ID_INVALID")
	sent := c.call(askCode("15550001"))
	hash := sent.Str("phone_code_hash")
	c.refused(showCode("15550001", hash, ""), "400 PHONE_CODE_EMPTY")
	c.refused(showCode("15550001", hash, "nope"), "400 PHONE_CODE_INVALID")
	c.refused(showCode("15550001", "other", "1"), "400 PHONE_CODE_EXPIRED")
	c.refused(showCode("15550001", "", "1"), "400 PHONE_CODE_HASH_EMPTY")
	first := s.Code("+15550001")
	c.call(M{"_": "auth.resendCode", "phone_number": "15550001", "phone_code_hash": hash})
	if second := s.Code("+15550001"); second == first {
		c.t.Log("the same code was drawn twice")
	}
	got := c.call(showCode("15550001", hash, s.Code("15550001")))
	if u, _ := got.Object("user"); got.Name() != "auth.authorization" || u.Int("id") != alice.ID() || !u.Bool("self") {
		t.Errorf("signed in as %s", got.Name())
	}
	c.call(M{"_": "updates.getState"})
	if s.Code("15550001") != "" {
		t.Error("the code is still good")
	}
	if v := c.call(M{"_": "auth.logOut"}); v.Name() != "auth.loggedOut" {
		t.Errorf("got %s", v.Name())
	}
	c.refused(M{"_": "updates.getState"}, "401 AUTH_KEY_UNREGISTERED")
}

// F3, F14
func TestSignUp(t *testing.T) {
	s := mttest.NewServer(t)
	c := guest(t, s)
	const phone = "9996621234"
	hash := c.call(askCode(phone)).Str("phone_code_hash")
	up := M{"_": "auth.signUp", "phone_number": phone, "phone_code_hash": hash, "first_name": "New", "last_name": ""}
	c.refused(up, "400 PHONE_CODE_INVALID")
	if v := c.call(showCode(phone, hash, "22222")); v.Name() != "auth.authorizationSignUpRequired" {
		t.Fatalf("got %s", v.Name())
	}
	if u, _ := c.call(up).Object("user"); u.Str("first_name") != "New" {
		t.Error("somebody else signed up")
	}
	c.call(M{"_": "updates.getState"})
}

func TestCancelCode(t *testing.T) {
	s := mttest.NewServer(t)
	c := guest(t, s)
	hash := c.call(askCode("15550002")).Str("phone_code_hash")
	_, err := c.try(M{"_": "auth.cancelCode", "phone_number": "15550002", "phone_code_hash": hash})
	if err != nil {
		t.Fatal(err)
	}
	c.refused(showCode("15550002", hash, "1"), "400 PHONE_CODE_EXPIRED")
}

// F5
func TestPassword(t *testing.T) {
	s := mttest.NewServer(t, func(c *mttest.Config) { c.Code = "12345" })
	s.AddUser(mttest.User{First: "Alice", Phone: "15550001", Password: "correct horse"})
	c := guest(t, s)
	hash := c.call(askCode("15550001")).Str("phone_code_hash")
	c.refused(showCode("15550001", hash, "12345"), "401 SESSION_PASSWORD_NEEDED")
	c.refused(M{"_": "updates.getState"}, "401 AUTH_KEY_UNREGISTERED")
	c.refused(c.proof("wrong", 0), "400 PASSWORD_HASH_INVALID")
	c.refused(c.proof("correct horse", 1), "400 SRP_ID_INVALID")
	if v := c.call(c.proof("correct horse", 0)); v.Name() != "auth.authorization" {
		t.Errorf("got %s", v.Name())
	}
	c.call(M{"_": "updates.getState"})
}

// proof answers account.getPassword; shift makes the srp_id a wrong one.
func (c *client) proof(text string, shift int64) M {
	c.t.Helper()
	p := c.call(M{"_": "account.getPassword"})
	algo, _ := p.Object("current_algo")
	a, m1, err := crypto.SRP2FA([]byte(text), crypto.SRPParams{
		Salt1: algo.Bytes("salt1"), Salt2: algo.Bytes("salt2"), G: int(algo.Int("g")), P: algo.Bytes("p"),
	}, p.Bytes("srp_B"), rand.Reader)
	if err != nil {
		c.t.Fatal(err)
	}
	return M{"_": "auth.checkPassword", "password": M{"_": "inputCheckPasswordSRP", "srp_id": p.Int("srp_id") + shift, "A": a, "M1": m1}}
}

// F8, D6
func TestBotAndMigration(t *testing.T) {
	s := mttest.NewServer(t, func(c *mttest.Config) { c.Centres = []int{2, 4} })
	bot := s.AddBot("Robo", "robobot")
	s.AddUser(mttest.User{First: "Far", Phone: "15550004", DC: 4})
	c := guest(t, s)
	in := func(token string) M {
		return M{"_": "auth.importBotAuthorization", "flags": 0, "api_id": 1, "api_hash": "h", "bot_auth_token": token}
	}
	c.refused(askCode("15550004"), "303 PHONE_MIGRATE_4")
	c.refused(in("1:x"), "400 ACCESS_TOKEN_INVALID")
	if u, _ := c.call(in(bot.Token())).Object("user"); !u.Bool("bot") || u.Int("id") != bot.ID() {
		t.Error("another bot signed in")
	}
	far := newClient(t, s).dial(s.Env().Options[1].Addr, false)
	far.exchange(4)
	far.introduce()
	far.refused(in(bot.Token()), "303 USER_MIGRATE_2")
	if far.call(M{"_": "help.getConfig"}).Int("this_dc") != 4 {
		t.Error("not at data centre 4")
	}
}

// D7, B28
func TestExportAuthorization(t *testing.T) {
	s := mttest.NewServer(t, func(c *mttest.Config) { c.Centres = []int{2, 4} })
	c := as(t, s, s.AddUser(mttest.User{First: "A"}))
	c.refused(M{"_": "auth.exportAuthorization", "dc_id": 3}, "400 DC_ID_INVALID")
	out := c.call(M{"_": "auth.exportAuthorization", "dc_id": 4})
	far := newClient(t, s).dial(s.Env().Options[1].Addr, false)
	far.exchange(4)
	far.introduce()
	in := M{"_": "auth.importAuthorization", "id": out.Int("id"), "bytes": out.Bytes("bytes")}
	if v := far.call(in); v.Name() != "auth.authorization" {
		t.Errorf("got %s", v.Name())
	}
	far.refused(in, "400 AUTH_BYTES_INVALID")
	far.refused(M{"_": "updates.getState"}, "303 USER_MIGRATE_2")
	if _, err := far.try(M{"_": "upload.saveFilePart", "file_id": 1, "file_part": 0, "bytes": []byte("x")}); err != nil {
		t.Error(err)
	}
	far.dial(home(s), false) // a key of one data centre means nothing at another
	far.send(far.message(ping(1), false))
	if err := far.broken(); err == nil || !strings.Contains(err.Error(), "-404") {
		t.Errorf("got %v", err)
	}
}

// D1, D2
func TestIntroduction(t *testing.T) {
	s := mttest.NewServer(t)
	c := connected(t, s)
	config := M{"_": "help.getConfig"}
	c.refused(config, "400 CONNECTION_NOT_INITED")
	c.refused(M{"_": "invokeWithLayer", "layer": 1, "query": config}, "400 CONNECTION_NOT_INITED")
	c.introduce()
	c.call(config)
}

func TestSignOutAll(t *testing.T) {
	s := mttest.NewServer(t)
	alice := s.AddUser(mttest.User{First: "A"})
	c := as(t, s, alice)
	s.SignOutAll(alice)
	c.refused(M{"_": "updates.getState"}, "401 AUTH_KEY_UNREGISTERED")
}
