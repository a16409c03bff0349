package keys

import (
	"testing"

	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

// B27: the three answers.
func TestVerdict(t *testing.T) {
	for _, tc := range []struct {
		answer     mt.Object
		done, fine bool
	}{
		{&mt.DestroyAuthKeyOk{}, true, true},
		{&mt.DestroyAuthKeyNone{}, true, true},
		{&mt.DestroyAuthKeyFail{}, true, false},
		{&mt.MsgsAck{}, false, true},
	} {
		var w bin.Writer
		tc.answer.Encode(&w)
		if done, err := verdict(w.Buf); done != tc.done || (err == nil) != tc.fine {
			t.Errorf("%T: %v, %v", tc.answer, done, err)
		}
	}
	if done, _ := verdict(nil); done {
		t.Error("of nothing")
	}
}
