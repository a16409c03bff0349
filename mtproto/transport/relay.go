package transport

import "errors"

// Drain takes all bytes that were received, decrypted but not cut into frames. A proxy passes them on, since it need not
// know what is in them; it does not call Next. Nothing comes before the client's framing is known. The bytes alias the
// Conn's buffer until the next call of Feed.
func (c *Conn) Drain() ([]byte, error) {
	if c.err == nil && !c.detected {
		c.err = c.detect()
	}
	if c.err != nil || !c.detected {
		return nil, c.err
	}
	b := c.rest()
	c.off = len(c.buf)
	return b, nil
}

// AppendRaw appends to dst the bytes that carry b, which is framed already, in the connection's [Conn.Kind]: a piece of
// what [Conn.Drain] gave on the other side of a proxy. Like Append, it begins the connection when it is the first.
func (c *Conn) AppendRaw(dst, b []byte) ([]byte, error) {
	if !c.detected {
		return dst, errors.New("transport: the client has not chosen a framing yet")
	}
	start := len(dst)
	return c.finish(append(c.preamble(dst), b...), start), nil
}
