package files_test

import (
	"testing"
	"testing/synctest"

	"github.com/natsgram/natsgram/mtproto/files"
	"github.com/natsgram/natsgram/mtproto/mttest"
)

// onCDN is a file that the CDN has.
func (r *rig) onCDN(dc, size int, how mttest.CDNFile) (data []byte, f files.Source) {
	data = content(size)
	file := r.s.AddFile(dc, "a.bin", data)
	r.s.PutOnCDN(file, how)
	return data, files.Source{Location: r.alice.Location(file), DC: dc, Size: int64(size)}
}

// D13, D14: a redirect leads to the CDN, whose bytes are decrypted and checked; the CDN hears of one method, and nothing of us.
func TestCDN(t *testing.T) {
	for _, dc := range []int{2, 4} {
		for _, size := range []int{1, 128 << 10, 700_001, 3<<20 + 16} {
			synctest.Test(t, func(t *testing.T) {
				r := start(t, inMemory)
				data, source := r.onCDN(dc, size, mttest.CDNFile{})
				r.get(source, data)
				source.Size = -1
				r.get(source, data)
				if said := r.s.ToldCDN(); len(said) > 0 {
					t.Errorf("the CDN was told %q", said)
				}
				if n := r.s.Executed("upload.getCdnFile"); n < 2 {
					t.Errorf("asked the CDN %d times", n)
				}
				if n := r.s.Executed("help.getCdnConfig"); n != 1 {
					t.Errorf("asked for its keys %d times", n)
				}
			})
		}
	}
}

// D14: wrong bytes of a CDN are never used: the data centre itself gives the right ones.
func TestCDNCorrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, inMemory)
		data, source := r.onCDN(2, 2<<20, mttest.CDNFile{Corrupt: true})
		r.get(source, data)
		if n := r.s.Executed("upload.getCdnFile"); n == 0 || n > 4 {
			t.Errorf("%d calls at a CDN that gives wrong bytes", n)
		}
	})
}

// D14: bytes for which nobody has a hash are not used either.
func TestCDNWithoutHashes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, inMemory)
		data, source := r.onCDN(2, 2<<20, mttest.CDNFile{})
		r.s.InterceptMethod("upload.getCdnFileHashes", func(*mttest.Request) mttest.Action { return mttest.Answer([]M{}) })
		r.get(source, data)
		if n := r.s.Executed("upload.getFile"); n < 4 {
			t.Errorf("%d calls of upload.getFile", n)
		}
	})
}

// D14: a file that the CDN has lost is given to it again.
func TestCDNCold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, inMemory)
		data, source := r.onCDN(4, 2<<20, mttest.CDNFile{Cold: true})
		r.get(source, data)
		if n := r.s.Executed("upload.reuploadCdnFile"); n != 1 {
			t.Errorf("given to the CDN again %d times", n)
		}
	})
}

// D14: FILE_TOKEN_INVALID and REQUEST_TOKEN_INVALID lead back to upload.getFile.
func TestCDNTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, inMemory)
		data, source := r.onCDN(4, 2<<20, mttest.CDNFile{Stale: true})
		r.get(source, data)
	})
	synctest.Test(t, func(t *testing.T) {
		r := start(t, inMemory)
		data, source := r.onCDN(4, 2<<20, mttest.CDNFile{Cold: true})
		r.s.FailNext("upload.reuploadCdnFile", 1, 400, "REQUEST_TOKEN_INVALID")
		r.get(source, data)
	})
}

// D13: a CDN that knows our key no more is given a new one, at any time; cuts and a CDN out of reach harm nothing.
func TestCDNTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, inMemory)
		data, source := r.onCDN(2, 8<<20, mttest.CDNFile{})
		r.get(source, data)
		r.s.ForgetCDNKeys()
		r.get(source, data)
		left := make(chan struct{}, 1)
		left <- struct{}{}
		r.s.InterceptMethod("upload.getCdnFile", func(*mttest.Request) mttest.Action {
			select {
			case <-left:
				r.s.ForgetCDNKeys()
				return mttest.Drop()
			default:
				return mttest.Pass()
			}
		})
		r.s.Faults.CutEvery(2 << 20)
		r.get(source, data)
	})
	synctest.Test(t, func(t *testing.T) { // addresses of a CDN that nobody knows
		r := start(t, inMemory)
		data, source := r.onCDN(2, 1<<20, mttest.CDNFile{})
		r.s.InterceptMethod("upload.getFile", func(q *mttest.Request) mttest.Action {
			if !q.Args.Bool("cdn_supported") {
				return mttest.Pass()
			}
			return mttest.Answer(M{
				"_": "upload.fileCdnRedirect", "dc_id": 777, "file_token": []byte("t"), "encryption_key": make([]byte, 32),
				"encryption_iv": make([]byte, 16), "file_hashes": []M{},
			})
		})
		r.get(source, data)
	})
}

// D12: without cdn_supported there is no redirect.
func TestNoCDN(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := start(t, inMemory)
		r.NoCDN = true
		data, source := r.onCDN(2, 1<<20, mttest.CDNFile{})
		r.get(source, data)
		if n := r.s.Executed("upload.getCdnFile"); n != 0 {
			t.Errorf("asked the CDN %d times", n)
		}
	})
}
