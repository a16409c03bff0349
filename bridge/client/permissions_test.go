package client_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/client"
	"github.com/natsgram/natsgram/subjects"
)

// A user of NATS who may read one account's updates, by the role that package subjects has for it, and nothing else.
func TestConsumerOfOneAccount(t *testing.T) {
	role, err := subjects.Scheme{}.Permissions(subjects.Consumer, "main")
	if err != nil {
		t.Fatal(err)
	}
	srv, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: -1, JetStream: true, StoreDir: t.TempDir(), NoLog: true, NoSigs: true,
		Users: []*server.User{{Username: "daemon", Password: "d"}, {Username: "reader", Password: "r", Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Allow: role.Publish}, Subscribe: &server.SubjectPermission{Allow: role.Subscribe},
		}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	srv.Start()
	t.Cleanup(func() { srv.Shutdown(); srv.WaitForShutdown() })
	if !srv.ReadyForConnections(10 * time.Second) {
		t.Fatal("no server")
	}
	as := func(user, password string) *nats.Conn {
		nc, err := nats.Connect(srv.ClientURL(), nats.UserInfo(user, password))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		return nc
	}
	a := archiveAt(t, as("daemon", "d"))
	a.fill()
	reader := as("reader", "r")
	for _, row := range []struct {
		cfg  client.UpdatesConfig
		want string
	}{
		{client.UpdatesConfig{}, "1 2 3 5 6 7 8"},
		{client.UpdatesConfig{Durable: "all"}, "1 2 3 5 6 7 8"},
		{client.UpdatesConfig{Durable: "one", NoGaps: true, Filters: []client.Filter{{Update: "updateNewMessage"}}}, "1 2 7"},
		{client.UpdatesConfig{Durable: "two", FilterHere: true, Filters: []client.Filter{{Update: "updateNewMessage"}}}, "1 2 6 7 8"},
	} {
		row.cfg.Start = client.StartAll()
		s := subscribe(t, client.New(reader, "main"), row.cfg)
		a.add("main.updateNewMessage.user.9", "common", typing)
		if got := rest(t, s, a.at); got != row.want {
			t.Errorf("%+v: %s, want %s", row.cfg, got, row.want)
		}
		s.Stop()
		st, _ := a.js.Stream(soon(t), "TG_UPDATES")
		if err := st.DeleteMsg(soon(t), uint64(a.at)); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	if _, err := client.New(reader, "other").Subscribe(ctx, client.UpdatesConfig{}); err == nil {
		t.Error("the reader of one account reads another's updates")
	}
}
