package main

import (
	"strings"
	"testing"
)

// Of a group that nothing has told of the command says so, beside how calls name it.
func TestPeersCommands(t *testing.T) {
	srv, try := triesOf(t, "peers")
	runPeople(t, srv.ClientURL())
	try("resolve demo @alice", 0, "user.", "alice")
	try("resolve demo chat.999", 0, "chat.999", "no update or answer has told of it")
	try("resolve demo chat.999 --json", 0, `{"kind":"chat","id":"999","unseen":true}`)
	try("get demo chat.999", 1, "no basic group with the id 999 is known")
	try("resolve demo https://t.me/c/x/5", 1, `behind /c/: "x" is no id`)
	if out := try("resolve demo @alice", 0, "user."); strings.Contains(out, "no update or answer") {
		t.Error(out)
	}
}
