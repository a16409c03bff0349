package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/embedded"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/world"
)

// recipe is a block of docs/consumers.md that is marked so.
func recipe(t *testing.T, mark string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "consumers.md"))
	must(t, err)
	block := regexp.MustCompile("(?s)<!-- e2e: " + regexp.QuoteMeta(mark) + " -->\n```[a-z]+\n(.*?)```").FindStringSubmatch(string(text))
	if block == nil {
		t.Fatalf("docs/consumers.md has no block %s", mark)
	}
	return block[1]
}

// reader is somebody who follows docs/consumers.md: with an account main, and a friend who writes to it.
type reader struct {
	*operator
	t          *testing.T
	telegram   *mttest.Server
	me, friend *mttest.Account
	group      *mttest.Group
	news       *mttest.Channel
	dir        string // where Node's packages are
	nc         *nats.Conn
}

func newReader(t *testing.T) *reader {
	t.Helper()
	dir := needNode(t)
	must(t, installCLI())
	s := mttest.NewServer(t, func(c *mttest.Config) { c.Code = "54321" })
	r := &reader{t: t, telegram: s, dir: dir, me: s.AddUser(mttest.User{First: "Me", Phone: "+491701234567"}), friend: s.AddUser(mttest.User{First: `"Friend" O'Hara`})}
	r.group = s.AddGroup("Garden", r.friend, r.me)
	r.news = s.AddChannel(mttest.ChannelConfig{Title: "News", Creator: r.friend, Members: []*mttest.Account{r.me}})
	srv, err := embedded.Start(embedded.Config{Dir: t.TempDir(), NoSync: true, MaxPayload: 1 << 20})
	must(t, err)
	t.Cleanup(srv.Close)
	r.nc, err = nats.Connect(srv.ClientURL())
	must(t, err)
	t.Cleanup(r.nc.Close)
	r.operator = newOperator(t, s)
	r.url = srv.ClientURL()
	r.env = append(r.env, "NATS_URL="+r.url, "NATSGRAM_SECRET=sixteen characters")
	r.run(t, "natsgram login main --phone "+r.me.Phone()+" --code 54321")
	r.serve(t, "main")
	return r
}

// program runs a program of the page, word for word but for where NATS is, until the test ends.
func (r *reader) program(name, durable string) (running *exec.Cmd, out *lockedBuffer) {
	r.t.Helper()
	must(r.t, os.WriteFile(filepath.Join(r.dir, name), []byte(strings.ReplaceAll(recipe(r.t, name), "127.0.0.1:4222", r.url)), 0o600))
	out = new(lockedBuffer)
	running = exec.Command("node", name)
	running.Dir, running.Stdout, running.Stderr = r.dir, out, out
	must(r.t, running.Start())
	r.t.Cleanup(func() { _ = running.Process.Kill(); _ = running.Wait() })
	r.until(out, "the durable "+durable, func() bool {
		_, err := r.sh(r.t, "nats -s "+r.url+" consumer info TG_UPDATES main="+durable)
		return err == nil
	})
	return running, out
}

func (r *reader) until(out fmt.Stringer, what string, done func() bool) {
	r.t.Helper()
	for limit := time.Now().Add(time.Minute); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(limit) {
			r.t.Fatalf("no %s after a minute: %s", what, out)
		}
	}
}

// publish puts an update into the stream that the box does not make. Update is JSON.
func (r *reader) publish(kind, chat, update string, headers ...string) {
	r.t.Helper()
	m := nats.NewMsg("tg.upd.main." + kind + "." + chat)
	m.Header.Set("Tg-Type", kind)
	m.Header.Set("Tg-User", strconv.FormatInt(r.me.ID(), 10))
	m.Header.Set("Nats-Msg-Id", nats.NewInbox())
	for i := 0; i < len(headers); i += 2 {
		m.Header.Set(headers[i], headers[i+1])
	}
	m.Data = []byte(update)
	_, err := r.nc.RequestMsg(m, 10*time.Second)
	must(r.t, err)
}

// said are the texts of a chat as its other side has it, oldest first.
func (r *reader) said(viewer *mttest.Account, in mttest.Peer) (all []string) {
	r.t.Helper()
	h, err := r.telegram.World().History(viewer.ID(), in.Peer(), world.Page{Limit: 100})
	must(r.t, err)
	for _, m := range slices.Backward(h.Messages) {
		all = append(all, m.Text)
	}
	return all
}

// TestEchoBot runs the bot of the page: what somebody writes to the account he gets back, whatever else comes.
func TestEchoBot(t *testing.T) {
	r := newReader(t)
	_, out := r.program("echo.mjs", "echo")
	const refused = "nobody may answer this"
	defer r.telegram.InterceptMethod("messages.sendMessage", func(q *mttest.Request) mttest.Action {
		if q.Args.Str("message") == refused {
			return mttest.Error(406, "PRIVACY_PREMIUM_REQUIRED")
		}
		return mttest.Pass()
	})()
	texts := []string{`it's "so"`, "two\nlines & <b>😀</b>", "the end"}
	r.friend.Send(r.me, texts[0])
	r.friend.SendDraft(r.me, world.Draft{Media: r.telegram.World().AddFile(world.File{DC: 2, Name: "a.bin", Data: []byte("a")})}) // which has no text
	r.me.Send(r.me, "a note to myself")
	r.friend.Send(r.me, refused)
	r.friend.Send(r.group, "to all")
	r.publish("updateNewMessage", "user.777", `{"update":{"_":"updateNewMessage","message":{"_":"message","message":"nobody can answer this"}}}`)
	r.friend.Send(r.me, texts[1])
	r.friend.Send(r.me, texts[2])
	want := []string{texts[0], "", refused, texts[1], texts[2], texts[0], texts[1], texts[2]}
	r.until(out, "answers", func() bool { return len(r.said(r.friend, r.me)) >= len(want) })
	got := r.said(r.friend, r.me)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("said was %q: %s", got, out)
	}
	if text := out.String(); strings.Contains(text, "MESSAGE_EMPTY") {
		t.Errorf("it answers a photo without a word: %s", text)
	}
	if notes := r.said(r.me, r.me); len(notes) != 1 {
		t.Errorf("it answers itself: %q", notes)
	}
	if group := r.said(r.me, r.group); len(group) > 2 { // the first says that there is a group
		t.Errorf("it answers in the group: %q", group)
	}
}

// TestAlbumsAsOne gives the program of the page two albums and single messages of two channels, and a gap.
func TestAlbumsAsOne(t *testing.T) {
	r := newReader(t)
	_, out := r.program("albums.mjs", "albums")
	r.publish("gap", "channel.801", `{"gap":{"box":"channel.801","from":1,"to":2,"reason":"too long"}}`)
	for _, post := range []struct{ channel, album string }{{"801", "7"}, {"801", "7"}, {"802", "9"}, {"801", "7"}, {"801", ""}, {"802", "9"}} {
		album := []string{}
		if post.album != "" {
			album = []string{"Tg-Grouped-Id", post.album}
		}
		r.publish("updateNewChannelMessage", "channel."+post.channel, `{"update":{"_":"updateNewChannelMessage"}}`, album...)
	}
	r.until(out, "albums", func() bool { return strings.Count(out.String(), "\n") >= 3 })
	if got := out.String(); got != "album of 3\nalbum of 1\nalbum of 2\n" {
		t.Error(got)
	}
}

// TestIntoADatabase follows the page from natsgram tail to the tables of DuckDB, command by command and statement by statement as they stand
// there: two times, with what happened in between, and a third time over lines that came twice.
func TestIntoADatabase(t *testing.T) {
	r := newReader(t)
	must(t, os.WriteFile(filepath.Join(bin, "duckdb"), fmt.Appendf(nil, "#!/bin/sh\nexec node %q \"$@\"\n", filepath.Join(r.dir, "duckdb.mjs")), 0o700))
	for _, name := range []string{"posts.sql", "archive.sql"} {
		must(t, os.WriteFile(filepath.Join(r.home, name), []byte(recipe(t, name)), 0o600))
	}
	w := &written{reader: r, all: map[place]wrote{}}
	w.begin()
	w.follow("first")
	w.goOn()
	w.follow("second")
	w.again("of files that are empty", "cp posts.jsonl all.posts; cp archive.jsonl all.archive; : > posts.jsonl; : > archive.jsonl")
	w.again("of lines that came twice", "cat all.posts all.posts > posts.jsonl; cat all.archive all.archive > archive.jsonl")
}

// written is all that the tables should have.
type written struct {
	*reader
	all        map[place]wrote
	posts, dms []int // in the channel, and in the friend's chat, oldest first
}

type place struct {
	chat string
	id   int64
}

type wrote struct {
	sent    int
	album   string
	text    string
	none    bool // it has no text
	deleted bool
}

// nasty are texts that somebody could read wrongly.
var nasty = []string{
	`it's "quoted" \ \n {"update": [1]}, 'x'); DROP TABLE posts; --`, "two\nlines\r\n\tand a tab\u2028", "😀👩‍👩‍👧 Łódź \u202eעברית <b>&amp;</b>", "nul\x00", "NULL",
}

func chatOf(of mttest.Peer) string {
	p := of.Peer()
	return map[world.Kind]string{world.KindUser: "user.", world.KindChat: "chat.", world.KindChannel: "channel."}[p.Kind] + strconv.FormatInt(p.ID, 10)
}

func (w *written) say(by *mttest.Account, in mttest.Peer, text string) int {
	m := by.Send(in, text)
	w.all[place{chatOf(in), int64(m.ID)}] = wrote{sent: m.Date, text: text}
	return m.ID
}

func (w *written) edit(by *mttest.Account, in mttest.Peer, id int, text string) {
	by.Edit(in, id, text)
	w.change(chatOf(in), int64(id), func(m *wrote) { m.text = text })
}

func (w *written) change(chat string, id int64, how func(*wrote)) {
	m := w.all[place{chat, id}]
	how(&m)
	w.all[place{chat, id}] = m
}

func (w *written) gone(chat string, ids ...int) {
	for _, id := range ids {
		w.change(chat, int64(id), func(m *wrote) { m.deleted = true })
	}
}

// begin has texts of all kinds in all kinds of chats, edits and deletions.
func (w *written) begin() {
	news, dm, group := mttest.Peer(w.news), mttest.Peer(w.friend), mttest.Peer(w.group)
	var groups []int
	for _, text := range nasty {
		w.posts = append(w.posts, w.say(w.friend, news, text))
		w.dms = append(w.dms, w.say(w.me, dm, text))
		groups = append(groups, w.say(w.me, group, text))
	}
	w.edit(w.friend, news, w.posts[0], "edited")
	w.edit(w.friend, news, w.posts[0], "edited twice: "+nasty[0])
	w.edit(w.me, dm, w.dms[1], "edited in a chat: "+nasty[1])
	w.friend.Delete(news, w.posts[3])
	w.gone(chatOf(news), w.posts[3])
	w.me.Delete(dm, w.dms[0], groups[0], groups[1]) // of two chats at once
	w.gone(chatOf(dm), w.dms[0])
	w.gone(chatOf(group), groups[0], groups[1])
	w.crafted(groups[2])
}

// crafted are updates that the box does not make, with ids as large as they come. One deletes a message of the group and one of the friend's.
func (w *written) crafted(inGroup int) {
	const album, last = "9223372036854775807", 2147483647
	news := chatOf(w.news)
	for id := last - 1; id <= last; id++ {
		w.publish("updateNewChannelMessage", news, fmt.Sprintf(`{"update":{"message":{"_":"message","date":1700000000,"message":"of an album","grouped_id":%q}}}`, album),
			"Tg-Msg-Id", strconv.Itoa(id), "Tg-Grouped-Id", album)
		w.all[place{news, int64(id)}] = wrote{sent: 1700000000, text: "of an album", album: album}
	}
	w.publish("updateNewChannelMessage", news, `{"update":{"message":{"_":"messageService","date":1700000001,"action":{"_":"messageActionPinMessage"}}}}`, "Tg-Msg-Id", "2147480000")
	w.all[place{news, 2147480000}] = wrote{sent: 1700000001, none: true}
	w.publish("updateEditChannelMessage", news, `{"update":{"_":"updateEditChannelMessage"},"redacted":{"reason":"too large","message_ids":[2147480001]}}`,
		"Tg-Msg-Id", "2147480001", "Tg-Redacted", "too large")
	w.all[place{news, 2147480001}] = wrote{none: true}
	w.publish("updateNewChannelMessage", news, "", "Tg-Msg-Id", "2147480002", "Tg-Redacted", "too large")
	w.all[place{news, 2147480002}] = wrote{none: true}
	w.publish("updateNewChannelMessage", "channel.9223372036854775807", `{"update":{"message":{"_":"message","date":1700000002,"message":"far away"}}}`, "Tg-Msg-Id", "7")
	w.all[place{"channel.9223372036854775807", 7}] = wrote{sent: 1700000002, text: "far away"}
	// Others that name messages, and say something else of them.
	w.publish("updatePinnedChannelMessages", news, `{"update":{"messages":[2147480000]}}`, "Tg-Msg-Id", "2147480000")
	w.publish("updateNewScheduledMessage", news, `{"update":{"message":{"_":"message","date":1,"message":"not yet"}}}`, "Tg-Msg-Id", "2147480000")
	w.publish("gap", news, `{"gap":{"box":"`+news+`","from":1,"to":2,"reason":"too long","filled":true}}`)
	// Nobody knows where these were: but not in channels, which have the same ids.
	ids := fmt.Sprintf("2147480000,%d,%d", w.dms[2], inGroup)
	w.publish("updateDeleteMessages", "none.0", `{"update":{"messages":[`+ids+`]}}`, "Tg-Msg-Id", ids)
	w.gone(chatOf(w.friend), w.dms[2])
	w.gone(chatOf(w.group), inGroup)
}

// goOn deletes more at once than a header names, and changes what the tables have.
func (w *written) goOn() {
	for _, in := range []struct {
		by   *mttest.Account
		chat mttest.Peer
	}{{w.friend, w.news}, {w.me, w.friend}} {
		var many []int
		for range 120 {
			many = append(many, w.say(in.by, in.chat, "one of many"))
		}
		in.by.Delete(in.chat, many[:110]...)
		w.gone(chatOf(in.chat), many[:110]...)
		w.edit(in.by, in.chat, many[119], "later: "+nasty[2])
	}
	w.me.Delete(w.friend, w.dms[1])
	w.gone(chatOf(w.friend), w.dms[1])
	w.edit(w.me, w.friend, w.dms[3], "after all")
	w.edit(w.friend, w.news, w.posts[1], "after all")
}

// follow does what the page says, and looks at the tables.
func (w *written) follow(time string) {
	w.t.Helper()
	end := "the end of the " + time
	w.say(w.me, w.friend, end)
	w.say(w.friend, w.news, end)
	for name, boxes := range map[string]int{"posts": 1, "archive": 2} {
		for line := range strings.Lines(recipe(w.t, name+".sh")) {
			line = `cd "$HOME" && ` + strings.ReplaceAll(strings.TrimSpace(line), "channel.1234", chatOf(w.news))
			if !strings.Contains(line, "# ends with Ctrl-C") {
				w.run(w.t, line)
				continue
			}
			w.untilCtrlC(line, filepath.Join(w.home, name+".jsonl"), end, boxes)
		}
	}
	w.compare("at the end of the " + time)
}

// untilCtrlC runs a line until a file has a text as many times, and then as somebody would end it.
func (w *written) untilCtrlC(line, file, text string, times int) {
	w.t.Helper()
	c := exec.Command("sh", "-c", line)
	c.Env, c.SysProcAttr = w.demo.env(w.env...), &syscall.SysProcAttr{Setpgid: true}
	out := new(lockedBuffer)
	c.Stderr = out
	must(w.t, c.Start())
	w.until(out, text+" in "+file, func() bool {
		b, _ := os.ReadFile(file)
		return strings.Count(string(b), `"message":"`+text+`"`) >= times
	})
	must(w.t, syscall.Kill(-c.Process.Pid, syscall.SIGINT))
	_ = c.Wait() // the shell dies of it
	if out.String() != "" {
		w.t.Errorf("%s: %s", line, out)
	}
}

// again runs a command, and then the statements of the page.
func (w *written) again(when, command string) {
	w.t.Helper()
	w.run(w.t, `cd "$HOME" && { `+command+`; } && duckdb posts.db < posts.sql && duckdb archive.db < archive.sql`)
	w.compare(when)
}

// tables is a query for all rows of both.
const tables = "ATTACH 'archive.db' AS other; SELECT 'posts ' || id AS at, album, epoch(sent)::BIGINT AS sent, text, false AS deleted FROM posts " +
	"UNION ALL SELECT chat || ' ' || id, NULL, NULL, text, deleted FROM other.archive"

// compare looks whether the tables have what was written.
func (w *written) compare(when string) {
	w.t.Helper()
	want := w.rows()
	got := map[string]string{}
	for line := range strings.Lines(w.run(w.t, `cd "$HOME" && duckdb posts.db -c "`+tables+`"`)) {
		var row map[string]any
		must(w.t, json.Unmarshal([]byte(line), &row))
		got[fmt.Sprint(row["at"])] = jsonOf(w.t, row)
	}
	maps.DeleteFunc(got, func(at, row string) bool {
		same := want[at] == row
		if same {
			delete(want, at)
		}
		return same
	})
	if len(got)+len(want) > 0 {
		w.t.Errorf("%s the tables have\n%v\ninstead of\n%v", when, got, want)
	}
}

// rows are what the query should give.
func (w *written) rows() map[string]string {
	all := map[string]string{}
	for at, m := range w.all {
		row := map[string]any{"at": fmt.Sprint(at.chat, " ", at.id), "album": nil, "sent": nil, "text": m.text, "deleted": m.deleted}
		if m.none {
			row["text"] = nil
		}
		all[fmt.Sprint(row["at"])] = jsonOf(w.t, row)
		if at.chat != chatOf(w.news) || m.deleted {
			continue
		}
		if m.sent != 0 {
			row["sent"] = strconv.Itoa(m.sent)
		}
		if m.album != "" {
			row["album"] = m.album
		}
		row["at"] = fmt.Sprint("posts ", at.id)
		all[fmt.Sprint(row["at"])] = jsonOf(w.t, row)
	}
	return all
}

func jsonOf(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	must(t, err)
	return string(b)
}
