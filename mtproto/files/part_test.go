package files

import (
	"bytes"
	"math"
	"testing"

	"github.com/natsgram/natsgram/tl/codec"
)

// The call around a part is the one that the schema says, of whatever length the part is.
func TestPartQuery(t *testing.T) {
	for _, call := range []codec.M{
		{"_": "upload.saveFilePart", "file_id": int64(math.MinInt64), "file_part": 3},
		{"_": "upload.saveBigFilePart", "file_id": -1, "file_part": 3999, "file_total_parts": 4000},
	} {
		for _, n := range []int{1, 2, 3, 4, 252, 253, 254, 255, 256, 257, 1000, partSmall - 1, partSmall, partBig - 5, partBig} {
			b := newBuffer(partBig)
			b.n = n
			for i := range b.room {
				b.room[i] = 0xdb // from the part before
			}
			for i := range b.part() {
				b.part()[i] = byte(i * 7)
			}
			call["bytes"] = bytes.Clone(b.part())
			want, err := schema().Encode(nil, call)
			if err != nil {
				t.Fatal(err)
			}
			call["bytes"] = ""
			head, err := schema().Encode(nil, call)
			if err != nil {
				t.Fatal(err)
			}
			if got := b.query(head); !bytes.Equal(got, want) {
				t.Errorf("%s with %d bytes: %d bytes, want %d", call["_"], n, len(got), len(want))
			}
			if &b.part()[0] != &b.room[callMost] || cap(b.room) < callMost+partBig+3 {
				t.Error("the part has moved")
			}
		}
	}
}
