package files

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/bridge/files/source"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What nobody named is called by the file's id and its ending, where every client of NATS reads an object with that name.
func TestObjectName(t *testing.T) {
	for name, want := range map[string]string{
		"film.mp4": "main/document/7.mp4", "фильм.mp4": "main/document/7.mp4", "": "main/document/7",
		"письмо.док": "main/document/7", "a.longerthanthat": "main/document/7",
	} {
		if got := objectName("main", &source.Found{Key: "document/7", Name: name}, &source.Asked{}); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}

// Requests that wait take no more memory than there is for them, however long they are.
func TestRoomForWaiting(t *testing.T) {
	s := New(Config{})
	n := 0
	for ; s.enter(askMost); n++ {
	}
	if n != asksMost/askMost {
		t.Errorf("%d requests of %d bytes wait", n, askMost)
	}
	s.leave(askMost)
	if !s.enter(askMost) {
		t.Error("there is no room again")
	}
	for range n {
		s.leave(askMost)
	}
	s.Close()
}
