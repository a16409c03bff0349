package e2e

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"

	"github.com/gotd/td/telegram/downloader"
	"github.com/gotd/td/telegram/uploader"
	"github.com/gotd/td/tg"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/files"
	"github.com/natsgram/natsgram/tl/codec"
)

// BenchmarkFiles: a file of 32 MiB up and down, by gotd/td and by us, with 8 parts at the same time and up to 4 connections each; and what
// loopback and AES-IGE alone reach, of which of-limit is the share. plain is ours without obfuscation, which gotd's has not and ours has by
// default. cpu-us/op is this process's, without the server; of limit it is both ends'.
func BenchmarkFiles(b *testing.B) {
	data := make([]byte, fileSize)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data)
	box := newBox(b, 3)
	theirs, stop := box.gotdClient(b, &box.accounts[0])
	defer stop()
	pool, err := theirs.Pool(4)
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	api := tg.NewClient(pool)
	ours, end := box.natsgram(b, &box.accounts[1])
	defer end()
	f := files.New(ours)
	f.NoVerify = true // as theirs
	open, shut := box.natsgram(b, &box.accounts[2], func(o *mtproto.Options) { o.Transport.Plain = true })
	defer shut()
	plain := files.New(open)
	plain.NoVerify = true

	limit := 0.0
	measure := func(name string, move func() error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(fileSize)
			measureCPU(b, func() {
				for b.Loop() {
					if err := move(); err != nil {
						b.Fatal(err)
					}
				}
			})
			speed := float64(b.N) / b.Elapsed().Seconds()
			if name == "limit" {
				limit = speed
			} else if limit > 0 {
				b.ReportMetric(speed/limit, "of-limit")
			}
		})
	}
	measure("limit", func() error { return encrypted(data, 4) })
	run := func(name string, move func() error) {
		if err := move(); err != nil { // connections are made, buffers are there
			b.Fatal(err)
		}
		measure(name, move)
	}
	const id = 1 << 40 // the same each time, so that the server keeps one
	var sent tg.InputFileClass
	run("upload/gotd", func() (err error) {
		u := uploader.NewUploader(api).WithPartSize(512 << 10).WithThreads(8).WithIDGenerator(func() (int64, error) { return id, nil })
		sent, err = u.FromBytes(b.Context(), "a.bin", data)
		return err
	})
	var up *files.Uploaded
	run("upload/natsgram", func() (err error) {
		up, err = f.Resume(b.Context(), "a.bin", bytes.NewReader(data), fileSize, &files.Progress{ID: id, PartSize: 512 << 10})
		return err
	})
	var bare *files.Uploaded
	run("upload/plain", func() (err error) {
		bare, err = plain.Resume(b.Context(), "a.bin", bytes.NewReader(data), fileSize, &files.Progress{ID: id, PartSize: 512 << 10})
		return err
	})
	their := gotdLocation(b, theirs.API(), sent)
	our, bareOur := ourLocation(b, ours, up), ourLocation(b, open, bare)
	w := &at{make([]byte, fileSize)}
	run("download/gotd", func() error {
		_, err := downloader.NewDownloader().WithPartSize(512<<10).Download(api, their).WithThreads(8).Parallel(b.Context(), w)
		return err
	})
	if !bytes.Equal(w.b, data) {
		b.Error("gotd: other bytes")
	}
	clear(w.b)
	run("download/natsgram", func() error {
		_, err := f.Download(b.Context(), files.Source{Location: our, DC: 2, Size: fileSize}, w)
		return err
	})
	if !bytes.Equal(w.b, data) {
		b.Error("natsgram: other bytes")
	}
	clear(w.b)
	run("download/plain", func() error {
		_, err := plain.Download(b.Context(), files.Source{Location: bareOur, DC: 2, Size: fileSize}, w)
		return err
	})
	if !bytes.Equal(w.b, data) {
		b.Error("plain: other bytes")
	}
}

const fileSize = 32 << 20

// at is an io.WriterAt.
type at struct{ b []byte }

func (a *at) WriteAt(p []byte, off int64) (int, error) { return copy(a.b[off:], p), nil }

func gotdLocation(b *testing.B, api *tg.Client, file tg.InputFileClass) tg.InputFileLocationClass {
	b.Helper()
	got, err := api.MessagesSendMedia(b.Context(), &tg.MessagesSendMediaRequest{
		Peer: &tg.InputPeerSelf{}, RandomID: 1, Media: &tg.InputMediaUploadedDocument{File: file, MimeType: "a/b"},
	})
	if err != nil {
		b.Fatal(err)
	}
	for _, u := range got.(*tg.Updates).Updates {
		if m, ok := u.(*tg.UpdateNewMessage); ok {
			media, _ := m.Message.(*tg.Message).Media.(*tg.MessageMediaDocument)
			doc, _ := media.Document.AsNotEmpty()
			return doc.AsInputDocumentFileLocation()
		}
	}
	b.Fatal("no document")
	return nil
}

func ourLocation(b *testing.B, c *mtproto.Client, up *files.Uploaded) (location codec.M) {
	b.Helper()
	err := up.Use(b.Context(), func(in codec.M) error {
		query, err := c.Schema().Encode(nil, codec.M{
			"_": "messages.sendMedia", "peer": codec.M{"_": "inputPeerSelf"}, "message": "", "random_id": 1,
			"media": codec.M{"_": "inputMediaUploadedDocument", "file": in, "mime_type": "a/b", "attributes": []codec.M{}},
		})
		if err != nil {
			return err
		}
		body, err := c.Invoke(b.Context(), query)
		if err != nil {
			return err
		}
		v, err := c.Schema().View(body)
		for u := range v.Objects("updates") {
			m, _ := u.Object("message")
			media, _ := m.Object("media")
			if doc, ok := media.Object("document"); ok {
				location = codec.M{
					"_": "inputDocumentFileLocation", "id": doc.Int("id"), "access_hash": doc.Int("access_hash"), "file_reference": doc.Bytes("file_reference"), "thumb_size": "",
				}
			}
		}
		return err
	})
	if err != nil || location == nil {
		b.Fatal("no document", err)
	}
	return location
}

// encrypted sends data over connections by loopback, in parts that are encrypted at one end and decrypted at the other: nothing else.
func encrypted(data []byte, connections int) error {
	const part = 512 << 10
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer l.Close()
	key := make([]byte, 32)
	work := make(chan []byte, len(data)/part)
	for i := 0; i < len(data); i += part {
		work <- data[i : i+part]
	}
	close(work)
	var all sync.WaitGroup
	failed := make(chan error, 2*connections)
	for range connections {
		out, err := new(net.Dialer).DialContext(context.Background(), "tcp", l.Addr().String())
		if err != nil {
			return err
		}
		in, err := l.Accept()
		if err != nil {
			return err
		}
		all.Go(func() {
			defer out.Close()
			buf := make([]byte, part)
			for p := range work {
				var iv [32]byte
				crypto.EncryptIGE(buf, p, key, &iv)
				if _, err := out.Write(buf); err != nil {
					failed <- err
				}
			}
		})
		all.Go(func() {
			defer in.Close()
			buf := make([]byte, part)
			for {
				var iv [32]byte
				if _, err := io.ReadFull(in, buf); errors.Is(err, io.EOF) {
					return
				} else if err != nil {
					failed <- err
					return
				}
				crypto.DecryptIGE(buf, buf, key, &iv)
			}
		})
	}
	all.Wait()
	close(failed)
	return <-failed
}
