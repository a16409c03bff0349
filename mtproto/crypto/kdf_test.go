package crypto

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/natsgram/natsgram/mtproto/crypto/vectors"
)

func mustKey(t testing.TB, b []byte) *Key {
	t.Helper()
	k, err := NewKey(b)
	if err != nil {
		t.Fatal(err)
	}
	return &k
}

// C2, B21: the AES key of a message.
func TestKDFVectors(t *testing.T) {
	for _, c := range []struct {
		id  string
		kdf func(*Key, Side, *[16]byte) aesKey
	}{
		{"kdf_v2_client_0..255", kdf2},
		{"kdf_v2_server_0..255", kdf2},
		{"kdf_v1_client_0..255", kdf1},
		{"kdf_v1_client_mtcute", kdf1},
		{"kdf_v1_server_mtcute", kdf1},
	} {
		t.Run(c.id, func(t *testing.T) {
			v := vectors.Get(t, c.id)
			side := Client
			if v.In(t, "x") == "8" {
				side = Server
			}
			got := c.kdf(mustKey(t, v.InBytes(t, "auth_key")), side, (*[16]byte)(v.InBytes(t, "msg_key")))
			if !bytes.Equal(got.key[:], v.OutBytes(t, "aes_key")) || !bytes.Equal(got.iv[:], v.OutBytes(t, "aes_iv")) {
				t.Errorf("key %x\n iv %x", got.key, got.iv)
			}
		})
	}
}

// B21
func TestMsgKeyV1(t *testing.T) {
	v := vectors.Get(t, "msg_key_v1")
	if got := msgKeyV1([]byte("bind-message-test-payload")); !bytes.Equal(got[:], v.OutBytes(t, "msg_key")) {
		t.Errorf("msg_key %x", got)
	}
}

// B9: the formula also holds for the shorter nonces of one of the figures.
func TestTempKeyVectors(t *testing.T) {
	for _, id := range []string{"tmp_aes_from_nonces_0..", "tmp_aes_mtcute", "tmp_aes_old_docs_sample"} {
		t.Run(id, func(t *testing.T) {
			v := vectors.Get(t, id)
			got := tempKey(v.InBytes(t, "new_nonce"), v.InBytes(t, "server_nonce"))
			if !bytes.Equal(got.key[:], v.OutBytes(t, "key")) || !bytes.Equal(got.iv[:], v.OutBytes(t, "iv")) {
				t.Errorf("key %x\n iv %x", got.key, got.iv)
			}
		})
	}
}

// B8: a nonce that begins with zeros keeps them. A nonce taken as a number loses them, and another key comes out.
func TestTempKeyKeepsLeadingZeros(t *testing.T) {
	var newNonce [32]byte
	var serverNonce [16]byte
	newNonce[31], serverNonce[15] = 1, 2
	key, iv := TempKey(&newNonce, &serverNonce)
	full := tempKey(append(make([]byte, 31), 1), append(make([]byte, 15), 2))
	stripped := tempKey([]byte{1, 0, 0, 0}, []byte{2})
	if key != full.key || iv != full.iv || key == stripped.key {
		t.Errorf("key %x", key)
	}
	if [4]byte(iv[28:]) != ([4]byte{}) {
		t.Errorf("iv ends with %x, want the first four bytes of new_nonce", iv[28:])
	}
}

// B14: wire order of the vectors is little-endian.
func TestKeyIDVector(t *testing.T) {
	v := vectors.Get(t, "auth_key_id_aux")
	k := mustKey(t, v.InBytes(t, "auth_key"))
	if got := binary.LittleEndian.AppendUint64(nil, k.ID()); !bytes.Equal(got, v.OutBytes(t, "auth_key_id")) {
		t.Errorf("id %x", got)
	}
	if got := binary.LittleEndian.AppendUint64(nil, k.Aux()); !bytes.Equal(got, v.OutBytes(t, "aux_hash")) {
		t.Errorf("aux %x", got)
	}
}

// B15
func TestNonceHashVectors(t *testing.T) {
	for n, id := range []string{"", "new_nonce_hash1", "new_nonce_hash2", "new_nonce_hash3"} {
		if id == "" {
			continue
		}
		v := vectors.Get(t, id)
		got := NonceHash((*[32]byte)(v.InBytes(t, "new_nonce")), byte(n), *mustKey(t, v.InBytes(t, "auth_key")))
		if !bytes.Equal(got[:], v.OutBytes(t, "hash")) {
			t.Errorf("%s: %x", id, got)
		}
	}
}

// B14, V: what follows from the key of the documentation's sample.
func TestSampleKey(t *testing.T) {
	k := mustKey(t, sampleKey(t))
	if id := hex.EncodeToString(binary.LittleEndian.AppendUint64(nil, k.ID())); id != "0438720625f291f6" {
		t.Errorf("id %s", id)
	}
	if aux := hex.EncodeToString(binary.LittleEndian.AppendUint64(nil, k.Aux())); aux != "2f3107216012e3f6" {
		t.Errorf("aux %s", aux)
	}
	nonce := [32]byte(unhex(t, "264F835B0B7BDFF9C6ED6CF819FD6DF5DCD17E90D67ADD2C2C1E3775C7A6A0AC"))
	for n, want := range map[byte]string{
		1: "51070b3db672b7602e4ee2fe761b36a2",
		2: "794ad269e516e2908373e4933518b092",
		3: "13ad218aca902a727262362b77b54fa6",
	} {
		if got := NonceHash(&nonce, n, *k); hex.EncodeToString(got[:]) != want {
			t.Errorf("new_nonce_hash%d %x, want %s", n, got, want)
		}
	}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sampleKey is the auth_key that core.telegram.org/mtproto/samples-auth_key arrives at.
func sampleKey(t testing.TB) []byte {
	return unhex(t, "83CBD31C0303361FF1C29437A77CBA749C84F28A118646038C7EDD29EF718A1F"+
		"6A493047D476A6E678D97A4A5CC7990CEA552D68E109869E5BFC86570049CD8F"+
		"2EB4BA10B6C4123FB8A977774B4C5185B5C96AF7BD7A71DB78E6E6148CED2048"+
		"869A21B8ED7FBA7F6F2E7722BFA28447AB84A245CB0E6D01261191B753191E74"+
		"4DCFDA522D50167832EE4D5EE90AAA6F31821248F0F06BF5692EF604CFC4316C"+
		"EDE078F71E17BCEBBE388589E6707AF5BA26E8DD063BB116C4B4E7BEF3B462C3"+
		"350D0376D42F95D353E46BE4C378D2A60141A2339641F8B712EB3ECFB42B7F26"+
		"F69E9BB15373E0AC4BE266E1681859DDAAB8CD7D877BB847D2A8BD068A784943")
}
