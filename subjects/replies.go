package subjects

import (
	"fmt"
	"strings"
)

// MaxReply is the longest reply subject that is answered to, in bytes. Inboxes of the usual clients have about fifty; a server
// closes a connection whose control line, which holds the subject, is longer than its max_control_line of 4096.
const MaxReply = 512

// answerTokens begin the first token of the subjects that every caller may be answered at: the inboxes of all clients, and
// what a NATS server makes of them where a request came by a service import.
var answerTokens = []string{"_INBOX", "_R_"}

// Replies are the subjects that answers may go to (design §10). A request names the subject of its answer, and a NATS server
// does not ask whether the caller may publish there: the daemon would, with rights that the caller has not. So it
// answers nowhere but here.
type Replies struct {
	own  string   // no answer goes below the daemon's own prefix
	more []string // subjects and all below them, as the operator says
}

// Replies are the inboxes, and what stands below the given prefixes, each of one or more whole tokens.
func (s Scheme) Replies(more ...string) (Replies, error) {
	r := Replies{own: s.root()}
	for _, prefix := range more {
		if err := s.checkReply(prefix); err != nil {
			return Replies{}, err
		}
		r.more = append(r.more, prefix)
	}
	return r, nil
}

// checkReply says why nothing may be answered below a prefix.
func (s Scheme) checkReply(prefix string) error {
	switch {
	case !literal(prefix):
		return fmt.Errorf("%.80q: want whole tokens of a subject, such as replies or app.inbox, without wildcards and spaces", prefix)
	case prefix[0] == '$':
		return fmt.Errorf("%.80q: what begins with $ belongs to the NATS server; an answer there could be an order to JetStream", prefix)
	case below(prefix, s.root()) || below(s.root(), prefix):
		return fmt.Errorf("%.80q: natsgram's own subjects are at %s; an answer there could be a call or a forged update", prefix, s.root())
	}
	return nil
}

// Allow reports whether an answer may go to a subject.
func (r Replies) Allow(reply string) bool {
	if !literal(reply) || reply[0] == '$' || below(reply, r.own) {
		return false
	}
	for _, token := range answerTokens {
		if strings.HasPrefix(reply, token) {
			return true
		}
	}
	for _, prefix := range r.more {
		if below(reply, prefix) {
			return true
		}
	}
	return false
}

// below reports whether a subject is prefix, or stands below it.
func below(subject, prefix string) bool {
	rest, ok := strings.CutPrefix(subject, prefix)
	return ok && (rest == "" || rest[0] == '.')
}

// literal reports whether a subject can be published to: no empty token, no wildcard, nothing that ends a word of NATS's protocol.
func literal(subject string) bool {
	if subject == "" || len(subject) > MaxReply || subject[0] == '.' || subject[len(subject)-1] == '.' || strings.Contains(subject, "..") {
		return false
	}
	for i := range len(subject) {
		if c := subject[i]; c <= ' ' || c == 0x7f || c == '*' || c == '>' {
			return false
		}
	}
	return true
}
