package bridge

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
)

// verb is one of tg.ctl and tg.file with its subject and the fields of its request, as the AsyncAPI document has it.
type verb struct {
	name, subject string
	fields        []string
}

func (d *daemon) verbs() (all []verb) {
	d.t.Helper()
	var doc struct {
		Channels   map[string]struct{ Address string }
		Components struct {
			Messages map[string]struct {
				Payload struct{ Properties map[string]any }
			}
		}
	}
	if err := json.Unmarshal(d.content(d.document("asyncapi")), &doc); err != nil {
		d.t.Fatal(err)
	}
	for name, channel := range doc.Channels {
		if tree, _, _ := strings.Cut(name, "."); tree == "ctl" || tree == "file" {
			fields := slices.Sorted(maps.Keys(doc.Components.Messages[name+".request"].Payload.Properties))
			all = append(all, verb{name, strings.ReplaceAll(channel.Address, "{account}", "main"), fields})
		}
	}
	if len(all) < 40 {
		d.t.Fatalf("%d verbs", len(all))
	}
	slices.SortFunc(all, func(a, b verb) int { return cmp.Compare(a.name, b.name) })
	return all
}

// A field that a verb does not read is refused by its name, also one that another verb reads, and one in capitals: what it was to
// say would be passed over in silence, or taken where nobody promised it. Nothing is done of such a request.
func TestFieldsThatNobodyReads(t *testing.T) {
	_, d := newServed(t)
	verbs, known := d.verbs(), map[string]bool{"nonsense": true}
	for _, v := range verbs {
		for _, field := range v.fields {
			known[field] = true
		}
	}
	refused := func(v verb, field string) {
		t.Helper()
		reply := d.ask(v.subject, `{"`+field+`":null}`)
		if text := reply.Header.Get("Nats-Service-Error"); reply.Header.Get("Nats-Service-Error-Code") != "400" || !strings.Contains(text, field+": no such field") {
			t.Errorf("%s with %s: %v %s", v.name, field, reply.Header, reply.Data)
		}
	}
	for _, v := range verbs {
		for field := range known {
			if !slices.Contains(v.fields, field) {
				refused(v, field)
			}
		}
		for _, field := range v.fields {
			refused(v, strings.ToUpper(field[:1])+field[1:])
		}
	}
}

// These requests are JSON alone, and nothing else is read as if it were.
func TestControlIsJSON(t *testing.T) {
	_, d := newServed(t)
	for _, v := range d.verbs() {
		for _, header := range [][2]string{{"Content-Type", "application/msgpack"}, {"content-type", "application/x-tl"}, {"Content-Type", "text/plain"}} {
			reply := d.ask(v.subject, `{"nonsense":1}`, header[0], header[1])
			want := `request in "` + header[1] + `": want application/json`
			if reply.Header.Get("Nats-Service-Error-Code") != "415" || reply.Header.Get("Nats-Service-Error") != want || reply.Header.Get("Tg-Sent") != "no" {
				t.Errorf("%s in %s: %v", v.name, header[1], reply.Header)
			}
		}
	}
	for _, content := range []string{"application/json", "Application/JSON; charset=utf-8", "text/json"} {
		if reply := d.ask("tg.ctl.main.status", `{}`, "Content-Type", content); reply.Header.Get("Nats-Service-Error") != "" {
			t.Errorf("%s: %v", content, reply.Header)
		}
	}
	if reply := d.ask("tg.ctl.main.status", ``, "Content-Type", "application/msgpack"); reply.Header.Get("Nats-Service-Error") != "" {
		t.Errorf("of nothing it does not matter in what it is: %v", reply.Header)
	}
}
