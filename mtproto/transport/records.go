package transport

import (
	"bytes"
	"encoding/binary"
)

const (
	tlsHead      = 5        // bytes of a TLS record before its content
	tlsRecordOut = 2878     // bytes of content in a record that we send (A26)
	tlsRecordIn  = 17 << 10 // bytes of content in a record that we take; TLS itself allows 16,640
)

// Types of records; the version that follows says TLS 1.2, as it does in TLS 1.3.
const (
	tlsTypeChange    = 0x14
	tlsTypeHandshake = 0x16
	tlsTypeData      = 0x17
)

var (
	tlsHandshake = []byte{tlsTypeHandshake, 0x03, 0x03}
	tlsChange    = []byte{tlsTypeChange, 0x03, 0x03, 0x00, 0x01, 0x01}
	tlsData      = []byte{tlsTypeData, 0x03, 0x03}
)

// records carry a stream of bytes in TLS records after the hellos (A26). What is sent and what is received are
// independent of each other.
type records struct {
	greeting []byte // still to go out before the first record

	in   inbox
	left int  // bytes of the record under way that were not consumed
	skip bool // which is not data
	err  error
}

// append adds the records that carry data.
func (r *records) append(dst, data []byte) []byte {
	if len(data) > 0 {
		dst = append(dst, r.greeting...)
		r.greeting = nil
	}
	for len(data) > 0 {
		n := min(len(data), tlsRecordOut)
		dst = append(dst, tlsData...)
		dst = binary.BigEndian.AppendUint16(dst, uint16(n))
		dst = append(dst, data[:n]...)
		data = data[n:]
	}
	return dst
}

// next gives the data that is there, which may be a part of a record; nothing: more has to be fed.
func (r *records) next() ([]byte, error) {
	for r.err == nil {
		b := r.in.rest()
		if r.left == 0 {
			if len(b) < tlsHead {
				return nil, nil
			}
			r.err = r.begin(b)
			continue
		}
		n := min(r.left, len(b))
		r.in.off += n
		r.left -= n
		switch {
		case n == 0:
			return nil, nil
		case !r.skip:
			return b[:n], nil
		}
	}
	return nil, r.err
}

// begin takes the head of a record.
func (r *records) begin(b []byte) error {
	n := int(binary.BigEndian.Uint16(b[3:]))
	if n > tlsRecordIn {
		return violation("TLS record of %d bytes", n)
	}
	switch {
	case bytes.HasPrefix(b, tlsData):
		r.skip = false
	case bytes.HasPrefix(b, tlsChange[:3]):
		r.skip = true
	default: // an alert, or no TLS at all
		return violation("TLS record that begins with % x", b[:3])
	}
	r.in.off += tlsHead
	r.left = n
	return nil
}

// tlsRecord cuts a whole record of that kind off b. Nil: b does not begin with one, or not with a whole one.
func tlsRecord(b, kind []byte) (record, rest []byte) {
	if len(b) < tlsHead || !bytes.HasPrefix(b, kind) {
		return nil, b
	}
	n := tlsHead + int(binary.BigEndian.Uint16(b[3:]))
	if n > len(b) {
		return nil, b
	}
	return b[:n], b[n:]
}
