package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

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
