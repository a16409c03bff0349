package subjects

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// Trees of the queue.
const (
	TreeQueue = "queue" // jobs, kept in a stream until they are done
	TreeDone  = "done"  // what became of them
)

// Headers of a job of the queue, beside those of a request.
const (
	HeaderPriority  = "Tg-Priority"   // -9 to 9: higher goes first; 0 where it is not given
	HeaderNotBefore = "Tg-Not-Before" // RFC 3339, Unix seconds, or a time from when it was stored: 90s, 2h
	HeaderExpires   = "Tg-Expires"    // the same: after that it is not to be run
	HeaderCoalesce  = "Tg-Coalesce"   // any text: of the jobs of a chat that wait with the same one, the newest is run
)

// Headers of what became of a job, beside those of an answer.
const (
	HeaderJob       = "Tg-Job"       // its id
	HeaderJobSeq    = "Tg-Job-Seq"   // its sequence in the stream
	HeaderJobState  = "Tg-Job-State" // done, failed, unknown, expired, replaced, cancelled
	HeaderMethod    = "Tg-Method"
	HeaderTries     = "Tg-Tries"      // how often it was tried
	HeaderJobDigest = "Tg-Job-Digest" // of method and body
)

// MaxJob is the longest id of a job, in bytes.
const MaxJob = 256

// ChatRef is the chat that a job is about; with the kind None, whose id is 0, it is about none.
type ChatRef struct {
	Kind Kind
	ID   int64
}

// String is the chat as subjects have it: channel.123.
func (c ChatRef) String() string { return string(c.Kind) + "." + strconv.FormatInt(c.ID, 10) }

// valid: jobs are about users, basic groups, channels, or no chat.
func (c ChatRef) valid() bool {
	switch c.Kind {
	case User, Chat, Channel:
		return c.ID > 0
	case None:
		return c.ID == 0
	}
	return false
}

// ParseChat reads KIND.ID.
func ParseChat(text string) (ChatRef, error) {
	kind, digits, found := strings.Cut(text, ".")
	id, ok := parseID(digits)
	if c := (ChatRef{Kind(kind), id}); found && ok && c.valid() {
		return c, nil
	}
	return ChatRef{}, fmt.Errorf("chat %.40q: want KIND.ID: user.1, chat.2, channel.3, or none.0 for no chat", text)
}

// Queued is a job's subject taken apart.
type Queued struct {
	Account string
	Place   string // the two tokens that name the chat, as they stand there; empty where they could name none
	Chat    ChatRef
	Method  string
}

// Jobs are the subjects of the jobs of a scheme.
type Jobs Scheme

// Subject is where a job is published: tg.queue.<account>.<kind>.<id>.<ns>.<method>.
func (j Jobs) Subject(account string, c ChatRef, method string) string {
	return Scheme(j).Join(TreeQueue, account, c.String(), method)
}

// Place matches all jobs in one place, such as channel.123.
func (j Jobs) Place(account, place string) string {
	return Scheme(j).Join(TreeQueue, account, place, ">")
}

// Of matches all jobs of an account.
func (j Jobs) Of(account string) string { return Scheme(j).Join(TreeQueue, account, ">") }

// All match every job: by a method with a namespace, and by one without. What has another number of tokens is taken by no
// stream, so that its sender hears of it at once.
func (j Jobs) All() []string {
	return []string{Scheme(j).Join(TreeQueue, "*.*.*.*.*"), Scheme(j).Join(TreeQueue, "*.*.*.*")}
}

// Address is where jobs are published, with names in braces for what differs from one to another.
func (j Jobs) Address() string { return Scheme(j).Join(TreeQueue, "{account}.{kind}.{id}.{method}") }

// Parse takes the subject of a job apart. Of one that no job can have it tells the account, where it names one: somebody has to
// be told of it.
func (j Jobs) Parse(subject string) (q Queued, ok bool) {
	rest, ok := Scheme(j).cut(subject, TreeQueue)
	if !ok {
		return Queued{}, false
	}
	tokens := strings.SplitN(rest, ".", 4)
	if !validAccount(tokens[0]) {
		return Queued{}, false
	}
	q.Account = tokens[0]
	if len(tokens) < 4 {
		return q, false
	}
	if !Plain(tokens[1]) || !Plain(tokens[2]) {
		return q, false // a wildcard, which a publisher can write, would name other places
	}
	q.Place = tokens[1] + "." + tokens[2]
	id, valid := parseID(tokens[2])
	q.Chat, q.Method = ChatRef{Kind(tokens[1]), id}, tokens[3]
	return q, valid && q.Chat.valid() && validMethod(q.Method)
}

// validMethod: one or two plain tokens.
func validMethod(method string) bool {
	ns, name, found := strings.Cut(method, ".")
	return Plain(ns) && (!found || Plain(name))
}

// Results are the subjects on which it is told what became of the jobs of a scheme.
type Results Scheme

// Subject is where it is told of one: tg.done.<account>.<kind>.<id>.<job>.
func (r Results) Subject(account string, c ChatRef, job string) string {
	return Scheme(r).Join(TreeDone, account, c.String(), Escape(job))
}

// Chat matches the results of all jobs about a chat, Of those of an account, All those of all.
func (r Results) Chat(account string, c ChatRef) string {
	return Scheme(r).Join(TreeDone, account, c.String(), "*")
}

// Of matches the results of all of an account's jobs.
func (r Results) Of(account string) string { return Scheme(r).Join(TreeDone, account, ">") }

// All matches every result.
func (r Results) All() string { return Scheme(r).Join(TreeDone, ">") }

// Address is where they are published, with names in braces for what differs from one to another.
func (r Results) Address() string { return Scheme(r).Join(TreeDone, "{account}.{kind}.{id}.{job}") }

// Parse takes the subject of a result apart.
func (r Results) Parse(subject string) (account string, c ChatRef, job string, ok bool) {
	rest, ok := Scheme(r).cut(subject, TreeDone)
	tokens := strings.SplitN(rest, ".", 5)
	if !ok || len(tokens) != 4 || !validAccount(tokens[0]) {
		return "", ChatRef{}, "", false
	}
	id, valid := parseID(tokens[2])
	c = ChatRef{Kind(tokens[1]), id}
	job, ok = Unescape(tokens[3])
	return tokens[0], c, job, ok && valid && c.valid()
}

// JobDigest tells whether two jobs with the same id are the same: it stands in HeaderJobDigest of the result.
func JobDigest(method, contentType string, body []byte) string {
	h := sha256.New()
	for _, part := range []string{method, contentType, string(body)} {
		h.Write([]byte(strconv.Itoa(len(part)) + ":" + part))
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:12])
}
