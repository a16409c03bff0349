package mt_test

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

// unhex reads hexadecimal with spaces, so that tests can be laid out like the wire.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const twoMessages = `dcf8f173 02000000
	0100000000000000 01000000 08000000 ec77be7a 00000000
	0500000000000000 02000000 04000000 d936b9ff`

// C18
func TestContainer(t *testing.T) {
	want := []mt.Message{
		{MsgID: 1, SeqNo: 1, Body: unhex(t, "ec77be7a 00000000")},
		{MsgID: 5, SeqNo: 2, Body: unhex(t, "d936b9ff")},
	}
	var w bin.Writer
	mt.AppendContainer(&w, want)
	if w.Err() != nil || hex.EncodeToString(w.Buf) != hex.EncodeToString(unhex(t, twoMessages)) {
		t.Fatalf("wrote %x, %v", w.Buf, w.Err())
	}
	got, err := read(w.Buf)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func read(src []byte) (got []mt.Message, err error) {
	r := bin.NewReader(src)
	mt.ReadContainer(r, func(m mt.Message) error {
		got = append(got, m)
		return nil
	})
	return got, r.Close()
}

// C18: accepted or rejected as a whole. Nothing is handed out of any of these.
func TestBadContainers(t *testing.T) {
	for name, src := range map[string]string{
		"other id":                  `dcf8f174 00000000`,
		"count without messages":    `dcf8f173 01000000`,
		"negative count":            `dcf8f173 ffffffff`,
		"second message cut":        strings.TrimSuffix(twoMessages, "ff"),
		"second body's length odd":  strings.Replace(twoMessages, "04000000 d936b9ff", "03000000 d936b9ff", 1),
		"second body too long":      strings.Replace(twoMessages, "04000000 d936b9ff", "08000000 d936b9ff", 1),
		"second length negative":    strings.Replace(twoMessages, "04000000 d936b9ff", "fcffffff d936b9ff", 1),
		"container in a container":  `dcf8f173 02000000 0100000000000000 01000000 04000000 d936b9ff 0100000000000000 01000000 08000000 dcf8f173 00000000`,
		"bytes after the container": twoMessages + "00000000",
	} {
		got, err := read(unhex(t, src))
		if err == nil || len(got) > 0 && name != "bytes after the container" {
			t.Errorf("%s: got %v, error %v", name, got, err)
		}
	}
}

// C18
func TestContainerOfTooMany(t *testing.T) {
	var w bin.Writer
	mt.AppendContainer(&w, make([]mt.Message, mt.MaxMessages))
	if got, err := read(w.Buf); err != nil || len(got) != mt.MaxMessages {
		t.Errorf("%d messages, %v", len(got), err)
	}
	mt.AppendContainer(&w, make([]mt.Message, mt.MaxMessages+1))
	if !errors.Is(w.Err(), mt.ErrContainer) {
		t.Errorf("writing: %v", w.Err())
	}
	more := append(unhex(t, "dcf8f173 01040000"), make([]byte, 16*(mt.MaxMessages+1))...)
	if got, err := read(more); !errors.Is(err, mt.ErrContainer) || len(got) > 0 {
		t.Errorf("reading: %d messages, %v", len(got), err)
	}
}

func TestWritingABodyThatIsNoTL(t *testing.T) {
	var w bin.Writer
	mt.AppendContainer(&w, []mt.Message{{Body: []byte("abc")}})
	if !errors.Is(w.Err(), mt.ErrContainer) {
		t.Errorf("got %v", w.Err())
	}
}

func TestTheReadersCallbackCanStop(t *testing.T) {
	stop := errors.New("stop")
	r, n := bin.NewReader(unhex(t, twoMessages)), 0
	mt.ReadContainer(r, func(mt.Message) error { n++; return stop })
	if n != 1 || !errors.Is(r.Err(), stop) {
		t.Errorf("%d calls, %v", n, r.Err())
	}
}

func BenchmarkContainer(b *testing.B) {
	messages := make([]mt.Message, 64)
	for i := range messages {
		messages[i] = mt.Message{MsgID: int64(4 * i), SeqNo: int32(2 * i), Body: make([]byte, 256)}
	}
	var w bin.Writer
	mt.AppendContainer(&w, messages)
	src := w.Buf
	b.Run("append", func(b *testing.B) {
		b.SetBytes(int64(len(src)))
		b.ReportAllocs()
		for b.Loop() {
			w.Buf = w.Buf[:0]
			mt.AppendContainer(&w, messages)
		}
	})
	b.Run("read", func(b *testing.B) {
		b.SetBytes(int64(len(src)))
		b.ReportAllocs()
		var r bin.Reader
		sum := 0
		for b.Loop() {
			r.Reset(src)
			mt.ReadContainer(&r, func(m mt.Message) error { sum += len(m.Body); return nil })
		}
	})
}
