package codec_test

import (
	"fmt"

	"github.com/natsgram/natsgram/schemas"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/api"
	"github.com/natsgram/natsgram/tl/codec"
)

func Example() {
	parsed, err := tl.Parse("api.tl", schemas.API())
	if err != nil {
		panic(err)
	}
	s, err := codec.Compile(parsed)
	if err != nil {
		panic(err)
	}
	send, _ := s.Function("messages.sendMessage")

	call, err := s.AppendCallFromJSON(nil, []byte(`{"random_id": "7", "peer": {"_": "inputPeerSelf"}, "message": "hello"}`), send, nil)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%x\n", call[4:]) // behind the id, which may be another in the next layer

	text, _ := s.AppendJSON(nil, call, s.AnyObject())
	fmt.Printf("%s\n", text)

	view, _ := s.View(call)
	fmt.Println(view.Str("message"), view.Int("random_id"))

	_, err = s.AppendCallFromJSON(nil, []byte(`{"peer": {"_": "inputPeerUser", "user_id": "abc"}}`), send, nil)
	fmt.Println(err)

	// Output:
	// 00000000c97ea07d0568656c6c6f00000700000000000000
	// {"_":"messages.sendMessage","peer":{"_":"inputPeerSelf"},"message":"hello","random_id":"7"}
	// hello 7
	// messages.sendMessage: peer.user_id: want long, got "abc"
}

// schema is that of the built-in layer; package tl/api has it made.
func schema() *codec.Schema {
	s, err := api.Schema()
	if err != nil {
		panic(err)
	}
	return s
}

// What Telegram sends is read by the names of its fields, in whatever layer.
func ExampleSchema_View() {
	s := schema()
	update, _ := s.Encode(nil, codec.M{"_": "updateShort", "date": 1735689600, "update": codec.M{
		"_": "updateReadHistoryInbox", "peer": codec.M{"_": "peerUser", "user_id": 7}, "max_id": 40, "still_unread_count": 2, "pts": 9, "pts_count": 1,
	}})

	v, err := s.View(update)
	if err != nil {
		panic(err)
	}
	inner, _ := v.Object("update")
	peer, _ := inner.Object("peer")
	fmt.Println(v.Name(), v.Int("date"))
	fmt.Println(inner.Name(), peer.Name(), peer.Int("user_id"), inner.Int("max_id"))
	fmt.Println(inner.Has("folder_id"), inner.Int("no_such_field"))

	// Output:
	// updateShort 1735689600
	// updateReadHistoryInbox peerUser 7 40
	// false 0
}

// Many fields of one object are read in one pass.
func ExampleFields() {
	s := schema()
	found, err := s.Encode(nil, codec.M{"_": "contacts.found", "my_results": []codec.M{}, "results": []codec.M{}, "chats": []codec.M{}, "users": []codec.M{
		{"_": "user", "id": 7, "first_name": "Ada", "username": "ada", "premium": true},
		{"_": "user", "id": 8, "first_name": "Bob"},
	}})
	if err != nil {
		panic(err)
	}
	v, _ := s.View(found)
	var all, user codec.Fields
	all.Read(v)
	for u := range all.Each("users", &user) {
		fmt.Println(u.Int("id"), string(u.Bytes("first_name")), u.Bool("premium"), u.Has("username"))
	}

	// Output:
	// 7 Ada true true
	// 8 Bob false false
}

// Calls and objects are written by the names of their fields. What does not fit says where.
func ExampleSchema_Encode() {
	s := schema()
	call, err := s.Encode(nil, codec.M{"_": "messages.readHistory", "peer": codec.M{"_": "inputPeerUser", "user_id": 7, "access_hash": -5}, "max_id": 40})
	fmt.Println(len(call), err)

	_, err = s.Encode(nil, codec.M{"_": "messages.readHistory", "peer": codec.M{"_": "inputPeerUser", "user_id": "7"}, "max_id": 40})
	fmt.Println(err)

	// Output:
	// 28 <nil>
	// messages.readHistory: peer.user_id: want long, got a Go string
}

// The options fill in what people leave out: ids by chance, and names in the place of objects.
func ExampleOptions() {
	s := schema()
	send, _ := s.Function("messages.sendMessage")
	ada, _ := s.Encode(nil, codec.M{"_": "inputPeerUser", "user_id": 7, "access_hash": -5})

	call, err := s.AppendCallFromJSON(nil, []byte(`{"peer": "@ada", "message": "hello"}`), send, &codec.Options{
		MissingLong: func(fn, param string) (int64, bool) { return 42, param == "random_id" },
		Resolve: func(class, text string) ([]byte, bool, error) {
			return ada, class == "InputPeer" && text == "@ada", nil
		},
	})
	if err != nil {
		panic(err)
	}
	text, _ := s.AppendJSON(nil, call, s.AnyObject())
	fmt.Printf("%s\n", text)

	// Output:
	// {"_":"messages.sendMessage","peer":{"_":"inputPeerUser","user_id":"7","access_hash":"-5"},"message":"hello","random_id":"42"}
}

// What a call is answered depends on the call that its wrappers carry.
func ExampleSchema_ResultOf() {
	s := schema()
	call, _ := s.Encode(nil, codec.M{"_": "invokeWithoutUpdates", "query": codec.M{"_": "users.getUsers", "id": []codec.M{{"_": "inputUserSelf"}}}})
	t, err := s.ResultOf(call)
	if err != nil {
		panic(err)
	}
	answer, _ := s.AppendValue(nil, t, []codec.M{{"_": "user", "id": 7, "self": true}})
	fmt.Println(t)
	for user := range s.Objects(answer, t) {
		fmt.Println(user.Name(), user.Int("id"))
	}

	// Output:
	// Vector<User>
	// user 7
}

// The ids in an object are found wherever they stand.
func ExampleLongFinder() {
	s := schema()
	ids := s.NewLongFinder(func(field string, vector bool) uint8 {
		if field == "user_id" || vector {
			return 1
		}
		return 0
	})
	update, _ := s.Encode(nil, codec.M{"_": "updateChatParticipantAdd", "chat_id": 1, "user_id": 7, "inviter_id": 8, "date": 1, "version": 1})
	var found []codec.Long // its capacity serves again and again
	for _, id := range ids.Append(found, update) {
		fmt.Println(id.Tag, id.Value)
	}

	// Output:
	// 1 7
}
