package subjects

import (
	"fmt"
	"strings"
)

// Permissions are what a NATS user needs to be allowed, as nats-server's configuration and JWTs name it.
type Permissions struct {
	Publish   []string
	Subscribe []string
}

// Role names a set of permissions for one account.
type Role string

// The roles.
const (
	Reader   Role = "reader"   // call methods that only read
	Writer   Role = "writer"   // call every method
	Consumer Role = "consumer" // read the stream of updates by a JetStream consumer of its own
	Watcher  Role = "watcher"  // see updates and events as they come, without the stream
	Operator Role = "operator" // control: sign in, status
)

// Roles are all of them.
func Roles() []Role { return []Role{Reader, Writer, Consumer, Watcher, Operator} }

// Permissions of a role on one account. Replies come to inboxes below _INBOX, the default of every client.
func (s Scheme) Permissions(role Role, account string) (Permissions, error) {
	if account != "*" {
		if err := CheckAccount(account); err != nil {
			return Permissions{}, err
		}
	}
	inbox := []string{"_INBOX.>"}
	switch role {
	case Reader:
		return Permissions{[]string{s.join(TreeRO, account, ">")}, inbox}, nil
	case Writer:
		return Permissions{[]string{s.join(TreeRPC, account, ">"), s.join(TreeRO, account, ">")}, inbox}, nil
	case Consumer:
		return Permissions{s.consumer(account), inbox}, nil
	case Watcher:
		return Permissions{nil, []string{s.join(TreeUpdate, account, ">"), s.join(TreeLive, account, ">"), s.join(TreeEvent, account, ">")}}, nil
	case Operator:
		return Permissions{[]string{s.join(TreeCtl, account, ">")}, inbox}, nil
	}
	return Permissions{}, fmt.Errorf("no role %q: there are %v", role, Roles())
}

// consumer: creating a consumer names its filter in the subject, which is how one account's updates can be granted alone.
func (s Scheme) consumer(account string) []string {
	stream := s.StreamName("UPDATES")
	return []string{
		"$JS.API.INFO",
		"$JS.API.STREAM.INFO." + stream,
		"$JS.API.CONSUMER.CREATE." + stream + ".*." + s.join(TreeUpdate, account, ">"),
		"$JS.API.CONSUMER.INFO." + stream + ".*",
		"$JS.API.CONSUMER.MSG.NEXT." + stream + ".*",
		"$JS.API.CONSUMER.DELETE." + stream + ".*",
		"$JS.ACK." + stream + ".>",
	}
}

// String is the block as it stands in nats-server's configuration.
func (p Permissions) String() string {
	return fmt.Sprintf("permissions: {\n  publish: { allow: %s }\n  subscribe: { allow: %s }\n}\n", list(p.Publish), list(p.Subscribe))
}

func list(subjects []string) string {
	if len(subjects) == 0 {
		return "[]"
	}
	return `["` + strings.Join(subjects, `", "`) + `"]`
}
