package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge"
	"github.com/natsgram/natsgram/bridge/client"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/tl/tg"
)

// A call and an update over the bus, all in one process: a Telegram for tests, a daemon with a NATS server inside, and the program. With
// natsgram running elsewhere only what follows nats.Connect is needed.
func Example() {
	s, err := mttest.Start(mttest.Config{Code: "12345"})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	alice, bob := s.AddUser(mttest.User{First: "Alice", Phone: "+15550001"}), s.AddUser(mttest.User{First: "Bob", Username: "bob"})
	url, stop, err := daemon(s, alice.Phone())
	if err != nil {
		log.Fatal(err)
	}
	defer stop()

	nc, err := nats.Connect(url)
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()
	ctx, c := context.Background(), client.New(nc, "main")
	found, err := tg.ContactsResolveUsername(ctx, c, &tg.ContactsResolveUsernameRequest{Username: "bob"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("found", found.Users[0].(*tg.User).FirstName.V)

	bob.Send(alice, "hello Alice")
	for u, err := range c.Updates(ctx, client.UpdatesConfig{
		Durable: "printer", Start: client.StartAll(), Filters: []client.Filter{{Update: "updateNewMessage"}},
	}) {
		if err != nil {
			log.Fatal(err)
		}
		if err := u.Ack(); err != nil {
			log.Fatal(err)
		}
		if u.Gap != nil { // passes every filter
			fmt.Println("gap:", u.Gap.Reason)
			continue
		}
		if v, ok := u.Value.(*tg.UpdateNewMessage); ok {
			fmt.Println(v.Message.(*tg.Message).Message)
			break
		}
	}
	// Output:
	// found Bob
	// gap: beginning
	// hello Alice
}

// Who is behind a name, what is known of an id, and a search by the beginning of a name.
func ExampleClient_Peers() {
	s, err := mttest.Start(mttest.Config{Code: "12345"})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	alice := s.AddUser(mttest.User{First: "Alice", Phone: "+15550001"})
	s.AddUser(mttest.User{First: "Bob", Last: "Builder", Username: "bob"})
	url, stop, err := daemon(s, alice.Phone())
	if err != nil {
		log.Fatal(err)
	}
	defer stop()
	nc, err := nats.Connect(url)
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()

	ctx, people := context.Background(), client.New(nc, "main").Peers()
	bob, err := people.Resolve(ctx, "@bob") // may ask Telegram
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(bob.Type, bob.Name, bob.Usernames)
	known, err := people.Get(ctx, fmt.Sprintf("%s.%d", bob.Kind, bob.ID)) // asks nobody
	fmt.Println(known.Name, err)
	_, err = people.Get(ctx, "channel.5")
	fmt.Println(errors.Is(err, client.ErrUnknownPeer))
	found, more, err := people.Search(ctx, client.PeerSearch{Text: "buil", Kind: client.User})
	fmt.Println(len(found), more, err)
	// Output:
	// user Bob Builder [bob]
	// Bob Builder <nil>
	// true
	// 1 false <nil>
}

// Messages of the past, as the updates that they would be if they came now.
func ExampleClient_History() {
	s, err := mttest.Start(mttest.Config{Code: "12345"})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	alice := s.AddUser(mttest.User{First: "Alice", Phone: "+15550001"})
	bob := s.AddUser(mttest.User{First: "Bob", Username: "bob"})
	for _, text := range []string{"one", "two", "three"} {
		bob.Send(alice, text)
	}
	url, stop, err := daemon(s, alice.Phone())
	if err != nil {
		log.Fatal(err)
	}
	defer stop()
	nc, err := nats.Connect(url)
	if err != nil {
		log.Fatal(err)
	}
	defer nc.Close()

	ctx, c, newest := context.Background(), client.New(nc, "main"), client.HistoryOf{Peer: "@bob", Limit: 2}
	far := []client.HistoryOption{client.WithHistoryProgress(func(j client.HistoryJob) { log.Print(j.Percent, " %") })}
	job, err := c.FetchHistory(ctx, newest, far...) // into the stream, for whoever reads that
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(job.State, job.Stored)
	for u, err := range c.History(ctx, newest) { // fetched already, so read alone
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(u.Value.(*tg.UpdateNewMessage).Message.(*tg.Message).Message)
	}
	// Output:
	// done 2
	// two
	// three
}

// What a peer is to people.
func ExamplePeerType() {
	for _, t := range []client.PeerType{client.PeerUser, client.PeerBot, client.PeerChat, client.PeerSupergroup, client.PeerChannel} {
		switch t {
		case client.PeerUser, client.PeerBot:
			fmt.Println(t, "has talks of its own")
		default:
			fmt.Println(t, "has members")
		}
	}
	// Output:
	// user has talks of its own
	// bot has talks of its own
	// chat has members
	// supergroup has members
	// channel has members
}

// daemon runs natsgram for an account, as natsgram serve and natsgram login do, and tells where its NATS server is.
func daemon(s *mttest.Server, phone string) (url string, stop func(), err error) {
	dir, err := os.MkdirTemp("", "natsgram")
	if err != nil {
		return "", nil, err
	}
	env, set := s.Env(), bridge.DefaultSettings()
	set.StateDir, set.Port, set.APIID, set.APIHash = dir, -1, 1, "of my.telegram.org"
	o := bridge.Options{Env: &env, NoSync: true, Open: true, Version: "example"}
	b, err := bridge.New(set, o)
	if err != nil {
		return "", nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = b.Run(ctx) }()
	stop = func() { cancel(); <-ended; _ = os.RemoveAll(dir) }
	select {
	case <-b.Ready():
	case <-ended:
		stop()
		return "", nil, fmt.Errorf("the daemon ended before it was ready")
	}
	_, err = bridge.Login(ctx, set, o, bridge.SignIn{Account: "main", Phone: phone, Prompt: func(context.Context, mtproto.LoginState, error) (string, error) {
		return "12345", nil
	}})
	if err != nil {
		stop()
		return "", nil, err
	}
	return b.ClientURL(), stop, nil
}
