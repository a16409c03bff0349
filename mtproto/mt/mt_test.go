package mt_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/natsgram/natsgram/mtproto/mt"
	"github.com/natsgram/natsgram/schemas"
	"github.com/natsgram/natsgram/tl"
	"github.com/natsgram/natsgram/tl/bin"
	"github.com/natsgram/natsgram/tl/gen"
)

func schema(t testing.TB) *tl.Schema {
	t.Helper()
	s, err := tl.Parse("mtproto.tl", schemas.MTProto())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func combinators(t testing.TB) []*tl.Combinator {
	s := schema(t)
	return append(append([]*tl.Combinator{}, s.Constructors...), s.Functions...)
}

func TestGeneratedFileIsUpToDate(t *testing.T) {
	want, err := gen.ServiceMessages()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("service.gen.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("service.gen.go is not what schemas/mtproto.tl gives now: run go generate ./mtproto/mt")
	}
}

// H11: every message survives, with values of all sizes.
func TestRoundTripOfEveryMessage(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, c := range combinators(t) {
		for range 50 {
			x := mt.New(c.ID)
			if x == nil {
				t.Fatalf("no type for %s", c)
			}
			fill(rnd, reflect.ValueOf(x).Elem())
			roundTrip(t, c, x)
		}
		if mt.Name(c.ID) != c.Name {
			t.Errorf("Name(%08x) = %q, want %q", c.ID, mt.Name(c.ID), c.Name)
		}
	}
}

func roundTrip(t *testing.T, c *tl.Combinator, x mt.Object) {
	t.Helper()
	var w bin.Writer
	x.Encode(&w)
	if w.Err() != nil {
		t.Fatalf("%s: %v", c.Name, w.Err())
	}
	r := bin.NewReader(w.Buf)
	if id := r.Peek(); id != c.ID {
		t.Fatalf("%s begins with %08x", c, id)
	}
	y := mt.New(c.ID)
	y.Decode(r)
	if err := r.Close(); err != nil {
		t.Fatalf("%s: %v", c.Name, err)
	}
	if d := cmp.Diff(x, y, cmpopts.EquateEmpty()); d != "" {
		t.Fatalf("%s changed:\n%s", c.Name, d)
	}
	// H8: an input that ends early is an error at every byte.
	for n := range w.Buf {
		if n%4 == 0 {
			r := bin.NewReader(w.Buf[:n])
			if mt.New(c.ID).Decode(r); r.Err() == nil && !endsInRest(c) {
				t.Fatalf("%s: nothing wrong with its first %d of %d bytes", c.Name, n, len(w.Buf))
			}
		}
	}
}

// endsInRest reports whether what comes last takes all there is, so that its end cannot be missed.
func endsInRest(c *tl.Combinator) bool {
	return len(c.Params) > 0 && c.Params[len(c.Params)-1].Type.Name == "Object" && c.Name != "message"
}

// fill gives every field a random value; byte strings have lengths around those where the prefix changes.
func fill(rnd *rand.Rand, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(rnd, v.Field(i))
		}
	case reflect.Array:
		for i := range v.Len() {
			fill(rnd, v.Index(i))
		}
	case reflect.Slice:
		n := rnd.IntN(4)
		if v.Type().Elem().Kind() == reflect.Uint8 {
			n = 4 * []int{0, 1, 2, 63, 64, 65}[rnd.IntN(6)] // bodies are multiples of 4
		}
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(rnd, v.Index(i))
		}
	case reflect.Uint8:
		v.SetUint(uint64(rnd.IntN(256)))
	case reflect.Int32:
		v.SetInt(int64(int32(rnd.Uint32())))
	case reflect.Int64:
		v.SetInt(int64(rnd.Uint64()))
	case reflect.String:
		v.SetString("FLOOD_WAIT_35"[:rnd.IntN(14)])
	default:
		panic("no rule for " + v.Type().String())
	}
}

// Two messages of core.telegram.org/mtproto/samples-auth_key, byte for byte (B18).
func TestPublishedSample(t *testing.T) {
	nonce := [16]byte(unhex(t, "79F0AFB50252E5FC96924BFCECDA4F05"))
	serverNonce := [16]byte(unhex(t, "801775A3EFBFD2701AA28AD727BE4646"))
	for _, c := range []struct {
		wire string
		want mt.Object
	}{
		{
			`F18E7EBE 79F0AFB50252E5FC96924BFCECDA4F05`,
			&mt.ReqPqMulti{Nonce: nonce},
		},
		{
			`63241605 79F0AFB50252E5FC96924BFCECDA4F05 801775A3EFBFD2701AA28AD727BE4646 08130B7475669FEB8B000000
			15C4B51C 03000000 85FD64DE851D9DD0 A5B7F709355FC30B 216BE86C022BB4C3`,
			&mt.ResPQ{Nonce: nonce, ServerNonce: serverNonce, PQ: unhex(t, "130B7475669FEB8B"), ServerPublicKeyFingerprints: []int64{
				-3414540481677951611, 847625836280919973, -4344800451088585951,
			}},
		},
		{
			`34F7CB3B 79F0AFB50252E5FC96924BFCECDA4F05 801775A3EFBFD2701AA28AD727BE4646 51070B3DB672B7602E4EE2FE761B36A2`,
			&mt.DhGenOk{Nonce: nonce, ServerNonce: serverNonce, NewNonceHash1: [16]byte(unhex(t, "51070B3DB672B7602E4EE2FE761B36A2"))},
		},
	} {
		wire := unhex(t, c.wire)
		r := bin.NewReader(wire)
		got := mt.New(r.Peek())
		got.Decode(r)
		if d := cmp.Diff(c.want, got); d != "" || r.Close() != nil {
			t.Errorf("read %v:\n%s", r.Err(), d)
		}
		var w bin.Writer
		if got.Encode(&w); !bytes.Equal(w.Buf, wire) {
			t.Errorf("wrote %x, want %x", w.Buf, wire)
		}
	}
}

// C18, H8
func TestAVectorCannotMakeUsAllocateMoreThanTheInput(t *testing.T) {
	r := bin.NewReader(unhex(t, "59b4d662 15c4b51c ffffff7f 0000000000000000"))
	var x mt.MsgsAck
	x.Decode(r)
	var format *bin.FormatError
	if !errors.As(r.Err(), &format) || cap(x.MsgIDs) > 0 {
		t.Errorf("got %v and room for %d ids", r.Err(), cap(x.MsgIDs))
	}
}

func TestDecodingAgainReusesTheSlice(t *testing.T) {
	var w bin.Writer
	(&mt.MsgsAck{MsgIDs: []int64{1, 2, 3}}).Encode(&w)
	var x mt.MsgsAck
	if n := testing.AllocsPerRun(100, func() { x.Decode(bin.NewReader(w.Buf)) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzDecode: whatever is decoded encodes to something that decodes to the same.
func FuzzDecode(f *testing.F) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for _, c := range combinators(f) {
		x := mt.New(c.ID)
		fill(rnd, reflect.ValueOf(x).Elem())
		var w bin.Writer
		x.Encode(&w)
		f.Add(w.Buf)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		r := bin.NewReader(src)
		x := mt.New(r.Peek())
		if x == nil {
			return
		}
		if x.Decode(r); r.Err() != nil {
			return
		}
		var w bin.Writer
		x.Encode(&w)
		y := mt.New(bin.NewReader(w.Buf).Peek())
		r = bin.NewReader(w.Buf)
		y.Decode(r)
		if err := errors.Join(w.Err(), r.Close()); err != nil {
			t.Fatalf("%#v: %v", x, err)
		}
		if d := cmp.Diff(x, y, cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
	})
}
