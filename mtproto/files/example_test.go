package files_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"math/rand/v2"
	"strings"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/files"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/tl/codec"
	"github.com/natsgram/natsgram/tl/tg"
)

// A file is sent to the account itself, found in the answer, and downloaded again. The server is one for tests.
func Example() {
	s, err := mttest.Start(mttest.Config{Code: "12345"})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	alice := s.AddUser(mttest.User{First: "Alice", Phone: "+15550001"})
	c, err := mtproto.New(mtproto.Options{API: mtproto.API{ID: 1, Hash: "of my.telegram.org"}, Env: s.Env()})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- c.Run(ctx) }()
	if _, err := c.Login().SendCode(ctx, alice.Phone()); err != nil {
		log.Fatal(err)
	}
	if _, err := c.Login().SignIn(ctx, "12345"); err != nil {
		log.Fatal(err)
	}

	f := files.New(c)
	text := "every update once, in order"
	up, err := f.Upload(ctx, "notes.txt", strings.NewReader(text), int64(len(text)))
	if err != nil {
		log.Fatal(err)
	}
	var sent *tg.Document
	err = up.Use(ctx, func(codec.M) error { // again, should Telegram have lost parts
		sent, err = send(ctx, c, &tg.InputFile{ID: up.ID, Parts: up.Parts, Name: up.Name, Md5Checksum: up.MD5})
		return err
	})
	if err != nil {
		log.Fatal(err)
	}
	var back bytes.Buffer
	n, err := f.Copy(ctx, files.Source{DC: sent.DcID, Size: sent.Size, Location: codec.M{
		"_": "inputDocumentFileLocation", "id": sent.ID, "access_hash": sent.AccessHash, "file_reference": sent.FileReference, "thumb_size": "",
	}}, &back)
	fmt.Println(n, "bytes:", back.String(), err)
	cancel()
	<-ended
	// Output: 27 bytes: every update once, in order <nil>
}

// send sends a file to the account itself, and finds the document that it has become.
func send(ctx context.Context, inv tg.Invoker, file tg.InputFileClass) (*tg.Document, error) {
	answer, err := tg.MessagesSendMedia(ctx, inv, &tg.MessagesSendMediaRequest{
		Peer: &tg.InputPeerSelf{}, RandomID: rand.Int64(), Media: &tg.InputMediaUploadedDocument{
			File: file, MimeType: "text/plain", Attributes: []tg.DocumentAttributeClass{&tg.DocumentAttributeFilename{FileName: "notes.txt"}},
		},
	})
	if err != nil {
		return nil, err
	}
	all, ok := answer.(*tg.Updates)
	if !ok {
		return nil, fmt.Errorf("%T in answer", answer)
	}
	for _, u := range all.Updates {
		if u, ok := u.(*tg.UpdateNewMessage); ok {
			if media, ok := u.Message.(*tg.Message).Media.(*tg.MessageMediaDocument); ok {
				return media.Document.(*tg.Document), nil
			}
		}
	}
	return nil, errors.New("no document in the answer")
}
