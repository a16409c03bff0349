package torture

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// stuck is something that keeps updates from being stored, and stays until it is undone.
type stuck struct {
	name  string
	do    func(*alarmed)
	undo  func(*alarmed)
	alert string
}

// alarmed is a daemon that Prometheus watches.
type alarmed struct {
	*rig
	p *prometheus
}

// TestAlerts shows that the documented alerts fire wherever an account is stuck, and that none does while all is well.
func TestAlerts(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	t.Parallel() // it waits most of the time
	o := flags
	o.daemons, o.servers, o.accounts, o.storage = 1, 1, 1, "24MB"
	g := newRig(t, o)
	t.Cleanup(func() {
		if t.Failed() {
			g.logs()
		}
	})
	a := &alarmed{rig: g, p: newPrometheus(t, "http://"+g.daemons[0].http)}
	g.follows("acc1")
	a.says()
	a.p.quiet()
	for _, s := range []stuck{
		{"the stream is deleted", (*alarmed).deleteStream, (*alarmed).freeSubjects, "NatsgramUpdatesNotStored"},
		{"its subjects are changed", (*alarmed).changeSubjects, (*alarmed).freeSubjects, "NatsgramUpdatesNotStored"},
		{"it discards new messages, and is full", (*alarmed).discardNew, (*alarmed).keepNew, "NatsgramUpdatesNotStored"},
		{"a message is refused", (*alarmed).refuse, (*alarmed).refuseNot, "NatsgramUpdateWithoutContents"},
		{"the storage is used up", (*alarmed).fill, (*alarmed).empty, ""},
		{"the disk is full", (*alarmed).fillDisk, (*alarmed).emptyDisk, ""},
		{"the lease is lost", (*alarmed).freezeServer, (*alarmed).thawServer, "NatsgramLeaseLost"},
	} {
		begun := time.Now()
		s.do(a)
		if s.name != "the lease is lost" {
			a.says()
		}
		if s.alert != "" {
			a.p.fires(s.alert)
		} else { // the leases are in the same storage: which is told first depends on what is written first
			a.p.until(s.name, func(all []string) bool {
				return strings.Contains(fmt.Sprint(all), "NatsgramUpdatesNotStored") || strings.Contains(fmt.Sprint(all), "NatsgramLeaseLost")
			})
		}
		fired := time.Since(begun)
		s.undo(a)
		a.p.quiet()
		t.Logf("%s: told after %v, over after %v", s.name, fired.Round(time.Second), time.Since(begun).Round(time.Second))
	}
}

// says has something happen at Telegram.
func (a *alarmed) says() {
	a.traffic.friend.Send(a.traffic.accounts["acc1"], strings.Repeat("x", 3000))
}

func (a *alarmed) try(what string, do func(context.Context) error) {
	a.t.Helper()
	a.wait(what, 30*time.Second, do)
}

// occupied is a stream that has what belongs to natsgram's: it cannot be made anew.
var occupied = jetstream.StreamConfig{Name: "OCCUPIED", Subjects: []string{"tg.upd.>", "tg.own.>"}, NoAck: true, MaxMsgs: 1}

func (a *alarmed) deleteStream() {
	// A daemon makes it anew as soon as it sees it gone: who is faster is not known.
	a.try("deleting the stream", func(ctx context.Context) error {
		_ = a.js.DeleteStream(ctx, "TG_UPDATES")
		_, err := a.js.CreateStream(ctx, occupied)
		return err
	})
}

// freeSubjects undoes both: the daemon does the rest.
func (a *alarmed) freeSubjects() {
	a.try("freeing the subjects", func(ctx context.Context) error { return a.js.DeleteStream(ctx, occupied.Name) })
}

func (a *alarmed) edit(change func(*jetstream.StreamConfig)) {
	a.t.Helper()
	a.try("editing the stream", func(ctx context.Context) error {
		st, err := a.js.Stream(ctx, "TG_UPDATES")
		if err != nil {
			return err
		}
		c := st.CachedInfo().Config
		change(&c)
		_, err = a.js.UpdateStream(ctx, c)
		return err
	})
}

func (a *alarmed) changeSubjects() {
	a.try("changing its subjects", func(ctx context.Context) error {
		st, err := a.js.Stream(ctx, "TG_UPDATES")
		if err != nil {
			return err
		}
		c := st.CachedInfo().Config
		c.Subjects = []string{"elsewhere.>"}
		if _, err = a.js.UpdateStream(ctx, c); err == nil {
			_, err = a.js.CreateStream(ctx, occupied)
		}
		return err
	})
}

func (a *alarmed) discardNew() {
	a.edit(func(c *jetstream.StreamConfig) { c.Discard, c.MaxMsgs = jetstream.DiscardNew, 1 })
}

func (a *alarmed) keepNew() {
	a.edit(func(c *jetstream.StreamConfig) { c.Discard, c.MaxMsgs = jetstream.DiscardOld, -1 })
}

func (a *alarmed) refuse() { a.edit(func(c *jetstream.StreamConfig) { c.MaxMsgSize = 2500 }) }

func (a *alarmed) refuseNot() { a.edit(func(c *jetstream.StreamConfig) { c.MaxMsgSize = -1 }) }

// fill uses up all that the server may store.
func (a *alarmed) fill() {
	a.try("a stream for the rest", func(ctx context.Context) error {
		_, err := a.js.CreateStream(ctx, jetstream.StreamConfig{Name: "REST", Subjects: []string{"rest"}})
		return err
	})
	for size := 1 << 20; size > 64; size /= 2 {
		for {
			ctx, cancel := context.WithTimeout(a.t.Context(), 5*time.Second)
			_, err := a.js.Publish(ctx, "rest", make([]byte, size), jetstream.WithRetryAttempts(0))
			cancel()
			if err != nil {
				break
			}
		}
	}
}

func (a *alarmed) empty() {
	a.try("deleting the rest", func(ctx context.Context) error { return a.js.DeleteStream(ctx, "REST") })
}

// fillDisk has the server begin anew as one that can write no file beyond some size, which is as good as a disk that is full.
func (a *alarmed) fillDisk() {
	s := a.servers[0]
	s.restartAs("/bin/sh", append([]string{"-c", `ulimit -f 8; exec "$0" "$@"`, s.path}, s.args...))
}

func (a *alarmed) emptyDisk() {
	s := a.servers[0]
	s.restartAs(filepath.Join(a.dir, "nats-server"), s.args[3:])
}

func (a *alarmed) freezeServer() { a.servers[0].signal(syscall.SIGSTOP) }

func (a *alarmed) thawServer() { a.servers[0].signal(syscall.SIGCONT) }

// restartAs ends a process, and starts it with another command line.
func (p *process) restartAs(path string, args []string) {
	p.kill()
	p.mu.Lock()
	p.path, p.args = path, args
	p.mu.Unlock()
	_ = p.start() // who waits for it sees
}
