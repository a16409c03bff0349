package vectors

import (
	"os"
	"strings"
	"testing"
)

// usedBy says which test file, from the top of the repository, holds the code against a vector.
var usedBy = map[string]string{
	"kdf_v2_client_0..255":             "mtproto/crypto/kdf_test.go",
	"kdf_v2_server_0..255":             "mtproto/crypto/kdf_test.go",
	"kdf_v1_client_mtcute":             "mtproto/crypto/kdf_test.go",
	"kdf_v1_server_mtcute":             "mtproto/crypto/kdf_test.go",
	"kdf_v1_client_0..255":             "mtproto/crypto/kdf_test.go",
	"msg_key_v1":                       "mtproto/crypto/kdf_test.go",
	"tmp_aes_from_nonces_0..":          "mtproto/crypto/kdf_test.go",
	"tmp_aes_mtcute":                   "mtproto/crypto/kdf_test.go",
	"tmp_aes_old_docs_sample":          "mtproto/crypto/kdf_test.go",
	"auth_key_id_aux":                  "mtproto/crypto/kdf_test.go",
	"new_nonce_hash1":                  "mtproto/crypto/kdf_test.go",
	"new_nonce_hash2":                  "mtproto/crypto/kdf_test.go",
	"new_nonce_hash3":                  "mtproto/crypto/kdf_test.go",
	"encrypt_client_v2":                "mtproto/crypto/message_test.go",
	"decrypt_server_v2_real_message":   "mtproto/crypto/message_test.go",
	"must_reject_msg_key":              "mtproto/crypto/message_test.go",
	"must_reject_session_id":           "mtproto/crypto/message_test.go",
	"must_reject_messageUnaligned":     "mtproto/crypto/message_test.go",
	"aes256_ige_enc_grammers":          "mtproto/crypto/ige_test.go",
	"aes256_ige_dec_grammers":          "mtproto/crypto/ige_test.go",
	"aes128_ige_openssl_1":             "mtproto/crypto/ige_test.go",
	"pq_1470626929934143021":           "mtproto/crypto/factor_test.go",
	"pq_2363612107535801713":           "mtproto/crypto/factor_test.go",
	"pq_2804275833720261793":           "mtproto/crypto/factor_test.go",
	"pq_1372318559046200203":           "mtproto/crypto/factor_test.go",
	"srp_gotd":                         "mtproto/crypto/srp_test.go",
	"password_hash_ph2_mtcute":         "mtproto/crypto/srp_test.go",
	"srp_new_password_hash_gotd":       "mtproto/crypto/srp_test.go",
	"rsa_pad_zero_random":              "mtproto/crypto/rsa_test.go",
	"obfuscated2_mtproxy_dd_gotd":      "mtproto/transport/obfuscated_test.go",
	"obfuscated2_mtproxy_dc1":          "mtproto/transport/obfuscated_test.go",
	"obfuscated2_mtproxy_dc1_test":     "mtproto/transport/obfuscated_test.go",
	"obfuscated2_must_retry_prefixes":  "mtproto/transport/obfuscated_test.go",
	"faketls_server_hello_alexbers":    "mtproto/transport/faketls_test.go",
	"transport_full_empty":             "mtproto/transport/framing_test.go",
	"transport_full_128_seq0":          "mtproto/transport/framing_test.go",
	"transport_abridged_1024":          "mtproto/transport/framing_test.go",
	"transport_abridged_128":           "mtproto/transport/framing_test.go",
	"transport_error_404_intermediate": "mtproto/transport/framing_test.go",
}

const root = "../../../"

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}

// Every published figure is used: an id that no test names fails here, and so does a test file that lost its vector.
func TestEveryVectorIsUsed(t *testing.T) {
	known := map[string]bool{}
	for _, v := range Load(t) {
		known[v.ID] = true
		file, ok := usedBy[v.ID]
		switch {
		case strings.HasPrefix(v.ID, constructors): // all of them by TestConstructorIDs
		case !ok:
			t.Errorf("%s: used by no test", v.ID)
		case !strings.Contains(read(t, root+file), `"`+v.ID+`"`):
			t.Errorf("%s: not named in %s", v.ID, file)
		}
	}
	for id := range usedBy {
		if !known[id] {
			t.Errorf("%s: not in the file", id)
		}
	}
}

func TestBytes(t *testing.T) {
	for in, want := range map[string]string{
		"0a0B 0c":                       "\n\v\f",
		"00..03 (byte i = i)":           "\x00\x01\x02\x03",
		"6162 repeated 2 times":         "abab",
		"6162 repeated 2":               "abab",
		"ff x3":                         "\xff\xff\xff",
		"2 zero bytes":                  "\x00\x00",
		"3 x 'a'":                       "aaa",
		"61 (server 1 byte + 0 random)": "a",
	} {
		if got, err := Bytes(in); err != nil || string(got) != want {
			t.Errorf("%q: %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"xyz", "05..01", "..", "61 xq", "1 zero", "61 x99999999"} {
		if b, err := Bytes(in); err == nil {
			t.Errorf("%q: %q, want an error", in, b)
		}
	}
}
