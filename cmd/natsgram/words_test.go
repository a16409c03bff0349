package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/tl"
)

func schemaOf(t *testing.T) *tl.Schema {
	t.Helper()
	text := `boolFalse#bc799737 = Bool;
boolTrue#997275b5 = Bool;
inputPeerSelf#7da07ec9 = InputPeer;
updates = Updates;
messages.messages = messages.Messages;
---functions---
messages.sendMessage flags:# silent:flags.5?true peer:InputPeer message:string random_id:long = Updates;
messages.getMessages id:Vector<int> = messages.Messages;
upload.saveFilePart file_id:long file_part:int bytes:bytes = Bool;
// LAYER 1
`
	s, err := tl.Parse("test.tl", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWords(t *testing.T) {
	s := schemaOf(t)
	file := filepath.Join(t.TempDir(), "part")
	if err := os.WriteFile(file, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ method, words, want string }{
		{"messages.sendMessage", "message=123 silent=true random_id=9223372036854775807", `{"message":"123","random_id":"9223372036854775807","silent":true}`},
		{"messages.sendMessage", "peer._=inputPeerSelf message=a=b", `{"message":"a=b","peer":{"_":"inputPeerSelf"}}`},
		{"messages.sendMessage", `peer:={"_":"inputPeerSelf"}`, `{"peer":{"_":"inputPeerSelf"}}`},
		{"messages.sendMessage", `peer={"_":"inputPeerSelf"}`, `{"peer":{"_":"inputPeerSelf"}}`},
		{"messages.sendMessage", "peer=@durov", `{"peer":"@durov"}`},
		{"messages.sendMessage", "message=", `{"message":""}`},
		{"messages.getMessages", "id=1,2,3", `{"id":[1,2,3]}`},
		{"messages.getMessages", "id=[1,2]", `{"id":[1,2]}`},
		{"messages.getMessages", "id=", `{"id":[]}`},
		{"messages.getMessages", "id=x", `{"id":["x"]}`}, // the daemon says what is wrong with it, and where
		{"upload.saveFilePart", "bytes=@" + file, `{"bytes":"YWJj"}`},
		{"unknown.method", "a=1 b=true c=text d.e=1.5", `{"a":1,"b":true,"c":"text","d":{"e":1.5}}`},
		{"unknown.method", "a=0123 b=-7 c=t", `{"a":"0123","b":-7,"c":"t"}`},
	} {
		params, err := paramsOf(strings.Fields(c.words), s.Function(c.method))
		if err != nil {
			t.Errorf("%s: %v", c.words, err)
			continue
		}
		if got, _ := json.Marshal(params); string(got) != c.want {
			t.Errorf("%s %s\n got %s\nwant %s", c.method, c.words, got, c.want)
		}
	}
}

func TestWordsRefused(t *testing.T) {
	for _, c := range []struct{ words, want string }{
		{"peer", `"peer": want key=value`},
		{"=x", "want key=value"},
		{"a=1 a=2", "a: given twice"},
		{"a=1 a.b=2", "a has a value already"},
		{"a.b=1 a=2", "a: given twice"},
		{"a:={", "is not JSON"},
	} {
		_, err := paramsOf(strings.Fields(c.words), nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.words, err, c.want)
		}
	}
}

func TestCallBody(t *testing.T) {
	f := schemaOf(t).Function("messages.sendMessage")
	for _, c := range []struct{ in, words, want string }{
		{`{"message":"a","silent":true}`, "", `{"message":"a","silent":true}`},
		{`not json`, "", `not json`}, // as it is: the daemon names the place
		{`{"message":"a"}`, "- message=b silent=true", `{"message":"b","silent":true}`},
		{`never read`, "message=b", `{"message":"b"}`},
	} {
		got, err := callBody(strings.NewReader(c.in), strings.Fields(c.words), f)
		if err != nil || string(got) != c.want {
			t.Errorf("%q with %q: %s, %v; want %s", c.in, c.words, got, err, c.want)
		}
	}
	if _, err := callBody(strings.NewReader("[1]"), []string{"-", "a=1"}, f); err == nil {
		t.Error("words over an array: no error")
	}
}

func TestFindMethods(t *testing.T) {
	s := schemaOf(t)
	for _, c := range []struct{ words, want string }{
		{"sendmessage", "messages.sendMessage"},
		{"messages.getMessages", "messages.getMessages"},
		{"messages", "messages.getMessages messages.sendMessage"},
		{"file_part", "upload.saveFilePart"},
		{"send inputpeer", "messages.sendMessage"},
		{"nothing", ""},
		{"", "messages.getMessages messages.sendMessage upload.saveFilePart"},
	} {
		var got []string
		for _, f := range findMethods(s, strings.Fields(c.words)) {
			got = append(got, f.Name)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%q: %v, want %s", c.words, got, c.want)
		}
	}
	if got, want := methodLine(s.Function("messages.sendMessage")), "messages.sendMessage [silent:true] peer:InputPeer message:string random_id:long → Updates"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
