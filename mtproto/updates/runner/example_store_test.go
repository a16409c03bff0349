package runner_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/natsgram/natsgram/mtproto/updates"
	"github.com/natsgram/natsgram/mtproto/updates/runner"
)

// The file is replaced as a whole, and only its owner may read it.
func ExampleFile() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	name := filepath.Join(dir, "updates.json")
	store := runner.File(name)
	first, err := store.Load()
	fmt.Println(first.Pts, err)
	if err := store.Save(updates.State{Position: updates.Position{Pts: 41, Qts: 2, Date: 1735689600, Seq: 7}}); err != nil {
		log.Fatal(err)
	}
	s, err := store.Load()
	fmt.Println(s.Pts, err)
	info, err := os.Stat(name)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(info.Mode())
	// Output:
	// 0 <nil>
	// 41 <nil>
	// -rw-------
}
