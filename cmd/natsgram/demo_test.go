package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/natsgram/natsgram/bridge"
	"github.com/natsgram/natsgram/bridge/embedded"
	"github.com/natsgram/natsgram/schemas"
)

// The box of the demo speaks the layer of NATSGRAM_SCHEMA, as the daemon does.
func TestDemoSpeaksTheLayerThatIsSet(t *testing.T) {
	file := filepath.Join(t.TempDir(), "next.tl")
	next := bytes.Replace(schemas.API(), []byte("// LAYER 228"), []byte("// LAYER 999"), 1)
	if err := os.WriteFile(file, next, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("NATSGRAM_SCHEMA", file)
	set, err := demoSettings(t.Context(), t.TempDir(), demoOptions{port: -1})
	if err != nil {
		t.Fatal(err)
	}
	d, err := startPeople(set)
	if err != nil {
		t.Fatal(err)
	}
	defer d.server.Close()
	if d.layer != 999 {
		t.Errorf("layer %d", d.layer)
	}
}

// A demo on NATS servers that outlast it can be run again, whether the one before it ended in order or was killed.
func TestDemoOnServersThatOutlastIt(t *testing.T) {
	srv, err := embedded.Start(embedded.Config{Dir: t.TempDir(), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	o := demoOptions{external: true, quiet: true, every: time.Second, port: -1, settings: func() (bridge.Settings, error) {
		set := bridge.DefaultSettings()
		set.URL = srv.ClientURL()
		return set, nil
	}}
	perform := func(about string) {
		ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
		defer stop()
		screen := &untilSeen{want: []string{"tg.rpc.demo."}, enough: stop}
		if err := demo(ctx, screen, t.Output(), o); err != nil || len(screen.want) > 0 {
			t.Fatalf("%s: %v", about, err)
		}
	}
	perform("the first")
	perform("the second")

	set, err := demoSettings(t.Context(), t.TempDir(), o)
	if err != nil {
		t.Fatal(err)
	}
	d, err := startPeople(set)
	if err != nil {
		t.Fatal(err)
	}
	env := d.server.Env()
	options := bridge.Options{Env: &env}
	b, err := bridge.New(set, options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- b.Run(ctx) }()
	<-b.Ready()
	if err := d.signIn(ctx, set, options); err != nil {
		t.Fatal(err)
	}
	if err := b.WaitServing(ctx, demoAccount); err != nil {
		t.Fatal(err)
	}
	stop() // without removing anything
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	d.server.Close()
	perform("after one that left its account behind")

	nc, err := nats.Connect(srv.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for _, stream := range []string{"TG_UPDATES", "KV_TG_SESSIONS"} {
		st, err := js.Stream(t.Context(), stream)
		if err != nil {
			t.Fatal(err)
		}
		info, err := st.Info(t.Context(), jetstream.WithSubjectFilter(">"))
		if err != nil {
			t.Fatal(err)
		}
		for subject := range info.State.Subjects {
			if !strings.HasPrefix(subject, "tg.own.") && !strings.HasPrefix(subject, "$KV.TG_SESSIONS.demo") {
				t.Errorf("%s holds %s", stream, subject)
			}
		}
	}
}
