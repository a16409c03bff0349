package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/subjects/rights"
)

var update = flag.Bool("update", false, "write what the tests find into the documents that show it")

// roleColumn is a role as the table of docs/operating.md shows it, and the words that `natsgram permissions` is asked for it with.
type roleColumn struct {
	name string
	one  string // for the account main
	all  string // for every account; empty: the role has no such form
}

var roleColumns = []roleColumn{
	{"reader", "reader main", "reader"},
	{"writer", "writer main", "writer"},
	{"writer `--method`", "writer main --method messages.sendMessage", "writer --method messages.sendMessage"},
	{"consumer `--durable`", "consumer main --durable main=archive", ""},
	{"consumer `--stream`", "consumer main --stream", ""},
	{"consumer `--trusted`", "consumer main --durable main=archive --trusted", ""},
	{"watcher", "watcher main", "watcher"},
	{"queue", "queue main", "queue"},
	{"queue `--chat`", "queue main --chat channel.1 --method messages.sendMessage", ""},
	{"queue `--trusted`", "queue main --trusted", ""},
	{"files", "files main", "files"},
	{"files `--bucket`", "files main --bucket TG_FILES", "files --bucket TG_FILES"},
	{"operator", "operator main", "operator"},
	{"daemon", "", "daemon"},
}

// reach is something that a user may or may not do. In a subject %s stands for an account.
type reach struct {
	what    string
	publish []string
	hear    [][2]string // a pattern to subscribe to, and a subject that it gets then
	queue   string
	try     func(*rightsRig) bool
	account bool // it can be of one account
}

func to(what string, subjects ...string) reach {
	return reach{what: what, publish: subjects, account: strings.Contains(subjects[0], "%s")}
}

func hears(what, pattern, subject string) reach {
	return reach{what: what, hear: [][2]string{{pattern, subject}}, account: strings.Contains(pattern, "%s")}
}

// verbs are requests of JetStream's API about something.
func verbs(about string, names ...string) (all []string) {
	for _, n := range names {
		all = append(all, "$JS.API."+n+"."+about)
	}
	return all
}

var streamVerbs = []string{"STREAM.CREATE", "STREAM.UPDATE", "STREAM.DELETE", "STREAM.PURGE", "STREAM.MSG.DELETE", "STREAM.SNAPSHOT",
	"STREAM.RESTORE", "STREAM.LEADER.STEPDOWN", "STREAM.PEER.REMOVE"}

func reaches() []reach {
	return []reach{
		to("call methods that read (`tg.ro.A.*`)", "tg.ro.%s.help.getConfig", "tg.ro.%s.users.getUsers"),
		to("call messages.sendMessage (`tg.rpc.A.messages.sendMessage`)", "tg.rpc.%s.messages.sendMessage"),
		to("call other methods (`tg.rpc.A.*`)", "tg.rpc.%s.messages.deleteHistory", "tg.rpc.%s.invokeWithTakeout", "tg.rpc.%s.messages.sendMessage.x"),
		to("ask how an account does (`tg.ctl.A.status`)", "tg.ctl.%s.status"),
		to("sign in (`tg.ctl.A.login.*`)", "tg.ctl.%s.login.start", "tg.ctl.%s.login.password"),
		to("sign out (`tg.ctl.A.logout`)", "tg.ctl.%s.logout"),
		to("look peers up (`tg.ctl.A.peers.*`)", "tg.ctl.%s.peers.get", "tg.ctl.%s.peers.resolve", "tg.ctl.%s.peers.search"),
		to("ask for the dialogs (`tg.ctl.A.chats`)", "tg.ctl.%s.chats"),
		to("erase what is kept of somebody (`tg.ctl.A.erase`)", "tg.ctl.%s.erase"),
		to("watch channels (`tg.ctl.A.watch.*`)", "tg.ctl.%s.watch.add"),
		to("stop an account's writing, and let it go on (`tg.ctl.A.freeze`, `unfreeze`)", "tg.ctl.%s.freeze", "tg.ctl.%s.unfreeze"),
		to("grant and limit calls and Stars (`tg.ctl.A.budget.*`)", "tg.ctl.%s.budget.set", "tg.ctl.%s.budget.remove", "tg.ctl.%s.budget.list"),
		to("queue a job about channel 1 by messages.sendMessage (`tg.queue.A.channel.1.messages.sendMessage`)", "tg.queue.%s.channel.1.messages.sendMessage"),
		to("queue other jobs (`tg.queue.A.*`)", "tg.queue.%s.channel.1.messages.deleteHistory", "tg.queue.%s.channel.2.messages.sendMessage", "tg.queue.%s.none.0.messages.deleteMessages"),
		to("list, cancel, retry jobs (`tg.ctl.A.queue.*`)", "tg.ctl.%s.queue.list", "tg.ctl.%s.queue.cancel", "tg.ctl.%s.queue.retry"),
		to("have history fetched, list and cancel that (`tg.ctl.A.history.*`)", "tg.ctl.%s.history.fetch", "tg.ctl.%s.history.list", "tg.ctl.%s.history.cancel"),
		to("forge history (`tg.hist.A.*`)", "tg.hist.%s.user.1"),
		to("read any message of TG_HISTORY, make consumers of it", append(verbs("TG_HISTORY", "STREAM.INFO", "STREAM.MSG.GET", "DIRECT.GET", "CONSUMER.CREATE", "CONSUMER.NAMES"),
			"$JS.API.DIRECT.GET.TG_HISTORY.tg.hist.main.user.1", "$JS.API.CONSUMER.CREATE.TG_HISTORY.main=archive", "$JS.API.CONSUMER.MSG.NEXT.TG_HISTORY.x", "$JS.ACK.TG_HISTORY.x.1.1.1.1.0")...),
		to("take from A's durable of TG_HISTORY that was granted, and acknowledge", "$JS.API.CONSUMER.MSG.NEXT.TG_HISTORY.%s=archive", "$JS.API.CONSUMER.INFO.TG_HISTORY.%s=archive",
			"$JS.ACK.TG_HISTORY.%s=archive.1.1.1.1.0"),
		to("change, empty or delete TG_HISTORY", verbs("TG_HISTORY", streamVerbs...)...),
		to("read any record of TG_STATE, make consumers of it", append(verbs("TG_STATE", "STREAM.INFO", "STREAM.MSG.GET", "DIRECT.GET", "CONSUMER.CREATE", "CONSUMER.NAMES"),
			"$JS.API.DIRECT.GET.TG_STATE.tg.state.main.dialog.user.1", "$JS.API.CONSUMER.CREATE.TG_STATE.main=archive", "$JS.API.CONSUMER.DELETE.TG_STATE.main=archive",
			"$JS.API.CONSUMER.MSG.NEXT.TG_STATE.x", "$JS.ACK.TG_STATE.x.1.1.1.1.0", "$JS.ACK.OTHER.x.TG_STATE.main=archive.1.1.0")...),
		to("take from A's durable of TG_STATE that was granted, and acknowledge", "$JS.API.CONSUMER.MSG.NEXT.TG_STATE.%s=archive", "$JS.API.CONSUMER.INFO.TG_STATE.%s=archive",
			"$JS.ACK.TG_STATE.%s=archive.1.1.1.1.0"),
		to("change, empty or delete TG_STATE", verbs("TG_STATE", streamVerbs...)...),
		to("forge what became of jobs (`tg.done.A.*`)", "tg.done.%s.channel.1.x"),
		to("fetch and send files (`tg.file.A.*`)", "tg.file.%s.get", "tg.file.%s.put", "tg.file.%s.list", "tg.file.%s.cancel"),
		to("read objects of TG_FILES", append(verbs("OBJ_TG_FILES", "STREAM.INFO", "STREAM.MSG.GET", "DIRECT.GET"), "$JS.API.DIRECT.GET.OBJ_TG_FILES.$O.TG_FILES.M.x")...),
		to("write objects of TG_FILES, and delete them", "$O.TG_FILES.M.x", "$O.TG_FILES.C.x", "$JS.API.STREAM.PURGE.OBJ_TG_FILES"),
		to("make consumers of TG_FILES, change or delete it", append(verbs("OBJ_TG_FILES", "STREAM.CREATE", "STREAM.UPDATE", "STREAM.DELETE", "STREAM.MSG.DELETE", "STREAM.SNAPSHOT", "STREAM.RESTORE",
			"CONSUMER.CREATE", "CONSUMER.NAMES"), "$JS.API.CONSUMER.CREATE.OBJ_TG_FILES.x", "$JS.API.CONSUMER.CREATE.OBJ_TG_FILES.x.$O.TG_FILES.C.y", "$JS.API.CONSUMER.DURABLE.CREATE.OBJ_TG_FILES.x")...),
		to("add, move, remove accounts (`tg.ctl._.accounts.*`)", "tg.ctl._.accounts.remove", "tg.ctl._.accounts.list"),
		to("ask for documents, and how the daemons do (`tg.ctl._.schema`, `health`)", "tg.ctl._.schema", "tg.ctl._.health"),
		to("say what daemons say to each other", "tg.int.abc.login", "tg.int.abc.ping"),
		to("forge updates (`tg.upd.A.*`, `tg.live.A.*`)", "tg.upd.%s.updateNewMessage.user.1", "tg.live.%s.updateUserStatus.user.1"),
		to("forge events, or who the owner is (`tg.evt.A.*`, `tg.own.A`)", "tg.evt.%s.connected", "tg.own.%s"),
		to("write sessions, leases and the rest (`$KV.TG_*`, `$O.TG_*`)", "$KV.TG_SESSIONS.main", "$KV.TG_LEASES.x", "$KV.TG_ACCOUNTS.main", "$KV.TG_POSITIONS.main", "$O.TG_SCHEMA.M.x",
			"$KV.TG_ONCE.main.x", "$KV.TG_LIMITS.main.freeze", "$KV.TG_FLOOD.main.a.b.none.0"),
		to("forge what dialogs are like (`tg.state.A.*`)", "tg.state.%s.dialog.user.1"),
		to("ask for the size of the whole of JetStream, or the list of streams", "$JS.API.INFO", "$JS.API.STREAM.NAMES", "$JS.API.STREAM.LIST"),
		to("change, empty or delete TG_UPDATES", verbs("TG_UPDATES", streamVerbs...)...),
		to("change, empty or delete TG_QUEUE and TG_DONE", append(verbs("TG_QUEUE", streamVerbs...), verbs("TG_DONE", streamVerbs...)...)...),
		to("read any job, or what became of it", append(verbs("TG_QUEUE", "STREAM.INFO", "STREAM.MSG.GET", "CONSUMER.CREATE"), verbs("TG_DONE", "STREAM.INFO", "STREAM.MSG.GET", "CONSUMER.CREATE")...)...),
		to("change, empty or delete the buckets", append(verbs("KV_TG_SESSIONS", streamVerbs...), verbs("OBJ_TG_SCHEMA", streamVerbs...)...)...),
		to("change, empty or delete a stream of the account's own", verbs("TG_UPDATES_%s", streamVerbs...)...),
		to("read any message of TG_UPDATES, or its subjects", append(verbs("TG_UPDATES", "STREAM.INFO", "STREAM.MSG.GET", "DIRECT.GET"), "$JS.API.DIRECT.GET.TG_UPDATES.tg.upd.main.a.user.1")...),
		to("read the buckets", append(verbs("KV_TG_SESSIONS", "STREAM.INFO", "STREAM.MSG.GET", "DIRECT.GET"), "$JS.API.DIRECT.GET.KV_TG_SESSIONS.$KV.TG_SESSIONS.main",
			"$JS.API.CONSUMER.CREATE.KV_TG_SESSIONS.x", "$JS.API.CONSUMER.CREATE.KV_TG_SESSIONS", "$JS.API.DIRECT.GET.KV_TG_ONCE.$KV.TG_ONCE.x",
			"$JS.API.STREAM.MSG.GET.KV_TG_LIMITS", "$JS.API.CONSUMER.CREATE.KV_TG_FLOOD.x")...),
		to("take from A's durable that was granted, and acknowledge", "$JS.API.CONSUMER.MSG.NEXT.TG_UPDATES.%s=archive", "$JS.API.CONSUMER.INFO.TG_UPDATES.%s=archive",
			"$JS.ACK.TG_UPDATES.%s=archive.1.1.1.1.0", "$JS.ACK._.hash.TG_UPDATES.%s=archive.1.1.1.1.0", "$JS.ACK._.hash.TG_UPDATES.%s=archive.1.1.1.1.0.x"),
		to("take from other durables, or acknowledge for them", "$JS.API.CONSUMER.MSG.NEXT.TG_UPDATES.x", "$JS.API.CONSUMER.INFO.TG_UPDATES.x", "$JS.ACK.TG_UPDATES.x.1.1.1.1.0",
			"$JS.ACK.OTHER.x.TG_UPDATES.main=archive.1.1.0", "$JS.ACK.OTHER.x.TG_UPDATES_main.y.1.1.0", "$JS.ACK._.hash.OTHER.x.1.1.1.1.0", "$JS.ACK.KV_TG_SESSIONS.x.1.1.1.1.0"),
		to("make, change, delete, list consumers of TG_UPDATES", append(verbs("TG_UPDATES", "CONSUMER.CREATE", "CONSUMER.NAMES", "CONSUMER.LIST"), append(verbs("TG_UPDATES.main=archive",
			"CONSUMER.CREATE", "CONSUMER.DURABLE.CREATE", "CONSUMER.DELETE", "CONSUMER.PAUSE", "CONSUMER.RESET", "CONSUMER.UNPIN", "CONSUMER.LEADER.STEPDOWN"),
			"$JS.API.CONSUMER.CREATE.TG_UPDATES.main=archive.tg.upd.main.>")...)...),
		to("read a stream of the account's own by any consumer", "$JS.API.STREAM.INFO.TG_UPDATES_%s", "$JS.API.CONSUMER.CREATE.TG_UPDATES_%s.x", "$JS.API.CONSUMER.MSG.NEXT.TG_UPDATES_%s.x",
			"$JS.API.CONSUMER.DELETE.TG_UPDATES_%s.x", "$JS.ACK.TG_UPDATES_%s.x.1.1.1.1.0"),
		{what: "have JetStream write or delete anything, by a reply subject", try: (*rightsRig).turnsJetStream},
		to("ask what services there are (`$SRV`)", "$SRV.PING", "$SRV.STATS.natsgram"),
		to("answer in the daemon's place", "_INBOX_.other.x"),
		hears("see updates and events as they come", "tg.upd.%s.>", "tg.upd.%s.updateNewMessage.user.1"),
		hears("see the flood board as it changes", "$KV.TG_FLOOD.%s.>", "$KV.TG_FLOOD.%s.messages.sendMessage.user.1"),
		hears("see what became of jobs about channel 1", "tg.done.%s.channel.1.*", "tg.done.%s.channel.1.x"),
		hears("see what became of other jobs", "tg.done.%s.>", "tg.done.%s.channel.2.x"),
		hears("see dialogs as they change", "tg.state.%s.>", "tg.state.%s.dialog.user.1"),
		hears("see history as it is fetched", "tg.hist.%s.>", "tg.hist.%s.user.1"),
		hears("see events", "tg.evt.%s.>", "tg.evt.%s.connected"),
		{what: "see, or take, what others ask (`tg.rpc`, `tg.ro`, `tg.ctl`, `tg.file`)", hear: [][2]string{{"tg.rpc.>", "tg.rpc.main.a.b"}, {"tg.file.main.*", "tg.file.main.get"}, {"tg.ro.main.>", "tg.ro.main.a.b"}, {"tg.ctl.>", "tg.ctl.main.login.password"}}},
		{what: "the same, in the daemon's queue group", queue: "q", hear: [][2]string{{"tg.file.main.*", "tg.file.main.get"}, {"tg.rpc.>", "tg.rpc.main.a.b"}, {"tg.ro.main.>", "tg.ro.main.a.b"}, {"tg.ctl.main.login.*", "tg.ctl.main.login.password"}}},
		hears("see others' jobs (`tg.queue.A.*`)", "tg.queue.%s.>", "tg.queue.%s.channel.1.a.b"),
		{what: "see others' answers", hear: [][2]string{{"_INBOX.>", "_INBOX.a.b"}, {"_INBOX_.other.>", "_INBOX_.other.x"}, {"*.>", "_INBOX_.other.x"}}},
		{what: "see everything (`>`), JetStream's requests, buckets, other servers", hear: [][2]string{{">", "x"}, {"$JS.>", "$JS.API.x"}, {"$KV.>", "$KV.a.b"}, {"$SYS.>", "$SYS.x"}, {"_R_.>", "_R_.x"}}},
		{what: "get its own answers", try: (*rightsRig).listens},
	}
}

// How much of a row a role reaches.
const (
	nothing    = "no"
	everything = "yes"
	partly     = "partly"
	own        = "own"
	allOnly    = "all"
)

// look tells how much of a row a user reaches, of one account.
func (r *rightsRig) look(row reach, account string) string {
	got, of := 0, 0
	count := func(reached bool) {
		of++
		if reached {
			got++
		}
	}
	fill := func(s string) string { return strings.ReplaceAll(s, "%s", account) }
	for _, subject := range row.publish {
		count(r.publishes(fill(subject)))
	}
	for _, h := range row.hear {
		count(r.hears(fill(h[0]), row.queue, fill(h[1])))
	}
	if row.try != nil {
		count(row.try(r))
	}
	switch got {
	case 0:
		return nothing
	case of:
		return everything
	}
	return partly
}

// cells are what a user reaches, row by row.
func (r *rightsRig) cells() (all []string) {
	for _, row := range reaches() {
		cell := r.look(row, "main")
		if row.account {
			switch other := r.look(row, "other"); {
			case cell == everything && other == nothing:
				cell = own
			case cell != other:
				cell += " of one, " + other + " of others"
			}
		}
		all = append(all, cell)
	}
	return all
}

// joined is a column of the table: what a role reaches that was asked for one account, and for all.
func joined(one, all []string) []string {
	if one == nil || all == nil {
		return append(one, all...)
	}
	out := make([]string, len(one))
	for i := range one {
		switch {
		case one[i] == all[i], one[i] == own && all[i] == everything:
			out[i] = one[i]
		case one[i] == nothing && all[i] == everything:
			out[i] = allOnly
		default:
			out[i] = one[i] + "; of all: " + all[i]
		}
	}
	return out
}

// What each role may do, and what not: the text that `natsgram permissions` prints, as configuration and as JWTs, in a real
// server; every row is tried. What comes out is the table of docs/operating.md.
func TestRights(t *testing.T) {
	t.Setenv("HOME", t.TempDir())
	var table [][]string
	for _, c := range roleColumns {
		columns := map[string][]string{}
		for _, words := range []string{c.one, c.all} {
			if words == "" {
				continue
			}
			t.Run(words, func(t *testing.T) {
				columns[words] = byConfig(t, strings.Fields(words)...).cells()
			})
			t.Run(words+", by JWT", func(t *testing.T) {
				same(t, byJWT(t, strings.Fields(words)...).cells(), columns[words], "by JWT", "by configuration")
			})
		}
		if words := strings.Fields(c.one); c.one != "" && words[0] != "consumer" && words[0] != "queue" && !strings.Contains(c.one, "--bucket") {
			words = append(words, "--from", "NATSGRAM")
			t.Run(strings.Join(words, " "), func(t *testing.T) {
				same(t, byConfig(t, words...).cells(), columns[c.one], "in another NATS account", "in natsgram's")
			})
		}
		table = append(table, joined(columns[c.one], columns[c.all]))
	}
	if !t.Failed() {
		holds(t, "operating.md", "rights", rightsTable(table))
	}
}

// A durable that is made as the document says is read by whoever has the printed rights to it, and no more.
func TestDurableAsDocumented(t *testing.T) {
	document := must(os.ReadFile("../../docs/operating.md"))
	if line := "nats consumer add TG_UPDATES main=archive --pull --defaults --deliver new --filter 'tg.upd.main.>'"; !strings.Contains(string(document), line) {
		t.Errorf("the document has no %q", line)
	}
	r := byConfig(t, "consumer", "main", "--durable", "main=archive")
	cfg := jetstream.ConsumerConfig{Durable: "main=archive", FilterSubject: "tg.upd.main.>", DeliverPolicy: jetstream.DeliverNewPolicy, AckPolicy: jetstream.AckExplicitPolicy}
	if err := r.js.DeleteConsumer(t.Context(), "TG_UPDATES", cfg.Durable); err != nil {
		t.Fatal(err)
	}
	if _, err := r.js.CreateConsumer(t.Context(), "TG_UPDATES", cfg); err != nil {
		t.Fatal(err)
	}
	m := nats.NewMsg("tg.upd.main.updateUserTyping.user.5")
	m.Data = []byte(`{"update":{"_":"updateUserTyping","user_id":5}}`)
	m.Header.Set("Tg-Type", "updateUserTyping")
	if _, err := r.js.PublishMsg(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	defer func(d time.Duration) { ranTime = d }(ranTime)
	ranTime = time.Hour // it does not wait for what it may not ask
	t.Setenv("HOME", t.TempDir())
	for name, value := range map[string]string{
		"NATS_URL": r.user.ConnectedUrl(), "NATS_USER": rightsUser, "NATS_PASSWORD": "s", "NATS_INBOX_PREFIX": r.inbox, "NATSGRAM_JETSTREAM_DOMAIN": rights.ImportedDomain,
	} {
		t.Setenv(name, value)
	}
	if out, status := command(t, "tail", "main", "--durable", "archive", "--json", "-n", "1"); status != 0 || !strings.Contains(out, `"updateUserTyping"`) {
		t.Errorf("status %d: %s", status, out)
	}
}

// same tells where two columns differ that should not.
func same(t *testing.T, got, want []string, this, that string) {
	t.Helper()
	for i, cell := range got {
		if cell != want[i] {
			t.Errorf("%s: %s %s, %s %s", reaches()[i].what, cell, this, want[i], that)
		}
	}
}

func rightsTable(columns [][]string) string {
	var b strings.Builder
	b.WriteString("|")
	for _, c := range roleColumns {
		b.WriteString(" | " + c.name)
	}
	b.WriteString(" |\n|" + strings.Repeat(" --- |", len(columns)+1) + "\n")
	for i, row := range reaches() {
		b.WriteString("| " + row.what)
		for _, c := range columns {
			cell := c[i]
			if cell == nothing {
				cell = "-"
			}
			b.WriteString(" | " + cell)
		}
		b.WriteString(" |\n")
	}
	return b.String()
}

// holds compares what stands in a document between two marks with what it should be; -update writes it.
func holds(t *testing.T, document, mark, want string) {
	t.Helper()
	name := filepath.Join("..", "..", "docs", document)
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := fmt.Sprintf("<!-- %s: written by a test -->\n", mark), fmt.Sprintf("<!-- end of %s -->", mark)
	before, rest, found := strings.Cut(string(text), begin)
	have, after, ended := strings.Cut(rest, end)
	switch {
	case !found || !ended:
		t.Fatalf("%s has no place for %s: %q to %q", name, mark, begin, end)
	case have == want:
	case *update:
		if err := os.WriteFile(name, []byte(before+begin+want+end+after), 0o600); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s does not show what was found; run with -update:\n%s", name, want)
	}
}
