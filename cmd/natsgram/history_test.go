package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/history"
)

// History from the command line, with a daemon and a Telegram in a box.
func TestHistoryCommands(t *testing.T) {
	srv, try := triesOf(t, "history")
	try("fetch demo me", 1, "is `natsgram serve` running")
	runPeople(t, srv.ClientURL())
	try("list demo", 0, "No history is fetched.")
	try("fetch demo @alice", 0, "messages of user.", "are in TG_HISTORY", "tg.hist.demo.user.")
	try("fetch demo @alice --limit 1 --json", 0, `"state":"done","peer":"user.`, `"stored":0`)
	try("fetch demo @nobody_at_all", 1, "history.fetch: peer:")
	try("fetch demo @alice --from 2037-01-01 --no-wait", 0, "")
	try("list demo", 0, "JOB ", "done", "user.")
	try("list demo --json", 0, `{"id":"`, `"subject":"tg.hist.demo.user.`)
	try("cancel demo x", 1, "there is no such job")
	for _, words := range []string{"fetch demo", "fetch demo me --limit 0", "fetch demo me --topic 0", "fetch demo me --topic -1", "fetch demo me --from=", "fetch demo me --to=", "fetch Demo me", "cancel demo", "list"} {
		try(words, 2, "")
	}
	if got := interrupted(t, "history", "fetch", "demo", "me", "-s", srv.ClientURL()); got != "natsgram: interrupted\n" {
		t.Errorf("%q", got)
	}
}

// interrupted is what a command prints that Ctrl-C ends.
func interrupted(t *testing.T, words ...string) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if status := run(ctx, words, os.Stdin, f, f); status != 1 {
		t.Errorf("status %d", status)
	}
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestHistoryLine(t *testing.T) {
	now := time.Now()
	j := history.Job{State: history.Waiting, Done: 500, Of: 1000, Reason: "FLOOD_WAIT_30"}
	p := &progress{what: "channel.5", size: 100, done: 50, begun: now.Add(-10 * time.Second), told: func() string { return historyLine(j) }}
	if got := p.line(now); got != "channel.5  [##########----------]  50 %  500 of 1000 messages, waits: FLOOD_WAIT_30  10s" {
		t.Error(got)
	}
}

// The first pages come as fast as they can and the rest one a second: what is left is told by the speed of the last seconds.
func TestProgressSlowsDown(t *testing.T) {
	now := time.Now()
	p := &progress{what: "channel.5", size: 1000, begun: now, told: func() string { return "" }}
	for _, row := range []struct {
		seconds, done int64
		want          string
	}{
		{0, 0, "%"}, {2, 200, "8s"}, {3, 201, "12s"}, {7, 205, "13m15s"}, {8, 206, "13m14s"},
		{38, 206, "6h50m14s"}, {39, 236, "13m9s"}, // a flood wait, and what came behind it
		{40, 1000, "%"},
	} {
		at := now.Add(time.Duration(row.seconds) * time.Second)
		p.note(at, row.done)
		if words := strings.Fields(p.line(at)); words[len(words)-1] != row.want {
			t.Errorf("after %d s, %d: %s, want %s", row.seconds, row.done, words[len(words)-1], row.want)
		}
	}
}

// A job goes on while no daemon is there, and so does the command that waits for it.
func TestHistoryOutlivesDaemons(t *testing.T) {
	srv, _ := triesOf(t, "history")
	nc, err := nats.Connect(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	var asked atomic.Int64
	answer := func(m *nats.Msg) {
		now := time.Now()
		job := history.Job{ID: "1", State: history.Running, Peer: "user.5", Done: 7}
		if asked.Add(1) > 2 {
			job.State, job.Ended = history.Done, &now
		}
		body, _ := json.Marshal(map[string]any{"job": job, "jobs": []history.Job{job}})
		_ = m.Respond(body)
	}
	serve := func() (end func()) {
		sub, err := nc.Subscribe("tg.ctl.demo.history.*", answer)
		if err == nil {
			err = nc.Flush()
		}
		if err != nil {
			t.Fatal(err)
		}
		return func() { _ = sub.Unsubscribe(); _ = nc.Flush() }
	}
	end := serve()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for asked.Load() < 2 {
			time.Sleep(time.Millisecond)
		}
		end()
		time.Sleep(2 * time.Second) // it is asked, and nobody is there
		serve()
	}()
	out, status := command(t, "history", "fetch", "demo", "user.5", "-s", srv.ClientURL())
	<-gone
	if status != 0 || !strings.Contains(out, "7 messages of user.5 are in TG_HISTORY") {
		t.Errorf("status %d:\n%s", status, out)
	}
}

// Of a job that is in the list no more nobody knows how it ended. The command says just that, how far it was, and what to do.
func TestHistoryJobIsForgotten(t *testing.T) {
	srv, _ := triesOf(t, "history")
	nc, err := nats.Connect(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	answer := func(m *nats.Msg) {
		if strings.HasSuffix(m.Subject, ".list") {
			reply := nats.NewMsg(m.Reply)
			reply.Header = nats.Header{"Nats-Service-Error-Code": {"404"}, "Nats-Service-Error": {"history.list: there is no such job"}, "Tg-Sent": {"no"}}
			_ = m.RespondMsg(reply)
			return
		}
		body, _ := json.Marshal(map[string]any{"job": history.Job{ID: "j1", State: history.Running, Peer: "user.5", Done: 7, Of: 20}})
		_ = m.Respond(body)
	}
	if _, err := nc.Subscribe("tg.ctl.demo.history.*", answer); err != nil || nc.Flush() != nil {
		t.Fatal(err)
	}
	out, status := command(t, "history", "fetch", "demo", "user.5", "-s", srv.ClientURL())
	want := "natsgram: job j1 is not in the list any more, which has the last 50 that ended, for a week: it ended, and how is not known. It was last seen with 7 of 20 messages looked at.\n" +
		"The same command again fetches what is missing, and nothing twice.\n"
	if status != 1 || out != want {
		t.Errorf("status %d:\n%s", status, out)
	}
}

// Who may not ask is told so at once, and not that nobody knows what became of it.
func TestDeniedAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "nats.conf")
	conf := `listen: 127.0.0.1:-1
authorization: { users: [
{ user: deaf, password: x, permissions: { publish: ">", subscribe: "other.>" } }
{ user: dumb, password: x, permissions: { publish: "other.>" } }
] }`
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatal(err)
	}
	srv := embeddedtest.Serve(t, o)
	for user, want := range map[string]string{"dumb": "may not publish to tg.ctl.demo.", "deaf": "may not subscribe to _INBOX."} {
		t.Setenv("NATS_USER", user)
		t.Setenv("NATS_PASSWORD", "x")
		for _, words := range []string{"erase demo user.5 --yes", "history list demo", "chats demo", "status demo", "peers get demo @alice", "freeze demo", "queue list demo"} {
			begun := time.Now()
			out, status := command(t, append(strings.Fields(words), "-s", srv.ClientURL())...)
			if status != 1 || !strings.Contains(out, want) || time.Since(begun) > 15*time.Second {
				t.Errorf("%s: %s: status %d after %v:\n%s", user, words, status, time.Since(begun), out)
			}
		}
	}
}

// An id below zero looks like a flag; the command says how it is written.
func TestBelowZero(t *testing.T) {
	for _, words := range []string{"peers get demo -400001", "history fetch demo -1001500000002", "erase demo -5 --yes"} {
		if out, status := command(t, strings.Fields(words)...); status != 2 || !strings.Contains(out, " -- -") {
			t.Errorf("%s: status %d: %s", words, status, out)
		}
	}
}
