package mtproto

// linkUse is what a link is for.
type linkUse uint8

const (
	forCalls linkUse = iota
	forDownload
	forUpload
	forCDN
)

// dcPath is where the calls of one use go through: links with the same path share the limits for it.
type dcPath struct {
	id  int // of the data centre
	use linkUse
}

// TDLib's numbers of sessions (D10).
const (
	uploadsMain   = 4 // to data centres 2 and 4
	downloadsMain = 2
	sessionsMost  = 8 // of premium accounts, and to upload elsewhere
)

// most returns how many sessions there may be (D10).
func (p dcPath) most(premium bool) int {
	switch {
	case premium, p.use == forUpload && p.id != 2 && p.id != 4:
		return sessionsMost
	case p.use == forUpload:
		return uploadsMain
	}
	return downloadsMain
}
