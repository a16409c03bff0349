package transport

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/natsgram/natsgram/mtproto/crypto/vectors"
)

var kinds = []Kind{Abridged, Intermediate, Padded, Full}

func newClient(t testing.TB, o ClientOptions) *Conn {
	t.Helper()
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	c, err := NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustAppend(t testing.TB, c *Conn, payload []byte, ack bool) []byte {
	t.Helper()
	b, err := c.Append(nil, payload, ack)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// wire reads bytes written in hexadecimal with spaces.
func wire(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// describe writes what a Conn makes of its input, frame by frame.
func describe(c *Conn) string {
	var out []string
	for {
		f, ok, err := c.Next()
		switch {
		case err != nil:
			return strings.Join(append(out, "closed"), ", ")
		case !ok:
			return strings.Join(out, ", ")
		case f.Kind == QuickAck:
			out = append(out, fmt.Sprintf("ack %08x", f.Token))
		case f.Kind == Error:
			out = append(out, fmt.Sprintf("error %d", f.Code))
		case f.AckWanted:
			out = append(out, fmt.Sprintf("packet! %x", f.Payload))
		default:
			out = append(out, fmt.Sprintf("packet %x", f.Payload))
		}
	}
}

// A2, A5: other people's bytes.
func TestFramingVectors(t *testing.T) {
	for id, n := range map[string]int{"transport_abridged_128": 128, "transport_abridged_1024": 1024} {
		v := vectors.Get(t, id)
		got := mustAppend(t, newClient(t, ClientOptions{Kind: Abridged}), make([]byte, n), false)
		if prefix := v.OutBytes(t, "prefix"); !bytes.HasPrefix(got, prefix) || len(got) != len(prefix)+n {
			t.Errorf("%s: %x", id, got[:8])
		}
	}
	v := vectors.Get(t, "transport_full_128_seq0")
	got := mustAppend(t, newClient(t, ClientOptions{Kind: Full}), v.InBytes(t, "body"), false)
	if !bytes.Equal(got, v.OutBytes(t, "packet")) {
		t.Errorf("full: %x", got)
	}
	v = vectors.Get(t, "transport_full_empty") // a packet that exists in figures only
	if got := frameFull(append(make([]byte, 8), v.InBytes(t, "body")...), 0, 0); !bytes.Equal(got, v.OutBytes(t, "packet")) {
		t.Errorf("full, empty: %x", got)
	}
	v = vectors.Get(t, "transport_error_404_intermediate") // A9
	c := newClient(t, ClientOptions{Kind: Intermediate})
	c.Feed(v.InBytes(t, "stream"))
	if got := describe(c); got != "error "+v.Out(t, "error") {
		t.Errorf("error: %s", got)
	}
}

// A1, A2, A3, A6: the announcement comes once, the length in its form, and the wish for a quick ack in its bit.
func TestClientBytes(t *testing.T) {
	eight := "0102030405060708"
	for _, c := range []struct {
		kind       Kind
		ack        bool
		first, nth string
	}{
		{Abridged, false, "ef 02" + eight, "02" + eight},
		{Abridged, true, "ef 82" + eight, "82" + eight},
		{Intermediate, false, "eeeeeeee 08000000" + eight, "08000000" + eight},
		{Intermediate, true, "eeeeeeee 08000080" + eight, "08000080" + eight},
	} {
		conn := newClient(t, ClientOptions{Kind: c.kind})
		for i, want := range []string{c.first, c.nth, c.nth} {
			if got := mustAppend(t, conn, wire(t, eight), c.ack); !bytes.Equal(got, wire(t, want)) {
				t.Errorf("%v %v, packet %d: %x, want %s", c.kind, c.ack, i, got, want)
			}
		}
	}
}

// A2: where the long form begins.
func TestAbridgedLengths(t *testing.T) {
	for n, want := range map[int]string{
		4: "01", 128: "20", 504: "7e", 508: "7f7f0000", 1024: "7f000100", 1 << 20: "7f000004",
	} {
		got := frameAbridged(make([]byte, 4+n), 0, false)
		got = got[:len(got)-n]
		if !bytes.Equal(got, wire(t, want)) {
			t.Errorf("%d bytes: %x, want %s", n, got, want)
		}
		if ack := frameAbridged(make([]byte, 4+n), 0, true)[:len(got)]; ack[0] != got[0]|0x80 || !bytes.Equal(ack[1:], got[1:]) { // A6
			t.Errorf("%d bytes with ack: %x", n, ack)
		}
	}
}

// A5: every direction counts from 0.
func TestFullCounts(t *testing.T) {
	c := newClient(t, ClientOptions{Kind: Full})
	for seq := range uint32(3) {
		b := mustAppend(t, c, make([]byte, 24), true)
		sum := crc32.ChecksumIEEE(b[:len(b)-4])
		if len(b) != 36 || binary.LittleEndian.Uint32(b) != 36 || binary.LittleEndian.Uint32(b[4:]) != seq ||
			binary.LittleEndian.Uint32(b[32:]) != sum {
			t.Errorf("packet %d: %x", seq, b)
		}
		if other := frameFull(make([]byte, 8+24), 0, seq); !bytes.Equal(other, b) {
			t.Errorf("%x", other)
		}
	}
}

// A4: 0 to 15 bytes of padding, random in number too.
func TestPaddedLengths(t *testing.T) {
	c := newClient(t, ClientOptions{Kind: Padded})
	seen := map[int]bool{}
	for i := range 400 {
		b := mustAppend(t, c, make([]byte, 40), i%2 == 0)
		if i == 0 {
			b = b[4:]
		}
		n := binary.LittleEndian.Uint32(b)
		if ack := n>>31 == 1; ack != (i%2 == 0) || int(n&^highBit) != len(b)-4 {
			t.Fatalf("length %08x of %d bytes", n, len(b))
		}
		seen[len(b)-44] = true
	}
	if len(seen) != 16 || !seen[0] || !seen[15] {
		t.Errorf("paddings %v", seen)
	}
}

const p = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00" // 24 bytes, the shortest message

// fromServer is what a server may send and what it may not, and what a client makes of it.
var fromServer = []struct {
	kind Kind
	in   string
	want string
}{
	{Abridged, "", ""},
	{Abridged, "06" + p + "06" + p, "packet " + p + ", packet " + p},
	{Abridged, "7f060000" + p, "packet " + p}, // the long form for a short packet is only wasteful
	{Abridged, "06" + p[:46], ""},
	{Abridged, "cd571d82 06" + p + "801d57cd", "ack cd571d82, packet " + p + ", ack 801d57cd"}, // A7: reversed
	{Abridged, "06" + p + "ffffff", "packet " + p},
	{Abridged, "ffffffff 06" + p, "ack ffffffff, packet " + p},
	{Abridged, "01 6cfeffff 01 53feffff", "error -404, error -429"},
	{Abridged, "01 44feffff 06" + p, "error -444, packet " + p},
	{Abridged, "00", "closed"},
	{Abridged, "7f000000", "closed"},
	{Abridged, "7f010040", "closed"}, // 16 MiB + 4
	{Abridged, "7f000040", ""},       // 16 MiB: not here yet, nothing allocated
	{Abridged, "01 01000000", "closed"},
	{Intermediate, "18000000" + p + "18000000" + p, "packet " + p + ", packet " + p},
	{Intermediate, "cd571d82 18000000" + p + "021d57cd", "ack 821d57cd, packet " + p + ", ack cd571d02"},
	{Intermediate, "04000000 6cfeffff", "error -404"},
	{Intermediate, "04000000 01000000", "closed"},
	{Intermediate, "00000000", "closed"},
	{Intermediate, "19000000", "closed"},
	{Intermediate, "04000001", "closed"},
	{Intermediate, "00000001", ""},
	{Intermediate, "ffffff7f", "closed"},
	{Padded, "18000000" + p + "1b000000" + p + "aabbcc", "packet " + p + ", packet " + p + "aabbcc"},
	{Padded, "08000000 ffffffff cd571d82 18000000" + p, "ack 821d57cd, packet " + p},
	{Padded, "10000000 ffffffff cd571d82 0102030405060708", "ack 821d57cd"},
	{Padded, "04000000 6cfeffff 07000000 53feffff 010203", "error -404, error -429"},
	{Padded, "04000000 01000000", "closed"},
	{Padded, "17000000 6cfeffff" + strings.Repeat("00", 19), "closed"},
	{Padded, "03000000", "closed"},
	{Padded, "00000000", "closed"},
	{Padded, "00000080", "closed"},
	{Padded, "10000001", "closed"},
	{Full, "6cfeffff", "error -404"}, // A9: bare
	{Full, "10000000 00000000 6cfeffff" + crc("10000000 00000000 6cfeffff"), "error -404"},
	{Full, "24000000 00000000" + p + crc("24000000 00000000"+p) + "24000000 01000000" + p + crc("24000000 01000000"+p),
		"packet " + p + ", packet " + p},
	{Full, "24000000 01000000" + p + crc("24000000 01000000"+p), "closed"}, // A5: counter
	{Full, "24000000 00000000" + p + "00000000", "closed"},                 // A5: CRC
	{Full, "0c000000 00000000 26ca8d32", "closed"},                         // the empty packet
	{Full, "08000000", "closed"},
	{Full, "00000000", "closed"},
	{Full, "26000000", "closed"},
	{Full, "10000001", "closed"},
	{Full, "0c000001", ""},
}

// A3, A7, A9, A34: read whole, and byte by byte (A19).
func TestClientReads(t *testing.T) {
	for _, c := range fromServer {
		whole, slow := newClient(t, ClientOptions{Kind: c.kind}), newClient(t, ClientOptions{Kind: c.kind})
		whole.Feed(wire(t, c.in))
		if got := describe(whole); got != c.want {
			t.Errorf("%v %s:\n     %s\nwant %s", c.kind, c.in, got, c.want)
		}
		if got := drip(slow, wire(t, c.in)); got != c.want {
			t.Errorf("%v %s, byte by byte:\n     %s\nwant %s", c.kind, c.in, got, c.want)
		}
	}
}

// drip feeds b byte by byte and describes the frames as they come.
func drip(c *Conn, b []byte) string {
	var out []string
	for i := range b {
		c.Feed(b[i : i+1])
		if s := describe(c); s != "" {
			out = append(out, s)
			if strings.HasSuffix(s, "closed") {
				break
			}
		}
	}
	return strings.Join(out, ", ")
}

func crc(s string) string {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return hex.EncodeToString(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(b)))
}

// A6, A34: what a client may send, read by a server, which first finds out the framing.
func TestServerReads(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"ef", ""},
		{"ef06" + p, "packet " + p},
		{"ef86" + p + "06" + p, "packet! " + p + ", packet " + p},
		{"efff060000" + p, "packet! " + p},
		{"ef00", "closed"},
		{"eeeeee", ""},
		{"eeeeeeee 18000000" + p, "packet " + p},
		{"eeeeeeee 18000080" + p, "packet! " + p},
		{"eeeeeeee 19000000" + p, "closed"},
		{"dddddddd 19000000" + p + "aa", "packet " + p + "aa"},
		{"dddddddd 19000080" + p + "aa", "packet! " + p + "aa"},
		{"dddddddd 19000081" + p + "aa", "closed"},
		{"24000000 00000000" + p + crc("24000000 00000000"+p), "packet " + p},
		{"24000080 00000000" + p, "closed"},
		{hex.EncodeToString([]byte("GET / HTTP/1.1\r\nHost: example.com\r\nUser-Agent: curl/8.0\r\nAccept: */*\r\n\r\n")), "closed"},
		{"16030102" + strings.Repeat("42", 60), "closed"}, // TLS
		{strings.Repeat("42", 63), ""},
		{strings.Repeat("42", 64), "closed"}, // obfuscated garbage
	} {
		whole := NewServer(ServerOptions{Rand: rand.Reader})
		whole.Feed(wire(t, c.in))
		if got := describe(whole); got != c.want {
			t.Errorf("%s:\n     %s\nwant %s", c.in, got, c.want)
		}
		if got := drip(NewServer(ServerOptions{Rand: rand.Reader}), wire(t, c.in)); got != c.want {
			t.Errorf("%s, byte by byte:\n     %s\nwant %s", c.in, got, c.want)
		}
	}
}
