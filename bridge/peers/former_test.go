package peers

import (
	"encoding/json"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/subjects"
)

func usernamed(id int64, names ...string) M {
	m, all := user(id, 10*id), []M{}
	for _, name := range names {
		all = append(all, M{"_": "username", "username": name, "active": true})
	}
	m["usernames"] = all
	return m
}

// Somebody's names are those that he has, and those that he had, wherever that is known from; but not those that have passed on to somebody
// else, whether memory knows that, the bucket, or a question.
func TestNamesOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, g := &shelf{all: map[string][]byte{}}, &telegram{t: t, s: schema(t)}
		begin := func() *Directory {
			return New(Config{Schema: g.s, People: people(g.s), Invoke: g.invoke, Account: "main", User: 1, Store: s, Box: testBox()})
		}
		d := begin()
		d.Learn(g.encode(usernamed(5, "eve_now", "eve_passed")))
		d.Learn(g.encode(usernamed(5, "eve_now")))
		d.Learn(g.encode(usernamed(6, "eve_passed", "eve_wanted")))
		put := func(name string, id int64) {
			b, _ := json.Marshal(storedName{Account: 1, Kind: subjects.User, ID: id, At: time.Now()})
			s.all["main.name."+name] = b
		}
		time.Sleep(2 * gather)
		synctest.Wait()
		put("eve_asked", 5)
		put("eve_given", 6)
		d.Close(t.Context())
		d = begin() // memory knows nobody
		want := "[eve_asked eve_now eve_seen]"
		names, err := d.NamesOf(t.Context(), subjects.User, 5, []string{"Eve_Seen", "eve_passed", "eve_wanted", "eve_given", "no name"})
		if fmt.Sprint(names) != want || err != nil {
			t.Errorf("%v %v, want %s", names, err, want)
		}
		d.Learn(g.encode(usernamed(7, "eve_seen")))
		if names, err := d.NamesOf(t.Context(), subjects.User, 5, []string{"eve_seen"}); fmt.Sprint(names) != "[eve_asked eve_now]" || err != nil {
			t.Errorf("%v %v", names, err)
		}
		if err := d.Forget(t.Context(), subjects.User, 5, names, 1, time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		if s.all["main.name.eve_asked"] != nil || s.all["main.user.5"] != nil || s.all["main.name.eve_given"] == nil {
			t.Error("the wrong records are left")
		}
		d.Close(t.Context())
	})
}
