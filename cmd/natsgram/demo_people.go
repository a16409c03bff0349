package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/natsgram/natsgram/bridge"
	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/world"
	"github.com/natsgram/natsgram/tl"
)

// people are those of the demo, with the Telegram that they use and where they talk.
type people struct {
	server            *mttest.Server
	dora              *mttest.Account // the account on NATS
	alice, bob, carol *mttest.Account
	garden            *mttest.Group
	news              *mttest.Channel
	methods, layer    int
}

// newPeople speaks the layer of a schema; nil: the built-in one.
func newPeople(api *tl.Schema) (*people, error) {
	s, err := mttest.Start(mttest.Config{RepeatSends: true, Schema: api})
	if err != nil {
		return nil, err
	}
	t := &people{
		server:  s,
		dora:    s.AddUser(mttest.User{First: "Dora", Last: "Demo", Username: "dora", Phone: "+99966 2 0001"}),
		alice:   s.AddUser(mttest.User{First: "Alice", Username: "alice", Phone: "+99966 2 0002"}),
		bob:     s.AddUser(mttest.User{First: "Bob", Username: "bob", Phone: "+99966 2 0003"}),
		carol:   s.AddUser(mttest.User{First: "Carol", Username: "carol", Phone: "+99966 2 0004"}),
		methods: len(s.Schema().Functions()), layer: s.Schema().Layer(),
	}
	t.dora.AddContact(t.alice, t.bob, t.carol)
	t.garden = s.AddGroup("Garden", t.alice, t.bob, t.carol, t.dora)
	t.news = s.AddChannel(mttest.ChannelConfig{Title: "Town News", Username: "townnews", Creator: t.carol,
		Members: []*mttest.Account{t.alice, t.bob, t.dora}})
	t.alice.Send(t.garden, "The tomatoes are ripe. Who wants some?")
	t.carol.Send(t.news, "The bridge is open again.")
	t.carol.SendDraft(t.news, world.Draft{Text: "It sways a little.", Media: s.World().AddFile(video())})
	t.bob.Send(t.dora, "Hello Dora, welcome to the bus.")
	return t, nil
}

// video is one to be fetched, larger than one answer may be. What it shows is noise.
func video() world.File {
	data := make([]byte, 9<<20)
	_, _ = rand.NewChaCha8([32]byte{9}).Read(data) // never fails
	return world.File{DC: 2, Name: "bridge.mp4", MimeType: "video/mp4", Data: data}
}

// lines are what people say, each in turn.
var lines = map[string][]string{
	"garden": {"Has anybody seen the watering can?", "It rained enough today.", "I put the seeds into the shed.",
		"The bees like the lavender.", "Who locks up tonight?", "There are more tomatoes."},
	"news": {"The market moves to Saturday.", "Line 4 runs every ten minutes from now on.", "The library is open until nine.",
		"Tonight: concert in the park."},
	"dora": {"Are you coming on Saturday?", "I found your umbrella.", "Call me when you have time.", "Thank you for yesterday!"},
}

// talk has people say something now and then, until the context ends.
func (t *people) talk(ctx context.Context, every time.Duration) {
	for n := 0; ; n++ {
		if retry.Pause(ctx, every/2+rand.N(every+1)) != nil {
			return
		}
		who := []*mttest.Account{t.alice, t.bob, t.carol}[rand.N(3)]
		switch n % 3 {
		case 0:
			who.Typing(t.garden)
			if retry.Pause(ctx, every/4) != nil {
				return
			}
			who.Send(t.garden, turn("garden", n))
		case 1:
			who.Send(t.dora, turn("dora", n))
		case 2:
			t.carol.Send(t.news, turn("news", n))
		}
	}
}

func turn(where string, n int) string { return lines[where][n/3%len(lines[where])] }

// printScreen says what there is and what to try. Every command works as it stands in another terminal, in this folder.
func (t *people) printScreen(out io.Writer, url string, set bridge.Settings) {
	p := painter{out: out, colour: isTerminal(out)}
	nats, own := "nats", ownCommand()
	if !set.External() && url != "nats://127.0.0.1:4222" {
		nats, own = "nats -s "+url, "NATS_URL="+url+" "+own
	}
	rpc := func(method string) string { return set.Scheme().RPC(demoAccount, method) }
	stream := set.Scheme().StreamName("UPDATES")
	p.head("natsgram demo")
	p.say("  Telegram   a box on this machine: Alice, Bob and Carol, the group Garden, the channel Town News")
	p.say("  account    %s, signed in as Dora", demoAccount)
	p.say("  NATS       %s", url)
	if !set.External() {
		p.say("             open to every program on this machine, since it is a demo: natsgram serve asks who you are")
	}
	p.say("  methods    %d (layer %d), each a subject: %s", t.methods, t.layer, rpc("<method>"))
	p.head("Try, in another terminal (the nats CLI: go install github.com/nats-io/natscli/nats@v0.5.1)")
	p.try("a call, and one that sends a message",
		fmt.Sprintf(`%s req %s '{}'`, nats, rpc("help.getConfig")),
		fmt.Sprintf(`%s req %s '{"peer":{"_":"inputPeerChat","chat_id":"%d"},"message":"hello"}'`, nats, rpc("messages.sendMessage"), t.garden.ID()))
	p.try("the service that answers",
		nats+" micro ls",
		nats+" micro info natsgram-"+demoAccount)
	p.try("updates: a consumer of your own, one message at a time",
		fmt.Sprintf("%s consumer add %s mine --pull --defaults --deliver all --filter '%s'", nats, stream, set.Scheme().Updates(demoAccount)),
		fmt.Sprintf("%s consumer next %s mine", nats, stream))
	p.try("the same with natsgram's own commands",
		own+" methods sendmessage",
		own+` call `+demoAccount+` users.getUsers id:='[{"_":"inputUserSelf"}]'`,
		own+" tail "+demoAccount)
	p.head("Stop with Ctrl-C. Nothing is kept.")
}

// ownCommand is how this program is called from another terminal.
func ownCommand() string {
	exe, err := os.Executable()
	if err != nil || strings.Contains(filepath.ToSlash(exe), "/go-build") {
		return "go run ./cmd/natsgram"
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		if dir == filepath.Dir(exe) {
			return filepath.Base(exe)
		}
	}
	return exe
}

// painter writes the screen.
type painter struct {
	out    io.Writer
	colour bool
}

func (p painter) head(text string) {
	if p.colour {
		text = "\x1b[1m" + text + "\x1b[0m"
	}
	fmt.Fprintf(p.out, "\n%s\n\n", text)
}

func (p painter) say(format string, args ...any) { fmt.Fprintf(p.out, format+"\n", args...) }

func (p painter) try(what string, commands ...string) {
	p.say("  # %s", what)
	for _, c := range commands {
		p.say("  %s", c)
	}
	p.say("")
}
