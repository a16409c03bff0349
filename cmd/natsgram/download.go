package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/spf13/cobra"

	"github.com/natsgram/natsgram/bridge/bus"
	"github.com/natsgram/natsgram/bridge/peers"
	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/subjects"
)

// downloadOptions are what the flags of download choose.
type downloadOptions struct {
	to, size             string
	photo, force, asJSON bool
}

func downloadCommand() *cobra.Command {
	var o downloadOptions
	c := &cobra.Command{
		Use:   "download ACCOUNT WHAT...",
		Short: "Fetch the files of messages, or the photo of a chat",
		Long: `Fetch files: of a message by its link, or as PEER/ID; with --photo, the photo of a chat. Each is put into the present folder
under its own name, into the folder or file that -o names, or with -o - to standard output.

A file that is not whole yet has .part behind its name. The same command again goes on where it was.`,
		Example: `  natsgram download main https://t.me/news/5
  natsgram download main me/17 -o film.mp4
  natsgram download main @alice --photo --size thumb -o -`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			var asked []map[string]any
			err := checkAccount(c, args[0])
			for _, what := range args[1:] {
				a, wrong := o.asks(what)
				asked, err = append(asked, a), errors.Join(err, misused(c, wrong))
			}
			if err == nil && o.to != "" && len(asked) > 1 && !isFolder(o.to) {
				err = misused(c, fmt.Errorf("-o %s: several files want a folder that is there", o.to))
			}
			if err != nil {
				return err
			}
			return o.download(c, args[0], asked)
		},
	}
	f := c.Flags()
	f.StringVarP(&o.to, "output", "o", "", "file or folder; - is standard output")
	f.StringVar(&o.size, "size", "", "of a photo or preview: thumb, m, x, y ... (default: the original)")
	f.BoolVar(&o.photo, "photo", false, "WHAT is a chat, whose photo is wanted")
	f.BoolVar(&o.force, "force", false, "over a file that is there")
	f.BoolVar(&o.asJSON, "json", false, "one JSON object for each file")
	return c
}

func isFolder(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// asks is a request for what a word means.
func (o downloadOptions) asks(what string) (map[string]any, error) {
	a := map[string]any{}
	if o.size != "" {
		a["size"] = o.size
	}
	i := strings.LastIndexByte(what, '/')
	switch {
	case o.photo:
		a["photo_of"] = what
	case peers.IsLink(what):
		a["link"] = what
	case i > 0:
		id, err := strconv.Atoi(what[i+1:])
		if err != nil || id <= 0 {
			return nil, fmt.Errorf("%q: want a link, or PEER/ID", what)
		}
		a["message"] = map[string]any{"peer": what[:i], "id": id}
	default:
		return nil, fmt.Errorf("%q: want a link, or PEER/ID; with --photo, a chat", what)
	}
	return a, nil
}

// downloaded is a file that has been fetched.
type downloaded struct {
	File string `json:"file"` // where it is
	Name string `json:"name"` // what Telegram calls it
	Size int64  `json:"size"`
	Mime string `json:"mime_type"`
}

// downloader fetches files, a range after the other.
type downloader struct {
	downloadOptions
	c       *cobra.Command
	set     settings.Settings
	account string
	daemon  *patient
}

func (o downloadOptions) download(c *cobra.Command, account string, asked []map[string]any) error {
	set, err := loadSettings(c)
	if err != nil {
		return err
	}
	d := &downloader{downloadOptions: o, c: c, set: set, account: account}
	nc, err := bus.Connect(set, "natsgram-cli")
	if err != nil {
		return err
	}
	defer nc.Close()
	d.daemon = newPatient(c, set, nc, account)
	for _, a := range asked {
		f, err := d.fetch(c.Context(), a)
		if err != nil {
			return err
		}
		if err := d.print(f); err != nil {
			return err
		}
	}
	return nil
}

func (d *downloader) print(f downloaded) error {
	switch {
	case d.asJSON && d.to != "-":
		return json.NewEncoder(d.c.OutOrStdout()).Encode(f)
	case d.to == "-":
		return nil
	}
	_, err := fmt.Fprintf(d.c.OutOrStdout(), "%s  %s\n", printable(f.File), size(f.Size))
	return err
}

// rangeMost is how much one answer may have, in bytes.
const rangeMost = 8 << 20

// told is what the daemon tells of a file, in the header Tg-File.
type told struct {
	Name string `json:"name"`
	Size int64  `json:"size"` // 0: not known
	Mime string `json:"mime_type"`
}

// fetch fetches one file. Its beginning comes first: it says what the file is, and whether what is there already is of it.
func (d *downloader) fetch(ctx context.Context, asked map[string]any) (f downloaded, err error) {
	head, about, err := d.piece(ctx, asked, 0)
	if err != nil {
		return f, err
	}
	f = downloaded{Name: about.Name, Mime: about.Mime, Size: int64(len(head))}
	if d.to == "-" {
		f.Size, err = d.rest(ctx, asked, about, head, d.c.OutOrStdout(), 0)
		return f, err
	}
	if f.File, err = d.target(about.Name); err != nil {
		return f, err
	}
	part, from, err := partial(f.File+".part", head, about.Size)
	if err != nil {
		return f, err
	}
	defer part.Close()
	if f.Size, err = d.rest(ctx, asked, about, head, part, from); err == nil {
		err = part.Close()
	}
	if err == nil {
		err = os.Rename(part.Name(), f.File)
	}
	return f, err
}

// target is where a file goes that is called so.
func (d *downloader) target(name string) (string, error) {
	file := filepath.Base(strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || r < ' ' {
			return '_'
		}
		return r
	}, name))
	if file = shortName(strings.TrimLeft(file, ".")); file == "" {
		file = "file"
	}
	switch {
	case d.to != "" && isFolder(d.to):
		file = filepath.Join(d.to, file)
	case d.to != "":
		file = d.to
	}
	if _, err := os.Stat(file); err == nil && !d.force {
		return "", fmt.Errorf("%s is there already (--force writes over it)", printable(file))
	}
	return file, nil
}

// nameMost is how long a file's name may be, in bytes: file systems take 255, and .part comes behind it.
const nameMost = 240

// shortName shortens what is too long a name, and keeps its ending.
func shortName(name string) string {
	if len(name) <= nameMost {
		return name
	}
	ext := filepath.Ext(name)
	if len(ext) > nameMost/4 {
		ext = ""
	}
	return strings.ToValidUTF8(name[:nameMost-len(ext)], "") + ext
}

// partial opens what there is of a file, to go on from a place in it. What does not begin as the file does, or is longer, is begun
// anew.
func partial(name string, head []byte, size int64) (f *os.File, from int64, err error) {
	if f, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o666); err != nil { //nolint:gosec // as other programs make files
		return nil, 0, err
	}
	have := make([]byte, len(head))
	if _, err := io.ReadFull(f, have); err == nil && bytes.Equal(have, head) {
		if from, err = f.Seek(0, io.SeekEnd); err == nil && (from <= size || size <= 0 && len(head) == rangeMost) {
			return f, from, nil
		}
	}
	if err = f.Truncate(0); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
	}
	return f, 0, err
}

// rest writes what follows from a place on, and tells the file's size.
func (d *downloader) rest(ctx context.Context, asked map[string]any, about told, head []byte, w io.Writer, from int64) (int64, error) {
	line := newProgress(d.c.ErrOrStderr(), printable(about.Name), about.Size, from)
	defer line.end()
	data := head
	for at := from; ; {
		var err error
		if at > 0 || data == nil {
			if about.Size > 0 && at >= about.Size {
				return at, nil
			}
			if data, _, err = d.piece(ctx, asked, at); err != nil {
				return at, err
			}
		}
		if _, err := w.Write(data); err != nil {
			return at, err
		}
		at += int64(len(data))
		line.at(at)
		switch {
		case about.Size > 0 && at < about.Size && len(data) == 0:
			return at, fmt.Errorf("%s ends behind %d bytes, and is said to have %d", printable(about.Name), at, about.Size)
		case len(data) == 0 || about.Size <= 0 && len(data) < rangeMost:
			return at, nil
		}
	}
}

// piece asks for a range.
func (d *downloader) piece(ctx context.Context, asked map[string]any, at int64) ([]byte, told, error) {
	asked["offset"], asked["limit"] = at, rangeMost
	body, err := json.Marshal(asked)
	if err != nil {
		return nil, told{}, err
	}
	m := nats.NewMsg(d.set.Scheme().File(d.account, subjects.FileGet))
	m.Data = body
	reply, err := d.daemon.ask(ctx, m, sendTime)
	if err != nil {
		return nil, told{}, err
	}
	h := reply.Header
	if code := h.Get(subjects.HeaderErrorCode); code != "" {
		return nil, told{}, replyError(code, h)
	}
	var about told
	err = json.Unmarshal([]byte(h.Get(subjects.HeaderFile)), &about)
	return reply.Data, about, err
}
