package subjects

import (
	"strconv"
	"strings"
)

// TreeHistory is where messages stand that were fetched from history because somebody asked for them.
const TreeHistory = "hist"

// History is where the messages of a chat are published: tg.hist.<account>.<kind>.<id>.
func (s Scheme) History(account string, kind Kind, id int64) string {
	return s.join(TreeHistory, account, string(kind), strconv.FormatInt(id, 10))
}

// Histories matches those of all chats of an account.
func (s Scheme) Histories(account string) string { return s.join(TreeHistory, account, ">") }

// AllHistories matches those of all accounts.
func (s Scheme) AllHistories() string { return s.join(TreeHistory, ">") }

// HistoryMessages is where they are published, with names in braces for what differs from one to another.
func (s Scheme) HistoryMessages() string { return s.join(TreeHistory, "{account}.{kind}.{id}") }

// ParseHistory takes the subject of such a message apart.
func (s Scheme) ParseHistory(subject string) (account string, kind Kind, id int64, ok bool) {
	rest, ok := s.cut(subject, TreeHistory)
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
