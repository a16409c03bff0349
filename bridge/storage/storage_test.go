package storage

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/bridge/embedded/embeddedtest"
	"github.com/natsgram/natsgram/bridge/retry"
	"github.com/natsgram/natsgram/bridge/settings"
	"github.com/natsgram/natsgram/subjects"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newJS(t *testing.T) jetstream.JetStream {
	t.Helper()
	srv := embeddedtest.Start(t)
	return dial(t, srv.ClientURL())
}

func dial(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// config is an item's configuration as the server has it.
func config(t *testing.T, js jetstream.JetStream, stream string) jetstream.StreamConfig {
	t.Helper()
	st, err := js.Stream(soon(t), stream)
	if err != nil {
		t.Fatal(err)
	}
	return st.CachedInfo().Config
}

// openAll opens every item as its users do.
func openAll(t *testing.T, s *Storage) {
	t.Helper()
	for _, it := range table {
		var err error
		switch it.Kind {
		case Bucket:
			_, err = s.Bucket(soon(t), it.Name)
		case Objects:
			_, err = s.Objects(soon(t), it.Name)
		case Stream:
			_, err = s.Stream(soon(t), it.Name)
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// What is made here is what the libraries of NATS make: any of them opens it, and finds nothing to change.
func TestBucketsAreBuckets(t *testing.T) {
	js := newJS(t)
	openAll(t, Daemon(js, Options{}, nil))
	kv, err := js.KeyValue(soon(t), "TG_POSITIONS")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kv.Put(soon(t), "a", []byte("1")); err != nil {
		t.Error(err)
	}
	before := config(t, js, "KV_TG_POSITIONS")
	if _, err := js.CreateOrUpdateKeyValue(soon(t), jetstream.KeyValueConfig{Bucket: "TG_POSITIONS", Description: before.Description}); err != nil {
		t.Error(err)
	}
	if after := config(t, js, "KV_TG_POSITIONS"); fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("%+v\n%+v", before, after)
	}
	store, err := js.ObjectStore(soon(t), "TG_SCHEMA")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.PutString(soon(t), "x", "y"); err != nil {
		t.Error(err)
	}
	if c := config(t, js, "KV_TG_LEASES"); c.MaxAge != LeaseTTL {
		t.Error(c.MaxAge)
	}
	reports, err := Command(js, Options{}).Reports(soon(t))
	if err != nil || len(reports) != len(table) {
		t.Fatal(reports, err)
	}
	for _, r := range reports {
		if r.Missing || len(r.Differs) != 0 {
			t.Errorf("%+v", r)
		}
	}
}

// What an operator has changed stays: a default changes nothing, what is set is only ever added to.
func TestStorageBelongsToTheOperator(t *testing.T) {
	js := newJS(t)
	openAll(t, Daemon(js, withAge(7*24*time.Hour, false), nil))
	c := config(t, js, "TG_UPDATES")
	c.Description, c.MaxAge, c.MaxBytes, c.Subjects = "mine", 30*24*time.Hour, 200<<20, append(c.Subjects, "mine.>")
	if _, err := js.UpdateStream(soon(t), c); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		what string
		s    *Storage
		want time.Duration
	}{
		{"a default", Daemon(js, withAge(7*24*time.Hour, false), nil), 30 * 24 * time.Hour},
		{"a shorter age that is set", Daemon(js, withAge(24*time.Hour, true), nil), 30 * 24 * time.Hour},
		{"a command with a longer one", Command(js, withAge(60*24*time.Hour, true)), 30 * 24 * time.Hour},
		{"a longer one", Daemon(js, withAge(60*24*time.Hour, true), nil), 60 * 24 * time.Hour},
		{"for ever", Daemon(js, withAge(0, true), nil), 0},
		{"then an age", Daemon(js, withAge(time.Hour, true), nil), 0},
	} {
		openAll(t, step.s)
		if c := config(t, js, "TG_UPDATES"); c.MaxAge != step.want || c.MaxBytes != 200<<20 || c.Description != "mine" || len(c.Subjects) != 3 {
			t.Errorf("%s: age %v, want %v; %+v", step.what, c.MaxAge, step.want, c)
		}
	}
	one := Command(js, withAge(time.Hour, true))
	if done, err := one.Apply(soon(t), false); err != nil || len(done["TG_UPDATES"]) != 0 {
		t.Error(done, err)
	}
	reports, err := one.Reports(soon(t))
	if err != nil || len(reports[0].Differs) != 1 || reports[0].Differs[0].Loses == "" || reports[0].Differs[0].Want != "1h" {
		t.Errorf("%+v %v", reports, err)
	}
	if done, err := one.Apply(soon(t), true); err != nil || len(done["TG_UPDATES"]) != 1 {
		t.Error(done, err)
	}
	if c := config(t, js, "TG_UPDATES"); c.MaxAge != time.Hour {
		t.Error(c.MaxAge)
	}
}

func withAge(d time.Duration, set bool) (o Options) {
	o.MaxAge.Value, o.MaxAge.Set = d, set
	return o
}

// Copies in a cluster: never fewer by a daemon or a command of another environment, more by what is set.
func TestCopiesAreNotTakenAway(t *testing.T) {
	js := dial(t, cluster(t, 0)[0].ClientURL())
	three := func(n int, set bool) (o Options) {
		o.Replicas.Value, o.Replicas.Set = n, set
		return o
	}
	s := Daemon(js, three(1, false), nil)
	if _, err := s.Bucket(soon(t), Sessions); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		what string
		s    *Storage
		want int
	}{
		{"a command that sets three", Command(js, three(3, true)), 1},
		{"a daemon that sets three", Daemon(js, three(3, true), nil), 3},
		{"a command without a setting", Command(js, three(1, false)), 3},
		{"a daemon without a setting", Daemon(js, three(1, false), nil), 3},
		{"a daemon that sets one", Daemon(js, three(1, true), nil), 3},
	} {
		if _, err := step.s.Bucket(soon(t), Sessions); err != nil {
			t.Fatalf("%s: %v", step.what, err)
		}
		if n := config(t, js, "KV_TG_SESSIONS").Replicas; n != step.want {
			t.Errorf("%s: %d copies, want %d", step.what, n, step.want)
		}
	}
}

// cluster is three servers that are one. Each holds room bytes; 0: as many as its disk.
func cluster(t *testing.T, room int64) (all []*server.Server) {
	t.Helper()
	ports, routes := make([]int, 3), ""
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports[i] = l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // it is one
		routes += fmt.Sprintf(",nats://127.0.0.1:%d", ports[i])
		l.Close()
	}
	for i, port := range ports {
		all = append(all, serve(t, &server.Options{
			ServerName: fmt.Sprintf("n%d", i), JetStream: true, JetStreamMaxStore: room, StoreDir: t.TempDir(), Routes: server.RoutesFromStr(routes[1:]),
			Cluster: server.ClusterOpts{Name: "three", Host: "127.0.0.1", Port: port},
		}))
	}
	js := dial(t, all[0].ClientURL())
	for ctx := soon(t); ; {
		asking, cancel := context.WithTimeout(ctx, time.Second) // before there is a leader, nobody answers
		_, err := js.CreateStream(asking, jetstream.StreamConfig{Name: "PROBE", Subjects: []string{"probe"}, Replicas: 3})
		cancel()
		if err == nil {
			return all
		}
		if retry.Pause(ctx, 50*time.Millisecond) != nil {
			t.Fatalf("%v; %d routes", err, all[0].NumRoutes())
		}
	}
}

func serve(t *testing.T, o *server.Options) *server.Server {
	t.Helper()
	o.Host, o.Port = "127.0.0.1", server.RANDOM_PORT
	return embeddedtest.Serve(t, o)
}

// A stream that is made right after one of its name was deleted may meet the former one's files: here something stands where its folder
// has to be. The server's attempt fails, and takes it away.
func TestFilesOfTheFormerOne(t *testing.T) {
	for _, name := range []string{"KV_TG_SESSIONS", "TG_UPDATES_main"} {
		dir := t.TempDir()
		js := dial(t, serve(t, &server.Options{JetStream: true, StoreDir: dir}).ClientURL())
		s := Daemon(js, Options{}, nil)
		if _, err := s.Stream(soon(t), Updates); err != nil {
			t.Fatal(err)
		}
		former := filepath.Join(dir, "jetstream", "$G", "streams", name)
		if err := os.WriteFile(former, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		var err error
		if name == "KV_TG_SESSIONS" {
			_, err = s.Bucket(soon(t), Sessions)
		} else {
			_, err = AddOwn(soon(t), js, subjects.Scheme{}, "main", OwnLimits{})
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// An account of hosted NATS wants a limit for everything, and has little room.
func TestLimitsRequired(t *testing.T) {
	file := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(file, []byte(`
		accounts { A { users: [{user: a, password: a}], jetstream { max_file: 1GB, max_bytes_required: true } } }
	`), 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatal(err)
	}
	o.JetStream, o.StoreDir = true, t.TempDir()
	js := dial(t, strings.Replace(serve(t, o).ClientURL(), "nats://", "nats://a:a@", 1))
	openAll(t, Daemon(js, Options{Limits: map[string]int64{Events: 5 << 20}}, nil))
	for stream, want := range map[string]int64{"TG_UPDATES": 512 << 20, "TG_EVENTS": 5 << 20, "KV_TG_ONCE": 32 << 20, "KV_TG_SESSIONS": 64 << 20} {
		if c := config(t, js, stream); c.MaxBytes != want {
			t.Errorf("%s: %d bytes", stream, c.MaxBytes)
		}
	}
	_, err = Daemon(js, Options{Scheme: subjects.Scheme{Prefix: "b"}, Limits: map[string]int64{Sessions: 1 << 30}}, nil).Bucket(soon(t), Sessions)
	if err == nil || !strings.Contains(err.Error(), "NATSGRAM_LIMITS") {
		t.Error(err)
	}
}

// What grows to a limit that cannot be reserved gets one that can be: half of it, a quarter, down to what it needs; without a limit it would
// fill the disk.
func TestLimitsThatCannotBeReserved(t *testing.T) {
	const gib = 1 << 30
	alone := func(room int64) func(*testing.T) string {
		return func(t *testing.T) string {
			t.Helper()
			return serve(t, &server.Options{JetStream: true, StoreDir: t.TempDir(), JetStreamMaxStore: room}).ClientURL()
		}
	}
	for name, row := range map[string]struct {
		url  func(*testing.T) string
		want [4]int64 // TG_ONCE, TG_PEERS, TG_HISTORY, TG_FILES, in the order in which they are made
		none int      // that have no limit, as the log says
	}{
		"one server":  {alone(4 * gib), [4]int64{512 << 20, 256 << 20, 2 * gib, gib}, 0},
		"little":      {alone(400 << 20), [4]int64{256 << 20, 128 << 20, -1, -1}, 2},
		"very little": {alone(100 << 20), [4]int64{64 << 20, -1, 32 << 20, -1}, 2},
		"a cluster": {func(t *testing.T) string { t.Helper(); return cluster(t, gib)[0].ClientURL() }, // on which server each is, is open
			[4]int64{512 << 20, 256 << 20, gib, gib}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			js, said := dial(t, row.url(t)), &strings.Builder{}
			openAll(t, Daemon(js, Options{}, slog.New(slog.NewTextHandler(said, nil))))
			for i, stream := range []string{"KV_TG_ONCE", "KV_TG_PEERS", "TG_HISTORY", "OBJ_TG_FILES"} {
				got, byDefault := config(t, js, stream).MaxBytes, [4]int64{512 << 20, 256 << 20, 4 * gib, 16 * gib}[i]
				if got != row.want[i] && (name != "a cluster" || got <= 0 || got > row.want[i]) {
					t.Errorf("%s: %d MB, want %d", stream, got>>20, row.want[i]>>20)
				}
				if named := strings.Contains(said.String(), "stream="+stream+" "); named != (got != byDefault) {
					t.Errorf("%s: in the log: %v", stream, named)
				}
			}
			if n := strings.Count(said.String(), "no limit can be reserved"); n != row.none {
				t.Errorf("%d without a limit, want %d:\n%s", n, row.none, said)
			}
		})
	}
}

// The stream of updates leaves room for leases where it is known how much there is.
func TestRoomForLeases(t *testing.T) {
	js := newJS(t)
	openAll(t, Daemon(js, Options{Room: 64 << 20}, nil))
	if c := config(t, js, "TG_UPDATES"); c.MaxBytes != 32<<20 {
		t.Error(c.MaxBytes)
	}
	reports, err := Command(js, Options{Room: 1 << 30}).Reports(soon(t))
	if err != nil || len(reports[0].Differs) != 0 {
		t.Error(reports, err)
	}
}

func TestSettings(t *testing.T) {
	t.Setenv("NATSGRAM_REPLICAS", "1")
	t.Setenv("NATSGRAM_UPDATES_MAX_BYTES", "-1")
	t.Setenv("NATSGRAM_LIMITS", "events=64MB,sessions=16777216")
	t.Setenv("NATSGRAM_PLACEMENT_CLUSTER", "east")
	s, err := settings.LoadOver(nil)
	if err != nil {
		t.Fatal(err)
	}
	o, err := FromSettings(s)
	if err != nil || !o.Replicas.Set || o.MaxAge.Set || o.MaxAge.Value != 168*time.Hour || o.Cluster != "east" {
		t.Errorf("%+v %v", o, err)
	}
	if o.Limits[Events] != 64<<20 || o.Limits[Sessions] != 16<<20 || o.Limits[Updates] != -1 {
		t.Error(o.Limits)
	}
	for _, bad := range []string{"nothing=1MB", "updates=1MB"} {
		s.Limits = []string{bad}
		if _, err := FromSettings(s); err == nil {
			t.Error(bad)
		}
	}
	for _, bad := range []string{"events", "events=", "events=0", "events=-2", "events=1PB", "=1", "events=99999999999TB"} {
		t.Setenv("NATSGRAM_LIMITS", bad)
		if _, err := settings.LoadOver(nil); err == nil {
			t.Error(bad)
		}
	}
	d := settings.Defaults()
	if o, _ := FromSettings(d); o.Replicas.Set {
		t.Error("a default counts as set")
	}
	d.Replicas = 3
	if o, _ := FromSettings(d); !o.Replicas.Set {
		t.Error("what a program sets does not count")
	}
}

// Messages of the past stay for ever, unless the settings say how long; of a stream that is there the age is made shorter by command alone.
func TestHistoryAge(t *testing.T) {
	js := newJS(t)
	daemon := func(text string) *Storage {
		t.Helper()
		if text != "" {
			t.Setenv("NATSGRAM_HISTORY_MAX_AGE", text)
		}
		set, err := settings.LoadOver(nil)
		if err != nil {
			t.Fatal(err)
		}
		o, err := FromSettings(set)
		if err != nil {
			t.Fatal(err)
		}
		return Daemon(js, o, nil)
	}
	for _, step := range []struct {
		age    string
		reduce bool
		want   time.Duration
	}{{"", false, 0}, {"48h", false, 0}, {"48h", true, 48 * time.Hour}, {"72h", false, 72 * time.Hour}, {"0", false, 0}} {
		s := daemon(step.age)
		if _, err := s.Stream(soon(t), History); err != nil {
			t.Fatal(err)
		}
		if step.reduce {
			if _, err := s.Apply(soon(t), true); err != nil {
				t.Fatal(err)
			}
		}
		if c := config(t, js, "TG_HISTORY"); c.MaxAge != step.want || c.Duplicates != onceOnly {
			t.Errorf("%+v: age %s, duplicates within %s", step, c.MaxAge, c.Duplicates)
		}
	}
	if err := js.DeleteStream(soon(t), "TG_HISTORY"); err != nil {
		t.Fatal(err)
	}
	if _, err := daemon("24h").Stream(soon(t), History); err != nil {
		t.Fatal(err)
	}
	if c := config(t, js, "TG_HISTORY"); c.MaxAge != 24*time.Hour {
		t.Errorf("a new one: age %s", c.MaxAge)
	}
}
