package bridge

import (
	"strings"
	"testing"

	"github.com/natsgram/natsgram/bridge/account"
)

// F10: a logout is what somebody means: a request with anything in it is refused, and an account is signed out once.
func TestLogoutIsMeant(t *testing.T) {
	w, d := newServed(t)
	logout := func(body, want string) {
		t.Helper()
		reply := d.ask("tg.ctl.main.logout", body)
		if got := reply.Header.Get("Nats-Service-Error-Code") + " " + string(reply.Data); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", body, got)
		}
	}
	for _, body := range []string{`{"x":`, `{"account":"other"}`, `x`, `[]`} {
		logout(body, "400 {")
	}
	if st := d.status("main"); st.State != account.Connected || w.Executed("auth.logOut") != 0 {
		t.Fatalf("%+v", st)
	}
	logout("{ }", ` {"logged_out":true}`)
	logout("", "409 {")
	if n := w.Executed("auth.logOut"); n != 1 {
		t.Errorf("signed out %d times", n)
	}
}

// A request on tg.ctl that cannot be read is told in words of JSON, in the headers and in the body.
func TestBadControlRequests(t *testing.T) {
	_, d := newServed(t)
	for _, c := range [][3]string{
		{"_.accounts.add", `{"account":5}`, "account: want a string, got number"},
		{"_.accounts.remove", `{"account":"main","logout":"yes"}`, "logout: want true or false, got string"},
		{"_.accounts.list", `{"limit":"x"}`, "limit: want a whole number, got string"},
		{"_.accounts.list", `[]`, "want an object, got array"},
		{"_.accounts.list", `{`, "unexpected E"},
		{"_.schema", `{"format":1}`, "format: want a string, got number"},
		{"main.watch.add", `{"channels":"1"}`, "channels: want an array, got string"},
		{"main.watch.add", ``, `want {"channels":["1234"]}`},
		{"main.watch.add", `{"channel":["1"]}`, "channel: no such field, did you mean channels?"},
		{"main.watch.remove", `{"channels":["1"]} {}`, "want one object"},
		{"_.schema", `{"formt":"asyncapi"}`, "formt: no such field, did you mean format?"},
	} {
		reply := d.ask("tg.ctl."+c[0], c[1])
		text := reply.Header.Get("Nats-Service-Error")
		if reply.Header.Get("Nats-Service-Error-Code") != "400" || !strings.Contains(text, c[2]) || strings.Contains(text, "Go ") {
			t.Errorf("%s %s: %v", c[0], c[1], reply.Header)
		}
		if !strings.HasPrefix(string(reply.Data), `{"code":400,"error":"`) {
			t.Errorf("%s %s: body %s", c[0], c[1], reply.Data)
		}
	}
}
