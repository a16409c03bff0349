package mtproto

import "testing"

// D10: how many sessions there are to a data centre, of each direction.
func TestSessionCounts(t *testing.T) {
	for _, premium := range []bool{false, true} {
		for _, c := range []struct {
			at   dcPath
			want int
		}{
			{dcPath{2, forUpload}, 4},
			{dcPath{4, forUpload}, 4},
			{dcPath{5, forUpload}, 8},
			{dcPath{2, forDownload}, 2},
			{dcPath{5, forDownload}, 2},
			{dcPath{203, forCDN}, 2},
		} {
			want := c.want
			if premium {
				want = 8
			}
			if got := c.at.most(premium); got != want {
				t.Errorf("premium %v, %+v: %d sessions, want %d", premium, c.at, got, want)
			}
		}
	}
}
