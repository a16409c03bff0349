package mttest_test

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/tl/bin"
)

// C21
func TestGzip(t *testing.T) {
	s := mttest.NewServer(t, func(c *mttest.Config) { c.Wire.GzipOver = 200 })
	c := as(t, s, s.AddUser(mttest.User{First: "A"}))
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(c.encode(sendTo(M{"_": "inputPeerSelf"}, strings.Repeat("a", 1000), 1)))
	_ = z.Close()
	w := bin.Writer{Buf: words(0x3072cfa1)}
	w.Bytes(packed.Bytes())
	m := c.message(w.Buf, true)
	c.send(m)
	b, err := c.answer(m.id)
	if r := bin.NewReader(b); err != nil || r.Uint32() != 0x3072cfa1 {
		t.Errorf("a large answer came as %.20x, %v", b, err)
	}
	bomb := bin.Writer{Buf: words(0x3072cfa1)}
	packed.Reset()
	z.Reset(&packed)
	_, _ = z.Write(make([]byte, 17<<20))
	_ = z.Close()
	bomb.Bytes(packed.Bytes())
	c.send(c.message(bomb.Buf, true))
	if err := c.broken(); err == nil {
		t.Error("17 MiB of zeros were taken")
	}
}

// C18: containers both ways, up to the limit.
func TestFullContainer(t *testing.T) {
	s := mttest.NewServer(t)
	c := as(t, s, s.AddUser(mttest.User{First: "A"}))
	var all []message
	for range 1024 {
		all = append(all, c.message(c.encode(M{"_": "help.getNearestDc"}), true))
	}
	c.send(c.message(container(all...), false))
	for _, m := range all {
		if _, err := c.answer(m.id); err != nil {
			t.Fatal(err)
		}
	}
}

// C39
func TestInvokeAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := mttest.NewServer(t, inMemory)
		s.InterceptMethod("help.getAppConfig", func(*mttest.Request) mttest.Action {
			return mttest.Delay(200*time.Millisecond, mttest.Pass())
		})
		c := as(t, s, s.AddUser(mttest.User{First: "A"}))
		after := func(id int64) M { return M{"_": "invokeAfterMsg", "msg_id": id, "query": M{"_": "help.getNearestDc"}} }
		slow := c.post(M{"_": "help.getAppConfig", "hash": 0})
		waits := c.post(after(slow))
		begin := time.Now()
		if _, err := c.answer(waits); err != nil || time.Since(begin) != 200*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		c.refused(after(4), "400 MSG_WAIT_TIMEOUT")
		bad := c.post(M{"_": "users.getFullUser", "id": M{"_": "inputUserEmpty"}})
		_, _ = c.answer(bad)
		c.refused(after(bad), "400 MSG_WAIT_FAILED")
	})
}

// D8
func TestKeyUsedTwice(t *testing.T) {
	for _, strict := range []bool{false, true} {
		s := mttest.NewServer(t, func(c *mttest.Config) { c.Wire.OneConnection = strict })
		first := as(t, s, s.AddUser(mttest.User{First: "A"}))
		second := newClient(t, s).dial(home(s), false)
		second.key, second.salt = first.key, first.salt
		_, err := second.try(M{"_": "updates.getState"})
		if !strict {
			if n := s.DuplicatedKeys(); err != nil || n != 0 {
				t.Error(err, n)
			}
			continue
		}
		if n := s.DuplicatedKeys(); err == nil || err.Error() != "406 AUTH_KEY_DUPLICATED" || n != 1 {
			t.Errorf("got %v, %d keys", err, n)
		}
		first.refused(M{"_": "updates.getState"}, "406 AUTH_KEY_DUPLICATED")
	}
}

// B19, B20, B21, B22, B23
func TestTemporaryKey(t *testing.T) {
	s := mttest.NewServer(t)
	perm := as(t, s, s.AddUser(mttest.User{First: "A"}))
	c := newClient(t, s).dial(home(s), false)
	c.temporary = time.Hour
	c.exchange(2)
	c.introduce()
	c.refused(M{"_": "updates.getState"}, "401 AUTH_KEY_PERM_EMPTY")
	expires := time.Now().Unix() + 3600
	bind := func(id int64, nonce int64) []byte {
		inner := words(0x75a3f765, nonce, int64(c.key.ID()), int64(perm.key.ID()), c.id, int(expires))
		sealed, err := crypto.SealV1(nil, &perm.key, id, inner, bytes.NewReader(make([]byte, 999)))
		if err != nil {
			t.Fatal(err)
		}
		return c.encode(M{
			"_": "auth.bindTempAuthKey", "perm_auth_key_id": int64(perm.key.ID()), "nonce": int64(5), "expires_at": int(expires), "encrypted_message": sealed,
		})
	}
	for _, tt := range []struct {
		nonce int64
		want  string
	}{{4, "400 ENCRYPTED_MESSAGE_INVALID"}, {5, ""}} {
		m := c.message(nil, true)
		m.body = bind(m.id, tt.nonce)
		c.send(m)
		if _, err := c.answer(m.id); err == nil && tt.want != "" || err != nil && err.Error() != tt.want {
			t.Errorf("nonce %d: %v, want %q", tt.nonce, err, tt.want)
		}
	}
	c.refused(M{"_": "updates.getState"}, "400 CONNECTION_NOT_INITED")
	c.introduce()
	c.call(M{"_": "updates.getState"})
}
