package codec_test

import (
	"errors"
	"fmt"
	"slices"

	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
)

// What a schema has, for programs that let people choose: methods by name and id, their parameters and results, types by name.
func ExampleSchema() {
	s := schema()
	f, ok := s.Function("contacts.resolveUsername")
	fmt.Println(ok, f.Result(), f.Decl().Params[1].Name)
	same, _ := s.FunctionByID(f.ID())
	fmt.Println(same == f, slices.Contains(s.Functions(), f), s.Layer() > 200)

	fmt.Println(s.Nearest("contacts.resolveusername")[0], codec.Nearest("colour", []string{"color", "size"}))
	user, ok := s.Constructor("user")
	fmt.Println(ok, user.ID == 0, slices.Contains(s.Constructors(), user))
	peers, _ := s.Type("Vector<InputPeer>")
	none, _ := s.Type("NoSuchType")
	fmt.Println(peers, peers.Valid(), none.Valid())

	// Output:
	// true contacts.ResolvedPeer username
	// true true true
	// contacts.resolveUsername [color]
	// true false true
	// Vector<InputPeer> true false
}

// A view tells of itself, and reads numbers, vectors and what an object within is made of.
func ExampleView() {
	s := schema()
	update, err := s.Encode(nil, codec.M{"_": "updateDeleteMessages", "messages": []int{7, 8, 9}, "pts": 12, "pts_count": 3})
	if err != nil {
		panic(err)
	}
	v, _ := s.View(append(update, "what follows it"...))
	fmt.Println(v.Valid(), v.Class(), s.Name(v.ID()))
	fmt.Println(v.Len("messages"), v.Longs("messages"), len(v.Raw()) == len(update))
	fmt.Println(v.Raw()[v.Offset("pts")])

	point, _ := s.Encode(nil, codec.M{"_": "geoPoint", "long": 13.4, "lat": 52.5, "access_hash": 0})
	v, _ = s.View(point)
	fmt.Println(v.Double("lat"), v.Double("long"))

	keyword, _ := s.Encode(nil, codec.M{"_": "emojiKeyword", "keyword": "tree", "emoticons": []string{"oak", "fir"}})
	v, _ = s.View(keyword)
	for word := range v.Strs("emoticons") {
		fmt.Println(string(word))
	}

	// Output:
	// true Update updateDeleteMessages
	// 3 [7 8 9] true
	// 12
	// 52.5 13.4
	// oak
	// fir
}

// The same object in each of the three encodings, and back. Raw is one that is encoded already.
func ExampleSchema_AppendMsgpack() {
	s := schema()
	t, _ := s.Type("InputPeer")
	inTL, err := s.AppendTLFromJSON(nil, []byte(`{"_":"inputPeerChat","chat_id":"5"}`), t, nil)
	if err != nil {
		panic(err)
	}
	packed, _ := s.AppendMsgpack(nil, inTL, t)
	fmt.Printf("%q\n", packed)
	back, _ := s.AppendTLFromMsgpack(nil, packed, t, nil)
	fmt.Println(string(back) == string(inTL))

	f, _ := s.Function("messages.setTyping")
	call, err := s.AppendCallFromMsgpack(nil, append([]byte("\x82\xa6action\x81\xa1_\xb7sendMessageTypingAction\xa4peer"), packed...), f, nil)
	if err != nil {
		panic(err)
	}
	same, _ := s.Encode(nil, codec.M{"_": "messages.setTyping", "peer": codec.Raw(inTL), "action": codec.M{"_": "sendMessageTypingAction"}})
	fmt.Println(string(call) == string(same))

	// Output:
	// "\x82\xa1_\xadinputPeerChat\xa7chat_id\xd3\x00\x00\x00\x00\x00\x00\x00\x05"
	// true
	// true
}

// Raw TL from outside is checked before it is passed on: it is one value or call, and nothing more.
func ExampleSchema_CheckCall() {
	s := schema()
	f, _ := s.Function("help.getConfig")
	call, _ := s.Encode(nil, codec.M{"_": "help.getConfig"})
	fmt.Println(s.CheckCall(call, f))
	fmt.Println(s.CheckCall(append(call, 0, 0, 0, 0), f) != nil)

	peer, _ := s.Encode(nil, codec.M{"_": "inputPeerSelf"})
	t, _ := s.Type("InputUser")
	err := s.Check(peer, t)
	fmt.Println(err != nil)

	// Output:
	// <nil>
	// true
	// true
}

// An error says where, what was wanted and what stood there; of a hook's own, the cause is found as well.
func ExampleError() {
	s := schema()
	f, _ := s.Function("messages.sendMessage")
	nobody := errors.New("nobody is called so")
	_, err := s.AppendCallFromJSON(nil, []byte(`{"peer": "@nobody", "message": "hello", "random_id": 1}`), f, &codec.Options{
		Resolve: func(string, string) ([]byte, bool, error) { return nil, false, nobody },
	})
	var e *codec.Error
	fmt.Println(errors.As(err, &e), errors.Is(err, nobody))
	fmt.Println(e.Path)

	// Nesting has an end, and so has the text that a few bytes of TL can ask for.
	fmt.Println(codec.MaxDepth, codec.MaxOutput>>20)

	// Output:
	// true true
	// messages.sendMessage: peer
	// 128 64
}

// What is missing can be filled in with a look at what is there; and other objects can stand for a peer.
func ExampleForms() {
	s := schema()
	f, _ := s.Function("messages.sendMedia")
	self, _ := s.Encode(nil, codec.M{"_": "inputPeerSelf"})
	call, err := s.AppendCallFromJSON(nil, []byte(`{"peer": {"_": "peerUser", "user_id": 7}, "media": {"_": "inputMediaDice", "emoticon": "x"}}`), f, &codec.Options{
		MissingLong: func(fn, param string) (int64, bool) { return 1, param == "random_id" },
		MissingValue: func(fn, param string, beside codec.Beside) ([]byte, bool) {
			empty := make([]byte, 4) // a string without bytes
			return empty, param == "message" && beside.TL("media") != nil
		},
		Forms: &codec.Forms{
			May: func(class, constructor string) bool { return class == "InputPeer" && constructor == "peerUser" },
			Text: func(class string, o codec.View) (string, bool) {
				return fmt.Sprint("user.", o.Int("user_id")), class == "InputPeer" && o.Name() == "peerUser"
			},
		},
		Resolve: func(_, text string) ([]byte, bool, error) { return self, text == "user.7", nil },
	})
	if err != nil {
		panic(err)
	}
	v, _ := s.View(call)
	peer, _ := v.Object("peer")
	fmt.Println(peer.Name(), v.Str("message") == "")

	// Output: inputPeerSelf true
}

// The texts of chosen users are taken out, and what is left is valid.
func ExampleRedactor() {
	s := schema()
	r := s.NewRedactor([]int64{777000}, func(c *tl.Combinator) codec.Redaction {
		if c.Name == "message" {
			return codec.Redaction{Why: "service message", UserFields: []string{"from_id", "peer_id"}, Text: true}
		}
		return codec.Redaction{}
	})
	message := func(from int) []byte {
		m, err := s.Encode(nil, codec.M{
			"_": "message", "id": 5, "peer_id": codec.M{"_": "peerUser", "user_id": from}, "date": 1735689600, "message": "Login code: 12345",
		})
		if err != nil {
			panic(err)
		}
		return m
	}
	t, _ := s.Type("Message")
	fmt.Println(r.Holds(t), r.HoldsText(t), r.MayHold(message(777000)), r.Mentions(message(777000)))
	out, why, err := r.Redact(nil, message(777000), t)
	v, _ := s.View(out)
	fmt.Printf("%q %q %d %v\n", why, v.Str("message"), v.Int("id"), err)
	out, why, _ = r.Redact(nil, message(7), t)
	fmt.Printf("%q %d\n", why, len(out)) // nothing to take out

	// Output:
	// true true true true
	// "service message" "" 5 <nil>
	// "" 0
}

// The objects of chosen constructors are found while the rest is written as text.
func ExampleObjectFinder() {
	s := schema()
	users := s.NewObjectFinder(func(c *tl.Combinator) bool { return c.Name == "user" })
	answer, _ := s.Encode(nil, codec.M{
		"_": "contacts.resolvedPeer", "peer": codec.M{"_": "peerUser", "user_id": 7}, "chats": []codec.M{},
		"users": []codec.M{{"_": "user", "id": 7, "first_name": "Ada"}},
	})
	t, _ := s.Type("contacts.ResolvedPeer")
	packed, found, err := users.AppendMsgpack(nil, nil, answer, t)
	fmt.Println(len(packed) > 0, len(found), found[0].Str("first_name"), err)

	// Output: true 1 Ada <nil>
}

// One update of a newer layer takes none of its neighbours along.
func ExampleSchema_Salvage() {
	s := schema()
	known, _ := s.Encode(nil, codec.M{"_": "updateReadFeaturedStickers"})
	container, _ := s.Encode(nil, codec.M{
		"_": "updates", "users": []codec.M{}, "chats": []codec.M{}, "date": 1735689600, "seq": 0,
		"updates": []codec.Raw{known, known},
	})
	copy(container[12:], "new!") // the first one's id

	_, err := s.View(container)
	saved, ok := s.Salvage(container)
	v, _ := s.View(saved.Body)
	fmt.Println(err != nil, ok, v.Len("updates"))
	told := func(of codec.Salvaged) { fmt.Printf("%q\n", of.Lost) }
	told(saved)

	// Output:
	// true true 1
	// ["new!"]
}
