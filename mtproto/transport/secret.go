package transport

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

const (
	secretSize  = 16   // bytes of the key in a proxy's secret
	paddedMark  = 0xdd // in front of it: padded framing
	tlsMark     = 0xee // in front of it: fake TLS, and a host name after it
	maxHostName = 182  // bytes of that name
)

// ErrFakeTLS says that a secret asks for a connection that looks like TLS: the stream that carries the framing has to go
// through a [TLSClient], and the framing is given [Secret.Inner].
var ErrFakeTLS = errors.New("transport: a secret of the fake-TLS kind (ee...) needs a TLSClient below the framing")

var errSecret = errors.New("transport: a proxy secret has 16 bytes, 17 with dd in front, or ee, 16 bytes and a host name")

// Secret is what the secret of an MTProxy, or of a data centre's address, is made of (A20). It prints as its kind alone.
type Secret struct {
	// Key is 16 bytes long.
	Key []byte

	// Padded asks for the padded framing (A21).
	Padded bool

	// Domain, where there is one, is the host that the connection claims to go to: it has to look like TLS.
	Domain string
}

// SplitSecret takes the binary form of a secret apart. No bytes are the zero Secret: there is none.
func SplitSecret(b []byte) (Secret, error) {
	switch {
	case len(b) == 0:
		return Secret{}, nil
	case len(b) == secretSize:
		return Secret{Key: b}, nil
	case len(b) == 1+secretSize && b[0] != tlsMark: // "any extra leading byte means padded" (A20)
		return Secret{Key: b[1:], Padded: true}, nil
	case len(b) > 1+secretSize && len(b) <= 1+secretSize+maxHostName && b[0] == tlsMark:
		return Secret{Key: b[1 : 1+secretSize], Padded: true, Domain: string(b[1+secretSize:])}, nil
	}
	return Secret{}, errSecret
}

// ParseSecret reads the secret of an MTProxy as it stands in links: hexadecimal or base64, of either alphabet, with or
// without padding (A20). The result is the binary form. The error does not contain the secret.
func ParseSecret(text string) ([]byte, error) {
	b, err := hex.DecodeString(text)
	if err != nil {
		text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
		if b, err = base64.RawStdEncoding.DecodeString(text); err != nil {
			return nil, errSecret
		}
	}
	if len(b) == 0 {
		return nil, errSecret
	}
	if _, err := SplitSecret(b); err != nil {
		return nil, err
	}
	return b, nil
}

// Inner is the binary form of the secret for the framing within: without what concerns the TLS around it.
func (s Secret) Inner() []byte {
	switch {
	case len(s.Key) == 0:
		return nil
	case s.Padded:
		return append([]byte{paddedMark}, s.Key...)
	}
	return s.Key
}

func (s Secret) String() string {
	switch {
	case s.Domain != "":
		return "fake TLS to " + s.Domain
	case s.Padded:
		return "padded"
	case len(s.Key) > 0:
		return "simple"
	}
	return "none"
}

// Format prints [Secret.String] for every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue is [Secret.String].
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
