package subjects

import (
	"math"
	"testing"
)

func TestBotAPI(t *testing.T) {
	for id, want := range map[int64]ChatRef{
		5: {User, 5}, 5_000_000_000: {User, 5_000_000_000}, 0: {None, 0}, -7: {Chat, 7}, -1_001_234_567: {Chat, 1_001_234_567}, -999_999_999_999: {Chat, 999_999_999_999},
		-1_000_000_000_001: {Channel, 1}, -1_001_500_000_001: {Channel, 1_500_000_001}, -1_012_345_678_901: {Channel, 12_345_678_901},
		-1_997_852_516_352: {Channel, 997_852_516_352}, math.MinInt64: {Channel, math.MaxInt64 - 999_999_999_999},
	} {
		if got := FromBotAPI(id); got != want || got.BotAPI() != id {
			t.Errorf("%d: %v, and back %d; want %v", id, got, got.BotAPI(), want)
		}
	}
}
