package signin

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/natsgram/natsgram/mtproto"
)

// What passes within two seconds is not worth a word; what lasts is said once, however often it comes; another reason is said too.
func TestReasons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r reasons
		var said []string
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go r.watch(ctx, func(why string) { said = append(said, why) })
		check := func(after time.Duration, want ...string) {
			t.Helper()
			time.Sleep(after) // of the bubble
			synctest.Wait()
			if fmt.Sprint(said) != fmt.Sprint(want) {
				t.Errorf("said %q, want %q", said, want)
			}
		}
		failed := func(port int) {
			r.event(mtproto.Disconnected{DC: 2, Err: fmt.Errorf("mtproto: read tcp 10.0.0.1:%d->1.2.3.4:443: reset", port)})
		}
		failed(1)
		check(time.Second)
		r.event(mtproto.Connected{DC: 2})
		check(10 * time.Second)
		if r.current() != "" {
			t.Error(r.current())
		}
		failed(2)
		check(time.Second)
		failed(3)
		one := advise(errors.New("read tcp 10.0.0.1:3->1.2.3.4:443: reset"))
		check(2*time.Second, one)
		for port := range 20 {
			failed(port)
			check(time.Second, one)
		}
		r.event(mtproto.Disconnected{DC: 2, Err: mtproto.ErrProxySecret})
		check(time.Second, one, advise(mtproto.ErrProxySecret))
		r.event(mtproto.Migrated{From: 2, To: 4})
		r.event(mtproto.Connected{DC: 4})
		if r.current() != "" {
			t.Error(r.current())
		}
		cancel()
		synctest.Wait()
	})
	synctest.Test(t, func(t *testing.T) {
		var r reasons
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		told := make(chan string, 1)
		begun := time.Now()
		go r.watch(ctx, func(why string) { told <- why })
		if why := <-told; why != silent || time.Since(begun) > 5*time.Second {
			t.Error(why, time.Since(begun))
		}
	})
}
