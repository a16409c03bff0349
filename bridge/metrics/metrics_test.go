package metrics

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestMetrics(t *testing.T) {
	m := New("1.2.3", func() []Status {
		return []Status{
			{Account: "main", State: "connected", Epoch: 7, InFlight: 3, Heard: time.Now().Add(-3601 * time.Second), Ahead: -480, Frozen: true, Floods: 3, Dialogs: &Dialogs{Held: 90 * time.Second, Unanswered: 700 * time.Second},
				Updates: Updates{Stored: 12, Bytes: 99, Left: 4, Parked: 5, Declined: 6, Waiting: 7 * time.Second, Held: 8 * time.Second, Queued: 3, Difference: time.Now().Add(-3601 * time.Second)},
				Jobs:    Jobs{Working: 2, Chats: 5, Held: true}, Peers: Peers{InMemory: 40, Learned: 44, Left: map[string]int{"contacts.resolveUsername": 3}}, Files: Files{map[string]int{"object": 2}, map[string]int{"waiting": 0}}},
			{Account: "few", State: "connected", Epoch: 8},
			{Account: "late", State: "waiting-for-login"},
		}
	}, func() Daemon {
		return Daemon{LeaseRenewed: time.Now().Add(-3601 * time.Second), Connected: true, Reconnects: 2, Problems: []Problem{{"updates", "main"}, {"updates", "main"}, {"lease", ""}}}
	})
	m.Delay("main", "channel.1234", 700*time.Millisecond)
	m.Delay("main", Other, 20*time.Second)
	m.Call("main", "messages", "messages.sendMessage", 0, 30*time.Millisecond)
	m.Call("main", "messages", "messages.sendMessage", 420, 10*time.Millisecond)
	m.Call("main", "base", "", 404, 10*time.Millisecond)
	m.FloodWait("main", "messages.sendMessage", 35*time.Second)
	m.Published("main", 30*time.Millisecond, nil)
	m.Published("main", time.Second, errors.New("no responders"))
	m.Connected("main")
	m.Disconnected("main")
	m.Gap("main", "too long")
	m.Job("main", "done")
	m.History("main", 7)
	m.HistoryJob("main", "failed")
	m.FileBytes("main", false, 1024)
	m.FileBytes("main", true, 7)
	m.File("main", "object", 0)
	m.File("main", "object", 507)
	s := serve(t, m, func() error { return nil })
	_, body := get(t, "http://"+s.Addr()+"/metrics")
	for _, want := range []string{
		`natsgram_update_delay_seconds_bucket{account="main",chat="channel.1234",le="1"} 1`,
		`natsgram_update_delay_seconds_bucket{account="main",chat="other",le="10"} 0`,
		`natsgram_calls_total{account="main",code="ok"} 1`,
		`natsgram_calls_total{account="main",code="420"} 1`,
		`natsgram_call_duration_seconds_count{namespace="messages"} 2`,
		`natsgram_method_calls_total{code="420",method="messages.sendMessage"} 1`,
		`natsgram_method_calls_total{code="404",method="unknown"} 1`,
		`natsgram_flood_waits_total{account="main",method="messages.sendMessage"} 1`,
		`natsgram_flood_wait_seconds_total{account="main",method="messages.sendMessage"} 35`,
		`natsgram_publish_duration_seconds_bucket{le="0.02"} 0`,
		`natsgram_publish_duration_seconds_bucket{le="0.1"} 1`,
		`natsgram_publish_duration_seconds_count 1`,
		`natsgram_publish_errors_total{account="main"} 1`,
		`natsgram_updates_waiting_seconds{account="main"} 7`,
		`natsgram_updates_held_seconds{account="main"} 8`,
		`natsgram_clock_ahead_seconds{account="main"} -480`,
		`natsgram_frozen{account="main"} 1`,
		`natsgram_flood_waits{account="main"} 3`,
		`natsgram_jobs_total{account="main",state="done"} 1`,
		`natsgram_history_messages_total{account="main"} 7`,
		`natsgram_history_jobs_total{account="main",state="failed"} 1`,
		`natsgram_jobs_working{account="main"} 2`,
		`natsgram_jobs_chats{account="main"} 5`,
		`natsgram_jobs_held{account="main"} 1`,
		`natsgram_name_questions_left{account="main",method="contacts.resolveUsername"} 3`,
		`natsgram_dialogs{account="main"} 0`, `natsgram_dialogs_held_seconds{account="main"} 90`, `natsgram_dialogs_unanswered_seconds{account="main"} 700`,
		`natsgram_peers_in_memory{account="main"} 40`,
		`natsgram_peers_learned_total{account="main"} 44`,
		`natsgram_peers_learned_total{account="few"} 0`,
		`natsgram_file_bytes_total{account="main",way="down"} 1024`,
		`natsgram_file_bytes_total{account="main",way="up"} 7`,
		`natsgram_files_total{account="main",code="ok",to="object"} 1`,
		`natsgram_files_total{account="main",code="507",to="object"} 1`,
		`natsgram_files_in_flight{account="main",to="object"} 2`,
		`natsgram_file_jobs{account="main",state="waiting"} 0`,
		`natsgram_lease_held 1`,
		`natsgram_nats_connected 1`,
		`natsgram_nats_reconnects_total 2`,
		`natsgram_ready 0`,
		`natsgram_problem{account="main",kind="updates"} 1`,
		`natsgram_problem{account="",kind="lease"} 1`,
		`natsgram_connections_total{account="main",event="made"} 1`,
		`natsgram_connections_total{account="main",event="lost"} 1`,
		`natsgram_gaps_total{account="main",reason="too long"} 1`,
		`natsgram_account_state{account="main",state="connected"} 1`,
		`natsgram_account_state{account="late",state="waiting-for-login"} 1`,
		`natsgram_owner_epoch{account="main"} 7`,
		`natsgram_updates_stored_total{account="main"} 12`,
		`natsgram_updates_waiting_bytes{account="main"} 99`,
		`natsgram_calls_in_flight{account="main"} 3`,
		`natsgram_updates_held{account="main",how="left"} 4`,
		`natsgram_updates_held{account="main",how="parked"} 5`,
		`natsgram_updates_held{account="main",how="declined"} 6`,
		`natsgram_build_info{version="1.2.3"} 1`,
	} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("no %s", want)
		}
	}
	for _, age := range []string{"natsgram_difference_age_seconds{account=\"main\"}", "natsgram_telegram_heard_seconds{account=\"main\"}", "natsgram_lease_renewed_seconds"} {
		if !strings.Contains(body, age+" 36") {
			t.Errorf("no %s of an hour", age)
		}
	}
	if strings.Contains(body, `natsgram_owner_epoch{account="late"}`) {
		t.Error("an account without an owner has an epoch")
	}
	if strings.Contains(body, `natsgram_dialogs{account="few"}`) {
		t.Error("an account whose dialogs nobody keeps has a number of them")
	}
}

func nothing() Daemon { return Daemon{} }

func serve(t *testing.T, m *Metrics, ready func() error) *Server {
	t.Helper()
	s, err := Serve("127.0.0.1:0", m, ready, func() error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close(); http.DefaultClient.CloseIdleConnections() })
	return s
}

func TestHealth(t *testing.T) {
	m := New("1.2.3", func() []Status { return nil }, nothing)
	var ready error
	s := serve(t, m, func() error { return ready })
	ready = errors.New("NATS is away")
	if code, body := get(t, "http://"+s.Addr()+"/healthz"); code != 200 || body != "ok\n" {
		t.Error(code, body)
	}
	if code, body := get(t, "http://"+s.Addr()+"/readyz"); code != 503 || body != "NATS is away\n" {
		t.Error(code, body)
	}
	ready = nil
	if code, _ := get(t, "http://"+s.Addr()+"/readyz"); code != 200 {
		t.Error(code)
	}
	if _, err := Serve(s.Addr(), m, nil, nil); err == nil || !strings.Contains(err.Error(), "NATSGRAM_HTTP") {
		t.Error("two servers at one address", err)
	}
}

// No metrics cost nothing, and whoever counts need not ask whether there are any.
func TestNone(*testing.T) {
	var m *Metrics
	m.Delay("main", Other, 0)
	m.Call("main", "messages", "", 0, 0)
	m.FloodWait("main", "", 0)
	m.Published("main", 0, nil)
	m.Connected("main")
	m.Disconnected("main")
	m.Gap("main", "reset")
}

// A daemon that is stuck answers that it is.
func TestStuck(t *testing.T) {
	free := make(chan struct{})
	asked := 0
	q := question{ask: func() error { asked++; <-free; return nil }}
	for range 3 {
		if err := q.answer(time.Millisecond); !errors.Is(err, errStuck) {
			t.Error(err)
		}
	}
	close(free)
	if err := q.answer(10 * time.Second); err != nil {
		t.Error(err)
	}
	if asked > 2 {
		t.Errorf("asked %d times while nobody answered", asked)
	}
}
