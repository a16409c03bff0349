package rights

import (
	"fmt"
	"strings"
	"time"

	"github.com/natsgram/natsgram/subjects"
)

// A request's reply subject may be published to as often as an answer may have parts, and for as long as a request may take by
// default (NATSGRAM_TIMEOUT_MAX), with a minute for hand-overs. nats-server keeps every one that was not used up until then; its own
// defaults are one message and two minutes.
const (
	responseMax  = 64
	responseTime = 6 * time.Minute
)

// allowed are the subjects that a user may subscribe to.
func (p Permissions) allowed() []string {
	if p.Inbox == "" {
		return p.Subscribe
	}
	return append([]string{p.Inbox + ".>"}, p.Subscribe...)
}

// String is the block as it stands in nats-server's configuration.
func (p Permissions) String() string { return "permissions: " + p.block("") + "\n" }

func (p Permissions) block(indent string) string {
	in := indent + "  "
	lines := "{\n" + in + "publish: " + rule(p.Publish, p.Deny, in) + "\n" + in + "subscribe: " + rule(p.allowed(), nil, in) + "\n"
	if p.Responses {
		lines += fmt.Sprintf("%sallow_responses: { max: %d, expires: %q }\n", in, responseMax, responseTime)
	}
	return lines + indent + "}"
}

// rule allows some subjects. Nothing is forbidden by an empty list: to nats-server that is no list, and allows everything.
func rule(allow, deny []string, indent string) string {
	if len(allow) == 0 {
		return `{ deny: [">"] }`
	}
	if len(deny) > 0 {
		return "{ allow: " + list(allow, indent) + ", deny: " + list(deny, indent) + " }"
	}
	return "{ allow: " + list(allow, indent) + " }"
}

// list is in one line where it is short.
func list(all []string, indent string) string {
	if len(all) <= 2 {
		return `["` + strings.Join(all, `", "`) + `"]`
	}
	return "[\n" + indent + "  \"" + strings.Join(all, "\"\n"+indent+"  \"") + "\"\n" + indent + "]"
}

// User is a user of NATS with its permissions.
type User struct {
	Name string
	Permissions
	// Account is the user's NATS account, and From natsgram's, where it is another one: then From exports what the user may
	// reach, and Account imports it. Both empty: the user is in natsgram's.
	Account, From string
}

// CheckName says why a name cannot be a user's or NATS account's here: it stands in configurations, commands and variables.
func CheckName(name string) error {
	if subjects.Plain(name) && (name[0] >= 'a' && name[0] <= 'z' || name[0] >= 'A' && name[0] <= 'Z') {
		return nil
	}
	return fmt.Errorf("name %q: want letters, digits, _ and -, beginning with a letter", name)
}

// Variable is where the printed configuration finds the user's password.
func (u User) Variable() string {
	return strings.ToUpper(strings.ReplaceAll(u.Name, "-", "_")) + "_PASSWORD"
}

// Config is the user as it stands in nats-server's configuration, with what the accounts export and import.
func (u User) Config() string {
	if u.From == "" {
		return u.entry("") + "\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# to account %s:\nexports: [\n", u.From)
	for _, s := range u.shared() {
		fmt.Fprintf(&b, "  { %s: %q, accounts: [%q]%s }\n", s.kind(), s.subject, u.Account, s.response(", response_type: stream"))
	}
	fmt.Fprintf(&b, "]\n# to account %s:\nimports: [\n", u.Account)
	for _, s := range u.shared() {
		fmt.Fprintf(&b, "  { %s: { account: %q, subject: %q }%s%s }\n", s.kind(), u.From, s.subject, s.renamed(", to: %q"), s.sharing(", share: true"))
	}
	fmt.Fprintf(&b, "]\nusers: [\n  %s\n]\n", u.abroad().entry("  "))
	return b.String()
}

func (u User) entry(indent string) string {
	return fmt.Sprintf("{ user: %q, password: $%s, permissions: %s }", u.Name, u.Variable(), u.block(indent))
}

// share is what one NATS account exports and another imports.
type share struct {
	subject, local string
	service        bool
}

// ImportedDomain is the JetStream domain that natsgram's JetStream seems to be to accounts that import parts of it, so that every
// client can be told; the subjects of their own JetStream are not touched.
const ImportedDomain = "natsgram"

func (u User) shared() (all []share) {
	for _, s := range u.Publish {
		all = append(all, share{s, imported(s), true})
	}
	for _, s := range u.Subscribe {
		all = append(all, share{s, s, false})
	}
	return all
}

func imported(subject string) string {
	if rest, ok := strings.CutPrefix(subject, jsAPI); ok {
		return "$JS." + ImportedDomain + ".API" + rest
	}
	return subject
}

// abroad is the user with the names that subjects have in its own account.
func (u User) abroad() User {
	local := make([]string, len(u.Publish))
	for i, s := range u.Publish {
		local[i] = imported(s)
	}
	u.Publish = local
	return u
}

func (s share) kind() string {
	if s.service {
		return "service"
	}
	return "stream"
}

// response is text where a request may have several answers.
func (s share) response(text string) string {
	if s.service && (strings.Contains(s.subject, ".MSG.NEXT.") || !strings.HasPrefix(s.subject, "$")) {
		return text
	}
	return ""
}

// sharing is text where the daemon is to be told who asks, by the header Nats-Request-Info.
func (s share) sharing(text string) string {
	if s.service && !strings.HasPrefix(s.subject, "$") {
		return text
	}
	return ""
}

// renamed is text about the name that the importing account has for it, where that is another.
func (s share) renamed(format string) string {
	if s.local == s.subject {
		return ""
	}
	return fmt.Sprintf(format, s.local)
}
