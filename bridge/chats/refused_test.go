package chats

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/bridge/dialogs"
	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/tl/codec"
)

// refuse has the crowd's Telegram refuse a method, or nothing any more.
func (c *crowd) refuse(method string, code int, text string, arg int) {
	c.refuseIf(func(v codec.View) *mtproto.Error {
		if v.Name() != method {
			return nil
		}
		return &mtproto.Error{Code: code, Type: text, Arg: arg}
	})
}

func (c *crowd) refuseIf(refuses func(codec.View) *mtproto.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refuses = refuses
}

// running has the keeper run until the test ends.
func (k *Keeper) running(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(running(ctx, cancel, k.Run))
}

// Each question that Telegram refuses is told of by name, with since when, and when it is asked again, for as long as it does. The others are
// asked meanwhile, no dialog is taken for gone, and Telegram is asked seldom.
func TestRefusedQuestions(t *testing.T) {
	type refusal struct {
		method string
		code   int
		text   string
	}
	const n = 250
	for _, r := range []refusal{
		{"messages.getPinnedDialogs", 400, "FOLDER_ID_INVALID"}, {"messages.getDialogs", 400, "FOLDER_ID_INVALID"}, {"messages.getDialogs", 403, "CHAT_WRITE_FORBIDDEN"},
		{"messages.getDialogFilters", 400, "INPUT_METHOD_INVALID"}, {"messages.getPeerDialogs", 400, "MSG_WAIT_FAILED"}, {"messages.getPeerDialogs", 403, "NOT_ALLOWED"},
		{"messages.getDialogs", 420, "FROZEN_METHOD_INVALID"}, {"messages.getPeerDialogs", 420, "FROZEN_METHOD_INVALID"}, {"messages.getPeerDialogs", 406, "CHANNEL_WHATEVER"},
	} {
		t.Run(r.method+" "+r.text, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, k := newCrowd(n)
				c.refuse(r.method, r.code, r.text, 0)
				begun := time.Now()
				k.running(t)
				time.Sleep(time.Second)
				k.Stored(2, []dialogs.Fact{{Name: "updateNewMessage", Chat: updates.Peer{Kind: updates.PeerUser, ID: 7}, About: updates.About{MsgID: 7}}})
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				_, before, _ := c.tally()
				for _, long := range []time.Duration{0, 10 * time.Hour} {
					time.Sleep(long)
					synctest.Wait()
					f, now := k.Figures(), time.Now()
					if f == nil || f.Complete || !strings.HasPrefix(f.Error, r.method+": "+mtprotoText(r.code, r.text)) || !f.Since.Equal(f.Unanswered) || !f.Held.IsZero() {
						t.Fatalf("told %+v", f)
					}
					if since := f.Since.Sub(begun); since < 0 || since > time.Minute {
						t.Errorf("since %v after the beginning", since)
					}
					if again := f.Again.Sub(now); again < -time.Second || again > worstWait+worstWait/4 {
						t.Errorf("asked again in %v", again)
					}
				}
				_, asked, to := c.tally()
				if more := asked[r.method] - before[r.method]; more == 0 || more > 70 {
					t.Errorf("asked %d times in ten hours", more)
				}
				for _, method := range []string{"messages.getPinnedDialogs", "messages.getDialogFilters", "messages.getPeerDialogs"} {
					if asked[method] == 0 {
						t.Errorf("%s was not asked: %v", method, asked)
					}
				}
				if c.gone > 0 {
					t.Errorf("%d dialogs are taken for gone", c.gone)
				}
				if r.method != "messages.getPeerDialogs" && !to.Listing {
					t.Errorf("who joins is told that the list is known")
				}
				c.refuseIf(nil)
				time.Sleep(2 * worstWait)
				synctest.Wait()
				if f := k.Figures(); !f.Complete || f.Kept != n || f.Error != "" || !f.Since.IsZero() || !f.Again.IsZero() || !f.Unanswered.IsZero() {
					t.Errorf("afterwards %+v", f)
				}
			})
		})
	}
}

func mtprotoText(code int, text string) string {
	return strings.TrimPrefix((&mtproto.Error{Code: code, Type: text}).Error(), "mtproto: ")
}

// Of many dialogs one may be refused, whatever the reason: it is told of, and the others are known. Where the reason is that there is no such
// chat, the dialog is gone.
func TestRefusedDialog(t *testing.T) {
	for _, r := range []struct {
		code   int
		text   string
		isGone bool
	}{
		{400, "CHANNEL_PRIVATE", true}, {406, "CHANNEL_PRIVATE", true}, {403, "USER_BANNED_IN_CHANNEL", true},
		{400, "SOMETHING_NEW", false}, {403, "SOMETHING_NEW", false}, {404, "SOMETHING_NEW", false}, {406, "SOMETHING_NEW", false}, {420, "FROZEN_SOMETHING", false},
	} {
		t.Run(fmt.Sprint(r.code, " ", r.text), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const n = 250
				c, k := newCrowd(n)
				c.refuseIf(func(v codec.View) *mtproto.Error {
					for one := range v.Objects("peers") {
						if in, _ := one.Object("peer"); in.Int("user_id") == 77 {
							return &mtproto.Error{Code: r.code, Type: r.text}
						}
					}
					return nil
				})
				k.running(t)
				time.Sleep(10 * time.Minute)
				synctest.Wait()
				_, before, _ := c.tally()
				time.Sleep(10 * time.Hour)
				synctest.Wait()
				_, asked, _ := c.tally()
				f := k.Figures()
				stale := k.staleDialogs()
				if r.isGone {
					if f.Kept != n-1 || !f.Complete || f.Error != "" || c.gone != 1 {
						t.Errorf("%+v, %d gone", f, c.gone)
					}
					return
				}
				if f.Kept != n || f.Complete || f.Error != "messages.getPeerDialogs: "+mtprotoText(r.code, r.text)+", of user.77" || stale != 1 || c.gone != 0 {
					t.Errorf("%+v, %d stale, %d gone", f, stale, c.gone)
				}
				if again := time.Until(f.Again); again < -time.Second || again > worstWait+worstWait/4 || time.Since(f.Since) < 10*time.Hour {
					t.Errorf("asked again in %v, since %v", again, time.Since(f.Since))
				}
				if more := asked["messages.getPeerDialogs"] - before["messages.getPeerDialogs"]; more > 70 {
					t.Errorf("asked %d times in ten hours", more)
				}
				c.refuseIf(nil)
				time.Sleep(2 * worstWait)
				synctest.Wait()
				if f := k.Figures(); !f.Complete || f.Error != "" {
					t.Errorf("afterwards %+v", f)
				}
			})
		})
	}
}

// Dialogs that are refused are asked for again when they are due, each of them, and what else is to be asked of dialogs does not wait for that.
func TestRefusedDialogsBesideAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, k := newCrowd(20)
		last := c.refuseUsers(7, 9)
		k.running(t)
		time.Sleep(time.Hour)
		for i := range 3 * 3600 {
			if i%2000 == 0 { // others' newest messages are deleted
				at := int64(1 + i/2000)
				k.Stored(uint64(2+i), []dialogs.Fact{{Name: "updateDeleteMessages", Chat: updates.Peer{Kind: updates.PeerUser, ID: at}, About: updates.About{MsgIDs: []int64{at}}}})
			}
			time.Sleep(time.Second)
			synctest.Wait()
			f := k.Figures()
			if f.Complete || f.Since.IsZero() || !strings.HasPrefix(f.Error, "messages.getPeerDialogs: 400 SOMETHING_NEW, of user.") || time.Since(f.Again) > 2*time.Second {
				t.Fatalf("after %d s: %+v", i, f)
			}
			if n := k.staleDialogs(); i%2000 == 10 && n != 2 {
				t.Errorf("after %d s: %d dialogs are stale", i, n)
			}
			for id, at := range last() {
				if long := time.Since(at); long > 2*(worstWait+worstWait/4)+5*time.Second { // one after the other
					t.Fatalf("after %d s: user.%d was not asked for since %v", i, id, long)
				}
			}
		}
		for _, left := range []int64{9, 0} { // one after the other is answered
			c.refuseUsers(left)
			time.Sleep(2 * worstWait)
			synctest.Wait()
			if f := k.Figures(); f.Complete != (left == 0) || (f.Error == "") != (left == 0) {
				t.Errorf("user.%d is refused: %+v", left, f)
			}
		}
	})
}

// refuseUsers has the crowd's Telegram refuse to tell of some, and tells when each was asked for last.
func (c *crowd) refuseUsers(ids ...int64) (last func() map[int64]time.Time) {
	var mu sync.Mutex
	asked := map[int64]time.Time{}
	c.refuseIf(func(v codec.View) (err *mtproto.Error) {
		for one := range v.Objects("peers") {
			if in, _ := one.Object("peer"); slices.Contains(ids, in.Int("user_id")) {
				err = &mtproto.Error{Code: 400, Type: "SOMETHING_NEW"}
				mu.Lock()
				asked[in.Int("user_id")] = time.Now()
				mu.Unlock()
			}
		}
		return err
	})
	return func() map[int64]time.Time {
		mu.Lock()
		defer mu.Unlock()
		return maps.Clone(asked)
	}
}

// staleDialogs is how many there are.
func (k *Keeper) staleDialogs() (n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, p := range k.fold.Chats(0) {
		if _, stale := k.fold.Dialog(p); stale {
			n++
		}
	}
	return n
}

// A long list is read to its end though Telegram wants a pause again and again, and does not answer at times: it goes on where it stood.
func TestListGoesOnBehindPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 5000
		c, k := newCrowd(n)
		pages, failed := 0, 0
		var floods time.Time
		c.refuseIf(func(v codec.View) *mtproto.Error {
			if time.Now().Before(floods) {
				t.Errorf("%s %v before the end of a flood wait", v.Name(), time.Until(floods))
			}
			if v.Name() != "messages.getDialogs" {
				return nil
			}
			if pages++; pages%5 > 0 {
				return nil
			}
			if failed++; failed%2 == 0 {
				return &mtproto.Error{Code: 500, Type: "INTERNAL"}
			}
			floods = time.Now().Add(17 * time.Second)
			return &mtproto.Error{Code: 420, Type: "FLOOD_WAIT_17", Arg: 17}
		})
		k.running(t)
		begun := time.Now()
		for f := k.Figures(); f == nil || !f.Complete; f = k.Figures() {
			if time.Since(begun) > time.Hour {
				t.Fatalf("not done after an hour: %+v, %d pages", f, pages)
			}
			time.Sleep(time.Second)
		}
		if f := k.Figures(); f.Kept != n || f.Error != "" {
			t.Errorf("%+v", f)
		}
		if most := n/listPage + failed + 5; pages > most {
			t.Errorf("%d pages were asked for, %d times in vain", pages, failed)
		}
	})
}

// Both lists, that of the archive too, are read to their ends, each from its top; also where a pause is wanted in the second, or the place where a page
// begins is refused.
func TestBothListsAreRead(t *testing.T) {
	for name, refuses := range map[string]func(page int, v codec.View) *mtproto.Error{
		"all answered": func(int, codec.View) *mtproto.Error { return nil },
		"a pause": func(page int, _ codec.View) *mtproto.Error {
			if page == 5 {
				return &mtproto.Error{Code: 420, Type: "FLOOD_WAIT_17", Arg: 17}
			}
			return nil
		},
		"places by peers are refused": func(_ int, v codec.View) *mtproto.Error {
			if at, _ := v.Object("offset_peer"); at.Name() != "inputPeerEmpty" {
				return &mtproto.Error{Code: 400, Type: "OFFSET_PEER_ID_INVALID"}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const n, archive = 510, 250
				c, k := newCrowd(n)
				c.archive = archive
				page := 0
				c.refuseIf(func(v codec.View) *mtproto.Error {
					if v.Name() != "messages.getDialogs" {
						return nil
					}
					page++
					return refuses(page, v)
				})
				k.running(t)
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				f := k.Figures()
				k.mu.Lock()
				defer k.mu.Unlock()
				if in := [2]int{len(k.fold.Chats(0)), len(k.fold.Chats(1))}; !f.Complete || f.Unlisted != 0 || in != [2]int{n - archive, archive} {
					t.Errorf("%v: %+v", in, f)
				}
			})
		})
	}
}

// Of each folder so many pages are read at most, whatever the other one has; what is left of it is told.
func TestListsOfManyPages(t *testing.T) {
	for _, c := range []struct{ n, archive, left int }{{mostPages + 500, 700, 0}, {mostPages + 300, 200, 100}} {
		synctest.Test(t, func(t *testing.T) {
			crowd, k := newCrowd(c.n)
			crowd.archive, k.page = c.archive, 1
			k.running(t)
			time.Sleep(2 * time.Hour)
			synctest.Wait()
			if f := k.Figures(); f.Kept != c.n-c.left || f.Unlisted != c.left || f.Error != "" {
				t.Errorf("%+v: %+v", c, f)
			}
		})
	}
}

// Once the one of many that is refused is found, many are asked for together again.
func TestManyAreAskedForTogetherAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 300
		c, k := newCrowd(n)
		change := func(seq uint64) (asked int) {
			_, before, _ := c.tally()
			k.Stored(seq, newestDeleted(n))
			time.Sleep(10 * time.Minute)
			synctest.Wait()
			_, now, _ := c.tally()
			return now["messages.getPeerDialogs"] - before["messages.getPeerDialogs"]
		}
		k.running(t)
		time.Sleep(10 * time.Minute)
		few := change(2)
		c.refuseUsers(77)
		if many := change(3); many < few+5 {
			t.Errorf("asked %d times, and %d times where one is refused", few, many)
		}
		c.refuseIf(nil)
		time.Sleep(2 * worstWait)
		if asked := change(4); asked > few+10 { // it is tried with more and more
			t.Errorf("asked %d times, before %d times", asked, few)
		}
		if f := k.Figures(); !f.Complete {
			t.Errorf("%+v", f)
		}
	})
}

// newestDeleted has the newest message of each of a crowd's dialogs deleted, so that all have to be asked for.
func newestDeleted(n int) (all []dialogs.Fact) {
	for id := range int64(n) {
		all = append(all, dialogs.Fact{Name: "updateDeleteMessages", Chat: updates.Peer{Kind: updates.PeerUser, ID: id + 1}, About: updates.About{MsgIDs: []int64{id + 1}}})
	}
	return all
}

// A dialog that is refused and then forgotten is not asked for any more, nor told of.
func TestRefusedDialogIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, k := newCrowd(20)
		k.running(t)
		time.Sleep(10 * time.Minute)
		last := c.refuseUsers(7) // the only one that has to be asked for
		k.Stored(2, newestDeleted(7)[6:])
		time.Sleep(time.Hour)
		synctest.Wait()
		if f := k.Figures(); f.Complete || f.Error == "" {
			t.Fatalf("%+v", f)
		}
		if _, err := k.Forget(t.Context(), updates.Peer{Kind: updates.PeerUser, ID: 7}, 0); err != nil {
			t.Fatal(err)
		}
		forgotten := time.Now()
		time.Sleep(2 * worstWait)
		synctest.Wait()
		if f := k.Figures(); !f.Complete || f.Error != "" || f.Kept != 19 || last()[7].After(forgotten) {
			t.Errorf("%+v, asked for after %v", f, last()[7].Sub(forgotten))
		}
	})
}

// What is not answered is named, whatever went wrong, also where Telegram was not reached; and an answer is the end of that, though more is to be asked.
func TestUnansweredIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 1000
		c, k := newCrowd(n)
		var unreached, away atomic.Bool
		unreached.Store(true)
		c.mu.Lock()
		invoke, input := k.c.Invoke, k.c.Input
		k.c.Invoke = func(ctx context.Context, query []byte) ([]byte, error) {
			if unreached.Load() {
				return nil, errors.New("no way there")
			}
			return invoke(ctx, query)
		}
		k.c.Input = func(ctx context.Context, p updates.Peer) ([]byte, error) {
			if away.Load() {
				return nil, errors.New("the bucket of peers is away")
			}
			return input(ctx, p)
		}
		c.mu.Unlock()
		k.running(t)
		time.Sleep(time.Minute)
		synctest.Wait()
		if f := k.Figures(); f.Error != "messages.getPinnedDialogs: no way there" {
			t.Errorf("%+v", f)
		}
		unreached.Store(false)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		away.Store(true)
		k.Stored(2, newestDeleted(n))
		time.Sleep(30 * time.Minute)
		synctest.Wait()
		if f := k.Figures(); f.Complete || f.Error != "messages.getPeerDialogs: the bucket of peers is away" {
			t.Errorf("%+v", f)
		}
		away.Store(false)
		_, before, _ := c.tally()
		for begun, f := time.Now(), k.Figures(); !f.Complete; f = k.Figures() {
			if _, asked, _ := c.tally(); asked["messages.getPeerDialogs"] > before["messages.getPeerDialogs"]+1 && f.Error != "" {
				t.Fatalf("the next question is asked, and it is told that none is answered: %+v", f)
			}
			if time.Since(begun) > time.Hour {
				t.Fatalf("not all is asked for again: %+v", f)
			}
			time.Sleep(roundTrip / 2)
			synctest.Wait()
		}
	})
}

// A list in which the pauses were long is begun anew, since what was read before them is old; how long reading it took does not count.
func TestListBehindLongPauses(t *testing.T) {
	for name, c := range map[string]struct {
		pause  int           // in the midst, in seconds
		takes  time.Duration // each page
		begins int
	}{
		"half an hour":            {1800, 0, 1},
		"two hours":               {7200, 0, 2},
		"a long list, and a wait": {17, 50 * time.Second, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const n = 10_000
				crowd, k := newCrowd(n)
				pages, begins := 0, 0
				crowd.refuseIf(func(v codec.View) *mtproto.Error {
					if v.Name() != "messages.getDialogs" || v.Int("folder_id") == 1 {
						return nil
					}
					time.Sleep(c.takes)
					if v.Int("offset_id") == 0 {
						begins++
					}
					if pages++; pages == n/listPage-5 {
						return &mtproto.Error{Code: 420, Type: fmt.Sprint("FLOOD_WAIT_", c.pause), Arg: c.pause}
					}
					return nil
				})
				k.running(t)
				time.Sleep(6 * time.Hour)
				synctest.Wait()
				if f := k.Figures(); f.Kept != n || f.Error != "" || begins != c.begins {
					t.Errorf("begun %d times: %+v", begins, f)
				}
			})
		})
	}
}
