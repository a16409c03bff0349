package reach

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 7, 17, 12, 0, 0, 0, time.UTC)

func chooser(t testing.TB, ways ...string) *Chooser {
	t.Helper()
	list, err := ParseAll(ways)
	if err != nil {
		t.Fatal(err)
	}
	return NewChooser(list)
}

// A35: what happened, and which way is tried first after it.
func TestChooser(t *testing.T) {
	const ms = time.Millisecond
	failed := func(i int) func(*Chooser, time.Time) {
		return func(c *Chooser, now time.Time) { c.Failed(now, i) }
	}
	answered := func(i int, took time.Duration) func(*Chooser, time.Time) {
		return func(c *Chooser, now time.Time) { c.Answered(now, i, took) }
	}
	ended := func(i int, lived time.Duration) func(*Chooser, time.Time) {
		return func(c *Chooser, now time.Time) { c.Ended(now, i, lived) }
	}
	for _, tc := range []struct {
		name   string
		events []func(*Chooser, time.Time) // a second apart
		after  time.Duration
		want   string
	}{
		{"as given", nil, 0, "0 1 2"},
		{"the first failed", []func(*Chooser, time.Time){failed(0)}, 0, "1 2 0"},
		{"long ago", []func(*Chooser, time.Time){failed(0)}, 20 * time.Minute, "0 1 2"},
		{"while the next one works", []func(*Chooser, time.Time){failed(0), answered(1, 100*ms)}, 5 * time.Minute, "1 0 2"},
		{"all failed, the first longest ago", []func(*Chooser, time.Time){failed(0), failed(1), failed(2)}, time.Minute, "0 1 2"},
		{"twice is worse than once", []func(*Chooser, time.Time){failed(0), failed(0), failed(1), failed(2)}, 0, "1 2 0"},
		{"it works again", []func(*Chooser, time.Time){failed(0), answered(0, 50*ms)}, 0, "1 2 0"},
		{"and has for a while", []func(*Chooser, time.Time){failed(0), answered(0, 50*ms)}, 3 * time.Minute, "0 1 2"},
		{"a little slower stays first", []func(*Chooser, time.Time){answered(0, 300*ms), answered(1, 150*ms)}, 0, "0 1 2"},
		{"much slower does not", []func(*Chooser, time.Time){answered(0, 3000*ms), answered(1, 150*ms)}, 0, "1 2 0"},
		{"cut once", []func(*Chooser, time.Time){answered(0, 50*ms), ended(0, 5*time.Second)}, 0, "0 1 2"},
		{"cut again and again", []func(*Chooser, time.Time){
			answered(0, 50*ms), ended(0, 5*time.Second), ended(0, time.Second), ended(0, time.Second), ended(0, time.Second),
		}, 0, "1 0 2"},
		{"ended after hours", []func(*Chooser, time.Time){answered(0, 50*ms), ended(0, time.Hour)}, 0, "0 1 2"},
		{"the clock set back", []func(*Chooser, time.Time){failed(0)}, -time.Hour, "1 2 0"},
	} {
		c := chooser(t, "direct", "socks5://127.0.0.1:1080", "wss")
		now := noon
		for _, e := range tc.events {
			e(c, now)
			now = now.Add(time.Second)
		}
		got := strings.Trim(fmt.Sprint(c.Order(now.Add(tc.after))), "[]")
		if got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

// A way that was blocked for days is found again within the hour.
func TestChooserForgets(t *testing.T) {
	c := chooser(t, "direct", "wss")
	for range 1000 {
		c.Failed(noon, 0)
	}
	c.Answered(noon, 1, 200*time.Millisecond)
	for at := noon; ; at = at.Add(time.Minute) {
		if c.Order(at)[0] == 0 {
			if at.Sub(noon) < 5*time.Minute {
				t.Errorf("back after %v", at.Sub(noon))
			}
			return
		}
		if at.Sub(noon) > time.Hour {
			t.Fatal("not tried again for an hour")
		}
	}
}

func TestChooserHealth(t *testing.T) {
	c := chooser(t, "socks5://me:hush@127.0.0.1:1080")
	c.Answered(noon, 0, time.Second)
	c.Failed(noon, 0)
	h := c.Health(noon.Add(halfLife))
	want := []Health{{Way: "socks5://***@127.0.0.1:1080", Latency: time.Second, Success: noon, Failures: 0.5}}
	if !slices.Equal(h, want) {
		t.Errorf("%+v", h)
	}
	if d := NewChooser(nil); d.Way(0).String() != "direct" || len(d.Order(noon)) != 1 {
		t.Error("no ways are not the direct one")
	}
}

func BenchmarkChooser(b *testing.B) {
	c := chooser(b, "direct", "socks5://127.0.0.1:1080", "wss")
	b.ReportAllocs()
	for b.Loop() {
		c.Failed(noon, c.Order(noon)[0])
	}
}
