package files_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/files"
	"github.com/natsgram/natsgram/tl/codec"
	"github.com/natsgram/natsgram/tl/tg"
)

// A file whose reference has expired is found again in the answer that it came from.
func ExampleFiles_Refetch() {
	c, s, alice, stop := running()
	defer stop()
	ctx := context.Background()
	var client files.Client = c // or anything else that makes calls for an account
	f := files.New(client)
	up, err := f.Upload(ctx, "notes.txt", strings.NewReader("every update once"), 17)
	if err != nil {
		log.Fatal(err)
	}
	sent, err := send(ctx, c, &tg.InputFile{ID: up.ID, Parts: up.Parts, Name: up.Name, Md5Checksum: up.MD5})
	if err != nil {
		log.Fatal(err)
	}
	kept := codec.M{"_": "inputDocumentFileLocation", "id": sent.ID, "access_hash": sent.AccessHash, "file_reference": sent.FileReference, "thumb_size": ""}
	s.ExpireFileReferences() // as hours do

	from := codec.M{"_": "messages.getMessages", "id": []codec.M{{"_": "inputMessageID", "id": 1}}}
	var back bytes.Buffer
	_, err = f.Copy(ctx, files.Source{DC: 2, Size: 17, Location: kept, Refresh: f.Refetch(kept, from)}, &back)
	fmt.Println(back.String(), err)

	elsewhere := codec.M{"_": "messages.getMessages", "id": []codec.M{{"_": "inputMessageID", "id": 77}}}
	_, err = f.Refetch(kept, elsewhere)(ctx)
	fmt.Println(errors.Is(err, files.ErrGone), alice.ID() != 0)
	// Output:
	// every update once <nil>
	// true true
}

// Who uses a file without Use sends again what Telegram says that it lacks.
func ExampleUploaded_Resend() {
	c, s, _, stop := running()
	defer stop()
	ctx := context.Background()
	var up *files.Uploaded
	up, err := files.New(c).Upload(ctx, "notes.txt", strings.NewReader("every update once"), 17)
	if err != nil {
		log.Fatal(err)
	}
	s.FailNext("messages.sendMedia", 1, 400, "FILE_PART_0_MISSING")
	for {
		_, err := send(ctx, c, &tg.InputFile{ID: up.ID, Parts: up.Parts, Name: up.Name, Md5Checksum: up.MD5})
		part, lacks := files.Lacks(err)
		switch {
		case lacks:
			fmt.Println("part", part, "again:", up.Resend(ctx, part))
			continue
		case files.Unfit(err):
			fmt.Println("all of it again")
		default:
			fmt.Println("sent:", err)
		}
		break
	}
	fmt.Println(errors.Is(up.Resend(ctx, 1), files.ErrRange)) // it has one part
	// Output:
	// part 0 again: <nil>
	// sent: <nil>
	// true
}

// What may be wrong with a file, beside the errors of calls.
func ExampleFiles() {
	c, s, alice, stop := running()
	defer stop()
	words := func(err error) string {
		switch {
		case errors.Is(err, files.ErrHash):
			return "Telegram's bytes are not those that were sent"
		case errors.Is(err, files.ErrSize):
			return "it is not as long as it was said to be"
		case errors.Is(err, files.ErrTooLarge):
			return "it is too large for this account"
		case errors.Is(err, files.ErrGone):
			return "it is not there any more"
		}
		return fmt.Sprint(err)
	}
	f := files.New(c)
	f.Parallel, f.NoCDN, f.NoVerify = 2, true, true
	report := s.AddFile(2, "report.txt", []byte("all is well"))
	_, err := f.Copy(context.Background(), files.Source{DC: 2, Size: 5000, Location: alice.Location(report)}, new(bytes.Buffer))
	fmt.Println(words(err))
	_, err = f.Upload(context.Background(), "huge.bin", nil, 1<<40)
	fmt.Println(words(err))
	fmt.Println(mtproto.RetryAfter(err))
	// Output:
	// it is not as long as it was said to be
	// it is too large for this account
	// 0s
}
