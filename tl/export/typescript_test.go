package export

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/natsgram/natsgram/tl"
)

// All that follows the part which is the same for every schema. That TypeScript understands it is e2e's to see.
const declarations = `/** The layer that these declarations are of. */
export type Layer = 5;

/** Every class and constructor of the schema, by its TL name. */
export declare namespace tl {
  type Entity = tl.entity;
  type InputPeer = tl.inputPeerSelf | tl.inputPeerChat;
  type True = tl.true_ | true;
  interface true_ { _: "true" }
  interface inputPeerSelf { _: "inputPeerSelf" }
  interface inputPeerChat { _: "inputPeerChat"; chat_id: Long }
  interface entity {
    _?: "entity";
    bold?: true;
    offset: number;
    from?: Long;
    to?: Long;
    data?: Bytes;
    key?: Bytes;
    language?: string;
  }
  namespace messages {
    type Sent = tl.messages.sent | tl.messages.sentNothing;
    interface sent { _: "messages.sent"; id: number; entities: tl.Entity[] }
    interface sentNothing { _: "messages.sentNothing" }
  }
}

/** Every method, by its name. */
export interface Methods {
  /**
   * ` + "`messages.send#8579870f flags:# silent:flags.0?true peer:InputPeer message:string random_id:long entities:flags.3?Vector<Entity> = messages.Sent;`" + `
   *
   * Errors: 400 PEER_ID_INVALID
   */
  "messages.send": {
    params: { silent?: true; peer: tl.InputPeer; message: string; random_id?: Long; entities?: tl.Entity[] };
    result: tl.messages.Sent;
  };
  /**
   * ` + "`messages.list#f838526d random_id:Vector<long> id:Vector<int> = Vector<messages.Sent>;`" + `
   */
  "messages.list": {
    params: { random_id?: Long[]; id: number[] };
    result: tl.messages.Sent[];
  };
  /**
   * ` + "`invokeQuietly#74ee1a85 {X:Type} query:!X = X;`" + `
   */
  "invokeQuietly": {
    params: { query: AnyCall };
    result: ResultOfQuery;
  };
}
`

func TestTypeScript(t *testing.T) {
	s, err := tl.Parse("small.tl", []byte(smallSchema()))
	if err != nil {
		t.Fatal(err)
	}
	o := filled
	o.Errors = map[string][]string{"messages.send": {"400 PEER_ID_INVALID"}}
	_, got, _ := strings.Cut(string(TypeScript(s, o)), string(head))
	if diff := cmp.Diff(declarations, strings.TrimPrefix(got, "\n")); diff != "" {
		t.Error(diff)
	}
}

// What a result holds says its constructor; what can be sent may leave it out where there is but one.
func TestSent(t *testing.T) {
	s, err := tl.Parse("small.tl", []byte(smallSchema()))
	if err != nil {
		t.Fatal(err)
	}
	seen := sent(s)
	for name, want := range map[string]bool{"inputPeerChat": true, "entity": true, "messages.sent": false} {
		if seen[s.Constructor(name)] != want {
			t.Errorf("%s: want sent=%v", name, want)
		}
	}
}
