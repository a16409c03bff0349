package client

import "testing"

// A message of a forum is in the topic that it names; one that names none is in the general one, which is the first.
func TestInTopic(t *testing.T) {
	for _, c := range []struct {
		of, topic int
		want      bool
	}{{0, 0, true}, {7, 0, true}, {7, 7, true}, {8, 7, false}, {0, 7, false}, {0, 1, true}, {1, 1, true}, {7, 1, false}} {
		if got := inTopic(&Update{Meta: Meta{Topic: c.of}}, c.topic); got != c.want {
			t.Errorf("of %d, asked for %d: %v", c.of, c.topic, got)
		}
	}
}
