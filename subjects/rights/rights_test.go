package rights

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/subjects"
)

// What each role may do and not is tried in a real server: TestRights of cmd/natsgram. Here is what cannot be asked for.
func TestGrantsThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		g    Grant
		want string
	}{
		{Grant{Role: "king"}, `no role "king"`},
		{Grant{Role: Reader, Account: "a.>"}, "account name"},
		{Grant{Role: Reader, Account: "*"}, "account name"},
		{Grant{Role: Watcher, Methods: []string{"help.getConfig"}}, "methods go with"},
		{Grant{Role: Reader, Durables: []string{"x"}}, "go with the role consumer"},
		{Grant{Role: Reader, Own: true}, "go with the role consumer"},
		{Grant{Role: Reader, Replies: []string{"_INBOX_.a"}}, "go with the role daemon"},
		{Grant{Role: Reader, Chats: []string{"channel.1"}}, "go with the role queue"},
		{Grant{Role: Sender, Buckets: []string{"B"}}, "go with the role files"},
		{Grant{Role: Fetcher, Buckets: []string{"B.>"}}, "want letters"},
		{Grant{Role: Fetcher, Buckets: []string{""}}, "want letters"},
		{Grant{Role: Fetcher, Buckets: []string{"A", "TG_SCHEMA"}}, "documents"},
		{Grant{Role: Fetcher, Methods: []string{"help.getConfig"}}, "methods go with"},
		{Grant{Role: Sender, Chats: []string{"channel.*"}}, "want KIND.ID"},
		{Grant{Role: Sender, Chats: []string{"secret.1"}}, "want KIND.ID"},
		{Grant{Role: Sender, Chats: []string{"none.1"}}, "want KIND.ID"},
		{Grant{Role: Consumer, Account: "main"}, "name its durables"},
		{Grant{Role: Consumer, Account: "main", Durables: []string{"*"}}, "want letters"},
		{Grant{Role: Consumer, Account: "main", Durables: []string{"a.b"}}, "want letters"},
		{Grant{Role: Consumer, Account: "main", Durables: []string{""}}, "without a name"},
		{Grant{Role: Consumer, Account: "main", Durables: []string{"other=a"}}, "is of the account other"},
		{Grant{Role: Consumer, Own: true}, "name the account"},
		{Grant{Role: Consumer, Account: "main", Own: true, Durables: []string{"a"}}, "no durables"},
		{Grant{Role: Runner, Account: "main"}, "takes no account"},
		{Grant{Role: Runner, API: "$JS.*.API"}, "API prefix"},
		{Grant{Role: Runner, API: "$JS..API"}, "API prefix"},
		{Grant{Role: Runner, Replies: []string{"$KV.TG_SESSIONS"}}, "inbox prefix"},
		{Grant{Role: Runner, Owns: []string{"main", "*"}}, "account"},
		{Grant{Role: Runner, Owns: []string{"main.>"}}, "account"},
		{Grant{Role: Runner, Owns: []string{""}}, "account"},
		{Grant{Role: Reader, Account: "main", Owns: []string{"main"}}, "go with the role daemon"},
	} {
		c.g.Inbox = "_INBOX_.x"
		if _, err := Of(subjects.Scheme{}, c.g); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v", c.g, err)
		}
	}
	for _, inbox := range []string{"", ">", "_INBOX", "_INBOX.", "_INBOX_.a.>", "_INBOX_*", "inbox", "_R_", "$KV", "a._INBOX_.x"} {
		if _, err := Of(subjects.Scheme{}, Grant{Role: Reader, Inbox: inbox}); err == nil {
			t.Errorf("inbox %q was taken", inbox)
		}
	}
}

// Another prefix of subjects is in the streams' names too.
func TestPermissionsBelowAPrefix(t *testing.T) {
	s, err := subjects.New("prod.tg")
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range []Grant{
		{Role: Reader}, {Role: Writer, Account: "main"}, {Role: Consumer, Durables: []string{"a"}}, {Role: Consumer, Account: "main", Own: true},
		{Role: Watcher}, {Role: Operator}, {Role: Fetcher}, {Role: Fetcher, Account: "main", Buckets: []string{"PROD_TG_FILES"}}, {Role: Sender}, {Role: Sender, Account: "main", Chats: []string{"user.1"}, Methods: []string{"messages.sendMessage"}}, {Role: Runner}, {Role: Runner, Owns: []string{"main"}},
	} {
		g.Inbox = "_INBOX_.x"
		p, err := Of(s, g)
		if err != nil {
			t.Fatal(err)
		}
		for _, subject := range append(p.Publish, p.Subscribe...) {
			system := strings.HasPrefix(subject, "_") || strings.HasPrefix(subject, "$SRV") || strings.HasSuffix(subject, "API.INFO") || strings.HasSuffix(subject, "API.STREAM.NAMES") || strings.HasPrefix(subject, "$JS.FC")
			if !system && !strings.HasPrefix(subject, "prod.tg.") && !strings.Contains(subject, "PROD_TG_") {
				t.Errorf("%s: %s", g.Role, subject)
			}
		}
	}
}

// An empty list of what is allowed would allow everything: there is none in any form.
func TestNothingIsAnEmptyList(t *testing.T) {
	u := User{Name: "nobody"}
	text, err := json.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	for _, got := range []string{u.Config(), u.NSC(), string(text)} {
		if strings.Contains(got, "[]") || strings.Contains(got, "allow") || strings.Count(got, "deny") != 2 {
			t.Errorf("%s", got)
		}
	}
}

// What does not fit into a user's JWT is in a signing key of the account, and then the user's JWT has nothing of it.
func TestLargeRightsAreARole(t *testing.T) {
	for _, n := range []int{1, 100} {
		u := User{Name: "somebody", Account: "A", Permissions: Permissions{Inbox: "_INBOX_.somebody"}}
		for i := range n {
			u.Publish = append(u.Publish, fmt.Sprintf("a.subject.of.some.length.%d", i))
		}
		key, user, _ := strings.Cut(u.NSC(), "nsc add user")
		if large := n == 100; large != strings.HasPrefix(key, "nsc edit signing-key --account A --sk generate --role somebody \\\n  --allow-pub") ||
			large == strings.Contains(user, "--allow") || large != strings.Contains(user, "--private-key somebody") || !strings.Contains(user, "--account A --name somebody") {
			t.Errorf("%d subjects:\n%s", n, u.NSC())
		}
	}
}
