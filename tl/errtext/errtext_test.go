package errtext

import "testing"

// D16
func TestSplit(t *testing.T) {
	for _, tc := range []struct {
		text, kind string
		number     int
	}{
		{"FLOOD_WAIT_35", "FLOOD_WAIT", 35},
		{"FLOOD_PREMIUM_WAIT_4", "FLOOD_PREMIUM_WAIT", 4},
		{"USER_MIGRATE_5", "USER_MIGRATE", 5},
		{"FILE_REFERENCE_2_EXPIRED", "FILE_REFERENCE_EXPIRED", 2},
		{"FILE_PART_0_MISSING", "FILE_PART_MISSING", 0},
		{"2FA_CONFIRM_WAIT_604800", "2FA_CONFIRM_WAIT", 604800},
		{"EMAIL_UNCONFIRMED_6", "EMAIL_UNCONFIRMED", 6},
		{"A_1_B_2", "A_1_B", 2},
		{"PHONE_CODE_INVALID", "PHONE_CODE_INVALID", 0},
		{"Timeout", "Timeout", 0},
		{"404", "404", 0},
		{"X_99999999999", "X_99999999999", 0},
		{"FLOOD_WAIT_99999999999999999999", "FLOOD_WAIT_99999999999999999999", 0},
		{"FLOOD_WAIT_-1", "FLOOD_WAIT_-1", 0},
		{"", "", 0},
		{"_", "_", 0},
	} {
		if kind, n := Split(tc.text); kind != tc.kind || n != tc.number {
			t.Errorf("%q: %q %d, want %q %d", tc.text, kind, n, tc.kind, tc.number)
		}
	}
}

func FuzzSplit(f *testing.F) {
	f.Add("FILE_REFERENCE_2_EXPIRED")
	f.Fuzz(func(t *testing.T, s string) {
		if kind, n := Split(s); len(kind) > len(s) || n < 0 {
			t.Errorf("%q: %q %d", s, kind, n)
		}
	})
}
