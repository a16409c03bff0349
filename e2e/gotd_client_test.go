package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gotd/td/session"
	"github.com/gotd/td/telegram"
	"github.com/gotd/td/telegram/auth"
	"github.com/gotd/td/telegram/dcs"
	"github.com/gotd/td/telegram/downloader"
	"github.com/gotd/td/telegram/updates"
	"github.com/gotd/td/telegram/uploader"
	"github.com/gotd/td/tg"
	"github.com/gotd/td/tgerr"
	gotdtransport "github.com/gotd/td/transport"

	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/mttest/wire"
	"github.com/natsgram/natsgram/mtproto/mttest/world"
)

// signIn signs a client of gotd in by the flow of its auth package.
func signIn(ctx context.Context, s *mttest.Server, c *telegram.Client, a *mttest.Account) error {
	if a.Token() != "" {
		_, err := c.Auth().Bot(ctx, a.Token())
		return err
	}
	return auth.NewFlow(whoever(s, a.Phone(), ""), auth.SendCodeOptions{}).Run(ctx, c.Auth())
}

// whoever knows what a person would type.
func whoever(s *mttest.Server, phone, password string) auth.UserAuthenticator {
	return auth.Constant(phone, password, auth.CodeAuthenticatorFunc(func(context.Context, *tg.AuthSentCode) (string, error) {
		return s.Code(phone), nil
	}))
}

// inbox collects the texts of new messages.
type inbox struct {
	mu   sync.Mutex
	all  []string
	more chan struct{}
}

func newInbox() *inbox { return &inbox{more: make(chan struct{}, 1)} }

func (i *inbox) add(m tg.MessageClass) {
	msg, ok := m.(*tg.Message)
	if !ok || msg.Out {
		return
	}
	i.mu.Lock()
	i.all = append(i.all, msg.Message)
	i.mu.Unlock()
	select {
	case i.more <- struct{}{}:
	default:
	}
}

// dispatcher feeds an inbox.
func (i *inbox) dispatcher() tg.UpdateDispatcher {
	d := tg.NewUpdateDispatcher()
	d.OnNewMessage(func(_ context.Context, _ tg.Entities, u *tg.UpdateNewMessage) error {
		i.add(u.Message)
		return nil
	})
	d.OnNewChannelMessage(func(_ context.Context, _ tg.Entities, u *tg.UpdateNewChannelMessage) error {
		i.add(u.Message)
		return nil
	})
	return d
}

// wait waits until each of the texts has come, whatever else has.
func (i *inbox) wait(ctx context.Context, want ...string) error {
	for {
		missing := i.missing(want)
		if len(missing) == 0 {
			return nil
		}
		select {
		case <-i.more:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d messages have not come, such as %q: %w", len(missing), len(want), missing[0], ctx.Err())
		}
	}
}

func (i *inbox) missing(want []string) (missing []string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, text := range want {
		if !slices.Contains(i.all, text) {
			missing = append(missing, text)
		}
	}
	return missing
}

// once wants no text to have come twice.
func (i *inbox) once() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	seen := map[string]bool{}
	for _, text := range i.all {
		if seen[text] {
			return fmt.Errorf("%q came twice", text)
		}
		seen[text] = true
	}
	return nil
}

func peerUser(from, to *mttest.Account) *tg.InputPeerUser {
	return &tg.InputPeerUser{UserID: to.ID(), AccessHash: from.AccessHash(to)}
}

func peerChannel(from *mttest.Account, to *mttest.Channel) *tg.InputPeerChannel {
	return &tg.InputPeerChannel{ChannelID: to.ID(), AccessHash: from.AccessHash(to)}
}

var lastRandomID int64

// send is messages.sendMessage. One goroutine at a time.
func send(ctx context.Context, c *telegram.Client, to tg.InputPeerClass, text string) (tg.UpdatesClass, error) {
	lastRandomID++
	return c.API().MessagesSendMessage(ctx, &tg.MessagesSendMessageRequest{Peer: to, Message: text, RandomID: lastRandomID})
}

// history is the texts of a conversation, the newest first.
func history(ctx context.Context, c *telegram.Client, of tg.InputPeerClass) (texts []string, err error) {
	h, err := c.API().MessagesGetHistory(ctx, &tg.MessagesGetHistoryRequest{Peer: of, Limit: 100})
	if err != nil {
		return nil, err
	}
	m, ok := h.AsModified()
	if !ok {
		return nil, fmt.Errorf("messages.getHistory: %T", h)
	}
	for _, m := range m.GetMessages() {
		if m, ok := m.(*tg.Message); ok {
			texts = append(texts, m.Message)
		}
	}
	return texts, nil
}

// A1 to A6, A15 to A21, B1 to B16: gotd exchanges a key with our server, signs in, calls, and is pushed an update, over
// each framing that it has. Without a secret it obfuscates over WebSocket alone: see TestGotdThroughWebSocket.
func TestGotdClientFramings(t *testing.T) {
	leaves(t)
	s := telegramInABox(t)
	for _, tc := range []struct {
		name     string
		resolver func(t *testing.T) dcs.Resolver
	}{
		{"abridged", plainly(gotdtransport.Abridged)},
		{"intermediate", plainly(gotdtransport.Intermediate)},
		{"padded", plainly(gotdtransport.PaddedIntermediate)},
		{"full", plainly(gotdtransport.Full)},
		{"obfuscated with secret", proxied(s)},
		{"obfuscated with secret, abridged", proxied(s, 0xef)},
		{"obfuscated with secret, intermediate", proxied(s, 0xee)},
		{"obfuscated with secret, padded", proxied(s, 0xdd)},
	} {
		t.Run(tc.name, func(t *testing.T) { talk(t, s, tc.resolver(t)) })
	}
}

func plainly(p dcs.Protocol) func(*testing.T) dcs.Resolver {
	return func(*testing.T) dcs.Resolver { return dcs.Plain(dcs.PlainOptions{Protocol: p}) }
}

func talk(t *testing.T, s *mttest.Server, r dcs.Resolver) {
	phone := fmt.Sprintf("+1555%07d", time.Now().UnixNano()%1e7)
	me, other := s.AddUser(mttest.User{First: "Me", Phone: phone}), s.AddUser(mttest.User{First: "Other"})
	in := newInbox()
	c := gotd(s, telegram.Options{Resolver: r, UpdateHandler: in.dispatcher()})
	runGotd(t, c, func(ctx context.Context) error {
		if err := signIn(ctx, s, c, me); err != nil {
			return err
		}
		if _, err := send(ctx, c, peerUser(me, other), strings.Repeat("long ", 500)); err != nil {
			return err
		}
		other.Send(me, "hello")
		return in.wait(ctx, "hello")
	})
}

// proxied makes a resolver that goes through our MTProxy end with a secret of 16 bytes, after a tag if there is one.
func proxied(s *mttest.Server, tag ...byte) func(*testing.T) dcs.Resolver {
	return func(t *testing.T) dcs.Resolver {
		_, l, secret := mtProxy(t, s, proxyKey)
		r, err := dcs.MTProxy(l.Addr(), append(tag, secret...), dcs.MTProxyOptions{})
		must(t, err)
		return r
	}
}

// F1, F3, F5, F8, D6: the ways to sign in.
func TestGotdClientSignsIn(t *testing.T) {
	leaves(t)
	s := telegramInABox(t, func(c *mttest.Config) { c.Centres = []int{2, 4} })
	plain := s.AddUser(mttest.User{First: "Plain", Phone: "+15550000001"})
	careful := s.AddUser(mttest.User{First: "Careful", Phone: "+15550000002", Password: "correct horse"})
	far := s.AddUser(mttest.User{First: "Far", Phone: "+15550000003", DC: 4})
	bot := s.AddBot("Bot", "a_bot")

	t.Run("code", func(t *testing.T) { signsInAs(t, s, plain, whoever(s, plain.Phone(), "")) })
	t.Run("password", func(t *testing.T) { signsInAs(t, s, careful, whoever(s, careful.Phone(), "correct horse")) })
	t.Run("migration", func(t *testing.T) { signsInAs(t, s, far, whoever(s, far.Phone(), "")) })
	t.Run("bot", func(t *testing.T) {
		c := gotd(s, telegram.Options{})
		runGotd(t, c, func(ctx context.Context) error {
			if err := signIn(ctx, s, c, bot); err != nil {
				return err
			}
			return isSelf(ctx, c, bot)
		})
	})
	t.Run("wrong answers", func(t *testing.T) { wrongAnswers(t, s, careful) })
	t.Run("new account", func(t *testing.T) {
		c := gotd(s, telegram.Options{})
		runGotd(t, c, func(ctx context.Context) error {
			return auth.NewFlow(auth.TestUser("9996621234", 2), auth.SendCodeOptions{}).Run(ctx, c.Auth())
		})
	})
}

// signsInAs signs in, and again from the stored session.
func signsInAs(t *testing.T, s *mttest.Server, a *mttest.Account, who auth.UserAuthenticator) {
	stored := new(session.StorageMemory)
	c := gotd(s, telegram.Options{SessionStorage: stored})
	runGotd(t, c, func(ctx context.Context) error {
		if err := auth.NewFlow(who, auth.SendCodeOptions{}).Run(ctx, c.Auth()); err != nil {
			return err
		}
		return isSelf(ctx, c, a)
	})
	again := gotd(s, telegram.Options{SessionStorage: stored})
	runGotd(t, again, func(ctx context.Context) error { return isSelf(ctx, again, a) })
}

func isSelf(ctx context.Context, c *telegram.Client, a *mttest.Account) error {
	self, err := c.Self(ctx)
	if err == nil && self.ID != a.ID() {
		err = fmt.Errorf("signed in as %d, want %d", self.ID, a.ID())
	}
	return err
}

func wrongAnswers(t *testing.T, s *mttest.Server, a *mttest.Account) {
	c := gotd(s, telegram.Options{})
	runGotd(t, c, func(ctx context.Context) error {
		sent, err := c.Auth().SendCode(ctx, a.Phone(), auth.SendCodeOptions{})
		if err != nil {
			return err
		}
		hash := sent.(*tg.AuthSentCode).PhoneCodeHash
		if _, err := c.Auth().SignIn(ctx, a.Phone(), "wrong", hash); !tg.IsPhoneCodeInvalid(err) {
			return fmt.Errorf("a wrong code: %w", err)
		}
		if _, err := c.Auth().SignIn(ctx, a.Phone(), s.Code(a.Phone()), hash); !errors.Is(err, auth.ErrPasswordAuthNeeded) {
			return fmt.Errorf("the right code: %w", err)
		}
		if _, err := c.Auth().Password(ctx, "wrong"); !errors.Is(err, auth.ErrPasswordInvalid) {
			return fmt.Errorf("a wrong password: %w", err)
		}
		if _, err := c.API().UpdatesGetState(ctx); !auth.IsUnauthorized(err) {
			return fmt.Errorf("without a password: %w", err)
		}
		_, err = c.Auth().Password(ctx, "correct horse")
		return err
	})
}

// What gotd asks, and what it is told, in a private chat, a group and a channel. Long answers are gzipped.
func TestGotdClientMessages(t *testing.T) {
	leaves(t)
	for _, short := range []bool{false, true} {
		t.Run(fmt.Sprintf("short updates %v", short), func(t *testing.T) {
			s := telegramInABox(t, func(c *mttest.Config) { c.Updates.Short, c.Wire.GzipOver = short, 300 })
			messages(t, s)
		})
	}
}

// fixture is where a client of gotd talks to somebody.
type fixture struct {
	me, other *mttest.Account
	group     *mttest.Group
	channel   *mttest.Channel
}

func newFixture(s *mttest.Server) fixture {
	w := fixture{me: s.AddUser(mttest.User{First: "Me", Phone: "+15551"}), other: s.AddUser(mttest.User{First: "Other", Username: "the_other"})}
	w.group = s.AddGroup("Group", w.me, w.other)
	w.channel = s.AddChannel(mttest.ChannelConfig{
		Title: "Channel", Username: "the_channel", Megagroup: true, Creator: w.other, Members: []*mttest.Account{w.me},
	})
	return w
}

// peers are those that both write to, as each of the two sees them.
func (w fixture) peers() map[string]struct {
	mine tg.InputPeerClass
	its  mttest.Peer
} {
	type pair = struct {
		mine tg.InputPeerClass
		its  mttest.Peer
	}
	return map[string]pair{
		"private": {peerUser(w.me, w.other), w.me},
		"group":   {&tg.InputPeerChat{ChatID: w.group.ID()}, w.group},
		"channel": {peerChannel(w.me, w.channel), w.channel},
	}
}

func messages(t *testing.T, s *mttest.Server) {
	w, in := newFixture(s), newInbox()
	c := gotdAs(t, s, w.me, telegram.Options{UpdateHandler: in.dispatcher()})
	runGotd(t, c, func(ctx context.Context) error {
		for name, p := range w.peers() {
			if _, err := send(ctx, c, p.mine, "from me, "+name); err != nil {
				return err
			}
			w.other.Send(p.its, "from other, "+name)
			if err := in.wait(ctx, "from other, "+name); err != nil {
				return err
			}
			texts, err := history(ctx, c, p.mine)
			if err != nil || !slices.Contains(texts, "from me, "+name) || texts[0] != "from other, "+name {
				return fmt.Errorf("history of %s: %q: %w", name, texts, err)
			}
		}
		if err := surroundings(ctx, c, w); err != nil {
			return err
		}
		return refusals(ctx, s, c)
	})
}

// surroundings asks what programs ask besides.
func surroundings(ctx context.Context, c *telegram.Client, w fixture) error {
	d, err := c.API().MessagesGetDialogs(ctx, &tg.MessagesGetDialogsRequest{OffsetPeer: &tg.InputPeerEmpty{}, Limit: 20})
	if err != nil {
		return err
	}
	if m, ok := d.AsModified(); !ok || len(m.GetDialogs()) != 3 || len(m.GetChats()) != 2 || len(m.GetUsers()) < 1 {
		return fmt.Errorf("messages.getDialogs: %d dialogs, %d chats, %d users", len(m.GetDialogs()), len(m.GetChats()), len(m.GetUsers()))
	}
	r, err := c.API().ContactsResolveUsername(ctx, "the_channel")
	if err != nil {
		return err
	}
	if p, ok := r.Peer.(*tg.PeerChannel); !ok || p.ChannelID != w.channel.ID() || len(r.Chats) != 1 {
		return fmt.Errorf("contacts.resolveUsername: %v", r)
	}
	state, err := c.API().UpdatesGetState(ctx)
	if err != nil || state.Pts != w.me.State().Pts {
		return fmt.Errorf("updates.getState: %v, want pts %d: %w", state, w.me.State().Pts, err)
	}
	full, err := c.API().ChannelsGetFullChannel(ctx, &tg.InputChannel{ChannelID: w.channel.ID(), AccessHash: w.me.AccessHash(w.channel)})
	if err == nil && full.FullChat.GetID() != w.channel.ID() {
		err = fmt.Errorf("channels.getFullChannel: %v", full)
	}
	return err
}

// refusals are errors as gotd reads them.
func refusals(ctx context.Context, s *mttest.Server, c *telegram.Client) error {
	s.FailNext("help.getNearestDc", 1, 420, "FLOOD_WAIT_35")
	_, err := c.API().HelpGetNearestDC(ctx)
	if wait, ok := tgerr.AsFloodWait(err); !ok || wait != 35*time.Second {
		return fmt.Errorf("help.getNearestDc: %w, want a flood wait of 35 s", err)
	}
	if _, err := c.API().HelpGetSupport(ctx); !tgerr.IsCode(err, 400) {
		return fmt.Errorf("help.getSupport: %w, want 400", err)
	}
	return nil
}

// E1 to E11: what was not pushed, gotd fetches: lost updates, and those of a time without connection.
func TestGotdClientRecoversDifference(t *testing.T) {
	leaves(t)
	for name, miss := range map[string]func(s *mttest.Server, g *gate, say func(n int)){
		"lost updates": func(s *mttest.Server, _ *gate, say func(n int)) {
			s.Faults.Draw(1, wire.Rates{wire.LoseUpdate: 1})
			say(50)
			s.Faults.Draw(1, nil)
		},
		"connection cut": func(s *mttest.Server, g *gate, say func(n int)) {
			g.shut()
			s.Cut()
			s.ForgetSessions()
			say(50)
			g.open()
		},
	} {
		t.Run(name, func(t *testing.T) { recovers(t, miss) })
	}
}

func recovers(t *testing.T, miss func(s *mttest.Server, g *gate, say func(n int))) {
	s := telegramInABox(t, func(c *mttest.Config) { c.Updates.Page = 20 })
	w, in, g := newFixture(s), newInbox(), newGate()
	m := updates.New(updates.Config{Handler: in.dispatcher()})
	c := gotdAs(t, s, w.me, telegram.Options{UpdateHandler: m, Resolver: dcs.Plain(dcs.PlainOptions{Dial: g.dial})})
	var want []string
	say := func(n int) {
		for range n {
			for name, p := range w.peers() {
				want = append(want, fmt.Sprintf("%s %d", name, len(want)))
				w.other.Send(p.its, want[len(want)-1])
			}
		}
	}
	runGotd(t, c, func(ctx context.Context) error {
		stop, err := manage(ctx, m, c, w.me)
		if err != nil {
			return err
		}
		defer stop()
		// One at a time: gotd looks at each message in a goroutine of its own, and a channel that it has not met before
		// begins for it with whichever update wins.
		for range 2 {
			say(1)
			if err := in.wait(ctx, want...); err != nil {
				return fmt.Errorf("before: %w", err)
			}
		}
		miss(s, g, say)
		if err := hears(ctx, in, &want, say); err != nil {
			return err
		}
		return in.once()
	})
	if s.Executed("updates.getDifference") < 2 || s.Executed("updates.getChannelDifference") == 0 {
		t.Errorf("%d differences, %d of channels", s.Executed("updates.getDifference"), s.Executed("updates.getChannelDifference"))
	}
}

// hears has somebody speak until all has come: gotd sees that it missed something by what comes next, and what comes next
// may itself be lost to a connection that is about to break.
func hears(ctx context.Context, in *inbox, want *[]string, say func(n int)) error {
	for {
		say(1)
		short, cancel := context.WithTimeout(ctx, 2*time.Second)
		err := in.wait(short, *want...)
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
}

// manage runs gotd's update manager until stop is called.
func manage(ctx context.Context, m *updates.Manager, c *telegram.Client, a *mttest.Account) (stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	started, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- m.Run(ctx, c.API(), a.ID(), updates.AuthOptions{OnStart: func(context.Context) { close(started) }})
	}()
	select {
	case <-started:
		return func() { cancel(); <-ended }, nil
	case err := <-ended:
		cancel()
		return nil, fmt.Errorf("update manager: %w", err)
	}
}

// D9 to D11: files up and down, small and big, and from another data centre.
func TestGotdClientFiles(t *testing.T) {
	leaves(t)
	s := telegramInABox(t, func(c *mttest.Config) { c.Centres = []int{2, 4} })
	w, in := newFixture(s), newInbox()
	c := gotdAs(t, s, w.me, telegram.Options{UpdateHandler: in.dispatcher()})
	runGotd(t, c, func(ctx context.Context) error {
		for _, size := range []int{1, 300_000, 11 << 20} {
			if err := upAndDown(ctx, c, w, size); err != nil {
				return fmt.Errorf("%d bytes: %w", size, err)
			}
		}
		return fromElsewhere(ctx, s, c, w)
	})
}

func upAndDown(ctx context.Context, c *telegram.Client, w fixture, size int) error {
	data := make([]byte, size)
	_, _ = rand.Read(data)
	file, err := uploader.NewUploader(c.API()).WithPartSize(512<<10).WithThreads(2).FromBytes(ctx, "file.bin", data)
	if err != nil {
		return err
	}
	lastRandomID++
	sent, err := c.API().MessagesSendMedia(ctx, &tg.MessagesSendMediaRequest{
		Peer: peerUser(w.me, w.other), RandomID: lastRandomID, Message: "a file", Media: &tg.InputMediaUploadedDocument{
			File: file, MimeType: "application/octet-stream", Attributes: []tg.DocumentAttributeClass{&tg.DocumentAttributeFilename{FileName: "file.bin"}},
		},
	})
	if err != nil {
		return err
	}
	doc, err := documentOf(sent)
	if err != nil {
		return err
	}
	if doc.Size != int64(size) {
		return fmt.Errorf("the document has %d bytes", doc.Size)
	}
	return downloads(ctx, c, doc, data)
}

func documentOf(sent tg.UpdatesClass) (*tg.Document, error) {
	if u, ok := sent.(*tg.Updates); ok {
		for _, u := range u.Updates {
			if m, ok := u.(*tg.UpdateNewMessage); ok {
				return documentIn(m.Message)
			}
		}
	}
	return nil, fmt.Errorf("no new message in %v", sent)
}

func documentIn(m tg.MessageClass) (*tg.Document, error) {
	if m, ok := m.(*tg.Message); ok {
		if media, ok := m.Media.(*tg.MessageMediaDocument); ok {
			if d, ok := media.Document.(*tg.Document); ok {
				return d, nil
			}
		}
	}
	return nil, fmt.Errorf("no document in %v", m)
}

func downloads(ctx context.Context, c *telegram.Client, doc *tg.Document, want []byte) error {
	var got bytes.Buffer
	if _, err := downloader.NewDownloader().Download(c.API(), doc.AsInputDocumentFileLocation()).Stream(ctx, &got); err != nil {
		return err
	}
	if !bytes.Equal(got.Bytes(), want) {
		return fmt.Errorf("%d bytes came back, and they are not the same", got.Len())
	}
	return nil
}

// fromElsewhere downloads a file of data centre 4: FILE_MIGRATE, and the authorization brought there (D6, D7).
func fromElsewhere(ctx context.Context, s *mttest.Server, c *telegram.Client, w fixture) error {
	data := bytes.Repeat([]byte("far away "), 5000)
	f := s.World().AddFile(world.File{DC: 4, Name: "far.bin", MimeType: "application/octet-stream", Data: data})
	w.other.SendDraft(w.me, world.Draft{Text: "from far away", Media: f})
	h, err := c.API().MessagesGetHistory(ctx, &tg.MessagesGetHistoryRequest{Peer: peerUser(w.me, w.other), Limit: 1})
	if err != nil {
		return err
	}
	m, _ := h.AsModified()
	doc, err := documentIn(m.GetMessages()[0])
	if err != nil {
		return err
	}
	return downloads(ctx, c, doc, data)
}

// C7, C15, C23: gotd lives with what our server may do to a client, and our server with what gotd does then.
func TestGotdClientAndFaults(t *testing.T) {
	leaves(t)
	s := telegramInABox(t)
	w, in := newFixture(s), newInbox()
	// What it asks again too early, before it has learnt the new salt, counts for it as a second wrong salt.
	c := gotdAs(t, s, w.me, telegram.Options{UpdateHandler: in.dispatcher(), RetryInterval: 2 * time.Second})
	runGotd(t, c, func(ctx context.Context) error {
		s.Faults.Draw(1, wire.Rates{wire.Duplicate: 0.1, wire.Reorder: 0.1, wire.LoseAck: 0.2, wire.IgnoreAcks: 0.2})
		for i := range 100 {
			if i%20 == 10 { // gotd takes one wrong salt for each call, and not a second
				s.Faults.Next(wire.NewSalt, 1)
			}
			if _, err := send(ctx, c, peerUser(w.me, w.other), fmt.Sprint("number ", i)); err != nil {
				return fmt.Errorf("number %d: %w", i, err)
			}
		}
		s.Faults.Draw(1, nil)
		texts, err := history(ctx, c, peerUser(w.me, w.other))
		if err != nil || len(texts) != 100 {
			return fmt.Errorf("%d messages arrived: %w", len(texts), err)
		}
		return nil
	})
	if again := s.Repeated(""); len(again) > 0 {
		t.Errorf("executed more than once: %v", again)
	}
	if s.Faults.Count(wire.NewSalt) == 0 {
		t.Error("no salt was changed")
	}
}
