package retry

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

var errDown = errors.New("down")

func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		if err := Pause(t.Context(), time.Minute); err != nil || time.Since(begun) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun = time.Now()
		if err := Pause(ctx, time.Minute); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != time.Second {
			t.Errorf("%v after %v", err, time.Since(begun))
		}
	})
}

// Attempts come after 1, 2, 4, 5, 5 ... seconds.
func TestDo(t *testing.T) {
	const s = time.Second
	for _, c := range []struct {
		name string
		fail int  // so many attempts fail
		last bool // after the last of them another is of no use
		end  time.Duration
		at   []time.Duration
		want []error
	}{
		{name: "at once", at: []time.Duration{0}},
		{name: "in the end", fail: 5, at: []time.Duration{0, s, 3 * s, 7 * s, 12 * s, 17 * s}},
		{name: "of no use", fail: 2, last: true, at: []time.Duration{0, s}, want: []error{errDown}},
		{name: "ended", fail: 9, end: 5 * s, at: []time.Duration{0, s, 3 * s}, want: []error{errDown, context.DeadlineExceeded}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := t.Context()
				if c.end > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, c.end)
					defer cancel()
				}
				begun, at := time.Now(), []time.Duration(nil)
				err := Do(ctx, Backoff{s, 5 * s}, func(context.Context) (bool, error) {
					if at = append(at, time.Since(begun)); len(at) > c.fail {
						return true, nil
					}
					return !c.last || len(at) < c.fail, errDown
				})
				if !slices.Equal(at, c.at) {
					t.Errorf("attempts at %v, want %v", at, c.at)
				}
				if (err == nil) != (len(c.want) == 0) {
					t.Errorf("%v, want %v", err, c.want)
				}
				for _, want := range c.want {
					if !errors.Is(err, want) {
						t.Errorf("%v, want %v", err, want)
					}
				}
			})
		})
	}
}
