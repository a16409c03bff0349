package jobs

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/natsgram/natsgram/bridge/vault"
)

// What was asked for opens with the new secret alone when the record was sealed anew, by the command that changes it, or by a daemon that goes on with
// the job.
func TestSealedAnew(t *testing.T) {
	box := func(secrets ...string) vault.Box {
		var keys []vault.Key
		for _, secret := range secrets {
			k, err := vault.KeyFromSecret(secret)
			if err != nil {
				t.Fatal(err)
			}
			keys = append(keys, k)
		}
		b, err := vault.NewBox("files", keys...)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	former, next, both := box("the former secret"), box("the secret that is next"), box("the secret that is next", "the former secret")
	const at = "main.put.5"
	r := &Record{Bucket: "TG_FILES", Object: "a"}
	var err error
	if r.Sealed, err = former.Seal(at, []byte("what was asked for")); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	anew, err := Reseal(both, at, b)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := readRecord(Put, at, anew, next); err != nil || string(got.Asked) != "what was asked for" || got.Object != "a" {
		t.Errorf("%+v %v", got, err)
	}
	if again, err := Reseal(both, at, anew); again != nil || err != nil {
		t.Errorf("twice: %s %v", again, err)
	}
	if _, err := Reseal(next, at, b); !errors.Is(err, vault.ErrSealed) {
		t.Errorf("without the former secret: %v", err)
	}
	if other, err := Reseal(both, at, []byte(`{"id":1}`)); other != nil || err != nil {
		t.Errorf("of an upload: %s %v", other, err)
	}
	if got, err := readRecord(Put, at, b, both); err != nil || got.Sealed != nil {
		t.Errorf("it would be written again as it is sealed: %+v %v", got, err)
	}
}
