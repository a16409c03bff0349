package main

import (
	"context"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge"
	"github.com/natsgram/natsgram/bridge/embedded"
	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/subjects"
)

// Jobs from the command line, with a daemon and a Telegram in a box.
func TestQueueCommands(t *testing.T) {
	srv, try := triesOf(t, "queue")
	try("add demo none.0 help.getConfig", 1, "nothing takes tg.queue.demo.none.0.help.getConfig")
	try("watch demo", 1, "there is no stream TG_DONE")
	runPeople(t, srv.ClientURL())
	try("add demo none.0 help.getNearestDc --id near --wait 20s", 0, `"_": "nearestDc"`)
	try("add demo none.0 help.getNearestDc --id near --wait 20s", 0, `"_": "nearestDc"`) // it is done, and told as it was
	try("add demo none.0 help.getNearestDc --id near --wait 20s", 0, `"_": "nearestDc"`)
	try("add demo none.0 users.getUsers id=@alice --wait 20s", 1, "the subject names no chat", "(403)", "not asked to execute")
	try("add demo channel.1 messages.sendMessage message=x --not-before 2h --id later", 0, "later\n")
	try("add demo channel.1 messages.sendMessage message=x --expires 1d", 0)
	try("add demo @alice messages.sendMessage message=hello --id named --wait 20s", 0, `"id"`)
	try("add demo @nobodyhere messages.sendMessage message=hello", 1, "chat @nobodyhere: ")
	try("add demo channel.2 messages.sendMessage message=x --not-before 2h --id early --wait 100ms", 1, "waits (later), and was not done within 100ms")
	try("cancel demo early", 0, "cancelled")
	try("list demo --chat @alice", 0, "No job waits.")
	try("list demo", 0, "later", "channel.1", "messages.sendMessage")
	try("list demo --json", 0, `"job":"later","seq":`, `"state":"later"`, `"not_before":"`)
	try("list demo --chat channel.2", 0, "No job waits.")
	try("retry demo later", 1, "not due")
	try("cancel demo later", 0, "cancelled")
	try("cancel demo later", 1, "the queue has no such job")
	try("cancel demo --chat channel.1 --all", 0, "cancelled")
	try("watch demo --all -n 6", 0, "done       near  none.0  help.getNearestDc", "failed ", "cancelled  later", "Tg-Expires")
	try("watch demo --all -n 1 --json", 0, `{"job":"near","chat":"none.0","method":"help.getNearestDc","state":"done","tries":"1","result":{`)
	try("add nobody user.1 messages.sendMessage message=x", 0, "No daemon has ever run an account nobody here; the job waits for one.")
	try("add demo channel.1 messages.sendMessage message=x --priority 3 --coalesce a --dry-run", 0, "subject: tg.queue.demo.channel.1.messages.sendMessage", "Tg-Priority: 3", "Tg-Coalesce: a")
	for _, words := range []string{"add demo user.* messages.sendMessage", "add demo user.5 no.such", "list demo --chat channel.>", "list demo --limit 0", "cancel demo", "cancel demo --all", "watch demo --since 1h --all"} {
		try(words, 2, "")
	}
}

// Of a job that is not in the queue any more, and of which nothing is kept, the command says that, and does not wait for what will not come.
func TestQueueResultIsForgotten(t *testing.T) {
	srv, try := triesOf(t, "queue")
	nc := embeddedtest.Connect(t, srv)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for name, subject := range map[string]string{"TG_QUEUE": "tg.queue.>", "TG_DONE": "tg.done.>"} {
		if _, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: []string{subject}}); err != nil {
			t.Fatal(err)
		}
	}
	const add = "add demo none.0 help.getNearestDc --id near --wait "
	try(add+"100ms", 1, "nothing was told of it within 100ms; no daemon says whether it waits")
	if _, err := nc.Subscribe("tg.ctl.demo.queue.list", func(m *nats.Msg) { _ = m.Respond([]byte(`{"jobs":[],"waiting":0,"chats":0}`)) }); err != nil || nc.Flush() != nil {
		t.Fatal(err)
	}
	try(add+"1m", 1, "is not in the queue any more, and what became of it is not kept", "NATSGRAM_DONE_MAX_AGE")
	told := nats.NewMsg("tg.done.demo.none.0.near")
	told.Header = nats.Header{"Tg-Job-Digest": {"another job's"}}
	told.Data = []byte(`{"a":1}`)
	if _, err := js.PublishMsg(t.Context(), told); err != nil {
		t.Fatal(err)
	}
	try(add+"1m", 1, "is not in the queue any more")
	told.Header = nats.Header{"Tg-Job-Digest": {subjects.JobDigest("help.getNearestDc", "application/json", []byte("{}"))}}
	if _, err := js.PublishMsg(t.Context(), told); err != nil {
		t.Fatal(err)
	}
	try(add+"1m", 0, `"a": 1`)
}

// triesOf gives a server, and what runs commands that begin with a word on it: it fails the test where one ends in another way than
// it is to, or does not print what it is to.
func triesOf(t *testing.T, first string) (*embedded.Server, func(words string, status int, want ...string) string) {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	srv := embeddedtest.Start(t)
	return srv, func(words string, status int, want ...string) string {
		t.Helper()
		out, got := command(t, append(strings.Fields(first+" "+words), "-s", srv.ClientURL())...)
		for _, text := range want {
			if got != status || !strings.Contains(out, text) {
				t.Errorf("%s %s: status %d, want %d and %q:\n%s", first, words, got, status, text, out)
			}
		}
		return out
	}
}

// runPeople runs the demo's Telegram in a box, and a daemon that serves its account on the server at url, until the test ends.
func runPeople(t *testing.T, url string) *people {
	t.Helper()
	o := demoOptions{external: true, quiet: true, port: -1, settings: func() (bridge.Settings, error) {
		set := bridge.DefaultSettings()
		set.URL = url
		return set, nil
	}}
	set, err := demoSettings(t.Context(), t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	d, err := startPeople(set)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.server.Close)
	env := d.server.Env()
	options := bridge.Options{Env: &env}
	b, err := bridge.New(set, options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- b.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	<-b.Ready()
	if err := d.signIn(ctx, set, options); err != nil {
		t.Fatal(err)
	}
	if err := b.WaitServing(ctx, demoAccount); err != nil {
		t.Fatal(err)
	}
	return d
}
