package bridge

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/world"
)

// fault is what may happen to a file on its way.
type fault struct {
	name string
	dc   int
	do   func(t *testing.T, w *town, f *world.File)
	code string // of the answer; empty: the file comes whole
	says string
}

// wrongBytes are what is no part of the file.
func wrongBytes(*mttest.Request) mttest.Action {
	return mttest.Answer(mttest.M{"_": "upload.file", "type": mttest.M{"_": "storage.fileUnknown"}, "bytes": bytes.Repeat([]byte{1}, 128<<10)})
}

// behind does something before the nth request for a part is answered.
func behind(t *testing.T, w *town, n int64, do func()) {
	var asked atomic.Int64
	var once sync.Once
	t.Cleanup(func() {
		if asked.Load() < n {
			t.Errorf("the file came in %d parts: nothing happened to it", asked.Load())
		}
	})
	w.InterceptMethod("upload.getFile", func(*mttest.Request) mttest.Action {
		if asked.Add(1) >= n {
			once.Do(do)
		}
		return mttest.Pass()
	})
}

var faults = []fault{
	{name: "another data centre", dc: 4, do: func(*testing.T, *town, *world.File) {}},
	{name: "on a CDN", dc: 2, do: func(_ *testing.T, w *town, f *world.File) { w.PutOnCDN(f, mttest.CDNFile{}) }},
	{name: "on a CDN that has lost it", dc: 4, do: func(_ *testing.T, w *town, f *world.File) { w.PutOnCDN(f, mttest.CDNFile{Cold: true}) }},
	{name: "on a CDN that gives wrong bytes", dc: 2, do: func(_ *testing.T, w *town, f *world.File) { w.PutOnCDN(f, mttest.CDNFile{Corrupt: true}) }},
	{name: "on a CDN, with tokens that are refused", dc: 4, do: func(_ *testing.T, w *town, f *world.File) { w.PutOnCDN(f, mttest.CDNFile{Stale: true}) }},
	{name: "a reference that expires in the middle", dc: 2, do: func(t *testing.T, w *town, _ *world.File) { behind(t, w, 3, w.ExpireFileReferences) }},
	{name: "a flood wait in the middle", dc: 2, do: func(t *testing.T, w *town, _ *world.File) {
		behind(t, w, 2, func() { w.FailNext("upload.getFile", 2, 420, "FLOOD_WAIT_1") })
	}},
	{name: "slowed down in the middle", dc: 2, do: func(t *testing.T, w *town, _ *world.File) {
		behind(t, w, 2, func() { w.FailNext("upload.getFile", 2, 420, "FLOOD_PREMIUM_WAIT_1") })
	}},
	{name: "a file that moves", dc: 2, do: func(t *testing.T, w *town, _ *world.File) {
		behind(t, w, 3, func() { w.FailNext("upload.getFile", 1, 303, "FILE_MIGRATE_4") })
	}},
	{name: "Telegram fails for a moment", dc: 2, do: func(t *testing.T, w *town, _ *world.File) {
		behind(t, w, 2, func() { w.FailNext("upload.getFile", 2, 500, "WORKER_BUSY_TOO_LONG_RETRY") })
	}},
	{name: "wrong bytes", dc: 2, code: "502", says: "hash", do: func(_ *testing.T, w *town, _ *world.File) { w.InterceptMethod("upload.getFile", wrongBytes) }},
	{name: "a reference that nobody renews", dc: 2, code: "410", says: "not where it came from", do: func(t *testing.T, w *town, _ *world.File) {
		behind(t, w, 2, func() {
			w.ExpireFileReferences()
			w.InterceptMethod("channels.getMessages", func(*mttest.Request) mttest.Action {
				return mttest.Answer(mttest.M{"_": "messages.messages", "messages": []mttest.M{}, "topics": []mttest.M{}, "chats": []mttest.M{}, "users": []mttest.M{}})
			})
		})
	}},
}

// Whatever happens to a file on its way from Telegram: it comes whole, into the answer and into an object, or the caller is told what was wrong, and
// nothing is left.
func TestFilesThroughFaults(t *testing.T) {
	data := noise(1<<20 + 77)
	for _, c := range faults {
		for _, to := range []string{"parts", "object"} {
			t.Run(c.name+" to "+to, func(t *testing.T) {
				t.Parallel()
				w := newTown(t, func(c *mttest.Config) { c.Centres, c.CDN = []int{2, 4}, 203 })
				d := newDaemon(t, w, func(s *Settings) { s.HTTP = "127.0.0.1:0" })
				d.login("main", w.dora)
				f := w.World().AddFile(world.File{DC: c.dc, Name: "a.bin", MimeType: "a/b", Data: data})
				id := w.alice.SendDraft(w.news, world.Draft{Media: f}).ID
				body := fmt.Sprintf(`{"message":{"peer":"channel.%d","id":%d},"to":%q}`, w.news.Peer().ID, id, to)
				c.do(t, w, f)
				var got []byte
				var m *nats.Msg
				if to == "parts" {
					m = d.inParts("tg.file.main.get", body)
					got = m.Data
				} else {
					var s fileAnswer
					if s, m = d.store(body); s.File.Object != "" {
						got, _ = d.bytesOf("TG_FILES", s.File.Object)
					}
				}
				switch h := m.Header; {
				case c.code != "":
					if h.Get("Nats-Service-Error-Code") != c.code || h.Get("Tg-Sent") != "no" || !strings.Contains(h.Get("Nats-Service-Error"), c.says) {
						t.Errorf("%v", h)
					}
				case !bytes.Equal(got, data):
					t.Errorf("%d bytes, or others: %v", len(got), h)
				}
				d.settled(to, c.code)
				if strings.HasPrefix(c.name, "on a CDN") && w.Executed("upload.getCdnFile") == 0 {
					t.Error("the CDN was never asked")
				}
				if said := w.ToldCDN(); len(said) > 0 {
					t.Errorf("the CDN was told %q", said)
				}
			})
		}
	}
}

// settled waits until the figures say that nothing is on its way, and that one file was moved; what the code of it is.
func (d *daemon) settled(to, code string) {
	d.t.Helper()
	if to == "parts" {
		to = "answer"
	}
	if code == "" {
		code = "ok"
	}
	want := []string{
		fmt.Sprintf(`natsgram_files_total{account="main",code=%q,to=%q} 1`, code, to),
		fmt.Sprintf(`natsgram_files_in_flight{account="main",to=%q} 0`, to),
		`natsgram_file_jobs{account="main",state="running"} 0`,
	}
	ctx, cancel := context.WithTimeout(d.t.Context(), 30*time.Second)
	defer cancel()
	for {
		body, missing := d.metrics(), ""
		for _, line := range want {
			if !strings.Contains(body, line+"\n") {
				missing = line
			}
		}
		if missing == "" {
			return
		}
		if ctx.Err() != nil {
			d.t.Fatalf("the metrics lack %s:\n%s", missing, body)
		}
	}
}
