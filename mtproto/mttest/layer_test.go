package mttest_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/schemas"
	"github.com/natsgram/natsgram/tl"
)

// otherLayer is the built-in layer, changed the way layers change: results of another class, fields gone, fields new.
func otherLayer(t *testing.T) *tl.Schema {
	t.Helper()
	lines := strings.Split(string(schemas.API()), "\n")
	changed := map[string]func(string) string{
		"messages.createChat": func(l string) string { return strings.Replace(l, "messages.InvitedUsers", "Updates", 1) },
		"auth.logOut":         func(l string) string { return strings.Replace(l, "auth.LoggedOut", "Bool", 1) },
		"message": func(l string) string {
			return strings.Replace(l, " id:int ", " novelty:Novelty list:Vector<Novelty> id:int ", 1)
		},
		"user":   func(l string) string { return strings.Replace(l, " access_hash:flags.0?long", "", 1) },
		"config": func(l string) string { return strings.Replace(l, " webfile_dc_id:int", "", 1) },
		// A method that the server answers, with a class whose constructor it does not know.
		"messages.chats": func(string) string { return "messages.chatsNew#12345678 new:int = messages.Chats;" },
	}
	n := 0
	for i, l := range lines {
		name, _, _ := strings.Cut(l, "#")
		if change, ok := changed[name]; ok {
			if lines[i] = change(l); lines[i] == l {
				t.Fatalf("%s is as it was", name)
			}
			n++
		}
	}
	lines = append([]string{"noveltyFull#11111111 a:int b:User = Novelty;", "noveltyEmpty#22222222 = Novelty;"}, lines...)
	s, err := tl.Parse("other.tl", []byte(strings.Join(lines, "\n")))
	if err != nil || n != len(changed) {
		t.Fatalf("%d of %d lines changed: %v", n, len(changed), err)
	}
	return s
}

// The server speaks any layer: it says what the layer can say, and fills what it asks for.
func TestAnotherLayer(t *testing.T) {
	s := mttest.NewServer(t, func(c *mttest.Config) { c.Schema = otherLayer(t) })
	alice, bob := s.AddUser(mttest.User{First: "A"}), s.AddUser(mttest.User{First: "B"})
	c := as(t, s, alice)
	made := c.call(M{"_": "messages.createChat", "users": []M{{"_": "inputUser", "user_id": bob.ID(), "access_hash": alice.AccessHash(bob)}}, "title": "x"})
	if made.Name() != "updates" || made.Len("users") != 2 {
		t.Errorf("createChat: %s with %d users", made.Name(), made.Len("users"))
	}
	for u := range c.call(sendTo(userPeer(alice, bob), "hi", 1)).Objects("updates") {
		if m, ok := u.Object("message"); ok {
			if o, _ := m.Object("novelty"); o.Name() != "noveltyEmpty" || m.Str("message") != "hi" {
				t.Errorf("message with %q: %q", o.Name(), m.Str("message"))
			}
		}
	}
	if v := c.call(M{"_": "messages.getChats", "id": []int64{}}); v.Name() != "messages.chatsNew" {
		t.Errorf("getChats: %s", v.Name())
	}
	if b, err := c.try(M{"_": "auth.logOut"}); err != nil || !bytes.Equal(b, words(0x997275b5)) {
		t.Errorf("logOut: %x, %v", b, err)
	}
}

// Many at once, cut at random, with a script that goes on meanwhile: for the race detector, and goleak at the end.
func TestCrowd(t *testing.T) {
	s := mttest.NewServer(t)
	people := []*mttest.Account{s.AddUser(mttest.User{First: "A"}), s.AddUser(mttest.User{First: "B"}), s.AddUser(mttest.User{First: "C"})}
	club := s.AddGroup("club", people[0], people[1:]...)
	news := s.AddChannel(mttest.ChannelConfig{Title: "news", Creator: people[0], Members: people[1:], Megagroup: true})
	var wg sync.WaitGroup
	clients := make([]*client, len(people))
	for i, a := range people {
		clients[i] = as(t, s, a)
	}
	for i, a := range people {
		wg.Go(func() {
			for j := range 50 {
				a.Send(club, "x")
				a.Send(news, "y")
				a.Typing(club)
				if j%10 == 0 {
					s.Cut()
				}
			}
		})
		wg.Go(func() {
			c := clients[i]
			r := rand.New(rand.NewPCG(uint64(i), 0))
			for j := range 50 {
				if r.IntN(5) == 0 {
					c.dial(home(s), r.IntN(2) == 0)
				}
				c.post(sendTo(userPeer(a, people[(i+1)%3]), "z", int64(j+1)))
				for {
					if m, err := c.poll(1e9); err != nil || m.ctor() == idRPCResult {
						if err != nil {
							c.dial(home(s), false)
						}
						break
					}
				}
			}
		})
	}
	wg.Wait()
	if again := s.Repeated(""); len(again) != 0 {
		t.Errorf("executed twice: %v", again)
	}
	if pts := people[0].State().Pts; pts < 150 {
		t.Errorf("pts %d", pts)
	}
}
