package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto/mttest"
)

// operator is somebody who runs the binary on an own machine, for an account of a Telegram in a box.
type operator struct {
	*demo // for its environment and shell
	env   []string
	pid   int // of the daemon that was started last, where a test kills it
}

func newOperator(t *testing.T, s *mttest.Server) *operator {
	t.Helper()
	must(t, buildNatsgram())
	o := &operator{demo: &demo{home: t.TempDir()}}
	env := s.Env()
	var pem []byte
	for _, k := range env.Keys {
		pem = k.AppendPEM(pem)
	}
	keys := filepath.Join(o.home, "keys.pem")
	must(t, os.WriteFile(keys, pem, 0o600))
	var dcs []string
	for _, option := range env.Options {
		dcs = append(dcs, fmt.Sprintf("%d=%s", option.ID, option.Addr))
	}
	o.env = []string{"NATSGRAM_DCS=" + strings.Join(dcs, " "), "NATSGRAM_DC_KEYS=" + keys, "NATSGRAM_NATS_PORT=-1",
		"NATSGRAM_API_ID=12345", "NATSGRAM_API_HASH=0123456789abcdef0123456789abcdef"}
	return o
}

func (o *operator) run(t *testing.T, line string, more ...string) string {
	t.Helper()
	out, err := o.sh(t, line, append(o.env, more...)...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	return out
}

// serve runs `natsgram serve` until the test ends, and returns once the account answers.
func (o *operator) serve(t *testing.T, account string) (stopNow func()) {
	t.Helper()
	c := exec.Command(filepath.Join(bin, "natsgram"), "serve")
	c.Env = o.demo.env(o.env...)
	var logged lockedBuffer
	c.Stderr, c.Stdout = &logged, &logged
	must(t, c.Start())
	stopped := false
	stopNow = func() {
		if !stopped {
			stopped = true
			stop(t, c, &logged)
		}
	}
	t.Cleanup(stopNow)
	if out, err := o.answers(t, account); err != nil {
		t.Fatalf("%s does not answer: %v\n%s\nThe daemon says:\n%s", account, err, out, &logged)
	}
	return stopNow
}

// answers waits until the account answers calls.
func (o *operator) answers(t *testing.T, account string) (out string, err error) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; {
		if out, err = o.sh(t, "natsgram call --timeout 2s "+account+" help.getConfig", o.env...); err == nil || time.Now().After(end) {
			return out, err
		}
	}
}

// TestOwnAccount is the README's way from a phone number to an account on NATS: login, serve, a call, a consumer; then
// the daemon is stopped and started, and what came meanwhile is in the stream, once.
func TestOwnAccount(t *testing.T) {
	s := mttest.NewServer(t, func(c *mttest.Config) { c.Code = "54321" })
	me := s.AddUser(mttest.User{First: "Me", Phone: "+491701234567", Password: "swordfish"})
	friend := s.AddUser(mttest.User{First: "Friend"})
	o := newOperator(t, s)

	// The code is asked for, and read from standard input; a wrong one is asked for again. The password comes from a file.
	secret := filepath.Join(o.home, "2fa")
	must(t, os.WriteFile(secret, []byte("swordfish\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(o.home, "answers"), []byte("00000\n54321\n"), 0o600))
	out := o.run(t, `natsgram login main --phone +491701234567 < "$HOME/answers"`, "NATSGRAM_LOGIN_PASSWORD_FILE="+secret)
	if !strings.Contains(out, fmt.Sprintf("main is user %d", me.ID())) || strings.Contains(out, "swordfish") {
		t.Fatalf("login:\n%s", out)
	}

	stopNow := o.serve(t, "main")
	if out := o.run(t, `natsgram call main users.getUsers id:='[{"_":"inputUserSelf"}]'`); !strings.Contains(out, `"first_name": "Me"`) {
		t.Errorf("users.getUsers:\n%s", out)
	}
	o.run(t, `natsgram call main messages.sendMessage peer._=inputPeerSelf message='hello from NATS'`)
	o.readme(t)
	o.commands(t)
	friend.Send(me, "while it runs")
	o.waitFor(t, "while it runs")
	stopNow()

	friend.Send(me, "while it was away")
	o.serve(t, "main")
	o.waitFor(t, "while it was away")
	all := o.run(t, "natsgram tail main --all --json --type updateNewMessage -n 5") // and that it begins here
	for _, want := range []string{"hello from NATS", "while it runs", "while it was away"} {
		if n := strings.Count(all, `"`+want+`"`); n != 1 {
			t.Errorf("%q stands %d times in the stream:\n%s", want, n, all)
		}
	}
	events := make(chan string, 1)
	go func() {
		out, _ := o.sh(t, "timeout 30 natsgram events main -n 1", o.env...)
		events <- out
	}()
	for told := ""; told == ""; { // until the events command listens
		o.run(t, "natsgram login main --phone +491701234567 --code 54321", "NATSGRAM_LOGIN_PASSWORD_FILE="+secret)
		select {
		case told = <-events:
		default:
		}
	}
	if out, err := o.answers(t, "main"); err != nil { // the last sign-in is taken up
		t.Fatalf("main does not answer: %v\n%s", err, out)
	}
	o.run(t, "natsgram logout main")
	if out := o.run(t, "natsgram status main"); !strings.Contains(out, "signed-out") {
		t.Errorf("status after logout:\n%s", out)
	}
	if entries, err := os.ReadDir(filepath.Join(o.home, ".local", "state", "natsgram")); err != nil || len(entries) == 0 {
		t.Errorf("the state folder: %v, %v", entries, err)
	}
}

// commands are those about one account.
func (o *operator) commands(t *testing.T) {
	t.Helper()
	for line, want := range map[string]string{
		"natsgram status main":                 `state +connected`,
		"natsgram status main --json":          `"state":"connected"`,
		"natsgram watch add main 1234":         `channels.0 +1234`,
		"natsgram watch remove main 1234":      ``,
		"natsgram health":                      `ready`,
		"natsgram call main help.getConfig -c": `"_":"config"`,
		"natsgram -s $(cat $HOME/.local/state/natsgram/nats.url) --context $HOME/.config/nats/context/natsgram.json status main": `state +connected`,
		"natsgram --context natsgram call main messages.sendMessage peer=me message=x --accept tl | wc -c":                       `[1-9]`,
	} {
		if out := o.run(t, line); !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("%s: want %s:\n%s", line, want, out)
		}
	}
}

// readme runs the README's commands for `natsgram serve` with the nats CLI, word for word. Whoever does not sign in is refused.
func (o *operator) readme(t *testing.T) {
	t.Helper()
	must(t, installCLI())
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	must(t, err)
	blocks := regexp.MustCompile("(?s)<!-- e2e: serve -->\n```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) == 0 {
		t.Fatal("the README has no block marked <!-- e2e: serve -->")
	}
	for _, block := range blocks {
		for line := range strings.Lines(block[1]) {
			line, _, _ = strings.Cut(strings.TrimSpace(line), "   # ")
			if out := o.run(t, line); strings.Contains(out, "Nats-Service-Error") {
				t.Errorf("%s:\n%s", line, out)
			}
		}
	}
	url, err := os.ReadFile(filepath.Join(o.home, ".local", "state", "natsgram", "nats.url"))
	must(t, err)
	for _, line := range []string{"kv ls", "req tg.ctl._.accounts.list ''", "sub '>' --count 1"} {
		out, err := o.sh(t, "timeout 10 nats -s "+strings.TrimSpace(string(url))+" "+line, o.env...)
		if err == nil || !strings.Contains(strings.ToLower(out), "authorization") {
			t.Errorf("a stranger may do %s: %v\n%s", line, err, out)
		}
	}
}

func (o *operator) waitFor(t *testing.T, text string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); {
		out, err := o.sh(t, "timeout 3 natsgram tail main --all --json --type updateNewMessage", o.env...)
		if strings.Contains(out, text) {
			return
		}
		if err != nil && !strings.Contains(err.Error(), "124") {
			t.Fatalf("tail: %v\n%s", err, out)
		}
	}
	t.Fatalf("%q does not come", text)
}

// TestBot signs a bot in by its token, without a terminal.
func TestBot(t *testing.T) {
	s := mttest.NewServer(t)
	bot := s.AddBot("Helper", "helper_bot")
	o := newOperator(t, s)
	out := o.run(t, "natsgram login bot", "NATSGRAM_LOGIN_BOT_TOKEN="+bot.Token())
	if !strings.Contains(out, "bot is bot") || strings.Contains(out, bot.Token()) {
		t.Fatalf("login:\n%s", out)
	}
	o.serve(t, "bot")
}

// TestLoginRefused: what cannot work says why, and asks nothing that nobody can answer.
func TestLoginRefused(t *testing.T) {
	s := mttest.NewServer(t)
	o := newOperator(t, s)
	for _, c := range []struct{ line, want string }{
		{"natsgram login 'Bad Name' --phone +1 < /dev/null", "account"},
		{"natsgram login main < /dev/null", "flag"},
		{"NATSGRAM_API_ID= natsgram login main --phone +4915100 < /dev/null", "NATSGRAM_API_ID"},
		{"natsgram login main --phone +4915100 < /dev/null", "nobody to ask"},
		{"natsgram login main --phone abc < /dev/null", "PHONE"},
		{"natsgram login main --bot-token 1:nonsense < /dev/null", "ACCESS_TOKEN"},
	} {
		out, err := o.sh(t, c.line, o.env...)
		if err == nil || !strings.Contains(out, c.want) || strings.Contains(out, "1:nonsense") {
			t.Errorf("%s: %v, want %q:\n%s", c.line, err, c.want, out)
		}
	}
}
