//go:build !linux

package wire

// gone reports whether the other end has closed the connection, where the system tells before it is read.
func (c *Conn) gone() bool { return c.closed.Load() }
