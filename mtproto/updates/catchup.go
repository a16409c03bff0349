package updates

import "github.com/natsgram/natsgram/tl/codec"

// catchUp is what fetching the account's difference and those of channels have in common.
type catchUp struct {
	*env
	ledger *ledger
	out    *publisher
	gaps   *gaps
	seqs   *sequencer
	in     *dispatcher
}

// fetch asks for a difference.
func (u *catchUp) fetch(d *diffState, b Box, method string, call codec.M) {
	id, err := u.out.fetch(b, method, call, false)
	if err != nil {
		u.out.unreadable(b, err)
		d.tryLater(u.env)
		return
	}
	d.fetch, d.repeat = id, false
}

// read reads an answer. One that cannot be read is asked for once more, over a connection that was begun anew (D3); after
// that, what can be read of it has to do, and nothing waits for a newer schema.
func (u *catchUp) read(d *diffState, b Box, body []byte, class string) (v codec.View, c *container, err error) {
	var lost [][]byte
	if v, err = u.rules.s.View(body); err != nil && d.unreadable+1 >= u.c.MaxUnreadable {
		if salvaged, rest, ok := u.rules.salvage(body); ok {
			u.out.unreadable(b, err)
			v, lost, err = salvaged, rest, nil
		}
	}
	if err == nil && v.Class() != class {
		err = errClass
	}
	if err != nil {
		return v, nil, err
	}
	d.unreadable = 0
	u.heard = u.now
	c = newAnswer(v, len(body))
	c.lost = lost
	return v, c, nil
}

// unreadable counts an answer in another layer's constructors (D3), and reports whether it was the last that is waited for.
// It may be readable after the connection was begun anew; when it never is, what it holds is a gap.
func (u *catchUp) unreadable(d *diffState, b Box, err error) (last bool) {
	u.out.unreadable(b, err)
	d.unreadable++
	d.watching = false
	return d.unreadable >= u.c.MaxUnreadable
}
