package wire

import "syscall"

// established is TCP's state of a connection that neither end has closed (TCP_ESTABLISHED in Linux).
const established = 1

// gone reports whether the other end has closed the connection, also where nobody has had the time to read that far.
func (c *Conn) gone() bool {
	s, ok := c.nc.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return true
	}
	closed := false
	err = raw.Control(func(fd uintptr) {
		info, err := syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_INFO) // its first byte is the state
		closed = err == nil && byte(info) != established
	})
	return closed || err != nil
}
