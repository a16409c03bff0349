package mtproto_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/tl/tg"
)

// What a program shows of a client that runs.
func ExampleClient() {
	c, _, _, _, stop := running(nil)
	defer stop()
	ctx := context.Background()
	if err := c.Ready(ctx); err != nil { // connected
		log.Fatal(err)
	}
	fmt.Println("home:", c.Home(), "layer:", c.Schema().Layer() > 200, "premium:", c.Premium())
	fmt.Println("the clocks agree:", c.ClockOffset().Abs() < time.Minute, "heard:", time.Since(c.LastHeard()) < time.Minute)
	fmt.Println("files go over connections of their own:", c.HasMediaAddress(0))
	for _, way := range c.Ways() {
		fmt.Println("way:", way.Way)
	}
	c.Reinit() // another connection, which says anew which layer is spoken
	fmt.Println(c.Ready(ctx))
	// Output:
	// home: 2 layer: true premium: false
	// the clocks agree: true heard: true
	// files go over connections of their own: false
	// way: direct
	// <nil>
}

// How a client shows itself, and connects.
func ExampleNew() {
	dialer := &net.Dialer{KeepAlive: 30 * time.Second}
	var dial mtproto.DialFunc = dialer.DialContext
	c, _, _, _, stop := running(func(o *mtproto.Options) {
		o.Device = mtproto.Device{Model: "rack 7", System: "Linux", App: "1.0", Lang: "en"}
		o.Dial = dial
		o.Transport = mtproto.Transport{Plain: true}
		o.Limits = mtproto.Limits{FloodWait: time.Minute, Retries: 2, BackoffMax: 10 * time.Second}
		o.Throttle = &mtproto.Throttle{PerSecond: 5} // shared by all clients behind one address
		o.Updates = func(u mtproto.Update) {
			if len(u.Body) == 0 {
				u.Decline() // it comes again
				return
			}
			u.Ack() // it is safe
		}
		o.Paused = func(p mtproto.Pause) { log.Printf("%s to %s waits until %v: %s", p.Method, p.Peer, p.Until, p.Kind) }
	})
	defer stop()
	_, err := tg.HelpGetNearestDc(context.Background(), c, nil)
	fmt.Println(err)
	// Output: <nil>
}

// What happens is told as it happens, by types that hold what is known of it, and names for logs and metrics.
func ExampleEvent() {
	words := func(e mtproto.Event) string {
		switch e := e.(type) {
		case mtproto.Connected:
			return fmt.Sprintf("data centre %d answers", e.DC)
		case mtproto.Disconnected:
			return fmt.Sprintf("attempt %d failed, again in %v: %v", e.Attempt, e.Next, e.Err)
		case mtproto.KeyCreated:
			return fmt.Sprintf("a key for data centre %d", e.DC)
		case mtproto.KeyDoubted:
			return fmt.Sprintf("data centre %d does not know our key", e.DC)
		case mtproto.KeyDestroyed:
			return fmt.Sprintf("data centre %d has forgotten a key: %v", e.DC, e.Err)
		case mtproto.NewSession:
			return "fetch the difference: pushes may be lost"
		case mtproto.ConfigUpdated:
			return fmt.Sprintf("%d addresses", e.Options)
		case mtproto.Migrated:
			return fmt.Sprintf("the account moved to data centre %d", e.To)
		case mtproto.InitRefused:
			return fmt.Sprintf("calls wait for %v: %v", e.Next, e.Err)
		case mtproto.Throttled:
			return fmt.Sprintf("connecting waits for %v", e.Wait)
		case mtproto.SpeedLimited:
			return fmt.Sprintf("files are slowed down: %v", e.Wait)
		case mtproto.AuthLost:
			return fmt.Sprintf("signed out: %v", e.Err)
		case mtproto.Frozen:
			return fmt.Sprintf("frozen until %v: %s", e.Until, e.AppealURL)
		case mtproto.NewAuthorization:
			return fmt.Sprintf("signed in on %s in %s", e.Device, e.Location)
		case mtproto.ServiceNotice:
			return "a word of Telegram's: " + e.Text
		case mtproto.SaveFailed:
			return fmt.Sprintf("the state is not kept: %v", e.Err)
		}
		return e.Name()
	}
	told := make(chan string, 100)
	_, _, _, _, stop := running(func(o *mtproto.Options) {
		o.Events = func(e mtproto.Event) {
			select {
			case told <- words(e):
			default: // it must not block
			}
		}
	})
	defer stop()
	fmt.Println(<-told)
	// Output: a key for data centre 2
}

// The state is all that the next run needs. As JSON it holds secrets; printed in any other way it shows none.
func ExampleState() {
	c, _, _, bot, stop := running(nil)
	if _, err := c.Login().BotToken(context.Background(), bot.Token()); err != nil {
		log.Fatal(err)
	}
	state := c.State()
	stop()
	var at mtproto.DCState = state.DCs[state.Home]
	var salts []mtproto.Salt = at.Salts
	var config mtproto.ServerConfig = state.Config
	fmt.Println(state.Version == mtproto.StateVersion, state.Bot, at.Authorized, len(at.Key), len(salts) > 0, config.ThisDC == state.Home)

	kept, err := json.Marshal(state)
	if err != nil {
		log.Fatal(err)
	}
	again, err := mtproto.ParseState(kept)
	fmt.Println(again.UserID == state.UserID, err)
	fmt.Println(at, mtproto.API{ID: 1, Hash: "a secret"})
	// Output:
	// true true true 256 true true
	// true <nil>
	// key true, 1 salts api_id 1
}

// File traffic has connections of its own, at the data centre that has the file; other calls go to another data centre than the
// account's by InvokeDC.
func ExampleClient_InvokeFile() {
	c, s, _, bot, stop := running(nil)
	defer stop()
	ctx := context.Background()
	if _, err := c.Login().BotToken(ctx, bot.Token()); err != nil {
		log.Fatal(err)
	}
	report := s.AddFile(2, "report.txt", []byte("all is well"))
	query, err := c.Schema().Encode(nil, map[string]any{"_": "upload.getFile", "location": bot.Location(report), "offset": 0, "limit": 4096})
	if err != nil {
		log.Fatal(err)
	}
	var way mtproto.Traffic = mtproto.Download // mtproto.Upload for parts that are sent
	loan := new(mtproto.Loan)                  // the result stands in a buffer that is wanted back
	body, err := c.InvokeFile(mtproto.WithLoan(ctx, loan), 2, way, query)
	if err != nil {
		log.Fatal(err)
	}
	part, err := c.Schema().View(body)
	fmt.Println(part.Name(), part.Str("bytes"), err)
	loan.Return()

	call, err := tg.Append(nil, &tg.HelpGetNearestDcRequest{})
	if err != nil {
		log.Fatal(err)
	}
	_, err = c.InvokeFile(ctx, 2, mtproto.Upload, call)
	fmt.Println(errors.Is(err, mtproto.ErrNotFile))
	_, err = c.InvokeCDN(ctx, 203, call)
	fmt.Println(errors.Is(err, mtproto.ErrNotFile))
	_, err = c.InvokeDC(ctx, 2, call)
	fmt.Println(err)
	// Output:
	// upload.file all is well <nil>
	// true
	// true
	// <nil>
}
