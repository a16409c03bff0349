// Package errtext takes the texts apart that Telegram's errors have. It is shared by all errors of calls, wherever the call was
// made.
package errtext

import (
	"slices"
	"strconv"
	"strings"
)

// Split takes the number out of an error's text: FLOOD_WAIT and 35 of FLOOD_WAIT_35, FILE_REFERENCE_EXPIRED and 2 of
// FILE_REFERENCE_2_EXPIRED. It is the last of the parts between underscores that is all digits (D16); 0 without one.
func Split(text string) (kind string, number int) {
	parts := strings.Split(text, "_")
	for i := len(parts) - 1; i >= 0 && len(parts) > 1; i-- {
		if n, err := strconv.ParseUint(parts[i], 10, 31); err == nil {
			return strings.Join(slices.Delete(parts, i, i+1), "_"), int(n)
		}
	}
	return text, 0
}
