package client_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/natsgram/natsgram/bridge/client"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/world"
)

// A file larger than an answer comes range by range, also from where an earlier attempt was.
func TestDownload(t *testing.T) {
	w := newFixture(t)
	data := make([]byte, 9<<20+5)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(data) // never fails
	file := w.World().AddFile(world.File{DC: 2, Name: "film.mp4", MimeType: "video/mp4", Data: data})
	id := w.alice.SendDraft(w.news, world.Draft{Media: file}).ID
	c := client.New(w.nc, "main")
	var got bytes.Buffer
	of := client.FileOf{Link: fmt.Sprintf("https://t.me/c/%d/%d", w.news.ID(), id)}
	info, n, err := c.Download(soon(t), of, &got)
	if err != nil || n != int64(len(data)) || !bytes.Equal(got.Bytes(), data) || info != (client.FileInfo{Name: "film.mp4", Size: n, Mime: "video/mp4"}) {
		t.Errorf("%+v %d %v", info, n, err)
	}
	got.Reset()
	of = client.FileOf{Message: &client.MessageAt{Peer: fmt.Sprint("channel.", w.news.ID()), ID: int64(id)}, Offset: 5 << 20}
	if _, n, err := c.Download(soon(t), of, &got); err != nil || !bytes.Equal(got.Bytes(), data[5<<20:]) {
		t.Errorf("%d %v", n, err)
	}
	var e *client.Error
	if _, n, err := c.Download(soon(t), client.FileOf{Link: "https://example.com"}, &got); !errors.As(err, &e) || e.Code != 400 || n != 0 || e.Sent != client.SentNo {
		t.Errorf("%d %v", n, err)
	}
	failing := errors.New("the disk is full")
	if _, n, err := c.Download(soon(t), of, fails{failing}); !errors.Is(err, failing) || n != 0 {
		t.Errorf("%d %v", n, err)
	}
	// What is not answered is asked for again.
	w.InterceptMethod("channels.getMessages", func(*mttest.Request) mttest.Action { return mttest.Error(500, "INTERNAL") })
	if _, _, err := client.New(w.nc, "nobody").Download(soon(t), of, &got); !errors.As(err, &e) || e.Code != 503 {
		t.Errorf("%v", err)
	}
}

type fails struct{ err error }

func (f fails) Write([]byte) (int, error) { return 0, f.err }
