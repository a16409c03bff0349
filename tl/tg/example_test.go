package tg_test

import (
	"fmt"

	"github.com/natsgram/natsgram/tl/tg"
)

// Users come along with what mentions them, some of them min: these cannot be addressed by what is in them.
func ExampleUser_AsInputPeer() {
	for _, u := range []*tg.User{
		{ID: 7, AccessHash: tg.Some[int64](99), FirstName: tg.Some("Alice")},
		{ID: 8, AccessHash: tg.Some[int64](11), FirstName: tg.Some("Bob"), Min: true},
	} {
		if peer, ok := u.AsInputPeer(); ok {
			fmt.Printf("%s: %+v\n", u.FirstName.V, peer)
		} else {
			fmt.Println(u.FirstName.V, "has to be found otherwise")
		}
	}
	// Output:
	// Alice: &{UserID:7 AccessHash:99}
	// Bob has to be found otherwise
}
