package parts

import (
	"bytes"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/subjects"
)

func part(said, data string) *nats.Msg {
	m := &nats.Msg{Header: nats.Header{}, Data: []byte(data)}
	if said != "" {
		m.Header.Set(subjects.HeaderPart, said)
	}
	return m
}

func TestSplitAndJoin(t *testing.T) {
	for _, c := range []struct {
		data string
		want string // parts as they are sent
	}{
		{"", "1/1: | ."}, {"a", "1/1:a | ."}, {"abcd", "1/1:abcd | ."}, {"abcde", "1/2:abcd | 2/2:e | ."}, {"abcdefgh", "1/2:abcd | 2/2:efgh | ."},
	} {
		var sent []string
		var j Joiner
		var whole *nats.Msg
		err := Split(nats.Header{"Content-Type": {"application/json"}}, []byte(c.data), 4, func(h nats.Header, data []byte) error {
			if h == nil && data == nil {
				sent = append(sent, ".")
				return nil
			}
			sent = append(sent, h.Get(subjects.HeaderPart)+":"+string(data))
			var err error
			whole, err = j.Add(&nats.Msg{Header: h, Data: bytes.Clone(data)})
			return err
		})
		if got := strings.Join(sent, " | "); got != c.want || err != nil {
			t.Errorf("%q: sent %s (%v), want %s", c.data, got, err, c.want)
		}
		if whole == nil || string(whole.Data) != c.data || whole.Header.Get("Content-Type") == "" || whole.Header.Get(subjects.HeaderPart) != "" {
			t.Errorf("%q: joined %+v", c.data, whole)
		}
	}
}

func TestJoinRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		parts []*nats.Msg
		want  string
	}{
		{"the first is lost", []*nats.Msg{part("2/2", "b")}, "2/2 came, want 1/2"},
		{"one is lost", []*nats.Msg{part("1/3", "a"), part("3/3", "c")}, "3/3 came, want 2/3"},
		{"one is there twice", []*nats.Msg{part("1/3", "a"), part("1/3", "a")}, "1/3 came, want 2/3"},
		{"another answer begins", []*nats.Msg{part("1/3", "a"), part("2/2", "b")}, "2/2 came, want 2/3"},
		{"the end comes too early", []*nats.Msg{part("1/3", "a"), part("", "")}, "after 1 of 3"},
		{"no numbers", []*nats.Msg{part("one", "a")}, `want i/n, got "one"`},
		{"part 0", []*nats.Msg{part("0/1", "a")}, "want i/n"},
		{"more than there are", []*nats.Msg{part("3/2", "a")}, "want i/n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var j Joiner
			var err error
			for _, m := range c.parts {
				if _, err = j.Add(m); err != nil {
					break
				}
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
	var j Joiner
	if m, err := j.Add(part("", "whole")); err != nil || string(m.Data) != "whole" {
		t.Errorf("an answer that is in one message: %v, %v", m, err)
	}
}

func TestWanted(t *testing.T) {
	for _, c := range []struct {
		h         nats.Header
		parts, ok bool
	}{
		{nil, false, true}, {nats.Header{"Tg-Reply": {"parts"}}, true, true}, {nats.Header{"tg-reply": {"parts"}}, true, true},
		{nats.Header{"Tg-Reply": {"pieces"}}, true, false}, {nats.Header{"Tg-Reply": {"parts", "parts"}}, true, false}, {nats.Header{"Tg-Reply": {}}, true, false},
	} {
		if parts, ok := Wanted(c.h); parts != c.parts || ok != c.ok {
			t.Errorf("%v: %v, %v", c.h, parts, ok)
		}
	}
}

// FuzzJoin: whatever comes, an answer is joined from whole parts in their turn or refused, and has no byte that did not come.
func FuzzJoin(f *testing.F) {
	f.Add("1/2", "a", "2/2", "b")
	f.Add("", "a", "1/1", "")
	f.Add("1/99999999999", "a", "2/3", "b")
	f.Fuzz(func(t *testing.T, one, a, two, b string) {
		var j Joiner
		for _, m := range []*nats.Msg{part(one, a), part(two, b)} {
			whole, err := j.Add(m)
			if err == nil && whole != nil && len(whole.Data) > len(a)+len(b) {
				t.Fatalf("%d bytes of %d and %d", len(whole.Data), len(a), len(b))
			}
			if whole != nil || err != nil {
				return
			}
		}
	})
}
