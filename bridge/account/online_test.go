package account

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// E31, E34: online at once and then as often as the config says, whatever becomes of a call, and offline at the end.
func TestPresence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := layer()
		var told []string
		begun, failures := time.Now(), 0
		p := &presence{schema: s, failed: func(error) { failures++ }}
		p.invoke = func(ctx context.Context, query []byte) ([]byte, error) {
			v, err := s.View(query)
			if err != nil {
				t.Error(err)
			}
			told = append(told, fmt.Sprintf("%v %s offline=%v", time.Since(begun), v.Name(), v.Bool("offline")))
			if len(told) == 2 {
				return nil, errors.New("connection lost")
			}
			return nil, ctx.Err()
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			p.keep(ctx)
		}()
		time.Sleep(300 * time.Second)
		p.config(time.Minute)
		time.Sleep(200 * time.Second)
		cancel()
		<-done
		p.bye(t.Context())
		want := []string{
			"0s account.updateStatus offline=false",
			"3m30s account.updateStatus offline=false",
			"7m0s account.updateStatus offline=false",
			"8m0s account.updateStatus offline=false",
			"8m20s account.updateStatus offline=true",
		}
		if !slices.Equal(told, want) || failures != 1 {
			t.Errorf("%d failures, told:\n%q\nwant:\n%q", failures, told, want)
		}
	})
}
