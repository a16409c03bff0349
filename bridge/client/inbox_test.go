package client_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/client"
	"github.com/natsgram/natsgram/bridge/parts"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/tg"
)

func TestRequestInParts(t *testing.T) {
	nc := busOnly(t)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := client.Request(ctx, nc, &nats.Msg{Subject: "nobody"}); !errors.Is(err, nats.ErrNoResponders) {
		t.Errorf("nobody listens: %v", err)
	}
	large := bytes.Repeat([]byte("0123456789"), 30_000)
	_, err := nc.Subscribe("large", func(m *nats.Msg) {
		if in, ok := parts.Wanted(m.Header); !in || !ok {
			t.Errorf("the request has %v", m.Header)
		}
		_ = parts.Split(nil, large, 60_000, func(h nats.Header, data []byte) error {
			return nc.PublishMsg(&nats.Msg{Subject: m.Reply, Header: h, Data: data})
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if m, err := client.Request(ctx, nc, &nats.Msg{Subject: "large"}); err != nil || !bytes.Equal(m.Data, large) {
		t.Errorf("%v, %v", m != nil, err)
	}
	short, cancel := context.WithCancel(ctx)
	_, _ = nc.Subscribe("half", func(m *nats.Msg) {
		_ = nc.PublishMsg(&nats.Msg{Subject: m.Reply, Header: nats.Header{subjects.HeaderPart: {"1/2"}}})
		cancel()
	})
	if _, err := client.Request(short, nc, &nats.Msg{Subject: "half"}); !errors.Is(err, context.Canceled) {
		t.Errorf("a part that never comes: %v", err)
	}
}

// A call's answer comes in parts, also beside others; one that is not whole is no answer.
func TestCallInParts(t *testing.T) {
	nc := busOnly(t)
	country := string(bytes.Repeat([]byte("x"), 200))
	answer, err := tg.Append(nil, &tg.NearestDc{Country: country, ThisDc: 2, NearestDc: 4})
	if err != nil {
		t.Fatal(err)
	}
	_, err = nc.Subscribe("tg.rpc.*.help.getNearestDc", func(m *nats.Msg) {
		n := 0
		_ = parts.Split(nil, answer, 50, func(h nats.Header, data []byte) error {
			if n++; n == 2 && m.Subject == "tg.rpc.lossy.help.getNearestDc" {
				return nil
			}
			return nc.PublishMsg(&nats.Msg{Subject: m.Reply, Header: h, Data: data})
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	main, lossy := client.New(nc, "main"), client.New(nc, "lossy", client.Retries(0))
	for range 3 {
		if dc, err := tg.HelpGetNearestDc(t.Context(), main, &tg.HelpGetNearestDcRequest{}); err != nil || dc.Country != country {
			t.Errorf("%+v, %v", dc, err)
		}
	}
	if _, err := tg.HelpGetNearestDc(t.Context(), lossy, &tg.HelpGetNearestDcRequest{}); !errors.Is(err, parts.ErrLost) {
		t.Errorf("with a part lost: %v", err)
	}
}
