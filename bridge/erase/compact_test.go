package erase

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge/storage"
)

// Of a record that is erased the versions before are in no message any more; their bytes go when the server compacts its files.
func TestFormerVersionsGoWithCompaction(t *testing.T) {
	dir := t.TempDir()
	srv, err := server.NewServer(&server.Options{Port: -1, JetStream: true, StoreDir: dir, SyncInterval: 200 * time.Millisecond, NoLog: true, NoSigs: true})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	defer srv.WaitForShutdown()
	defer srv.Shutdown()
	if !srv.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server does not start")
	}
	nc, err := nats.Connect(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, _ := jetstream.New(nc)
	st, err := js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}, MaxMsgsPerSubject: 1, MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	publish := func(subject, text string) {
		t.Helper()
		if _, err := js.Publish(t.Context(), subject, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 20 {
		publish("s.user.5", fmt.Sprint("a draft to her, ", i))
	}
	publish("s.user.6", "a draft to him")
	if err := storage.EraseSubject(t.Context(), st, "s.user.5"); err != nil {
		t.Fatal(err)
	}
	if found(dir, "a draft to her, 19") != 0 {
		t.Error("what was there last is in the files")
	}
	for begun := time.Now(); found(dir, "a draft to her") > 0; time.Sleep(50 * time.Millisecond) {
		publish("s.others", strings.Repeat("x", 50_000)) // so that the server goes on to another file
		if time.Since(begun) > time.Minute {
			t.Fatal("what was there before is in the files yet")
		}
	}
	if found(dir, "a draft to him") == 0 {
		t.Error("what stays is gone")
	}
}
