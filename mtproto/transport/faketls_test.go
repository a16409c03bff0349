package transport

import (
	"bytes"
	"crypto/mlkem"
	"crypto/rand"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"math/big"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto/crypto/vectors"
)

var (
	tlsNow    = time.Date(2026, 7, 17, 12, 0, 0, 0, time.UTC)
	tlsSecret = Secret{Key: []byte("0123456789abcdef"), Padded: true, Domain: "www.example.org"}
)

func newTLSClient(t testing.TB, now time.Time) *TLSClient {
	t.Helper()
	c, err := NewTLSClient(now, tlsSecret, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A22: the offsets that proxies rely on.
func TestClientHelloShape(t *testing.T) {
	sizes := map[int]bool{}
	for range 20 {
		b := newTLSClient(t, tlsNow).Hello()
		if !bytes.HasPrefix(b, []byte{0x16, 3, 1}) || len(b) != tlsHead+int(binary.BigEndian.Uint16(b[3:])) {
			t.Errorf("not one record: % x ... %d bytes", b[:5], len(b))
		}
		if b[5] != 1 || b[6] != 0 || len(b) != 9+int(binary.BigEndian.Uint16(b[7:])) || b[43] != 0x20 {
			t.Errorf("not one ClientHello with a session id of 32 bytes: % x", b[:44])
		}
		if len(b) < 517 {
			t.Errorf("%d bytes: proxies take nothing under 517", len(b))
		}
		sizes[len(b)] = true
	}
	if len(sizes) < 2 {
		t.Error("all hellos are of one length")
	}
}

// A22: a TLS server that is not ours understands it, and finds in it what browsers send.
func TestClientHelloIsTLS(t *testing.T) {
	info := helloInfo(t, newTLSClient(t, tlsNow).Hello())
	grease := func(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }
	for name, list := range map[string][]uint16{
		"suites": info.CipherSuites, "versions": info.SupportedVersions, "groups": curves(info), "extensions": info.Extensions,
	} {
		if !slices.ContainsFunc(list, grease) {
			t.Errorf("%s: no GREASE in %x", name, list)
		}
	}
	switch {
	case info.ServerName != "www.example.org":
		t.Errorf("server name %q", info.ServerName)
	case !slices.Contains(info.CipherSuites, tls.TLS_AES_128_GCM_SHA256), !slices.Contains(info.SupportedVersions, tls.VersionTLS13):
		t.Errorf("no TLS 1.3: %x, %x", info.CipherSuites, info.SupportedVersions)
	case !slices.Equal(info.SupportedProtos, []string{"h2", "http/1.1"}):
		t.Errorf("protocols %q", info.SupportedProtos)
	}
	again := helloInfo(t, newTLSClient(t, tlsNow).Hello())
	if len(again.Extensions) != len(info.Extensions) || slices.Equal(again.Extensions, info.Extensions) {
		t.Errorf("extensions %x, then %x: want another order", info.Extensions, again.Extensions)
	}
}

func curves(info *tls.ClientHelloInfo) (ids []uint16) {
	for _, c := range info.SupportedCurves {
		ids = append(ids, uint16(c))
	}
	return ids
}

// helloInfo has crypto/tls read a hello.
func helloInfo(t *testing.T, b []byte) (info *tls.ClientHelloInfo) {
	t.Helper()
	errSeen := errors.New("seen")
	client, server := net.Pipe()
	defer client.Close()
	go func() {
		_, _ = client.Write(b)
		_, _ = client.Read(make([]byte, 100)) // the alert
		client.Close()
	}()
	err := tls.Server(server, &tls.Config{GetConfigForClient: func(i *tls.ClientHelloInfo) (*tls.Config, error) {
		info = i
		return nil, errSeen
	}}).Handshake()
	if !errors.Is(err, errSeen) {
		t.Fatalf("crypto/tls: %v", err)
	}
	return info
}

// A22: key shares are valid points and keys.
func TestClientHelloKeys(t *testing.T) {
	b := newTLSClient(t, tlsNow).Hello()
	at := bytes.Index(b, []byte{0x11, 0xec, 0x04, 0xc0})
	if at < 0 {
		t.Fatal("no key share of X25519 and ML-KEM")
	}
	share := b[at+4:]
	if _, err := mlkem.NewEncapsulationKey768(share[:1184]); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(share[1216:1220], []byte{0, 0x1d, 0, 32}) {
		t.Fatalf("after it % x", share[1216:1220])
	}
	for _, point := range [][]byte{share[1184:1216], share[1220:1252]} {
		if !onCurve25519(point) {
			t.Errorf("%x is not on the curve", point)
		}
	}
}

// onCurve25519 reports whether there is a y for x: y² = x³ + 486662x² + x.
func onCurve25519(point []byte) bool {
	le := slices.Clone(point)
	slices.Reverse(le)
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	x := new(big.Int).SetBytes(le)
	y2 := new(big.Int).Add(x, big.NewInt(486662))
	y2.Mul(y2, x).Add(y2, big.NewInt(1)).Mul(y2, x).Mod(y2, p)
	return big.Jacobi(y2, p) == 1
}

// A23: the random proves the secret over the whole record, and tells the time.
func TestClientHelloProof(t *testing.T) {
	b := newTLSClient(t, tlsNow).Hello()
	mac := helloMAC(tlsSecret.Key, b)
	random := b[11:43]
	if !bytes.Equal(mac[:28], random[:28]) {
		t.Error("the proof is wrong")
	}
	if got := binary.LittleEndian.Uint32(mac[28:]) ^ binary.LittleEndian.Uint32(random[28:]); int64(got) != tlsNow.Unix() {
		t.Errorf("time %d, want %d", got, tlsNow.Unix())
	}
	if _, err := NewTLSClient(tlsNow, Secret{Key: tlsSecret.Key}, rand.Reader); err == nil {
		t.Error("TLS to nowhere")
	}
	if _, err := NewTLSClient(tlsNow, tlsSecret, bytes.NewReader(make([]byte, 50))); err == nil {
		t.Error("50 random bytes were enough")
	}
}

// A24: what the proxy's end refuses.
func TestHelloRefused(t *testing.T) {
	for name, c := range map[string]struct {
		late time.Duration // what the proxy's clock is ahead of the client's
		key  string
		ok   bool
	}{
		"now":         {0, "0123456789abcdef", true},
		"20 min late": {20 * time.Minute, "0123456789abcdef", true},
		"later":       {20*time.Minute + time.Second, "0123456789abcdef", false},
		"10 min soon": {-10 * time.Minute, "0123456789abcdef", true},
		"sooner":      {-10*time.Minute - time.Second, "0123456789abcdef", false},
		"other key":   {0, "0123456789abcdeF", false},
	} {
		s := NewTLSServer(TLSServerOptions{Key: []byte(c.key), Rand: rand.Reader})
		s.Feed(newTLSClient(t, tlsNow).Hello())
		answer, err := s.Accept(tlsNow.Add(c.late))
		if (err == nil) != c.ok || (answer != nil) != c.ok || err != nil && !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %d bytes, %v", name, len(answer), err)
		}
	}
}

// A24: a hello is taken once.
func TestHelloReplay(t *testing.T) {
	var replays Replays
	hello := newTLSClient(t, tlsNow).Hello()
	try := func(now time.Time, hello []byte) error {
		s := NewTLSServer(TLSServerOptions{Key: tlsSecret.Key, Rand: rand.Reader, Replays: &replays})
		s.Feed(hello)
		_, err := s.Accept(now)
		return err
	}
	if err := try(tlsNow, hello); err != nil {
		t.Error(err)
	}
	if try(tlsNow.Add(19*time.Minute), hello) == nil {
		t.Error("the same hello was taken twice")
	}
	if err := try(tlsNow, newTLSClient(t, tlsNow).Hello()); err != nil {
		t.Errorf("another one: %v", err)
	}
	later := tlsNow.Add(time.Hour)
	if err := try(later, newTLSClient(t, later).Hello()); err != nil || replays.String() != "1 hellos" {
		t.Errorf("%v; remembered after an hour: %v", err, &replays)
	}
}

// A25: the answer of a real proxy, at once and byte by byte, with data right after it.
func TestServerHelloVector(t *testing.T) {
	v := vectors.Get(t, "faketls_server_hello_alexbers")
	key, records := v.InBytes(t, "secret"), v.InBytes(t, "records")
	random := [32]byte(v.InBytes(t, "client_random"))
	if !bytes.Equal(records[helloRandomAt:helloRandomAt+32], v.OutBytes(t, "server_random")) {
		t.Error("the server's random stands elsewhere")
	}
	if err := VerifyServerHello(key, &random, records); err != nil {
		t.Error(err)
	}
	for i := 0; i < len(records); i += 13 {
		bad := bytes.Clone(records)
		bad[i] ^= 1
		if err := VerifyServerHello(key, &random, bad); !errors.Is(err, ErrProtocol) {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
	c := &TLSClient{key: key, random: random}
	data := []byte{0x17, 3, 3, 0, 2, 'h', 'i'}
	var got []byte
	for i, b := range append(records, data...) {
		c.Feed([]byte{b})
		d, err := c.Next()
		if err != nil || c.Ready() != (i >= len(records)-1) {
			t.Fatalf("byte %d: ready %v, %v", i, c.Ready(), err)
		}
		got = append(got, d...)
	}
	if string(got) != "hi" {
		t.Errorf("data %q", got)
	}
	random[0] ^= 1
	if err := VerifyServerHello(key, &random, records); !errors.Is(err, ErrProtocol) {
		t.Errorf("another client's random: %v", err)
	}
}

// A25: the order of the records.
func TestServerHelloShape(t *testing.T) {
	hello := append([]byte{0x16, 3, 3, 0, 60}, make([]byte, 60)...)
	data := append([]byte{0x17, 3, 3, 0, 10}, make([]byte, 10)...)
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	const (
		whole = iota // and perhaps more behind it
		part
		wrong
	)
	for name, c := range map[string]struct {
		b    []byte
		want int
	}{
		"three records":   {join(hello, tlsChange, data), whole},
		"two hellos":      {join(hello, hello, tlsChange, data), whole},
		"more":            {join(hello, tlsChange, data, data), whole},
		"no data":         {join(hello, tlsChange), part},
		"cut":             {join(hello, tlsChange, data[:14]), part},
		"hello cut":       {hello[:50], part},
		"change cut":      {join(hello, tlsChange[:2]), part},
		"nothing":         {nil, part},
		"short hello":     {join([]byte{0x16, 3, 3, 0, 1, 1}, tlsChange, data), wrong},
		"no change":       {join(hello, data), wrong},
		"odd change":      {join(hello, []byte{0x14, 3, 3, 0, 1, 2}, data), wrong},
		"two changes":     {join(hello, tlsChange, tlsChange, data), wrong},
		"an alert":        {[]byte{0x15, 3, 3, 0, 2, 2, 40}, wrong},
		"wrong order":     {join(tlsChange, hello, data), wrong},
		"old TLS version": {join(append([]byte{0x16, 3, 1}, hello[3:]...), tlsChange, data), wrong},
		"a web page":      {[]byte("HTTP/1.1 400 Bad Request\r\n"), wrong},
	} {
		n, err := answerLen(c.b)
		got := whole
		switch {
		case err != nil:
			got = wrong
		case n == 0:
			got = part
		}
		if got != c.want {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
}

// A25: who does not know the secret is not believed; an answer without end is not waited for.
func TestServerHelloRefused(t *testing.T) {
	c := newTLSClient(t, tlsNow)
	if _, err := c.Append(nil, []byte("x")); err == nil {
		t.Error("data went out before the answer")
	}
	s := NewTLSServer(TLSServerOptions{Key: tlsSecret.Key, Rand: rand.Reader})
	s.Feed(c.Hello())
	answer, err := s.Accept(tlsNow)
	if err != nil {
		t.Fatal(err)
	}
	answer[len(answer)-1] ^= 1
	c.Feed(answer)
	if _, err := c.Next(); !errors.Is(err, ErrProtocol) || c.Ready() {
		t.Errorf("a wrong proof: %v", err)
	}
	c = newTLSClient(t, tlsNow)
	record := append([]byte{0x16, 3, 3, 0x40, 0}, make([]byte, 1<<14)...)
	for range 5 {
		c.Feed(record)
		_, err = c.Next()
	}
	if !errors.Is(err, ErrProtocol) {
		t.Errorf("an answer without end: %v", err)
	}
}

// connected is both ends of a connection, the client's hello accepted.
func connected(t testing.TB) (*TLSClient, *TLSServer) {
	t.Helper()
	c, s := newTLSClient(t, tlsNow), NewTLSServer(TLSServerOptions{Key: tlsSecret.Key, Rand: rand.Reader})
	s.Feed(c.Hello())
	answer, err := s.Accept(tlsNow)
	if err != nil {
		t.Fatal(err)
	}
	c.Feed(answer)
	if d, err := c.Next(); d != nil || err != nil || !c.Ready() {
		t.Fatalf("%q, %v", d, err)
	}
	return c, s
}

// A26: one ChangeCipherSpec, then records of at most 2878 bytes.
func TestRecordsOut(t *testing.T) {
	c, _ := connected(t)
	var wire []byte
	for range 2 {
		var err error
		if wire, err = c.Append(wire, make([]byte, 7000)); err != nil {
			t.Fatal(err)
		}
	}
	wire, ok := bytes.CutPrefix(wire, []byte{0x14, 3, 3, 0, 1, 1})
	var sizes []int
	for ok && len(wire) > 0 {
		var r []byte
		if r, wire = tlsRecord(wire, []byte{0x17, 3, 3}); r == nil {
			t.Fatalf("% x", wire[:5])
		}
		sizes = append(sizes, len(r)-5)
	}
	if want := []int{2878, 2878, 1244, 2878, 2878, 1244}; !slices.Equal(sizes, want) {
		t.Errorf("records %v, want %v", sizes, want)
	}
	if b, _ := c.Append(nil, nil); len(b) != 0 {
		t.Errorf("nothing is %x", b)
	}
}

// A26: frames that span records and records that hold several frames, byte by byte, both ways, under the framing that is
// used inside (A21).
func TestFramesInRecords(t *testing.T) {
	c, s := connected(t)
	client := newClient(t, ClientOptions{Kind: Abridged, Secret: tlsSecret.Inner(), DC: 2, Rand: rand.Reader})
	server := NewServer(ServerOptions{Rand: rand.Reader, Secret: tlsSecret.Key})
	sizes := []int{24, 40, 9000, 24, 2872}
	pass := func(from, to *Conn, out interface {
		Append([]byte, []byte) ([]byte, error)
	}, in interface {
		Feed([]byte)
		Next() ([]byte, error)
	}) {
		t.Helper()
		var stream, wire []byte
		for _, n := range sizes {
			stream = mustAppend(t, from, make([]byte, n), false)
			var err error
			if wire, err = out.Append(wire, stream); err != nil {
				t.Fatal(err)
			}
		}
		var got []int
		for _, b := range wire {
			in.Feed([]byte{b})
			data, err := in.Next()
			if err != nil {
				t.Fatal(err)
			}
			to.Feed(data)
			f, ok, err := to.Next()
			if err != nil {
				t.Fatal(err)
			}
			if ok {
				got = append(got, len(f.Payload)&^15)
			}
		}
		for i, n := range sizes {
			if i >= len(got) || got[i] < n&^15 || got[i] > (n+15)&^15 {
				t.Fatalf("frames %v, want %v", got, sizes)
			}
		}
	}
	pass(client, server, c, s)
	pass(server, client, s, c)
	if kind, _ := server.Kind(); kind != Padded || server.DC() != 2 {
		t.Errorf("%v, data centre %d", kind, server.DC())
	}
}

// A26: what is no data is left out or ends the connection.
func TestRecordsIn(t *testing.T) {
	for name, x := range map[string]struct{ wire, want string }{
		"data":         {"\x17\x03\x03\x00\x02hi\x17\x03\x03\x00\x01!", "hi!"},
		"empty":        {"\x17\x03\x03\x00\x00\x17\x03\x03\x00\x01!", "!"},
		"change":       {"\x14\x03\x03\x00\x01\x01\x17\x03\x03\x00\x01!\x14\x03\x03\x00\x01\x01", "!"},
		"cut":          {"\x17\x03\x03\x00\x09hi", "hi"},
		"alert":        {"\x17\x03\x03\x00\x01!\x15\x03\x03\x00\x02\x02\x28", "!closed"},
		"handshake":    {"\x16\x03\x03\x00\x01!", "closed"},
		"old version":  {"\x17\x03\x01\x00\x01!", "closed"},
		"large record": {"\x17\x03\x03\x44\x01!", "closed"},
	} {
		r := &records{}
		r.in.add([]byte(x.wire))
		if got := drained(r); got != x.want {
			t.Errorf("%s: %q, want %q", name, got, x.want)
		}
	}
}

func drained(r *records) string {
	var got []byte
	for {
		b, err := r.next()
		got = append(got, b...)
		if err != nil {
			return string(got) + "closed"
		}
		if b == nil {
			return string(got)
		}
	}
}

// What a proxy looks at first.
func TestLooksLikeTLS(t *testing.T) {
	for _, c := range []struct {
		b          string
		yes, known bool
	}{
		{"\x16\x03\x01\x06", true, true}, {"\x16\x03", false, false}, {"", false, false}, {"\x16\x04", false, true},
		{"GET / HTTP", false, true},
	} {
		if yes, known := LooksLikeTLS([]byte(c.b)); yes != c.yes || known != c.known {
			t.Errorf("%q: %v %v", c.b, yes, known)
		}
	}
}
