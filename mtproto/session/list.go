package session

// list is a doubly linked list of calls.
type list struct {
	head, tail *call
	hint       *call // inserted last: what is sent again comes in order
}

func (l *list) push(c *call) { l.after(l.tail, c) }

// insert puts c where its id belongs. New calls go to the end, repeated ones near the head.
func (l *list) insert(c *call) {
	if l.tail == nil || l.tail.id < c.id {
		l.push(c)
		return
	}
	at := l.head
	if l.hint != nil && l.hint.id < c.id {
		at = l.hint
	}
	for at.id < c.id {
		at = at.next
	}
	l.after(at.prev, c)
	l.hint = c
}

// after puts c behind p, or at the head if p is nil.
func (l *list) after(p, c *call) {
	c.prev = p
	if p == nil {
		c.next, l.head = l.head, c
	} else {
		c.next, p.next = p.next, c
	}
	if c.next == nil {
		l.tail = c
	} else {
		c.next.prev = c
	}
}

func (l *list) remove(c *call) {
	if l.hint == c {
		l.hint = c.prev
	}
	if c.prev == nil {
		l.head = c.next
	} else {
		c.prev.next = c.next
	}
	if c.next == nil {
		l.tail = c.prev
	} else {
		c.next.prev = c.prev
	}
	c.prev, c.next = nil, nil
}
