package jobs

import (
	"encoding/json"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/natsgram/natsgram/bridge/objects"
	"github.com/natsgram/natsgram/bridge/vault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Whatever stands in a record: what is taken away by it is one object's, and what is gone on with makes sense.
func FuzzRecord(f *testing.F) {
	secret, err := vault.KeyFromSecret("sixteen characters")
	if err != nil {
		f.Fatal(err)
	}
	box, err := vault.NewBox("files", secret)
	if err != nil {
		f.Fatal(err)
	}
	const name = "main.get.1"
	for _, asked := range []string{`{}`, `{"link":"t.me/a/5","to":"object"}`} {
		sealed, err := box.Seal(name, []byte(asked))
		if err != nil {
			f.Fatal(err)
		}
		for kind, r := range map[Kind]Record{
			Get: {Bucket: "TG_FILES", Object: "a/b", Key: "k", Written: objects.NewWritten(), Sealed: sealed},
			Put: {Bucket: "TG_FILES", Object: "a/b", Key: "k", Sealed: sealed},
		} {
			body, _ := json.Marshal(r)
			if got, err := readRecord(kind, name, body, box); err != nil || string(got.Asked) != asked {
				f.Fatal(kind, err)
			}
			f.Add(body)
		}
	}
	f.Add([]byte(`{"bucket":"*","nuid":">"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, kind := range []Kind{Get, Put} {
			r, err := readRecord(kind, name, body, box)
			if strings.ContainsAny(r.Bucket, ".*> ") || kind == Get && strings.ContainsAny(r.NUID, ".*> ") || err == nil && (r.Bucket == "" || kind == Get && !r.Valid()) {
				t.Errorf("%s: %+v %v", kind, r, err)
			}
		}
	})
}
