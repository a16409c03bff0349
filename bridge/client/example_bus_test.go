package client_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/client"
	"github.com/natsgram/natsgram/tl/tg"
)

// A file goes into the object store, a call names it, and what is sent is fetched again.
func ExampleClient_Upload() {
	nc, stop := onBus()
	defer stop()
	ctx, c := context.Background(), client.New(nc, "main")

	var report client.Object
	report, err := c.Upload(ctx, "report.txt", strings.NewReader("all is well"))
	if err != nil {
		log.Fatal(err)
	}
	sent, err := tg.MessagesSendMedia(ctx, c, &tg.MessagesSendMediaRequest{
		Peer: &tg.InputPeerSelf{}, Message: "the report", Media: &tg.InputMediaUploadedDocument{
			File: report.InputFile(), MimeType: "text/plain", Attributes: []tg.DocumentAttributeClass{&tg.DocumentAttributeFilename{FileName: "report.txt"}},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, u := range sent.(*tg.Updates).Updates {
		if id, ok := u.(*tg.UpdateMessageID); ok {
			var got bytes.Buffer
			var info client.FileInfo
			info, n, err := c.Download(ctx, client.FileOf{Message: &client.MessageAt{Peer: "me", ID: int64(id.ID)}}, &got)
			fmt.Printf("%s %d %q %v\n", info.Name, n, got.String(), err)
		}
	}
	// Output: report.txt 11 "all is well" <nil>
}

// An update that cannot be done with now is given back, one that nobody can do with is done with for good.
func ExampleUpdate() {
	nc, stop := onBus()
	defer stop()
	ctx, c := context.Background(), client.New(nc, "main")
	say(ctx, c, "first")

	cfg := client.UpdatesConfig{Durable: "worker", Start: client.StartAll(), Filters: []client.Filter{{Update: "updateNewMessage", Kind: client.User}}, NoGaps: true}
	for u, err := range c.Updates(ctx, cfg) {
		if err != nil {
			log.Fatal(err)
		}
		switch {
		case errors.Is(u.Err, client.ErrUnknown), errors.Is(u.Err, client.ErrRedacted):
			err = u.TermWithReason(u.Err.Error())
		case u.Delivered == 1:
			err = errors.Join(u.InProgress(), u.Nak()) // it takes longer; and then it fails
		case u.Delivered == 2:
			var about client.Meta = u.Meta
			fmt.Println(about.Type, about.Kind, len(about.MessageIDs), u.Headers().Get("Content-Type"))
			err = u.Term()
		}
		if err != nil {
			log.Fatal(err)
		}
		if u.Delivered == 2 {
			break
		}
	}
	// Output: updateNewMessage user 1 application/json
}

// say sends a message to the account itself, and waits until the stream has the update of it.
func say(ctx context.Context, c *client.Client, text string) *client.Update {
	sub, err := c.Subscribe(ctx, client.UpdatesConfig{Start: client.StartNew(), Filters: []client.Filter{{Update: "updateNewMessage"}}, NoGaps: true})
	if err != nil {
		log.Fatal(err)
	}
	defer sub.Stop()
	if _, err := tg.MessagesSendMessage(ctx, c, &tg.MessagesSendMessageRequest{Peer: &tg.InputPeerSelf{}, Message: text}); err != nil {
		log.Fatal(err)
	}
	u, err := sub.Next(ctx)
	if err != nil {
		log.Fatal(err)
	}
	return u
}

// Where reading begins: with what comes, with the oldest, or with the newest that there are.
func ExampleStart() {
	nc, stop := onBus()
	defer stop()
	ctx, c := context.Background(), client.New(nc, "main")
	first := say(ctx, c, "one")
	say(ctx, c, "two")
	say(ctx, c, "three")

	for name, from := range map[string]client.Start{
		"the newest two":        client.StartNewest(2),
		"behind the first":      client.StartSequence(first.Sequence + 1),
		"the newest":            client.StartLast(),
		"the newest everywhere": client.StartLastPerChat(),
	} {
		for u, err := range c.Updates(ctx, client.UpdatesConfig{Start: from, Filters: []client.Filter{{Update: "updateNewMessage"}}, NoGaps: true}) {
			if err != nil {
				log.Fatal(err)
			}
			if v, ok := u.Value.(*tg.UpdateNewMessage); ok {
				fmt.Println(name+":", v.Message.(*tg.Message).Message)
			}
			break
		}
	}
	// Unordered output:
	// the newest two: two
	// behind the first: two
	// the newest: three
	// the newest everywhere: three
}

// Filters choose by what stands in the subject, and by the topic of a forum; any of them is enough.
func ExampleFilter() {
	cfg := client.UpdatesConfig{Start: client.StartNew(), Filters: []client.Filter{
		{Kind: client.Channel, ChatID: 1234, Topic: 42},
		{Kind: client.Channel, ChatID: 1234, Topic: client.General},
		{Update: "updateNewMessage", Kind: client.Chat},
		{Kind: client.Secret},
	}}
	fmt.Println(len(cfg.Filters))
	// Output: 4
}

// A job that cannot be one is refused at once; of others it is told in which state they end.
func ExampleJobState() {
	nc, stop := onBus()
	defer stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := client.New(nc, "main")
	advice := func(s client.JobState) string {
		switch s {
		case client.JobDone:
			return "nothing"
		case client.JobFailed:
			return "look at the error, and make another job"
		case client.JobUnknown:
			return "look in the chat, then queue.retry or queue.cancel"
		case client.JobExpired, client.JobReplaced, client.JobCancelled:
			return "nothing was sent"
		}
		return "a state of a newer daemon"
	}

	_, err := c.Queue(ctx, client.Job{Method: "no method"})
	fmt.Println(errors.Is(err, client.ErrJob))

	var queued *client.Queued
	queued, err = c.Queue(ctx, client.Job{Kind: client.None, Method: "messages.sendMessage", Params: map[string]any{"peer": "@nobody_at_all", "message": "x"}})
	if err != nil {
		log.Fatal(err)
	}
	var result *client.JobResult
	if result, err = queued.Wait(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(advice(result.State))
	// Output:
	// true
	// look at the error, and make another job
}

// How a client works is said once. The daemon may be reached through another JetStream domain, and may be slow.
func ExampleOption() {
	nc, stop := onBus()
	defer stop()
	js, err := jetstream.New(nc) // jetstream.NewWithDomain, where it is in one
	if err != nil {
		log.Fatal(err)
	}
	patient := []client.Option{client.Timeout(5 * time.Minute), client.Retries(100), client.WaitForDaemon(time.Hour), client.JetStream(js)}
	_, err = tg.HelpGetNearestDc(context.Background(), client.New(nc, "main", patient...), nil)
	fmt.Println(err)

	hurried := []client.Option{client.Timeout(5 * time.Second), client.Retries(0), client.WaitForDaemon(0)}
	_, err = tg.HelpGetNearestDc(context.Background(), client.New(nc, "another", hurried...), nil)
	fmt.Println(errors.Is(err, client.ErrNoDaemon))
	// Output:
	// <nil>
	// true
}

// What a program does about the error of a call: first what stands behind it, then whose it is, then whether it was executed.
func ExampleError_Telegram() {
	whatNow := func(err error) string {
		var e *client.Error
		switch {
		case errors.Is(err, client.ErrNoDaemon):
			return "start the daemon"
		case errors.Is(err, client.ErrSignedOut):
			return "sign in again"
		case errors.Is(err, client.ErrNotAllowed):
			return "ask the operator for NATSGRAM_ALLOW"
		case errors.Is(err, client.ErrExecuted):
			return "nothing: it is done"
		case errors.Is(err, client.ErrNoAnswer):
			return "try again with the same id"
		case !errors.As(err, &e):
			return "nothing: it is no error of a call"
		}
		if code, text := e.Telegram(); code != 0 {
			return "Telegram says " + text
		}
		switch e.Sent {
		case client.SentNo:
			return "try again"
		case client.SentUnknown, client.SentYes:
			return "look whether it was executed"
		}
		return ""
	}
	nc, stop := onBus()
	defer stop()
	ctx := context.Background()
	_, err := tg.ContactsResolveUsername(ctx, client.New(nc, "main"), &tg.ContactsResolveUsernameRequest{Username: "nobody_at_all"})
	fmt.Println(whatNow(err))
	_, err = tg.AccountDeleteAccount(ctx, client.New(nc, "main"), &tg.AccountDeleteAccountRequest{Reason: "no reason"})
	fmt.Println(whatNow(err))
	_, err = tg.HelpGetConfig(ctx, client.New(nc, "another", client.WaitForDaemon(0)), nil)
	fmt.Println(whatNow(err))
	// Output:
	// Telegram says USERNAME_NOT_OCCUPIED
	// ask the operator for NATSGRAM_ALLOW
	// start the daemon
}
