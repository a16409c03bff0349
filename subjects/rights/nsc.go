package rights

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// NSC is the user as commands of nsc, for servers in operator mode. Without accounts it goes to the one that nsc has chosen.
func (u User) NSC() string {
	var b strings.Builder
	account := u.Account
	if u.From != "" {
		for i, s := range u.shared() {
			u.nscShare(&b, s, fmt.Sprintf("%s-%d", u.Name, i+1))
		}
	}
	here, in := u, ""
	if u.From != "" {
		here = u.abroad()
	}
	if account != "" {
		in = " --account " + account
	}
	if here.large() {
		fmt.Fprintf(&b, "nsc edit signing-key%s --sk generate --role %s", in, u.Name)
		here.flags(&b)
		fmt.Fprintf(&b, "nsc add user%s --name %s --private-key %s\n", in, u.Name, u.Name)
		return b.String()
	}
	fmt.Fprintf(&b, "nsc add user%s --name %s", in, u.Name)
	here.flags(&b)
	return b.String()
}

// mostInJWT is how long the permissions in a user's JWT may be, in bytes of JSON. nats-server takes no longer line than 4 KB
// (max_control_line), and there the JWT stands in base64, with its issuer and a signature.
const mostInJWT = 2048

// large reports whether permissions do not fit into a user's JWT. Then they go into a signing key of the account, which nsc calls a
// role: a user's JWT that is signed with it has none of its own.
func (p Permissions) large() bool {
	text, err := json.Marshal(p.inJWT())
	return err != nil || len(text) > mostInJWT
}

// flags are the permissions as flags of nsc, to the end of the command.
func (p Permissions) flags(b *strings.Builder) {
	flags(b, "pub", p.Publish, p.Deny)
	flags(b, "sub", p.allowed(), nil)
	if p.Responses {
		fmt.Fprintf(b, " \\\n  --allow-pub-response=%d --response-ttl %s", responseMax, responseTime)
	}
	b.WriteString("\n")
}

func flags(b *strings.Builder, what string, allow, deny []string) {
	if len(allow) == 0 {
		deny = []string{">"}
	} else {
		fmt.Fprintf(b, " \\\n  --allow-%s '%s'", what, strings.Join(allow, ","))
	}
	if len(deny) > 0 {
		fmt.Fprintf(b, " \\\n  --deny-%s '%s'", what, strings.Join(deny, ","))
	}
}

// nscShare exports to the one account alone: it needs a token that the exporting one signs.
func (u User) nscShare(b *strings.Builder, s share, name string) {
	service := ""
	if s.service {
		service = " --service"
	}
	fmt.Fprintf(b, "nsc add export --account %s --name %s --subject '%s' --private%s%s\n", u.From, name, s.subject, service, s.response(" --response-type Stream"))
	fmt.Fprintf(b, "nsc generate activation --account %s --subject '%s' --target-account %s --output-file %s.jwt\n", u.From, s.subject, u.Account, name)
	fmt.Fprintf(b, "nsc add import --account %s --name %s --token %s.jwt --local-subject '%s'%s%s\n", u.Account, name, name, s.local, service, s.sharing(" --share"))
}

// The JSON of a user has the shapes that JWTs have.
type (
	userJSON struct {
		User        string          `json:"user"`
		InboxPrefix string          `json:"inbox_prefix,omitempty"`
		Permissions permissionsJSON `json:"permissions"`
		Exports     []exportJSON    `json:"exports,omitempty"` // of natsgram's account
		Imports     []importJSON    `json:"imports,omitempty"` // of the user's
	}
	permissionsJSON struct {
		Pub  ruleJSON      `json:"pub"`
		Sub  ruleJSON      `json:"sub"`
		Resp *responseJSON `json:"resp,omitempty"`
	}
	ruleJSON struct {
		Allow []string `json:"allow,omitempty"`
		Deny  []string `json:"deny,omitempty"`
	}
	responseJSON struct {
		Max int           `json:"max"`
		TTL time.Duration `json:"ttl"`
	}
	exportJSON struct {
		Name         string `json:"name"`
		Subject      string `json:"subject"`
		Type         string `json:"type"`
		TokenReq     bool   `json:"token_req"`
		ResponseType string `json:"response_type,omitempty"`
	}
	importJSON struct {
		Name         string `json:"name"`
		Subject      string `json:"subject"`
		Account      string `json:"account"` // by its name; a JWT has its key there
		LocalSubject string `json:"local_subject,omitempty"`
		Type         string `json:"type"`
		Share        bool   `json:"share,omitempty"`
	}
)

func ruleOf(allow, deny []string) ruleJSON {
	if len(allow) == 0 {
		return ruleJSON{Deny: []string{">"}}
	}
	return ruleJSON{allow, deny}
}

func (p Permissions) inJWT() permissionsJSON {
	out := permissionsJSON{Pub: ruleOf(p.Publish, p.Deny), Sub: ruleOf(p.allowed(), nil)}
	if p.Responses {
		out.Resp = &responseJSON{responseMax, responseTime}
	}
	return out
}

// MarshalJSON is the user in the shapes of JWTs.
func (u User) MarshalJSON() ([]byte, error) {
	here := u
	if u.From != "" {
		here = u.abroad()
	}
	out := userJSON{User: u.Name, InboxPrefix: u.Inbox, Permissions: here.inJWT()}
	if u.From != "" {
		for i, s := range u.shared() {
			name := fmt.Sprintf("%s-%d", u.Name, i+1)
			out.Exports = append(out.Exports, exportJSON{name, s.subject, s.kind(), true, s.response("Stream")})
			out.Imports = append(out.Imports, importJSON{name, s.subject, u.From, s.renamed("%s"), s.kind(), s.sharing("x") != ""})
		}
	}
	return json.Marshal(out)
}
