package settings

import (
	"fmt"
	"strings"
	"testing"
)

func TestBudgets(t *testing.T) {
	all, err := Calls{Budgets: []string{"messages.sendMessage=500", " messages.*=0"}}.BudgetsOf()
	if err != nil || fmt.Sprint(all) != "map[messages.*:0 messages.sendMessage:500]" {
		t.Errorf("%v %v", all, err)
	}
	for _, bad := range []string{"", "x", "=5", "messages.*=", "messages.*=-1", "messages.*=many", "a=1,a=1"} {
		if _, err := (Calls{Budgets: strings.Split(bad, ",")}).BudgetsOf(); err == nil || !strings.Contains(err.Error(), "NATSGRAM_BUDGETS") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
