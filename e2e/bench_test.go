package e2e

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	gotdbin "github.com/gotd/td/bin"
	"github.com/gotd/td/session"
	"github.com/gotd/td/telegram"
	"github.com/gotd/td/tg"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/crypto"
	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
)

// Each benchmark measures gotd/td and us at the same thing, one after the other, in one run on one machine, so that the
// ratio means something where the figures themselves do not. The server is a process of its own: times of both sides
// are in the figures, CPU and memory are the client's alone.

// BenchmarkDecode: TL to structs, by gotd; the same and on to JSON; and TL to JSON at once, by us.
func BenchmarkDecode(b *testing.B) {
	schema := gotdLayer(b)
	result, _ := schema.Type("messages.Messages")
	for _, n := range []int{20, 100} {
		src := busyChat(b, schema, n)
		bench := func(name string, f func() error) {
			b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
				b.SetBytes(int64(len(src)))
				b.ReportAllocs()
				for b.Loop() {
					if err := f(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		bench("gotd-structs", func() error {
			_, err := tg.DecodeMessagesMessages(&gotdbin.Buffer{Buf: src})
			return err
		})
		bench("gotd-json", func() error {
			m, err := tg.DecodeMessagesMessages(&gotdbin.Buffer{Buf: src})
			if err == nil {
				_, err = json.Marshal(m)
			}
			return err
		})
		var dst []byte
		bench("natsgram-json", func() (err error) {
			dst, err = schema.AppendJSON(dst[:0], src, result)
			return err
		})
	}
}

// busyChat is messages.messages with n messages: long and short ones, with entities, replies, photos, reactions.
func busyChat(b *testing.B, s *codec.Schema, n int) []byte {
	b.Helper()
	var messages, users []codec.M
	for i := range n {
		messages = append(messages, busyMessage(i))
	}
	for i := range max(3, n/4) {
		users = append(users, codec.M{
			"_": "user", "id": 700000000 + i, "access_hash": int64(0x1122334455667788) * int64(i+1), "first_name": "Александра",
			"last_name": "Smith", "username": fmt.Sprintf("user_%d", i), "premium": true,
			"photo":  codec.M{"_": "userProfilePhoto", "photo_id": int64(5300000000000000000) + int64(i), "stripped_thumb": make([]byte, 40), "dc_id": 2},
			"status": codec.M{"_": "userStatusOffline", "was_online": 1750000000},
		})
	}
	src, err := s.Encode(nil, codec.M{"_": "messages.messages", "messages": messages, "users": users, "chats": []codec.M{{
		"_": "channel", "id": 1234567890, "access_hash": int64(-77), "title": "Новости и погода", "username": "news", "megagroup": true,
		"photo": codec.M{"_": "chatPhoto", "photo_id": int64(5300000000000000000), "dc_id": 4}, "date": 1600000000, "participants_count": 12345,
	}}})
	if err != nil {
		b.Fatal(err)
	}
	return src
}

func busyMessage(i int) codec.M {
	m := codec.M{
		"_": "message", "id": 100000 + i, "from_id": codec.M{"_": "peerUser", "user_id": 700000000 + i%5},
		"peer_id": codec.M{"_": "peerChannel", "channel_id": 1234567890}, "date": 1750000000 + i*37, "views": 1000 + i, "forwards": i,
		"message": strings.Repeat("The quick brown fox said \"no\" to the lazy dog.\n", 1+i%6) + strings.Repeat("Съешь ещё этих мягких булок. ", i%5),
	}
	if i%2 == 0 {
		m["reply_to"] = codec.M{"_": "messageReplyHeader", "reply_to_msg_id": 99000 + i, "quote": true, "quote_text": "the quick"}
		m["entities"] = []codec.M{{"_": "messageEntityBold", "offset": 0, "length": 9}, {"_": "messageEntityUrl", "offset": 10, "length": 5}}
		return m
	}
	m["media"] = codec.M{"_": "messageMediaPhoto", "photo": codec.M{
		"_": "photo", "id": int64(5400000000000000000) + int64(i), "access_hash": int64(-5400000000000000000) + int64(i), "date": 1750000000, "dc_id": 2,
		"file_reference": make([]byte, 37), "sizes": []codec.M{
			{"_": "photoStrippedSize", "type": "i", "bytes": make([]byte, 400)},
			{"_": "photoSize", "type": "m", "w": 320, "h": 240, "size": 21000},
			{"_": "photoSizeProgressive", "type": "y", "w": 1280, "h": 960, "sizes": []int{12000, 30000, 55000, 80000, 140000}},
		},
	}}
	if i%4 == 1 {
		m["reactions"] = codec.M{"_": "messageReactions", "results": []codec.M{
			{"_": "reactionCount", "reaction": codec.M{"_": "reactionEmoji", "emoticon": "👍"}, "count": 17},
			{"_": "reactionCount", "reaction": codec.M{"_": "reactionEmoji", "emoticon": "🔥"}, "count": 3},
		}}
	}
	return m
}

// BenchmarkFirstConnection is from nothing to the first answer: key exchange, initConnection, help.getConfig.
func BenchmarkFirstConnection(b *testing.B) {
	box := newBox(b, 0)
	b.Run("gotd", func(b *testing.B) {
		measureCPU(b, func() {
			for b.Loop() {
				box.gotd(b, nil)()
			}
		})
	})
	b.Run("natsgram", func(b *testing.B) {
		measureCPU(b, func() {
			for b.Loop() {
				_, stop := box.natsgram(b, nil)
				stop()
			}
		})
	})
}

// measureCPU reports the CPU time of this process for each operation.
func measureCPU(b *testing.B, f func()) {
	b.ReportAllocs()
	before := cpu()
	f()
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-us/op")
}

func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkCall is a small call, by one caller and by 64. gotd gives a struct, we give JSON.
func BenchmarkCall(b *testing.B) {
	box := newBox(b, 2)
	theirs, stop := box.gotdClient(b, &box.accounts[0])
	defer stop()
	ours, end := box.natsgram(b, &box.accounts[1])
	defer end()
	query, err := ours.Schema().Encode(nil, codec.M{"_": "help.getNearestDc"})
	if err != nil {
		b.Fatal(err)
	}
	f, _ := ours.Schema().Function("help.getNearestDc")
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("%d/gotd", callers), func(b *testing.B) {
			benchCall(b, callers, func(*[]byte) error {
				_, err := theirs.API().HelpGetNearestDC(b.Context())
				return err
			})
		})
		b.Run(fmt.Sprintf("%d/natsgram", callers), func(b *testing.B) {
			benchCall(b, callers, func(dst *[]byte) error {
				answer, err := ours.Invoke(b.Context(), query)
				if err == nil {
					*dst, err = ours.Schema().AppendJSON((*dst)[:0], answer, f.Result())
				}
				return err
			})
		})
	}
}

func benchCall(b *testing.B, callers int, call func(dst *[]byte) error) {
	var dst []byte
	if err := call(&dst); err != nil {
		b.Fatal(err)
	}
	measureCPU(b, func() {
		if callers == 1 {
			for b.Loop() {
				if err := call(&dst); err != nil {
					b.Fatal(err)
				}
			}
			return
		}
		b.SetParallelism(callers / runtime.GOMAXPROCS(0))
		b.RunParallel(func(p *testing.PB) {
			var dst []byte
			for p.Next() {
				if err := call(&dst); err != nil {
					b.Error(err)
				}
			}
		})
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
}

// BenchmarkIdle is what an account costs that is signed in, connected, and has nothing to do.
func BenchmarkIdle(b *testing.B) {
	const clients = 400
	box := newBox(b, 2*clients)
	b.Run("gotd", func(b *testing.B) {
		benchIdle(b, clients, func(i int) func() { return box.gotd(b, &box.accounts[i]) })
	})
	b.Run("natsgram", func(b *testing.B) {
		benchIdle(b, clients, func(i int) func() {
			_, stop := box.natsgram(b, &box.accounts[clients+i])
			return stop
		})
	})
}

func benchIdle(b *testing.B, clients int, start func(i int) (stop func())) {
	start(0)() // what a process has once, such as tables of the layer
	for b.Loop() {
		goroutines, memory := runtime.NumGoroutine(), quiet()
		stops := make([]func(), clients)
		for i := range stops {
			stops[i] = start(i)
		}
		b.ReportMetric(float64(quiet()-memory)/float64(clients), "B/account")
		b.ReportMetric(float64(runtime.NumGoroutine()-goroutines)/float64(clients), "goroutines/account")
		for _, stop := range stops {
			stop()
		}
	}
}

// quiet is the memory in use, heap and stacks, once it does not shrink any more.
func quiet() int64 {
	least, since := int64(1<<62), 0
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for since < 10 {
		<-tick.C
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if now := int64(m.HeapAlloc + m.StackInuse); now < least-1000 {
			least, since = now, 0
		} else {
			since++
		}
	}
	return least
}

// box is a Telegram in a box in another process.
type box struct {
	env      dc.Environment
	accounts []boxAccount
}

// boxAccount is signed in, with its key.
type boxAccount struct {
	User int64
	Key  string // base64
	Salt int64
	DC   int
}

const (
	boxSchema   = "NATSGRAM_E2E_BOX_SCHEMA"
	boxAccounts = "NATSGRAM_E2E_BOX_ACCOUNTS"
)

// A program that is told so is a box instead of tests.
func init() {
	if file := os.Getenv(boxSchema); file != "" {
		if err := serveBox(file); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// serveBox prints where the box listens and who is in it, and lives until its input ends.
func serveBox(file string) error {
	src, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	schema, err := tl.Import(file, src)
	if err != nil {
		return err
	}
	s, err := mttest.Start(mttest.Config{Schema: schema, Media: true}) // where files go, as at Telegram
	if err != nil {
		return err
	}
	defer s.Close()
	n := 0
	_, err = fmt.Sscan(os.Getenv(boxAccounts), &n)
	out := json.NewEncoder(os.Stdout)
	err = errors.Join(err, out.Encode(s.Env().Options))
	for i := range n {
		a := s.AddUser(mttest.User{First: fmt.Sprint("Number ", i)})
		key, salt, dc := s.Authorize(a)
		err = errors.Join(err, out.Encode(boxAccount{a.ID(), base64.StdEncoding.EncodeToString(key.AppendBytes(nil)), salt, dc}))
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	return err
}

func newBox(b *testing.B, accounts int) *box {
	b.Helper()
	file, err := gotdSchemaFile()
	if err != nil {
		b.Fatal(err)
	}
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), boxSchema+"="+file, fmt.Sprintf("%s=%d", boxAccounts, accounts))
	c.Stderr = os.Stderr
	in, err1 := c.StdinPipe()
	out, err2 := c.StdoutPipe()
	if err := errors.Join(err1, err2, c.Start()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		in.Close()
		if err := c.Wait(); err != nil {
			b.Error(err)
		}
	})
	x := &box{env: telegramInABox(b).Env(), accounts: make([]boxAccount, accounts)} // the key is the same everywhere
	lines := json.NewDecoder(bufio.NewReader(out))
	err = lines.Decode(&x.env.Options)
	for i := range x.accounts {
		err = errors.Join(err, lines.Decode(&x.accounts[i]))
	}
	if err != nil {
		b.Fatal(err)
	}
	return x
}

// gotd runs a client of gotd's, and returns when it has had its first answer.
func (x *box) gotd(b *testing.B, a *boxAccount) (stop func()) {
	_, stop = x.gotdClient(b, a)
	return stop
}

func (x *box) gotdClient(b *testing.B, a *boxAccount) (*telegram.Client, func()) {
	b.Helper()
	o := telegram.Options{
		PublicKeys: publicKeys(x.env.Keys), DC: x.env.Default, DCList: optionList(x.env.Options), RetryInterval: 100 * time.Millisecond, MaxRetries: 1000,
		UpdateHandler: telegram.UpdateHandlerFunc(func(context.Context, tg.UpdatesClass) error { return nil }),
	}
	if a != nil {
		o.SessionStorage = stored(b, *a)
	}
	c := telegram.NewClient(apiID, apiHash, o)
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- c.Run(ctx, func(ctx context.Context) error {
			close(ready)
			<-ctx.Done()
			return ctx.Err()
		})
	}()
	select {
	case <-ready:
	case err := <-ended:
		b.Fatal(err)
	}
	return c, func() { cancel(); <-ended }
}

func stored(b *testing.B, a boxAccount) session.Storage {
	b.Helper()
	raw, err := base64.StdEncoding.DecodeString(a.Key)
	if err != nil {
		b.Fatal(err)
	}
	key, err := crypto.NewKey(raw)
	if err != nil {
		b.Fatal(err)
	}
	return storedSession(b, key, a.Salt, a.DC)
}

// natsgram runs a client of ours, and returns when it has had its first answer.
func (x *box) natsgram(b *testing.B, a *boxAccount, change ...func(*mtproto.Options)) (*mtproto.Client, func()) {
	b.Helper()
	o := mtproto.Options{
		API: mtproto.API{ID: apiID, Hash: apiHash}, Schema: gotdLayer(b), Env: x.env, Throttle: new(mtproto.Throttle),
		Updates: func(u mtproto.Update) { u.Ack() },
	}
	if a != nil {
		key, err := base64.StdEncoding.DecodeString(a.Key)
		if err != nil {
			b.Fatal(err)
		}
		o.State = mtproto.State{Version: mtproto.StateVersion, Home: a.DC, UserID: a.User, DCs: map[int]mtproto.DCState{a.DC: {Key: key, Created: time.Now(), Authorized: true}}}
	}
	for _, f := range change {
		f(&o)
	}
	c, err := mtproto.New(o)
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	if err := c.Ready(b.Context()); err != nil {
		b.Fatal(err)
	}
	return c, func() { cancel(); <-ended }
}
