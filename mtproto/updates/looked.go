package updates

import "github.com/natsgram/natsgram/tl/codec"

// looked is an object whose fields were found in one pass, and the message in it.
type looked struct {
	codec.Fields
	message codec.Fields
	in      string // the field that message was read from
}

// inner is the message in a field, read once.
func (l *looked) inner(field string) *codec.Fields {
	if l.in != field {
		message, _ := l.Object(field)
		l.message.Read(message)
		l.in = field
	}
	return &l.message
}
