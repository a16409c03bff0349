package health

import (
	"testing"
	"time"

	"github.com/natsgram/natsgram/bridge/account"
)

// What keeps an account from being served is told in words; what is nobody's fault here is not.
func TestOf(t *testing.T) {
	now := time.Now()
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for name, c := range map[string]struct {
		st   account.Status
		want string
	}{
		"connected":         {account.Status{State: account.Connected, TelegramStatus: account.TelegramStatus{Heard: ago(time.Second)}}, ""},
		"silent for long":   {account.Status{State: account.Connected, TelegramStatus: account.TelegramStatus{Heard: ago(time.Hour)}}, "telegram main: Telegram has said nothing for 1h0m0s, and the connection still stands"},
		"no sign-in":        {account.Status{State: account.WaitingForLogin}, ""},
		"signed out":        {account.Status{State: account.SignedOut}, ""},
		"starting":          {account.Status{State: account.Starting}, "starting main: starting"},
		"behind":            {account.Status{State: account.Behind, Error: "500 AUTH_RESTART"}, "telegram main: Telegram gives no difference: 500 AUTH_RESTART"},
		"all fail":          {account.Status{State: account.Connected, UpdatesStatus: account.UpdatesStatus{Held: &account.Held{Since: ago(time.Minute), Reason: "no responders"}}}, "updates main: updates cannot be stored since " + clock(ago(time.Minute)) + ": no responders"},
		"waits for long":    {account.Status{State: account.Connected, UpdatesStatus: account.UpdatesStatus{WaitingSince: ago(time.Minute)}}, "updates main: updates wait for JetStream since " + clock(ago(time.Minute))},
		"waits for a while": {account.Status{State: account.Connected, UpdatesStatus: account.UpdatesStatus{WaitingSince: ago(time.Second)}}, ""},
	} {
		c.st.Account = "main"
		got := ""
		if all := Of(c.st, 5*time.Second, now); len(all) > 0 {
			got = all[0].Kind + " " + Error(all).Error()
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
