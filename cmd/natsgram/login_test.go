package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
	"github.com/natsgram/natsgram/mtproto/signin"
)

// With --resend the code is sent in the next way as soon as Telegram allows, once; without, typing resend does it.
func TestResend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		state := mtproto.LoginState{Step: mtproto.WaitCode, Code: &mtproto.CodeInfo{Type: "app", Next: "sms", SentAt: time.Now(), Timeout: time.Minute}}
		var out bytes.Buffer
		p := &prompter{given: answers{resend: true, code: "12345"}, terminal: signin.Terminal{In: strings.NewReader("resend\n54321\n"), Out: &out}}
		begun := time.Now()
		for i, want := range []string{signin.AnotherWay, "12345", "resend", "54321"} {
			if got, err := p.ask(t.Context(), state, nil); got != want || err != nil {
				t.Errorf("answer %d: %q %v, want %q", i, got, err, want)
			}
		}
		if waited := time.Since(begun); waited != time.Minute {
			t.Errorf("waited %v for the next way", waited)
		}
		for _, want := range []string{"In 1m0s it may be sent by sms.", "Code (or resend, to have it sent by sms): "} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%q lacks %q", out.String(), want)
			}
		}
		state.Code.Next = ""
		p.given.resend = true
		if _, err := p.ask(t.Context(), state, nil); err == nil || !strings.Contains(err.Error(), "no other way") {
			t.Error(err)
		}
	})
}
