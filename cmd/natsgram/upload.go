package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/bus"
	"github.com/natsgram/natsgram/bridge/objects"
	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/bridge/storage"
	"github.com/natsgram/natsgram/subjects"
)

// uploadOptions are what the flags of upload choose.
type uploadOptions struct {
	to, caption, name       string
	album, document, asJSON bool
}

const albumMost = 10 // files, as Telegram has it

func uploadCommand() *cobra.Command {
	var o uploadOptions
	c := &cobra.Command{
		Use:   "upload ACCOUNT FILE...",
		Short: "Send files, or put them where calls can name them",
		Long: `Send files to a chat: pictures as photos, all else as documents. Without --to they are put into the object store TG_FILES, and
what stands for them in calls is printed: object:TG_FILES/..., wherever a method wants an InputFile. The file - is standard input.

The same command again goes on where it was: what is in the object store stays there for some days, and what is up at Telegram
for half a day.`,
		Example: `  natsgram upload main holiday.jpg --to @alice --caption 'On the beach'
  natsgram upload main *.jpg --to me --album
  pg_dump shop | natsgram upload main - --name shop.sql --to me
  natsgram call main photos.uploadProfilePhoto \
    file=$(natsgram upload main me.jpg)`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if err := errors.Join(checkAccount(c, args[0]), misused(c, o.check(args[1:]))); err != nil {
				return err
			}
			return o.upload(c, args[0], args[1:])
		},
	}
	f := c.Flags()
	f.StringVar(&o.to, "to", "", "the chat: me, @name, +phone, a link, user.1, chat.2, channel.3")
	f.StringVar(&o.caption, "caption", "", "text below the file, or below the first of an album")
	f.BoolVar(&o.album, "album", false, "all files as one album, of 2 to 10")
	f.BoolVar(&o.document, "document", false, "pictures as documents too, as they are")
	f.StringVar(&o.name, "name", "", "the file's name at Telegram (default: its own)")
	f.BoolVar(&o.asJSON, "json", false, "one JSON object a line: the files, and what Telegram answered")
	return c
}

func (o uploadOptions) check(files []string) error {
	in := 0
	for _, f := range files {
		if f == "-" {
			in++
		}
	}
	switch {
	case in > 1:
		return errors.New("standard input can be sent once")
	case o.album && (len(files) < 2 || len(files) > albumMost):
		return fmt.Errorf("--album: want 2 to %d files, got %d", albumMost, len(files))
	case o.album && o.to == "":
		return errors.New("--album: want --to as well")
	case o.caption != "" && o.to == "":
		return errors.New("--caption: want --to as well")
	case o.name != "" && len(files) != 1:
		return errors.New("--name: want one file")
	}
	return nil
}

// uploaded is a file that calls can name.
type uploaded struct {
	File   string `json:"file"`
	Object string `json:"object"` // as it stands in a call
	Name   string `json:"name"`
	Mime   string `json:"mime_type"`
	Size   int64  `json:"size"`
}

// uploader puts files into the object store and sends them.
type uploader struct {
	uploadOptions
	c       *cobra.Command
	set     settings.Settings
	account string
	nc      *nats.Conn
	daemon  *patient
	bucket  string
	store   jetstream.ObjectStore
}

func (o uploadOptions) upload(c *cobra.Command, account string, files []string) error {
	set, err := loadSettings(c)
	if err != nil {
		return err
	}
	u := &uploader{uploadOptions: o, c: c, set: set, account: account}
	if u.nc, err = bus.Connect(set, "natsgram-cli"); err != nil {
		return err
	}
	defer u.nc.Close()
	u.daemon = newPatient(c, set, u.nc, account)
	if err := u.open(c.Context()); err != nil {
		return err
	}
	var all []uploaded
	for _, name := range files {
		f, err := u.put(c.Context(), name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if all = append(all, f); !o.album {
			if err := u.send(all[len(all)-1:]); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	if o.album {
		return u.send(all)
	}
	return nil
}

// openTime is for asking whether the account's daemon takes files.
const openTime = 10 * time.Second

// open opens the object store for files. Whether there is somebody who takes files to Telegram is asked first: files for an account that
// is not there would go nowhere. That makes the store where it is missing.
func (u *uploader) open(ctx context.Context) error {
	js, err := bus.JetStream(u.nc, u.set.NATS)
	if err != nil {
		return err
	}
	u.bucket = u.set.Scheme().StreamName(storage.Files)
	m := nats.NewMsg(u.set.Scheme().File(u.account, subjects.FilePut))
	if m.Data, err = json.Marshal(map[string]string{"object": u.bucket + "/" + u.account + "/up/none"}); err != nil {
		return err
	}
	reply, err := u.daemon.ask(ctx, m, openTime)
	if err != nil {
		return err
	}
	if code := reply.Header.Get(subjects.HeaderErrorCode); code != "" && code != "404" { // there is no such object, and is to be none
		return replyError(code, reply.Header)
	}
	u.store, err = js.ObjectStore(ctx, u.bucket)
	return err
}

// put puts a file into the object store, unless it is there.
func (u *uploader) put(ctx context.Context, name string) (f uploaded, err error) {
	in, length, id := io.Reader(u.c.InOrStdin()), int64(-1), nuid.Next()
	f = uploaded{File: name, Name: cmp.Or(u.name, "file")}
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return f, err
		}
		defer file.Close()
		info, err := file.Stat()
		if err != nil {
			return f, err
		}
		if info.IsDir() {
			return f, errors.New("it is a folder")
		}
		in, length, id = file, info.Size(), identity(name, info)
		f.Name = cmp.Or(u.name, filepath.Base(name))
	}
	object := u.account + "/up/" + id + "/" + f.Name
	f.Object, f.Size = objects.Ref{Bucket: u.bucket, Name: object}.String(), length
	in, f.Mime = sniff(in, f.Name)
	if there, err := u.store.GetInfo(ctx, object); err == nil && length >= 0 && int64(there.Size) == length { //nolint:gosec // a file's
		return f, nil
	}
	line := newProgress(u.c.ErrOrStderr(), f.Name, length, 0)
	defer line.end()
	info, err := u.store.Put(ctx, jetstream.ObjectMeta{
		Name: object, Metadata: map[string]string{objects.MetaName: f.Name, objects.MetaMime: f.Mime},
	}, io.TeeReader(in, line))
	if err != nil {
		return f, err
	}
	f.Size = int64(info.Size) //nolint:gosec // what was written
	if f.Size == 0 {
		return f, errors.New("it is empty, and Telegram takes no empty files")
	}
	return f, nil
}

// identity tells a file with these contents from others, as far as its folder tells.
func identity(name string, info os.FileInfo) string {
	if whole, err := filepath.Abs(name); err == nil {
		name = whole
	}
	host, _ := os.Hostname()
	sum := sha256.Sum256(fmt.Append(nil, host, "\x00", name, "\x00", info.Size(), "\x00", info.ModTime().UnixNano()))
	return hex.EncodeToString(sum[:8])
}

// sniff finds out a file's type, by its name and else by its beginning.
func sniff(in io.Reader, name string) (io.Reader, string) {
	if kind, _, err := mime.ParseMediaType(mime.TypeByExtension(filepath.Ext(name))); err == nil {
		return in, kind
	}
	head := make([]byte, 512)
	n, _ := io.ReadFull(in, head) // what is wrong with it whoever reads on is told
	kind, _, _ := mime.ParseMediaType(http.DetectContentType(head[:n]))
	return io.MultiReader(bytes.NewReader(head[:n]), in), kind
}

// photoTypes are what Telegram makes photos of.
var photoTypes = []string{"image/jpeg", "image/png", "image/webp"}

const photoMost = 10 << 20 // bytes

func (u *uploader) media(f uploaded) map[string]any {
	if !u.document && slices.Contains(photoTypes, f.Mime) && f.Size <= photoMost {
		return map[string]any{"_": "inputMediaUploadedPhoto", "file": f.Object}
	}
	return map[string]any{"_": "inputMediaUploadedDocument", "file": f.Object, "mime_type": f.Mime}
}

// send sends files that are in the object store, or says how they are called there.
func (u *uploader) send(files []uploaded) error {
	if u.to == "" {
		return u.print(files, nil)
	}
	method, params := "messages.sendMedia", map[string]any{"peer": u.to}
	if len(files) == 1 {
		params["media"], params["message"] = u.media(files[0]), u.caption
	} else {
		method = "messages.sendMultiMedia"
		var items []any
		for i, f := range files {
			item := map[string]any{"media": u.media(f), "message": ""}
			if i == 0 {
				item["message"] = u.caption
			}
			items = append(items, item)
		}
		params["multi_media"] = items
	}
	body, err := json.Marshal(params)
	if err != nil {
		return err
	}
	result, err := u.call(method, body, files)
	if err != nil {
		return err
	}
	return u.print(files, result)
}

// sendTime is how long one try may take. A file that takes longer goes on with the next.
const sendTime = time.Minute

// call makes a call that brings files to Telegram, however long that takes.
func (u *uploader) call(method string, body []byte, files []uploaded) (json.RawMessage, error) {
	var all int64
	for _, f := range files {
		all += f.Size
	}
	line := newProgress(u.c.ErrOrStderr(), "to Telegram", all, 0)
	defer line.end()
	defer u.follow(line, files)()
	id := nuid.Next()
	for {
		m := nats.NewMsg(u.set.Scheme().RPC(u.account, method))
		m.Data = body
		m.Header.Set(subjects.HeaderMsgID, id)
		m.Header.Set(subjects.HeaderContentType, subjects.ContentJSON)
		reply, err := u.daemon.ask(u.c.Context(), m, sendTime)
		if err != nil {
			return nil, err
		}
		code, h := reply.Header.Get(subjects.HeaderErrorCode), reply.Header
		switch {
		case code == "":
			return reply.Data, nil
		case code == "504" && h.Get(subjects.HeaderSent) == string(answer.No) && h.Get(subjects.HeaderRetryAfter) != "":
			continue // it is on its way, and the same request goes on from there
		}
		return nil, replyError(code, h)
	}
}

// eventProgress tells how far a large file is on its way.
const eventProgress = "file.progress"

// follow shows how far files are on their way to Telegram, as far as the user may see events.
func (u *uploader) follow(line *progress, files []uploaded) (stop func()) {
	at := map[string]int64{}
	sub, err := u.nc.Subscribe(u.set.Scheme().Event(u.account, eventProgress), func(m *nats.Msg) {
		var e struct {
			Bucket string `json:"bucket"`
			Object string `json:"object"`
			Done   int64  `json:"done"`
		}
		if json.Unmarshal(m.Data, &e) != nil || !slices.ContainsFunc(files, func(f uploaded) bool { return f.Object == objects.Ref{Bucket: e.Bucket, Name: e.Object}.String() }) {
			return
		}
		at[e.Object] = e.Done
		var all int64
		for _, n := range at {
			all += n
		}
		line.at(all)
	})
	if err != nil {
		return func() {}
	}
	return func() { _ = sub.Unsubscribe() }
}

// print says what became of files; result is Telegram's answer, nil: they were not sent.
func (u *uploader) print(files []uploaded, result json.RawMessage) error {
	out := u.c.OutOrStdout()
	if u.asJSON {
		line := map[string]any{"files": files}
		if result != nil {
			line["result"] = result
		}
		return json.NewEncoder(out).Encode(line)
	}
	for _, f := range files {
		if result == nil {
			fmt.Fprintln(out, f.Object)
			continue
		}
		fmt.Fprintf(out, "%s  %s  sent to %s\n", printable(f.Name), size(f.Size), printable(u.to))
	}
	return nil
}
