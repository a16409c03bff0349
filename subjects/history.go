package subjects

import (
	"strconv"
	"strings"
)

// TreeHistory is where messages stand that were fetched from history because somebody asked for them.
const TreeHistory = "hist"

// Histories are the subjects of the messages that were fetched for the accounts of a scheme.
type Histories Scheme

// Subject is where the messages of a chat are published: tg.hist.<account>.<kind>.<id>.
func (h Histories) Subject(account string, kind Kind, id int64) string {
	return Scheme(h).Join(TreeHistory, account, string(kind), strconv.FormatInt(id, 10))
}

// Of matches those of all chats of an account.
func (h Histories) Of(account string) string { return Scheme(h).Join(TreeHistory, account, ">") }

// All matches those of all accounts.
func (h Histories) All() string { return Scheme(h).Join(TreeHistory, ">") }

// Nowhere is one of no account and no chat, which nobody takes for a message of history.
func (h Histories) Nowhere() string { return Scheme(h).Join(TreeHistory, "_", string(None), "0") }

// Address is where they are published, with names in braces for what differs from one to another.
func (h Histories) Address() string { return Scheme(h).Join(TreeHistory, "{account}.{kind}.{id}") }

// Parse takes the subject of such a message apart.
func (h Histories) Parse(subject string) (account string, kind Kind, id int64, ok bool) {
	rest, ok := Scheme(h).cut(subject, TreeHistory)
	tokens := strings.SplitN(rest, ".", 4)
	if !ok || len(tokens) != 3 || !validAccount(tokens[0]) {
		return "", "", 0, false
	}
	kind = Kind(tokens[1])
	id, valid := parseID(tokens[2])
	if !valid || !kind.valid() || kind == None {
		return "", "", 0, false
	}
	return tokens[0], kind, id, true
}
