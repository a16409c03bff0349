package bus

import (
	"errors"
	"regexp"
	"strings"

	"github.com/nats-io/nats.go"
)

// Refusal is a right that a NATS user has not.
type Refusal struct {
	Publish bool   // else subscribe
	Subject string // empty: the server says it in words that are not known
}

// refused is how a NATS server says what it refuses.
var refused = regexp.MustCompile(`(?i)\b(publish|subscription) to "([^"]+)"`)

// RefusalOf reads an error of NATS.
func RefusalOf(err error) (r Refusal, ok bool) {
	if !errors.Is(err, nats.ErrPermissionViolation) {
		return r, false
	}
	if m := refused.FindStringSubmatch(err.Error()); m != nil {
		r = Refusal{Publish: strings.EqualFold(m[1], "publish"), Subject: m[2]}
	}
	return r, true
}
