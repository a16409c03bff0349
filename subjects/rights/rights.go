// Package rights says what users of NATS have to be allowed for what they are to do on natsgram's subjects, in the words of
// nats-server's configuration, of JWTs and of nsc.
package rights

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/natsgram/natsgram/subjects"
)

// Role is what a user of NATS is to do.
type Role string

// The roles.
const (
	Reader   Role = "reader"   // call methods that only read; look peers up
	Writer   Role = "writer"   // call every method that the daemon serves
	Consumer Role = "consumer" // read updates from JetStream
	Watcher  Role = "watcher"  // see updates, events and flood waits as they come, without JetStream
	Sender   Role = "queue"    // put jobs into the queue, and see what became of them
	Fetcher  Role = "files"    // fetch files of Telegram's, and send objects there
	Operator Role = "operator" // sign in and out, status, watched channels, freeze, budgets; of all accounts also which there are
	Runner   Role = "daemon"   // natsgram itself
)

// Roles are all of them.
func Roles() []Role {
	return []Role{Reader, Writer, Consumer, Watcher, Sender, Fetcher, Operator, Runner}
}

// Grant says what a user is to be allowed.
type Grant struct {
	Role    Role
	Account string   // empty: every account. A consumer by durables needs none, the daemon takes none
	Methods []string // of a reader, a writer or the queue: these alone
	Chats   []string // of the queue: those about these alone, such as channel.123
	Buckets []string // of files: object stores that the user reads and writes itself
	// A consumer reads by these durables, which are there, by their names in JetStream; or by any consumer of the account's own
	// stream.
	Durables []string
	Own      bool
	Owns     []string // of the daemon: accounts that have a stream of their own, out of which it erases as well
	Inbox    string   // prefix of the subjects that answers come to: see [CheckInbox]
	Replies  []string // of the daemon: inbox prefixes of callers that are none of the usual
	API      string   // of the daemon: JetStream's API prefix, where it is not $JS.API
}

// ownInboxes is the first token of the inboxes of users that have their own: whoever may subscribe to _INBOX.> does not see them, and the daemon
// may answer there at any time.
const ownInboxes = "_INBOX_"

// DefaultInbox is the prefix of a user's inboxes, unless another was chosen.
func DefaultInbox(user string) string { return ownInboxes + "." + user }

// CheckInbox says why answers cannot come to subjects below a prefix: the daemon answers only where the first token begins
// with _INBOX or _R_, and who may subscribe to _INBOX.> sees everybody's who chose no prefix.
func CheckInbox(prefix string) error {
	first, _, _ := strings.Cut(prefix, ".")
	for token := range strings.SplitSeq(prefix, ".") {
		if !subjects.Plain(token) {
			return fmt.Errorf("inbox prefix %q: every token must be letters, digits, _ or -", prefix)
		}
	}
	if !strings.HasPrefix(first, "_INBOX") || prefix == "_INBOX" || prefix == ownInboxes {
		return fmt.Errorf("inbox prefix %q: it must begin with _INBOX, where answers may go, and be no more than this user's own; such as %s", prefix, DefaultInbox("name"))
	}
	return nil
}

// Permissions are what a user has to be allowed for a grant, as nats-server's configuration and JWTs name it.
type Permissions struct {
	Publish   []string // none: nothing
	Deny      []string // of what Publish allows
	Subscribe []string
	Inbox     string // prefix of the user's inboxes; below it the user subscribes as well. Empty: it has none
	Responses bool   // it answers requests: may publish to each reply subject that it was given, an answer's parts
}

// scheme spells subjects, and patterns of them.
type scheme struct{ subjects.Scheme }

// Of are the permissions of a grant.
func Of(names subjects.Scheme, g Grant) (Permissions, error) {
	if err := g.check(); err != nil {
		return Permissions{}, err
	}
	s := scheme{names}
	if slices.ContainsFunc(g.Buckets, s.Documents) {
		return Permissions{}, errDocuments
	}
	account := g.Account
	if account == "" {
		account = "*"
	}
	p := Permissions{Inbox: g.Inbox}
	switch g.Role {
	case Reader:
		p.Publish = s.methods(subjects.TreeRO, account, g.Methods)
		if len(g.Methods) == 0 {
			p.Publish = append(p.Publish, s.Join(subjects.TreeCtl, account, "chats")) // what it might ask Telegram for as well
		}
		if len(g.Methods) == 0 {
			p.Publish = append(p.Publish, s.Join(subjects.TreeCtl, account, "peers.*"))
		}
	case Writer:
		p.Publish = s.methods(subjects.TreeRPC, account, g.Methods)
		if len(g.Methods) == 0 {
			p.Publish = append(append(p.Publish, s.methods(subjects.TreeRO, account, nil)...), s.Join(subjects.TreeCtl, account, "peers.*"), s.Join(subjects.TreeCtl, account, "chats"), s.Join(subjects.TreeCtl, account, "history.*"))
		}
	case Consumer:
		p.Publish = s.consumer(g)
	case Watcher:
		p.Subscribe, p.Inbox = append(s.trees(account, subjects.TreeUpdate, subjects.TreeLive, subjects.TreeEvent, subjects.TreeState, subjects.TreeHistory), s.FloodBoard(account)), ""
	case Sender:
		p.Publish, p.Subscribe = s.sender(account, g)
	case Fetcher:
		p.Publish = s.fetcher(account, g)
	case Operator:
		p.Publish, p.Subscribe = s.operator(account), s.trees(account, subjects.TreeEvent)
	case Runner:
		return s.daemon(g), nil
	}
	return p, nil
}

var errDocuments = errors.New("that bucket is for the documents that daemons write: name another")

func (g Grant) check() error {
	if !slices.Contains(Roles(), g.Role) {
		return fmt.Errorf("no role %q: there are %v", g.Role, Roles())
	}
	if g.Account != "" {
		if err := subjects.CheckAccount(g.Account); err != nil {
			return err
		}
	}
	if g.Role != Watcher {
		if err := CheckInbox(g.Inbox); err != nil {
			return err
		}
	}
	switch {
	case len(g.Methods) > 0 && g.Role != Reader && g.Role != Writer && g.Role != Sender:
		return errors.New("methods go with the roles reader, writer and queue")
	case len(g.Chats) > 0 && g.Role != Sender:
		return errors.New("chats go with the role queue")
	case len(g.Buckets) > 0 && g.Role != Fetcher:
		return errors.New("buckets go with the role files")
	case (len(g.Durables) > 0 || g.Own) && g.Role != Consumer:
		return errors.New("durables, or a stream of the account's own, go with the role consumer")
	case (len(g.Replies) > 0 || len(g.Owns) > 0 || g.API != "") && g.Role != Runner:
		return errors.New("reply prefixes, accounts' own streams and an API prefix go with the role daemon")
	}
	for _, account := range g.Owns {
		if err := subjects.CheckAccount(account); err != nil {
			return err
		}
	}
	for _, c := range g.Chats {
		if _, err := subjects.ParseChat(c); err != nil {
			return err
		}
	}
	for _, b := range g.Buckets {
		if !subjects.Plain(b) {
			return fmt.Errorf("bucket %.40q: want letters, digits, _ and -", b)
		}
	}
	switch g.Role {
	case Consumer:
		return g.checkConsumer()
	case Runner:
		return g.checkDaemon()
	}
	return nil
}

// checkConsumer: JetStream's API subjects carry a consumer's name, and not its filter. In the stream of all accounts a wildcard
// in the name's place is everybody's consumers.
func (g Grant) checkConsumer() error {
	switch {
	case g.Own && (len(g.Durables) > 0 || g.Account == ""):
		return errors.New("a stream of the account's own: name the account, and no durables, since any consumer there is its")
	case !g.Own && len(g.Durables) == 0:
		return errors.New("a consumer of the stream of all accounts: name its durables, or let it read a stream of the account's own")
	}
	for _, name := range g.Durables {
		if err := checkDurable(name, g.Account); err != nil {
			return err
		}
	}
	return nil
}

// checkDurable: programs that use bridge/client have durables called account=name.
func checkDurable(name, account string) error {
	owner, _, named := strings.Cut(name, "=")
	switch {
	case name == "":
		return errors.New("a durable without a name")
	case named && account != "" && owner != account:
		return fmt.Errorf("durable %q is of the account %s, not of %s", name, owner, account)
	case !subjects.Plain(strings.ReplaceAll(name, "=", "")):
		return fmt.Errorf("durable %q: want letters, digits, _, - and =", name)
	}
	return nil
}

func (g Grant) checkDaemon() error {
	if g.Account != "" {
		return errors.New("the role daemon takes no account: daemons share all of them")
	}
	for token := range strings.SplitSeq(g.API, ".") {
		if g.API != "" && !subjects.Plain(strings.TrimPrefix(token, "$")) {
			return fmt.Errorf("API prefix %q: want one such as $JS.hub.API", g.API)
		}
	}
	for _, prefix := range g.Replies {
		if err := CheckInbox(prefix); err != nil {
			return err
		}
	}
	return nil
}

// methods are the subjects of some methods, or of all.
func (s scheme) methods(tree, account string, methods []string) (all []string) {
	if len(methods) == 0 {
		return s.trees(account, tree)
	}
	for _, m := range methods {
		all = append(all, s.Join(tree, account, m))
	}
	return all
}

// trees is all of an account's in each of some trees.
func (s scheme) trees(account string, trees ...string) (all []string) {
	for _, tree := range trees {
		all = append(all, s.Join(tree, account, ">"))
	}
	return all
}

// sender is jobs about some chats, or all, and what becomes of these. Who may use the whole queue of an account may also tidy it up.
func (s scheme) sender(account string, g Grant) (publish, subscribe []string) {
	chats := g.Chats
	if len(chats) == 0 {
		chats, subscribe = []string{"*.*"}, s.trees(account, subjects.TreeDone)
	}
	for _, c := range chats {
		if len(g.Methods) == 0 && len(g.Chats) > 0 {
			publish = append(publish, s.Join(subjects.TreeQueue, account, c, ">"))
		}
		for _, m := range g.Methods {
			publish = append(publish, s.Join(subjects.TreeQueue, account, c, m))
		}
		if len(g.Chats) > 0 {
			subscribe = append(subscribe, s.Join(subjects.TreeDone, account, c, "*"))
		}
	}
	if len(g.Chats) == 0 && len(g.Methods) == 0 {
		publish = append(s.trees(account, subjects.TreeQueue), s.Join(subjects.TreeCtl, account, "queue.*"))
	}
	return publish, subscribe
}

// fetcher is an account's files, in the answers of the daemon, and object stores to read and write. There is no right to make consumers
// of these: one that pushes would deliver what the user has written to any subject of natsgram's NATS account.
func (s scheme) fetcher(account string, g Grant) []string {
	all := []string{s.Files(account)}
	for _, b := range g.Buckets {
		stream := "OBJ_" + b
		all = append(all, join(jsAPI, "STREAM.INFO", stream), join(jsAPI, "STREAM.MSG.GET", stream), join(jsAPI, "DIRECT.GET", stream),
			join(jsAPI, "DIRECT.GET", stream, ">"), join(jsAPI, "STREAM.PURGE", stream), join("$O", b, ">"))
	}
	return all
}

// operator is verb by verb, so that it reaches nothing else that the daemons put below the same tree.
func (s scheme) operator(account string) (all []string) {
	for _, verb := range []string{"status", "logout", "login.*", "watch.*", "queue.*", "history.*", "peers.*", "chats", "erase", "freeze", "unfreeze", "budget.*"} {
		all = append(all, s.Join(subjects.TreeCtl, account, verb))
	}
	if account == "*" {
		for _, verb := range []string{"accounts.*", "schema", "health"} {
			all = append(all, s.Join(subjects.TreeCtl, subjects.Daemon, verb))
		}
	}
	return all
}

const (
	jsAPI = "$JS.API"
	jsAck = "$JS.ACK."
)

// consumer are the requests that a program makes which reads by consumers.
func (s scheme) consumer(g Grant) (all []string) {
	if !g.Own {
		for _, stream := range []string{s.StreamName("UPDATES"), s.StreamName("HISTORY"), s.StreamName("STATE")} {
			for _, durable := range g.Durables {
				all = append(all, join(jsAPI, "CONSUMER.INFO", stream, durable), join(jsAPI, "CONSUMER.MSG.NEXT", stream, durable))
				all = append(all, acks(stream, durable)...)
			}
		}
		return all
	}
	stream := s.OwnStream(g.Account)
	all = []string{join(jsAPI, "STREAM.INFO", stream), join(jsAPI, "CONSUMER.CREATE", stream, ">")}
	for _, verb := range []string{"INFO", "MSG.NEXT", "DELETE"} {
		all = append(all, join(jsAPI, "CONSUMER", verb, stream, "*"))
	}
	return append(all, acks(stream, "*")...)
}

// acks are the subjects of acknowledgements, in both forms that nats-server knows: $JS.ACK.<stream>.<consumer> and five more
// tokens; $JS.ACK.<domain>.<account's hash>.<stream>.<consumer> and five or more. The second form has just that many here: were
// it open at its end, it would match the first form for every other consumer, and `+NXT` there takes its messages.
func acks(stream, consumer string) []string {
	const five = "*.*.*.*.*"
	second := jsAck + join("*", "*", stream, consumer, five)
	return []string{jsAck + join(stream, consumer, five), second, second + ".>"}
}

func join(tokens ...string) string { return strings.Join(tokens, ".") }
