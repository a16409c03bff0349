package transport

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
)

const (
	secretSize  = 16   // bytes of the key in a proxy's secret
	paddedMark  = 0xdd // in front of it: padded framing
	tlsMark     = 0xee // in front of it: fake TLS, and a host name after it
	maxHostName = 182  // bytes of that name
)

// ErrFakeTLS says that a secret asks for a connection that looks like TLS, which is not supported yet.
var ErrFakeTLS = errors.New("transport: proxy secrets of the fake-TLS kind (ee...) are not supported yet")

var errSecret = errors.New("transport: a proxy secret has 16 bytes, 17 with dd in front, or ee, 16 bytes and a host name")

// ParseSecret reads the secret of an MTProxy as it stands in links: hexadecimal or base64, of either alphabet, with or
// without padding (A20). The result is what [ClientOptions] take. The error does not contain the secret.
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
	if _, _, err := splitSecret(b); err != nil && !errors.Is(err, ErrFakeTLS) {
		return nil, err
	}
	return b, nil
}

// splitSecret checks the binary form of a secret and takes it apart; none is none.
func splitSecret(b []byte) (key []byte, padded bool, err error) {
	switch {
	case len(b) == 0:
		return nil, false, nil
	case len(b) == secretSize:
		return b, false, nil
	case len(b) == 1+secretSize && b[0] != tlsMark: // "any extra leading byte means padded" (A20)
		return b[1:], true, nil
	case len(b) > 1+secretSize && len(b) <= 1+secretSize+maxHostName && b[0] == tlsMark:
		return nil, true, ErrFakeTLS
	}
	return nil, false, errSecret
}
