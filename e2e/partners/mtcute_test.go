package partners

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/world"
	"github.com/natsgram/natsgram/tl"
)

// mtcute, in its own layer, straight and through our proxy end with each kind of secret that it takes.
func TestMtcute(t *testing.T) {
	for _, secret := range []string{"", proxyKey, "dd" + proxyKey, "ee" + proxyKey + proxyDomain} {
		t.Run("secret "+secret, func(t *testing.T) {
			needNode(t)
			dir, err := packages()
			must(t, err)
			w := newFixture(t, orKey(secret), func(c *mttest.Config) { c.Schema = mtcuteSchema(t, dir) })
			w.SetPassword(w.alice, "right horse")
			w.bob.Send(w.alice, "hello")
			w.carol.Send(w.news, "The bridge is open again.")
			runMtcute(t, dir, w, secret != "")
		})
	}
}

func orKey(secret string) string {
	if secret == "" {
		return proxyKey
	}
	return secret
}

// mtcuteSchema is the layer that the package speaks: the box answers in its own, whatever a client says.
func mtcuteSchema(t *testing.T, dir string) *tl.Schema {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "node_modules", "@mtcute", "core", "tl", "api-schema.json"))
	must(t, err)
	s, err := tl.Import("api-schema.json", text)
	must(t, err)
	return s
}

func runMtcute(t *testing.T, dir string, w *fixture, proxied bool) {
	t.Helper()
	env := w.Env()
	host, port := address(t, env.Options[0].Addr)
	key := env.Keys[0]
	args := object{
		"control": control(t, w), "phone": w.alice.Phone(), "password": "right horse", "name": "Alice",
		"dc":  object{"id": env.Options[0].ID, "ipAddress": host, "port": port, "ipv6": false, "mediaOnly": false, "testMode": false},
		"key": object{"modulus": key.Modulus().Text(16), "exponent": fmt.Sprintf("%06x", key.Exponent()), "fingerprint": fmt.Sprintf("%016x", uint64(key.Fingerprint()))},
	}
	if proxied {
		host, port := address(t, w.proxy.Addr())
		args["proxy"] = object{"host": host, "port": port, "secret": w.secret}
	}
	text, err := json.Marshal(args)
	must(t, err)
	program, err := os.ReadFile(filepath.Join("npm", "mtcute.mjs"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "mtcute.mjs"), program, 0o600))
	c := exec.CommandContext(t.Context(), "node", "mtcute.mjs", string(text))
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

func address(t *testing.T, addr string) (string, int) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	must(t, err)
	n, err := strconv.Atoi(port)
	must(t, err)
	return host, n
}

// control has the people of the fixture do what a page is asked for.
func control(t *testing.T, w *fixture) string {
	var last *world.Message
	m := http.NewServeMux()
	m.HandleFunc("/code", func(out http.ResponseWriter, r *http.Request) { fmt.Fprint(out, w.Code(r.FormValue("phone"))) })
	m.HandleFunc("/say", func(_ http.ResponseWriter, r *http.Request) {
		last = w.bob.Send(w.alice, r.FormValue("text"))
		w.carol.Send(w.news, "news "+r.FormValue("text"))
	})
	m.HandleFunc("/edit", func(_ http.ResponseWriter, r *http.Request) { w.bob.Edit(w.alice, last.ID, r.FormValue("text")) })
	m.HandleFunc("/delete", func(http.ResponseWriter, *http.Request) { w.bob.Delete(w.alice, last.ID) })
	m.HandleFunc("/nothing", func(http.ResponseWriter, *http.Request) {})
	m.HandleFunc("/cut", func(http.ResponseWriter, *http.Request) { w.Cut() })
	m.HandleFunc("/salts", func(http.ResponseWriter, *http.Request) { w.NewSalts() })
	m.HandleFunc("/sessions", func(http.ResponseWriter, *http.Request) { w.ForgetSessions() })
	s := httptest.NewServer(m)
	t.Cleanup(s.Close)
	return s.URL
}
