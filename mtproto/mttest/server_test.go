package mttest_test

import (
	"testing"

	"github.com/natsgram/natsgram/mtproto/mttest"
	"github.com/natsgram/natsgram/mtproto/transport"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A1 to A6, A15 to A17, B1 to B16, D1: every framing, plain and obfuscated, with a real key exchange.
func TestHandshakeAndConfig(t *testing.T) {
	s := mttest.NewServer(t)
	for _, kind := range []transport.Kind{transport.Abridged, transport.Intermediate, transport.Padded, transport.Full} {
		for _, obfuscated := range []bool{false, true} {
			if kind == transport.Full && obfuscated {
				continue
			}
			c := newClient(t, s)
			c.kind = kind
			c.dial(home(s), obfuscated)
			c.exchange(2)
			config := c.introduce()
			if config.Name() != "config" || config.Int("this_dc") != 2 || config.Len("dc_options") != 1 {
				t.Errorf("%v, obfuscated %v: %s of data centre %d", kind, obfuscated, config.Name(), config.Int("this_dc"))
			}
		}
	}
}
