package files_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"strings"
	"sync"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/files"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// running is a client of a Telegram for tests, signed in as Alice. Stop ends both.
func running() (c *mtproto.Client, s *mttest.Server, alice *mttest.Account, stop func()) {
	s, err := mttest.Start(mttest.Config{})
	if err != nil {
		log.Fatal(err)
	}
	alice = s.AddBot("Alice", "alice_bot")
	c, err = mtproto.New(mtproto.Options{API: mtproto.API{ID: 1, Hash: "of my.telegram.org"}, Env: s.Env()})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- c.Run(ctx) }()
	if _, err := c.Login().BotToken(ctx, alice.Token()); err != nil {
		log.Fatal(err)
	}
	return c, s, alice, func() {
		cancel()
		<-ended
		s.Close()
	}
}

// Any range of a file, and nothing that was not checked against Telegram's hashes.
func ExampleFiles_Copy() {
	c, s, alice, stop := running()
	defer stop()
	report := s.AddFile(2, "report.txt", []byte(strings.Repeat("line\n", 100_000)))

	var middle bytes.Buffer
	n, err := files.New(c).Copy(context.Background(), files.Source{
		DC: 2, Size: 500_000, Location: alice.Location(report), Offset: 250_000, Limit: 10,
	}, &middle)
	fmt.Printf("%d %q %v\n", n, middle.String(), err)
	// Output: 10 "line\nline\n" <nil>
}

// Several parts are under way at once; each is written where it stands in the file.
func ExampleFiles_Download() {
	c, s, alice, stop := running()
	defer stop()
	report := s.AddFile(2, "report.bin", make([]byte, 3<<20))

	w := new(counting) // an *os.File does
	n, err := files.New(c).Download(context.Background(), files.Source{DC: 2, Size: 3 << 20, Location: alice.Location(report)}, w)
	fmt.Println(n, w.n, err)
	// Output: 3145728 3145728 <nil>
}

type counting struct {
	mu sync.Mutex
	n  int
}

func (c *counting) WriteAt(p []byte, _ int64) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += len(p)
	return len(p), nil
}

// The upload of a big file goes on after a crash: the program keeps the id, and which parts are up.
func ExampleFiles_Resume() {
	c, _, _, stop := running()
	defer stop()
	data := bytes.NewReader(make([]byte, 12<<20))
	var kept sync.Map // of the parts that are up; a program keeps them on disk
	progress := &files.Progress{
		Has: func(part int) bool { _, ok := kept.Load(part); return ok },
	}

	ctx, crash := context.WithCancel(context.Background())
	progress.Saved = func(part int) {
		kept.Store(part, true)
		crash()
	}
	_, err := files.New(c).Resume(ctx, "video.mp4", data, data.Size(), progress)
	id := progress.ID
	fmt.Println(err != nil, id != 0)

	progress.Saved = func(part int) { kept.Store(part, true) }
	u, err := files.New(c).Resume(context.Background(), "video.mp4", data, data.Size(), progress)
	if err != nil {
		log.Fatal(err)
	}
	up := 0
	kept.Range(func(any, any) bool { up++; return true })
	fmt.Println(u.ID == id, up == u.Parts)
	// Output:
	// true true
	// true true
}

// What has no size yet is sent as it comes.
func ExampleFiles_UploadStream() {
	c, _, _, stop := running()
	defer stop()
	r, w := io.Pipe()
	go func() {
		for i := range 3 {
			fmt.Fprintln(w, "line", i)
		}
		w.Close()
	}()
	u, err := files.New(c).UploadStream(context.Background(), "log.txt", r)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(u.Name, u.Size, u.Parts, u.Big())
	// Output: log.txt 21 1 false
}
