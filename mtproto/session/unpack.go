package session

import (
	"fmt"

	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/tl/bin"
)

// packetUnpacks times Limits.MaxUnpacked is what all of one packet may unpack to: a container holds up to 1024 messages.
const packetUnpacks = 4

// unpacker unpacks what is in a packet.
type unpacker struct {
	limits *Limits
	done   int // bytes that the present packet unpacked to
}

func (u *unpacker) gunzip(body []byte) ([]byte, error) {
	var g mt.GzipPacked
	r := bin.NewReader(body)
	if g.Decode(r); r.Err() != nil {
		return nil, fmt.Errorf("%w: %w", ErrPacket, r.Err())
	}
	most := u.limits.MaxUnpacked
	out, err := mt.Gunzip(nil, g.PackedData, min(most, packetUnpacks*most-u.done))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPacket, err)
	}
	u.done += len(out)
	return out, nil
}
