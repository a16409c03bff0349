package handshake

import (
	"bytes"
	"crypto/rand"
	"testing"

	"github.com/natsgram/natsgram/mtproto/crypto"
)

// exchanged is one exchange: what each side received, and its state before.
type exchanged struct {
	toClient, toServer [][]byte
	clients            []Client
	servers            []Server
}

func record(t testing.TB) *exchanged {
	p, e := newPair(t, Config{}, ServerConfig{}), &exchanged{}
	packet, err := p.client.Start(noon)
	for err == nil && packet != nil {
		e.toServer, e.servers = append(e.toServer, packet), append(e.servers, *p.server)
		if packet, _, err = p.server.Receive(noon, packet); err != nil {
			break
		}
		e.toClient, e.clients = append(e.toClient, packet), append(e.clients, *p.client)
		packet, _, err = p.client.Receive(noon, packet)
	}
	if err != nil || len(e.clients) != 3 {
		t.Fatalf("%d steps, %v", len(e.clients), err)
	}
	return e
}

// seeds gives every packet to every step: as it is, cut, and with a hole.
func seeds(f *testing.F, packets [][]byte) {
	for step := range packets {
		for _, p := range packets {
			f.Add(uint(step), p)
			f.Add(uint(step), p[:len(p)-4])
			f.Add(uint(step), append(p[:24:24], p[28:]...))
		}
	}
}

// The server's packet in any of the three steps may be anything: the client neither panics nor believes it, unless it is
// the right one.
func FuzzClientReceive(f *testing.F) {
	e := record(f)
	seeds(f, e.toClient)
	f.Fuzz(func(t *testing.T, step uint, packet []byte) {
		client := e.clients[step%3]
		_, done, _ := client.Receive(noon, packet)
		if done != nil && !samePacket(packet, e.toClient[2]) {
			t.Errorf("believed %x", packet)
		}
	})
}

// The same for the server's side.
func FuzzServerReceive(f *testing.F) {
	e := record(f)
	seeds(f, e.toServer)
	f.Fuzz(func(t *testing.T, step uint, packet []byte) {
		server := e.servers[step%3]
		_, done, _ := server.Receive(noon, packet)
		if done != nil && !samePacket(packet, e.toServer[2]) {
			t.Errorf("believed %x", packet)
		}
	})
}

// samePacket compares but for what nothing protects: the msg_id, and bytes after the message (B1, A4).
func samePacket(got, want []byte) bool {
	return len(got) >= len(want) && bytes.Equal(got[16:len(want)], want[16:])
}

// BenchmarkClient is what an exchange costs its client: the budget is 3 % of the best peer's 514 ms.
func BenchmarkClient(b *testing.B) {
	k := serverKey(b)
	b.ReportAllocs()
	b.StopTimer()
	for range b.N {
		client := NewClient(Config{Keys: []crypto.PublicKey{k.Public()}, DC: 2, Rand: rand.Reader})
		server := NewServer(ServerConfig{Keys: []*crypto.PrivateKey{k}, Rand: rand.Reader})
		b.StartTimer()
		packet, err := client.Start(noon)
		b.StopTimer()
		for err == nil && packet != nil {
			if packet, _, err = server.Receive(noon, packet); err != nil {
				break
			}
			b.StartTimer()
			packet, _, err = client.Receive(noon, packet)
			b.StopTimer()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkExchange is both sides.
func BenchmarkExchange(b *testing.B) {
	for range b.N {
		if _, _, err := newPair(b, Config{}, ServerConfig{}).run(); err != nil {
			b.Fatal(err)
		}
	}
}
