package settings

import (
	"fmt"
	"strconv"
	"strings"
)

// BudgetsOf reads NATSGRAM_BUDGETS: calls in a day, by method.
func (c Calls) BudgetsOf() (map[string]int64, error) {
	all := map[string]int64{}
	for _, text := range c.Budgets {
		method, calls, named := strings.Cut(strings.TrimSpace(text), "=")
		n, err := strconv.ParseInt(calls, 10, 64)
		if _, twice := all[method]; !named || method == "" || err != nil || n < 0 || twice {
			return nil, fmt.Errorf("NATSGRAM_BUDGETS: want method=calls such as messages.sendMessage=500, each method once, got %.80q", text)
		}
		all[method] = n
	}
	return all, nil
}
