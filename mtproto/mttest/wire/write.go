package wire

import (
	"encoding/binary"

	"github.com/natsgram/natsgram/mtproto/crypto"
)

// flushAt is how many bytes are gathered before they are written.
const flushAt = 64 << 10

// writer is the state of the writing goroutine.
type writer struct {
	conn   *Conn
	plain  []byte // one message, to be sealed
	packet []byte // the same, sealed
	out    []byte // framed
	held   []byte // a packet that another one overtakes
}

func (c *Conn) write() {
	defer c.Close()
	w := writer{conn: c}
	for {
		select {
		case <-c.wake:
		case <-c.done:
			return
		}
		if w.all() != nil {
			return
		}
	}
}

// all writes everything there is.
func (w *writer) all() error {
	for {
		last, err := w.raw()
		if err != nil {
			return err
		}
		n, err := w.sessions()
		if err != nil {
			return err
		}
		if n == 0 {
			if err := w.release(); err != nil {
				return err
			}
		}
		if err := w.flush(); err != nil {
			return err
		}
		if last {
			return errDone
		}
		if n == 0 {
			return nil
		}
	}
}

// raw frames what needs no encryption. Last: nothing may follow.
func (w *writer) raw() (last bool, err error) {
	c := w.conn
	c.mu.Lock()
	items := c.raw
	c.raw, last = nil, c.last
	c.mu.Unlock()
	for _, item := range items {
		switch body := item[1:]; item[0] {
		case rawPacket:
			w.out, err = c.framer.Append(w.out, body, false)
		case rawAck:
			w.out, err = c.framer.AppendQuickAck(w.out, binary.LittleEndian.Uint32(body))
		case rawError:
			w.out, err = c.framer.AppendError(w.out, int32(binary.LittleEndian.Uint32(body)))
		}
		if err != nil && item[0] == rawPacket {
			return last, err
		}
	}
	return last, nil
}

// sessions seals and frames a packet of every session that has something to say.
func (w *writer) sessions() (n int, err error) {
	for _, s := range w.conn.sessions() {
		for {
			plain, ok := s.pack(w.plain[:0], w.conn)
			w.plain = plain
			if !ok {
				break
			}
			n++
			if err := w.seal(s); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

func (w *writer) seal(s *Session) (err error) {
	w.packet, _, err = crypto.Seal(w.packet[:0], &s.key.Key, crypto.Server, w.plain, w.conn.centre.cfg.Rand)
	if err != nil {
		return err
	}
	if err := w.frame(w.packet); err != nil {
		return err
	}
	if len(w.out) >= flushAt {
		return w.flush()
	}
	return nil
}

// frame puts a packet on its way, or does with it what the faults say: send it twice, or let the next one overtake it.
func (w *writer) frame(packet []byte) (err error) {
	switch faults := w.conn.centre.cfg.Faults; {
	case faults.happens(Duplicate):
		if w.out, err = w.conn.framer.Append(w.out, packet, false); err != nil {
			return err
		}
	case w.held == nil && faults.happens(Reorder):
		w.held = append([]byte(nil), packet...)
		return nil
	}
	if w.out, err = w.conn.framer.Append(w.out, packet, false); err != nil {
		return err
	}
	return w.release()
}

// release frames the packet that was held back.
func (w *writer) release() (err error) {
	if w.held != nil {
		w.out, err = w.conn.framer.Append(w.out, w.held, false)
		w.held = nil
	}
	return err
}

func (w *writer) flush() error {
	out := w.out
	if len(out) == 0 {
		return nil
	}
	n, cut := w.conn.cutter.pass(len(out))
	_, err := w.conn.nc.Write(out[:n])
	if cut {
		return errDone
	}
	w.out = w.out[:0]
	if cap(w.out) > keepBytes*2 {
		w.out = nil
	}
	if cap(w.plain) > keepBytes*2 {
		w.plain, w.packet = nil, nil
	}
	return err
}
