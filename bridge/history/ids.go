package history

// ids is a set of message ids. In a channel they stand close together, so 64 of them share a word.
type ids map[int]uint64

func (s ids) has(id int) bool { return s[id>>6]&(1<<(id&63)) != 0 }

func (s ids) add(id int) { s[id>>6] |= 1 << (id & 63) }
