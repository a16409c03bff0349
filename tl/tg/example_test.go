package tg_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/tl/tg"
)

// answering is an Invoker that answers every call alike. A program has a client of package mtproto, or of bridge/client, in its place.
type answering struct {
	result tg.Object
	err    error
}

func (a answering) Invoke(_ context.Context, query []byte) ([]byte, error) {
	name, _ := tg.MethodName(query)
	fmt.Println("called:", name)
	if a.err != nil {
		return nil, a.err
	}
	return tg.Append(nil, a.result)
}

// A method is a function, whose result is what the schema says. Classes with several constructors are told apart by a type switch.
func Example() {
	ctx, inv := context.Background(), answering{result: &tg.UpdateShortSentMessage{ID: 41, Pts: 8, PtsCount: 1, TtlPeriod: tg.Some(60)}}
	sent, err := tg.MessagesSendMessage(ctx, inv, &tg.MessagesSendMessageRequest{Peer: &tg.InputPeerSelf{}, Message: "hello", RandomID: 7})
	if err != nil {
		panic(err)
	}
	switch sent := sent.(type) {
	case *tg.UpdateShortSentMessage:
		fmt.Println(sent.ID, sent.TtlPeriod.V, sent.Media == nil)
	case *tg.Updates:
		fmt.Println(len(sent.Updates), "updates")
	}
	// Output:
	// called: messages.sendMessage
	// 41 60 true
}

// The methods of a namespace are also on a value, which an editor completes.
func ExampleMessages() {
	ctx, inv := context.Background(), answering{result: &tg.MessagesAffectedMessages{Pts: 9, PtsCount: 1}}
	messages := tg.Messages(inv)
	read, err := messages.ReadHistory(ctx, &tg.MessagesReadHistoryRequest{Peer: &tg.InputPeerSelf{}, MaxID: 41})
	if err != nil {
		panic(err)
	}
	fmt.Println(read.Pts)
	// Output:
	// called: messages.readHistory
	// 9
}

// A wrapper of the API goes around all calls of an Invoker.
func ExampleWith() {
	ctx, inv := context.Background(), answering{result: &tg.MessagesAffectedMessages{}}
	quiet := tg.With(inv, &tg.InvokeWithoutUpdatesRequest{})
	_, err := tg.Messages(quiet).ReadHistory(ctx, &tg.MessagesReadHistoryRequest{Peer: &tg.InputPeerSelf{}})
	fmt.Println(err)
	// Output:
	// called: invokeWithoutUpdates
	// <nil>
}

// Telegram's refusals are told apart by their kind, without the number in their text.
func ExampleIsKind() {
	ctx := context.Background()
	call := func(err error) error {
		_, err = tg.HelpGetConfig(ctx, answering{err: err}, nil)
		return err
	}
	fmt.Println(tg.IsKind(call(&mtproto.Error{Code: 400, Type: "USERNAME_INVALID"}), "USERNAME_INVALID", "USERNAME_NOT_OCCUPIED"))
	fmt.Println(tg.IsKind(call(&mtproto.Error{Code: 400, Type: "FILE_REFERENCE_2_EXPIRED"}), "FILE_REFERENCE_EXPIRED"))
	// Output:
	// called: help.getConfig
	// true
	// called: help.getConfig
	// true
}

func ExampleErrorKind() {
	fmt.Println(tg.ErrorKind("SLOWMODE_WAIT_35"))
	fmt.Println(tg.ErrorKind("PEER_ID_INVALID"))
	// Output:
	// SLOWMODE_WAIT 35
	// PEER_ID_INVALID 0
}

func ExampleRetryAfter() {
	_, err := tg.HelpGetConfig(context.Background(), answering{err: &mtproto.Error{Code: 420, Type: "FLOOD_WAIT_35", Arg: 35, Sent: mtproto.SentRefused}}, nil)
	fmt.Println(tg.RetryAfter(err) == 35*time.Second)
	// Output:
	// called: help.getConfig
	// true
}

// Errors of calls say whether Telegram may have executed them, over the bus and without it.
func ExampleCallError() {
	_, err := tg.HelpGetConfig(context.Background(), answering{err: &mtproto.Error{Code: 420, Type: "FLOOD_WAIT_35", Arg: 35, Sent: mtproto.SentRefused}}, nil)
	var e tg.CallError
	if errors.As(err, &e) {
		code, text := e.Telegram()
		fmt.Println(code, text, e.Executed())
	}
	// Output:
	// called: help.getConfig
	// 420 FLOOD_WAIT_35 refused
}

// A request that cannot be encoded names the field, and nothing is sent.
func ExampleFieldError() {
	_, err := tg.MessagesSendMessage(context.Background(), answering{}, &tg.MessagesSendMessageRequest{
		Peer:     &tg.InputPeerSelf{},
		Message:  "hello",
		Entities: []tg.MessageEntityClass{&tg.MessageEntityBold{Length: 5}, nil},
	})
	var e *tg.FieldError
	fmt.Println(errors.As(err, &e), err)
	// Output:
	// true tg: MessagesSendMessageRequest.Entities[1]: no MessageEntity
}

// An answer that is not what the schema promises is most likely of a newer layer.
func ExampleResultError() {
	_, err := tg.MessagesReadHistory(context.Background(), answering{result: &tg.PeerUser{UserID: 7}}, &tg.MessagesReadHistoryRequest{Peer: &tg.InputPeerSelf{}})
	var e *tg.ResultError
	fmt.Println(errors.As(err, &e), e.Method)
	// Output:
	// called: messages.readHistory
	// true messages.readHistory
}

// What may be absent, and is no pointer, slice or interface, is an Opt. Its V can be read without asking.
func ExampleOpt() {
	alice := &tg.User{ID: 7, FirstName: tg.Some("Alice")}
	fmt.Printf("%q %q %v\n", alice.FirstName.V, alice.Username.V, alice.Username.Ok)
	fmt.Println(alice.Username.Or("nobody"))
	if name, ok := alice.FirstName.Get(); ok {
		fmt.Println("called", name)
	}
	// Output:
	// "Alice" "" false
	// nobody
	// called Alice
}

// Values are written and read without a call too, to be kept: with the id of their constructor, so of this layer.
func ExampleAppend() {
	b, err := tg.Append(nil, &tg.PeerChannel{ChannelID: 5})
	if err != nil {
		panic(err)
	}
	peer, err := tg.DecodePeer(b)
	fmt.Printf("%T %+v %v\n", peer, peer, err)

	var channel tg.PeerChannel
	fmt.Println(tg.Decode(b, &channel), channel.ChannelID)
	// Output:
	// *tg.PeerChannel &{ChannelID:5} <nil>
	// <nil> 5
}

func ExampleMethodName() {
	call, err := tg.Append(nil, &tg.UsersGetFullUserRequest{ID: &tg.InputUserSelf{}})
	if err != nil {
		panic(err)
	}
	fmt.Println(tg.MethodName(call))
	// Output:
	// users.getFullUser true
}

// Users come along with what mentions them, some of them min: these cannot be addressed by what is in them.
func ExampleUser_AsInputPeer() {
	for _, u := range []*tg.User{
		{ID: 7, AccessHash: tg.Some[int64](99), FirstName: tg.Some("Alice")},
		{ID: 8, AccessHash: tg.Some[int64](11), FirstName: tg.Some("Bob"), Min: true},
	} {
		if peer, ok := u.AsInputPeer(); ok {
			fmt.Printf("%s: %+v\n", u.FirstName.V, peer)
		} else {
			fmt.Println(u.FirstName.V, "has to be found otherwise")
		}
	}
	// Output:
	// Alice: &{UserID:7 AccessHash:99}
	// Bob has to be found otherwise
}

// Users and channels are named in other ways by methods that take nothing else.
func ExampleChannel_AsInputChannel() {
	channel := &tg.Channel{ID: 5, AccessHash: tg.Some[int64](99), Title: "News"}
	in, ok := channel.AsInputChannel()
	fmt.Printf("%+v %v\n", in, ok)

	user, ok := (&tg.User{ID: 7, Self: true}).AsInputUser()
	fmt.Printf("%T %v\n", user, ok)
	// Output:
	// &{ChannelID:5 AccessHash:99} true
	// *tg.InputUserSelf true
}

// limited is an Invoker around another one, which lets a number of calls through.
type limited struct {
	tg.Invoker
	left *int
}

func (l limited) Invoke(ctx context.Context, query []byte) ([]byte, error) {
	if *l.left--; *l.left < 0 {
		return nil, errors.New("no more calls")
	}
	return l.Invoker.Invoke(ctx, query)
}

// Whatever makes calls is an Invoker, so that one may stand around another; a Wrapper is the same on Telegram's side.
func ExampleInvoker() {
	left := 1
	var inv tg.Invoker = limited{answering{result: &tg.UsersUserFull{FullUser: &tg.UserFull{Settings: &tg.PeerSettings{}, NotifySettings: &tg.PeerNotifySettings{}}}}, &left}
	var takeout tg.Wrapper = &tg.InvokeWithTakeoutRequest{TakeoutID: 3}
	for range 2 {
		_, err := tg.UsersGetFullUser(context.Background(), tg.With(inv, takeout), &tg.UsersGetFullUserRequest{ID: &tg.InputUserSelf{}})
		fmt.Println(err)
	}
	// Output:
	// called: invokeWithTakeout
	// <nil>
	// no more calls
}

// A call within another is an Object like any, and once it was read it is Raw: what it is depends on who reads it.
func ExampleRaw() {
	var inner tg.Object = &tg.HelpGetNearestDcRequest{}
	b, err := tg.Append(nil, &tg.InvokeWithoutUpdatesRequest{Query: inner})
	if err != nil {
		panic(err)
	}
	var read tg.InvokeWithoutUpdatesRequest
	if err := tg.Decode(b, &read); err != nil {
		panic(err)
	}
	call, ok := read.Query.(tg.Raw)
	fmt.Println(ok)
	fmt.Println(tg.MethodName(call))
	// Output:
	// true
	// help.getNearestDc true
}
