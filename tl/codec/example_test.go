package codec_test

import (
	"fmt"

	"github.com/natsgram/natsgram/schemas"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/codec"
)

func Example() {
	parsed, err := tl.Parse("api.tl", schemas.API())
	if err != nil {
		panic(err)
	}
	api, err := codec.Compile(parsed)
	if err != nil {
		panic(err)
	}
	send, _ := api.Function("messages.sendMessage")

	call, err := api.AppendCallFromJSON(nil, []byte(`{"random_id": "7", "peer": {"_": "inputPeerSelf"}, "message": "hello"}`), send, nil)
	if err != nil {
		panic(err)
	}
	fmt.Printf("%x\n", call[4:]) // behind the id, which may be another in the next layer

	text, _ := api.AppendJSON(nil, call, api.Object())
	fmt.Printf("%s\n", text)

	view, _ := api.View(call)
	fmt.Println(view.Str("message"), view.Int("random_id"))

	_, err = api.AppendCallFromJSON(nil, []byte(`{"peer": {"_": "inputPeerUser", "user_id": "abc"}}`), send, nil)
	fmt.Println(err)

	// Output:
	// 00000000c97ea07d0568656c6c6f00000700000000000000
	// {"_":"messages.sendMessage","peer":{"_":"inputPeerSelf"},"message":"hello","random_id":"7"}
	// hello 7
	// messages.sendMessage: peer.user_id: want long, got "abc"
}
