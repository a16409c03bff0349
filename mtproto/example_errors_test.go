package mtproto_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/dc"
	"github.com/natsgram/natsgram/tl/tg"
)

// What ends a client, and a login that cannot go on here.
func ExampleClient_Run() {
	advice := func(err error) string {
		var none *mtproto.NoKeyError
		switch {
		case errors.Is(err, mtproto.ErrKeyDuplicated):
			return "two programs used one session: sign in anew, and run one"
		case errors.Is(err, mtproto.ErrAuthLost), errors.Is(err, mtproto.ErrLoggedOut):
			return "sign in anew"
		case errors.Is(err, mtproto.ErrWrongUser):
			return "the state is another account's"
		case errors.Is(err, mtproto.ErrEnvironment), errors.Is(err, mtproto.ErrNoDC), errors.As(err, &none):
			return "test and production are mixed up, or the addresses are wrong"
		case errors.Is(err, mtproto.ErrProxySecret):
			return "look at the proxy's secret"
		case errors.Is(err, mtproto.ErrKeyUnknown):
			return "the session is lost"
		case errors.Is(err, mtproto.ErrCheck), errors.Is(err, mtproto.ErrNoPayment), errors.Is(err, mtproto.ErrAlgorithm):
			return "sign in by a QR code"
		case errors.Is(err, context.Canceled), errors.Is(err, mtproto.ErrClosed):
			return "nothing: it was told to end"
		}
		return "look at the error"
	}
	c, err := mtproto.New(mtproto.Options{API: mtproto.API{ID: 1}, Env: dc.Test()})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	fmt.Println(advice(c.Run(ctx)))
	// Output: nothing: it was told to end
}

// Whether a call may be made again without doing a thing twice.
func ExampleSent() {
	again := func(err error) bool {
		switch mtproto.SentOf(err) {
		case mtproto.SentNo:
			return true
		case mtproto.SentRefused: // Telegram has executed nothing, and will refuse it again for now
			return mtproto.RetryAfter(err) > 0
		case mtproto.SentYes, mtproto.SentUnknown:
		}
		return false
	}
	c, s, _, _, stop := running(nil)
	defer stop()
	s.FailNext("help.getNearestDc", 1, 420, "FLOOD_WAIT_90")
	_, err := tg.HelpGetNearestDc(context.Background(), c, nil)
	fmt.Println(again(err), mtproto.Reached(err)) // it was received, and nothing was executed

	var e *mtproto.Error
	if errors.As(err, &e) {
		code, text := e.Telegram()
		fmt.Println(e.Kind(), e.Executed(), code, text)
	}
	// Output:
	// true yes
	// FLOOD_WAIT refused 420 FLOOD_WAIT_90
}

// A file's reference has expired: it is to be fetched anew from where the file came. Of a list of media it is said which.
func ExampleFileReference() {
	err := error(&mtproto.Error{Code: 400, Type: "FILE_REFERENCE_2_EXPIRED", Arg: 2, Sent: mtproto.SentRefused})
	fmt.Println(mtproto.FileReference(err))
	fmt.Println(mtproto.FileReference(errors.New("another")))
	// Output:
	// 2 true
	// 0 false
}

// waits tells of the waits of a call.
type waits struct{ reasons chan mtproto.WaitReason }

func (w waits) BeginWait(wait mtproto.Wait) (end func()) {
	select {
	case w.reasons <- wait.For:
	default:
	}
	return func() {}
}

// Somebody who waits for a call can be told what it waits for.
func ExampleWithWaiter() {
	c, s, _, _, stop := running(nil)
	defer stop()
	s.FailNext("help.getNearestDc", 1, 420, "FLOOD_WAIT_1")
	names := map[mtproto.WaitReason]string{
		mtproto.WaitFlood: "Telegram wants it to wait", mtproto.WaitTurn: "those before it are not done", mtproto.WaitStore: "it is being written down", mtproto.WaitElse: "something else",
	}
	told := waits{make(chan mtproto.WaitReason, 10)}
	var waiter mtproto.Waiter = told
	ctx := mtproto.WithWaiter(mtproto.WithRetries(context.Background(), 0), waiter)
	_, err := tg.HelpGetNearestDc(ctx, c, nil)
	fmt.Println(names[<-told.reasons], err)

	end := mtproto.BeginWait(ctx, mtproto.Wait{For: mtproto.WaitElse, Until: time.Now()}) // of the caller's own
	end()
	fmt.Println(names[<-told.reasons])
	// Output:
	// Telegram wants it to wait <nil>
	// something else
}

// A place in a sequence can be taken before the call is known, and given up.
func ExampleSequence_Next() {
	c, _, _, _, stop := running(nil)
	defer stop()
	order := c.Sequence()
	var first *mtproto.Place = order.Next()
	second := order.Next()
	first.Leave() // there will be no call
	query, err := tg.Append(nil, &tg.HelpGetNearestDcRequest{})
	if err != nil {
		log.Fatal(err)
	}
	_, err = second.Invoke(context.Background(), query)
	fmt.Println(err)
	// Output: <nil>
}
