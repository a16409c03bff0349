package queue

import (
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/queue/plan"
	"github.com/natsgram/natsgram/subjects"
)

var stored = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

func jobOf(t *testing.T, h nats.Header) *job {
	t.Helper()
	_, j, ok := readJob(subjects.Scheme{}, "tg.queue.main.channel.5.messages.sendMessage", 7, stored, h, nil)
	if !ok {
		t.Fatal(h)
	}
	return j
}

func TestTimesOfJobs(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "2h": 2 * time.Hour, "30": 30 * time.Second, "2.5": 2500 * time.Millisecond, "0": 0, " 5 ": 5 * time.Second,
		"2030-01-01T13:00:00Z": time.Hour, "2030-01-01T13:00:00+01:00": 0, "1893502800": time.Hour, "2029-01-01T00:00:00Z": -8772 * time.Hour,
	} {
		if j := jobOf(t, nats.Header{"Tg-Not-Before": {text}}); j.fault != nil || j.NotBefore.Sub(stored) != want {
			t.Errorf("%q: %v %v", text, j.NotBefore.Sub(stored), j.fault)
		}
	}
	for _, text := range []string{"tomorrow", "-5s", "9000h", "1e99", "18935028000", "2031-06-01T00:00:00Z", "2030-01-01"} {
		j := jobOf(t, nats.Header{"Tg-Expires": {text}})
		if j.fault == nil || j.fault.Code != 400 || !strings.Contains(j.fault.Text, "Tg-Expires") || !j.Expires.IsZero() {
			t.Errorf("%q: %+v", text, j.fault)
		}
	}
}

// Headers mean the same in any case, and each may be there once.
func TestHeadersOfJobs(t *testing.T) {
	j := jobOf(t, nats.Header{"tg-priority": {"-9"}, "TG-COALESCE": {"m5"}, "nats-msg-id": {"one"}, "Accept": {"x"}, "Tg-Reply": {"parts"}})
	if j.fault != nil || j.Priority != -9 || j.Coalesce != "m5" || j.ID != "one" || !j.named || j.callID() != "one" {
		t.Errorf("%+v %v", j, j.fault)
	}
	h := j.callHeader()
	if len(h) != 2 || h.Get("Accept") != "x" || h.Get("Nats-Msg-Id") != "one" {
		t.Error(h)
	}
	for _, h := range []nats.Header{
		{"Tg-Priority": {"1", "2"}}, {"Tg-Priority": {"1"}, "tg-priority": {"1"}}, {"Tg-Priority": {"10"}}, {"Tg-Priority": {"high"}},
		{"Tg-Coalesce": {strings.Repeat("x", 257)}}, {"Tg-Coalesce": {"a\x01"}}, {"Nats-Msg-Id": {strings.Repeat("x", 257)}}, {"Nats-Msg-Id": {"\xff"}},
		{"Nats-Scheduler": {"x"}}, {"nats-schedule-next": {"purge"}},
	} {
		if j := jobOf(t, h); j.fault == nil || j.fault.Sent != "no" || j.ID != "7" || j.Coalesce != "" || j.Priority != 0 {
			t.Errorf("%v: %+v %v", h, j, j.fault)
		}
	}
	one, other := jobOf(t, nil), jobOf(t, nil)
	other.stored = stored.Add(1)
	if one.callID() == other.callID() || !strings.HasPrefix(one.callID(), "7.") {
		t.Errorf("two jobs with a sequence have the id %s", one.callID())
	}
}

// Whatever a publisher writes is a job that can be told of, or none.
func FuzzJob(f *testing.F) {
	f.Add("tg.queue.main.channel.5.messages.sendMessage", "Tg-Not-Before", "2h", []byte("{}"))
	f.Add("tg.queue.main.*.>.a.b", "Nats-Msg-Id", "x", []byte{})
	f.Fuzz(func(t *testing.T, subject, name, value string, body []byte) {
		account, j, ok := readJob(subjects.Scheme{}, subject, 7, stored, nats.Header{name: {value}}, body)
		if !ok {
			return
		}
		if subjects.CheckAccount(account) != nil || j.Priority < -plan.MostUrgent || j.Priority > plan.MostUrgent || len(j.ID) > subjects.MaxJob || strings.ContainsAny(j.Chat, "*> ") {
			t.Errorf("%q %+v", account, j)
		}
		to := subjects.Results(subjects.Scheme{}).Subject(account, j.chat, j.ID)
		if _, chat, id, ok := subjects.Results(subjects.Scheme{}).Parse(to); !ok || id != j.ID || chat != j.chat {
			t.Errorf("%s: %v %q", to, chat, id)
		}
		if (&Store{}).message(account, j, j.failed(Failed, answer.Refuse(400, value), 1)).Subject != to {
			t.Error("its result is told elsewhere")
		}
	})
}
