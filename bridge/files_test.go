package bridge

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/parts"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// noise is bytes that differ from file to file.
func noise(n int) []byte {
	data := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(n), byte(n >> 8), byte(n >> 16)})
	_, _ = r.Read(data) // never fails
	return data
}

// inJSON writes an object of mttest as a caller does.
func inJSON(t *testing.T, m mttest.M) string {
	t.Helper()
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// inParts asks for an answer in parts, and joins it.
func (d *daemon) inParts(subject, body string) *nats.Msg {
	d.t.Helper()
	inbox := d.nc.NewRespInbox()
	sub, err := d.nc.SubscribeSync(inbox)
	if err != nil {
		d.t.Fatal(err)
	}
	defer sub.Unsubscribe() //nolint:errcheck // the connection may be closed
	m := &nats.Msg{Subject: subject, Reply: inbox, Data: []byte(body), Header: nats.Header{"Tg-Reply": {"parts"}}}
	if err := d.nc.PublishMsg(m); err != nil {
		d.t.Fatal(err)
	}
	var j parts.Joiner
	for ctx := soon(d.t); ; {
		m, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			d.t.Fatalf("%s: %v", subject, err)
		}
		whole, err := j.Add(m)
		if err != nil {
			d.t.Fatal(err)
		}
		if whole != nil {
			return whole
		}
	}
}

// A file by its location, whole and in ranges, in one message and in parts; and what is refused.
func TestFilesByLocation(t *testing.T) {
	w := newTown(t)
	d := newDaemon(t, w)
	d.login("main", w.dora)
	small, large := noise(1000), noise(8<<20)
	first := w.AddFile(2, "a.bin", small)
	here, there, notHers := inJSON(t, w.dora.Location(first)), inJSON(t, w.dora.Location(w.AddFile(2, "b.bin", large))), inJSON(t, w.alice.Location(first))
	m := d.ask("tg.file.main.get", `{"location":`+here+`}`)
	if !bytes.Equal(m.Data, small) || m.Header.Get("Content-Type") != "application/octet-stream" || !json.Valid([]byte(m.Header.Get("Tg-File"))) {
		t.Errorf("%v, %d bytes", m.Header, len(m.Data))
	}
	m = d.inParts("tg.file.main.get", `{"location":`+there+`}`)
	if !bytes.Equal(m.Data, large) {
		t.Errorf("%v, %d bytes", m.Header, len(m.Data))
	}
	m = d.ask("tg.file.main.get", `{"location":`+there+`,"offset":1234567,"limit":4321}`)
	if !bytes.Equal(m.Data, large[1234567:1234567+4321]) {
		t.Errorf("a range: %v, %d bytes", m.Header, len(m.Data))
	}
	m = d.ask("tg.file.main.get", `{"location":`+there+`,"offset":8388000}`)
	if !bytes.Equal(m.Data, large[8388000:]) {
		t.Errorf("the end: %v, %d bytes", m.Header, len(m.Data))
	}
	for _, c := range []struct{ subject, body, code, want string }{
		{"get", `{"location":` + there + `}`, "413", "take it in parts"},
		{"get", `{"location":` + there + `,"limit":99999999}`, "413", "one range after another"},
		{"get", `{}`, "400", "want"},
		{"get", `{"place":1}`, "400", "place"},
		{"get", `[]`, "400", ""},
		{"get", `{"location":{"_":"inputPeerSelf"}}`, "400", "location"},
		{"get", `{"location":{"_":"inputDocumentFileLocation","id":"x"}}`, "400", "id"},
		{"get", `{"location":` + here + `,"offset":-1}`, "400", "offset"},
		{"get", `{"location":` + here + `,"to":"moon"}`, "400", "moon"},
		{"get", `{"location":` + notHers + `}`, "400", "FILE_ID_INVALID"},
		{"steal", `{}`, "404", "steal"},
	} {
		m := d.ask("tg.file.main."+c.subject, c.body)
		if h := m.Header; h.Get("Nats-Service-Error-Code") != c.code || h.Get("Tg-Sent") != "no" || !strings.Contains(h.Get("Nats-Service-Error"), c.want) {
			t.Errorf("%s %s: %v", c.subject, c.body, h)
		}
	}
	if m := d.ask("tg.file.main.get", `{"location":`+here+`}`, "Tg-Timeout", "never"); m.Header.Get("Nats-Service-Error-Code") != "400" {
		t.Errorf("%v", m.Header)
	}
	if n := w.Executed("upload.getFile"); n < 3 {
		t.Error(n)
	}
	d.ask("tg.ctl._.accounts.add", `{"account":"empty"}`)
	if m := d.ask("tg.file.empty.get", `{"location":`+here+`}`); m.Header.Get("Nats-Service-Error-Code") != "401" {
		t.Errorf("%v", m.Header)
	}
	if text := string(d.ask("$SRV.INFO.natsgram-main", "").Data); !strings.Contains(text, `"subject":"tg.file.main.get"`) {
		t.Error(text)
	}
}
