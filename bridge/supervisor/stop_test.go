package supervisor

import (
	"testing"
	"time"

	"github.com/natsgram/natsgram/bridge/account"
	"github.com/natsgram/natsgram/bridge/lease"
)

// What a planned end may take is in sum what docs/operating.md and docker-compose.yml give it, with a rest for closing what
// everything stands on.
func TestStopWithin(t *testing.T) {
	const given, rest, passing = 30 * time.Second, 2 * time.Second, 3 * time.Second
	if sum := lease.TTL/8 + account.Within + giveBack + passing + goodbye; sum > stopWithin || stopWithin > given-rest {
		t.Errorf("%v of %v", sum, stopWithin)
	}
}
