package attach

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/tl/api/apitest"
	"github.com/natsgram/natsgram/tl/codec"
)

// shelf is files by their texts.
type shelf map[string]*file

func (s shelf) Find(_ context.Context, text string) (File, *answer.Fault) {
	f := s[text]
	if f == nil {
		return nil, answer.Refuse(404, text+": there is no such object")
	}
	f.found++
	return f, nil
}

type file struct {
	name, mime string
	found      int
	id         int           // of the InputFile that it is
	takes      time.Duration // to come up
	fault      *answer.Fault // instead
	lost       error         // what an error of a call says of it; nil: nothing does
}

func (f *file) Name() string     { return f.name }
func (f *file) MimeType() string { return f.mime }

func (f *file) Up(ctx context.Context) (codec.M, *answer.Fault) {
	select {
	case <-time.After(f.takes):
	case <-ctx.Done():
		return nil, answer.Later("given up")
	}
	if f.fault != nil {
		return nil, f.fault
	}
	return codec.M{"_": "inputFileBig", "id": f.id, "parts": 3, "name": f.name}, nil
}

func (f *file) Mend(_ context.Context, err error) (bool, *answer.Fault) {
	if f.lost == nil || !errors.Is(err, f.lost) {
		return false, f.fault
	}
	return true, nil
}

func newReader(s shelf) *Reader {
	schema, _ := apitest.Layer()
	return New(schema, s)
}

// call is a call as a caller wrote it, with the files that it names.
func (r *Reader) call(t *testing.T, u *Uses, method, body string) (codec.View, error) {
	t.Helper()
	fn, ok := r.schema.Function(method)
	if !ok {
		t.Fatal(method)
	}
	b, err := r.schema.AppendCallFromJSON(nil, []byte(body), fn, &codec.Options{Resolve: r.resolve(u), MissingValue: r.Besides(u), Forms: r.Forms(nil)})
	if err != nil {
		return codec.View{}, err
	}
	return r.view(t, b), nil
}

func (r *Reader) resolve(u *Uses) func(class, text string) ([]byte, bool, error) {
	return func(class, text string) ([]byte, bool, error) {
		if fault := Encrypted(class, text); fault != nil {
			return nil, true, fault
		}
		if !r.Is(class, text) {
			return nil, false, nil
		}
		b, fault := r.Object(context.Background(), u, text)
		if fault != nil {
			return nil, true, fault
		}
		return b, true, nil
	}
}

func (r *Reader) view(t *testing.T, b []byte) codec.View {
	t.Helper()
	v, err := r.schema.View(b)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func mediaOf(v codec.View) codec.View { m, _ := v.Object("media"); return m }

func fileOf(v codec.View) codec.View { f, _ := v.Object("file"); return f }

const document = `{"peer":{"_":"inputPeerSelf"},"media":{"_":"inputMediaUploadedDocument","file":"object:B/a"%s}}`

// A call is read with a placeholder first, and with the file when that is up; the caller says of it what he wants, and it says the rest.
func TestFileOfACall(t *testing.T) {
	a := &file{name: "a.txt", mime: "text/plain", id: 7}
	r, u := newReader(shelf{"object:B/a": a}), &Uses{}
	body := fmt.Sprintf(document, "")
	v, err := r.call(t, u, "messages.uploadMedia", body)
	if err != nil || fileOf(mediaOf(v)).Int("parts") != 0 || !u.Any() {
		t.Fatalf("%v", err)
	}
	if err := r.Up(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	if v, err = r.call(t, u, "messages.uploadMedia", body); err != nil {
		t.Fatal(err)
	}
	if f := fileOf(mediaOf(v)); f.Name() != "inputFileBig" || f.Int("id") != 7 || a.found != 1 {
		t.Errorf("%s %d, looked for %d times", f.Name(), f.Int("id"), a.found)
	}
	named := ""
	for o := range mediaOf(v).Objects("attributes") {
		named += o.Name() + " " + o.Str("file_name")
	}
	if mime := mediaOf(v).Str("mime_type"); mime != "text/plain" || named != "documentAttributeFilename a.txt" {
		t.Errorf("%s, %s", mime, named)
	}
	v, err = r.call(t, u, "messages.uploadMedia", fmt.Sprintf(document, `,"mime_type":"x/y","attributes":[]`))
	if err != nil || mediaOf(v).Str("mime_type") != "x/y" {
		t.Errorf("%v %v", v, err)
	}
	other := `{"peer":{"_":"inputPeerSelf"},"media":{"_":"inputMediaUploadedDocument","file":{"_":"inputFileBig","id":"9","parts":1,"name":"n"}}}`
	if _, err := r.call(t, u, "messages.uploadMedia", other); err == nil || !strings.Contains(err.Error(), "mime_type") {
		t.Errorf("of a file of the caller's own nothing is known: %v", err)
	}
}

// What cannot be is refused before anything is sent.
func TestRefused(t *testing.T) {
	r := newReader(shelf{})
	if _, err := r.call(t, &Uses{}, "messages.uploadMedia", fmt.Sprintf(document, "")); err == nil || !strings.Contains(err.Error(), "media.file: object:B/a: there is no such object") {
		t.Error(err)
	}
	_, err := r.call(t, &Uses{}, "messages.sendEncryptedFile", `{"peer":{"_":"inputEncryptedChat","chat_id":1,"access_hash":"1"},"random_id":"1","data":"","file":"object:B/a"}`)
	if err == nil || !strings.Contains(err.Error(), "files of secret chats are encrypted by whoever sends them") {
		t.Error(err)
	}
	u, all := &Uses{}, shelf{}
	for i := range filesMost + 1 {
		all[fmt.Sprint("object:B/", i)] = &file{}
	}
	r = newReader(all)
	for i := range filesMost {
		if _, fault := r.Object(t.Context(), u, fmt.Sprint("object:B/", i)); fault != nil {
			t.Fatal(fault)
		}
	}
	if _, fault := r.Object(t.Context(), u, fmt.Sprint("object:B/", filesMost)); fault == nil || fault.Code != 400 || fault.Sent != answer.No {
		t.Error(fault)
	}
	if _, fault := r.Object(t.Context(), u, "object:B/0"); fault != nil {
		t.Errorf("one that it names already: %v", fault)
	}
}

// Files come up side by side; where one cannot, the others are given up.
func TestUpAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := &file{takes: time.Second, fault: answer.Refuse(409, "it was deleted")}
		s := shelf{"object:B/1": {takes: time.Minute, id: 1}, "object:B/2": {takes: time.Minute, id: 2}, "object:B/bad": bad}
		r, u := newReader(s), &Uses{}
		for _, text := range []string{"object:B/1", "object:B/2"} {
			_, _ = r.Object(t.Context(), u, text)
		}
		begun := time.Now()
		if err := r.Up(t.Context(), u); err != nil || time.Since(begun) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		for i, one := range u.all {
			if id := r.view(t, one.object).Int("id"); id != int64(i+1) {
				t.Errorf("file %d is %d", i+1, id)
			}
		}
		_, _ = r.Object(t.Context(), u, "object:B/bad")
		begun = time.Now()
		if err := r.Up(t.Context(), u); !errors.Is(err, bad.fault) || time.Since(begun) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
	})
}

// A call is made again where an error of its says something of one of its files; a fault of one is that of the call.
func TestMend(t *testing.T) {
	missing := errors.New("FILE_PART_0_MISSING")
	a, b := &file{}, &file{lost: missing}
	r, u := newReader(shelf{"object:B/a": a, "object:B/b": b}), &Uses{}
	for _, text := range []string{"object:B/a", "object:B/b"} {
		_, _ = r.Object(t.Context(), u, text)
	}
	if again, fault := u.Mend(t.Context(), missing); !again || fault != nil {
		t.Error(again, fault)
	}
	if again, fault := u.Mend(t.Context(), errors.New("another")); again || fault != nil {
		t.Error(again, fault)
	}
	a.fault = answer.Refuse(409, "it was deleted")
	if again, fault := u.Mend(t.Context(), missing); again || fault != a.fault {
		t.Error(again, fault)
	}
}

// In raw TL an inputFile without parts is the file that its name says; calls without such a name stay as they are.
func TestNamedInTL(t *testing.T) {
	r, u := newReader(shelf{"object:B/a": {id: 7}}), &Uses{}
	raw := func(name string, parts int) []byte {
		b, err := r.schema.Encode(nil, codec.M{"_": "photos.uploadProfilePhoto", "file": codec.M{"_": "inputFile", "id": 1, "parts": parts, "name": name, "md5_checksum": ""}})
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	read := func(b []byte) codec.View {
		fn, _ := r.schema.Function("photos.uploadProfilePhoto")
		b, err := r.AppendTL(nil, b, fn, &codec.Options{Resolve: r.resolve(u), Forms: r.Forms(nil)})
		if err != nil {
			t.Fatal(err)
		}
		return r.view(t, b)
	}
	if f := fileOf(read(raw("a.jpg", 0))); f.Str("name") != "a.jpg" || u.Any() {
		t.Errorf("%s", f.Str("name"))
	}
	if f := fileOf(read(raw("object:B/a", 2))); f.Str("name") != "object:B/a" || f.Int("parts") != 2 || u.Any() {
		t.Errorf("a file that is up keeps its name: %s", f.Str("name"))
	}
	read(raw("object:B/a", 0))
	if err := r.Up(t.Context(), u); err != nil {
		t.Fatal(err)
	}
	if f := fileOf(read(raw("object:B/a", 0))); f.Name() != "inputFileBig" || f.Int("id") != 7 {
		t.Errorf("%s", f.Name())
	}
}

// Without files a reader reads calls as they are.
func TestNoFiles(t *testing.T) {
	schema, _ := apitest.Layer()
	r := New(schema, nil)
	if r != nil || r.Is("InputFile", "object:B/a") || r.Forms(nil) != nil || r.Besides(&Uses{}) != nil {
		t.Error("files, from nowhere")
	}
	if b, err := r.AppendTL(nil, []byte("object:B/a"), nil, nil); err != nil || string(b) != "object:B/a" {
		t.Errorf("%q %v", b, err)
	}
	if _, ok := r.Anything("", "mime_type", codec.Beside{}); ok {
		t.Error("something is said of no file")
	}
}
