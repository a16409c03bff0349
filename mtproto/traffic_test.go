package mtproto

import "testing"

// D10: how many sessions there are to a data centre, of each direction.
func TestSessionCounts(t *testing.T) {
	var f traffic
	for _, premium := range []bool{false, true} {
		f.premium.Store(premium)
		for _, c := range []struct {
			at   pier
			want int
		}{
			{pier{2, forUpload}, 4},
			{pier{4, forUpload}, 4},
			{pier{5, forUpload}, 8},
			{pier{2, forDownload}, 2},
			{pier{5, forDownload}, 2},
			{pier{203, forCDN}, 2},
		} {
			want := c.want
			if premium {
				want = 8
			}
			if got := f.most(c.at); got != want {
				t.Errorf("premium %v, %+v: %d sessions, want %d", premium, c.at, got, want)
			}
		}
	}
}
