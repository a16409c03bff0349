package peers

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/subjects"
)

// sighted is the message by which somebody is named, 0: none.
func sighted(t *testing.T, d *Directory, text string) int64 {
	t.Helper()
	b, _, err := d.Resolve(t.Context(), "InputPeer", text)
	if err != nil {
		return 0
	}
	v, err := d.learner.schema.View(b)
	if err != nil || !strings.HasSuffix(v.Name(), "FromMessage") {
		t.Fatalf("%s: %v", v.Name(), err)
	}
	return v.Int("msg_id")
}

// sees has a directory see somebody min in messages of channel 3.
func sees(d *Directory, g *telegram, msgs ...int64) {
	d.Learn(g.encode(channel(3, 33)))
	for _, msg := range msgs {
		d.Learn(g.encode(minUser(9)))
		d.SeenIn(subjects.User, 9, subjects.Channel, 3, msg)
	}
}

// Who lets go of an account in order leaves the newest message of everybody, though the bucket was told of another one within this hour.
func TestNewestSightingPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		d, g := owner(t, s, 1)
		sees(d, g, 41)
		time.Sleep(time.Second)
		synctest.Wait()
		sees(d, g, 42)
		time.Sleep(time.Second)
		synctest.Wait()
		d.Close(t.Context())
		next, _ := owner(t, s, 1)
		if got := sighted(t, next, "user.9"); got != 42 {
			t.Errorf("named by %d", got)
		}
		next.Close(t.Context())
	})
}

// What could not be written of them holds back the mark: the next owner reads them in the stream.
func TestSightingNotPassedOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, made := t.Context(), time.Unix(1, 0)
		s := newShelf()
		d, g := owner(t, s, 1)
		sees(d, g, 41)
		if !d.SaveMark(ctx, 7, made) {
			t.Error("no mark")
		}
		sees(d, g, 42)
		s.fail(errors.New("no answer"))
		d.Close(ctx)
		s.fail(nil)
		if !d.SaveMark(ctx, 8, made) {
			t.Error("it counts as a loss")
		}
		if seq, _ := d.Mark(ctx, made); seq != 7 {
			t.Errorf("the mark is at %d", seq)
		}
	})
}
