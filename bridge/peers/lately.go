package peers

// lately is which objects came within this second: people who write in a row, and chats that they write in, come with every message. Of these
// nothing has to be read.
type lately [128]struct {
	whole   uint64 // of the object
	at      uint32 // when it came, in unix seconds; 0: never
	learned Learned
}

func (x *lately) find(whole uint64, at uint32) (Learned, bool) {
	one := &x[whole%uint64(len(x))]
	return one.learned, one.at == at && one.whole == whole
}

func (x *lately) note(whole uint64, at uint32, l Learned) {
	one := &x[whole%uint64(len(x))]
	one.whole, one.at, one.learned = whole, at, l
}

// drop is for when another object of the same peer has come since: this one would tell something new again.
func (x *lately) drop(whole uint64) {
	if one := &x[whole%uint64(len(x))]; one.whole == whole {
		one.at = 0
	}
}
