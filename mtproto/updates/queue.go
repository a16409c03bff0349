package updates

// queue bounds the updates that are postponed until a difference is there (E7), and keeps whose calls caused them: the
// difference may bring the same updates.
type queue struct {
	most, mostBytes int

	n, bytes int
	origins  map[uint64]string // by what the updates are
}

// add takes the room of an update of a container. False: there is none.
func (q *queue) add(c *container) bool {
	if q.n >= q.most || q.bytes+c.cost > q.mostBytes {
		return false
	}
	q.n++
	q.bytes += c.cost
	return true
}

func (q *queue) remove(c *container) {
	q.n--
	q.bytes -= c.cost
	if q.n == 0 {
		q.origins = nil
	}
}

func (q *queue) noteOrigin(key uint64, origin string) {
	if q.origins == nil {
		q.origins = make(map[uint64]string)
	}
	q.origins[key] = origin
}
