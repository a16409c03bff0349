package mtproto

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/natsgram/natsgram/mtproto/mt"
)

// An error answers three questions: whose it is, whether anything was sent, how long to wait.
func TestError(t *testing.T) {
	flood := newError(&mt.RPCError{ErrorCode: 420, ErrorMessage: "FLOOD_WAIT_35"}, "messages.sendMessage", 2)
	lost := &Error{Method: "help.getConfig", Sent: SentUnknown, Err: context.Canceled}
	for _, tc := range []struct {
		err  error
		text string
		sent Sent
		wait time.Duration
	}{
		{flood, "mtproto: messages.sendMessage: 420 FLOOD_WAIT_35", SentRefused, 35 * time.Second},
		{fmt.Errorf("more: %w", flood), "more: mtproto: messages.sendMessage: 420 FLOOD_WAIT_35", SentRefused, 35 * time.Second},
		{lost, "mtproto: help.getConfig: context canceled (sent: unknown)", SentUnknown, 0},
		{&Error{Sent: SentNo, Err: ErrClosed}, "mtproto: client closed (sent: no)", SentNo, 0},
		{newError(&mt.RPCError{ErrorMessage: "X_7"}, "", 1), "mtproto: 500 X_7", SentYes, 0},
		{errors.New("other"), "other", SentUnknown, 0},
	} {
		if tc.err.Error() != tc.text || SentOf(tc.err) != tc.sent || RetryAfter(tc.err) != tc.wait {
			t.Errorf("%q sent %v wait %v, want %q %v %v", tc.err, SentOf(tc.err), RetryAfter(tc.err), tc.text, tc.sent, tc.wait)
		}
	}
	if Reached(flood) != SentYes || Reached(lost) != SentUnknown || flood.Executed() != "refused" {
		t.Errorf("%v reached Telegram %s, was executed: %s", flood, Reached(flood), flood.Executed())
	}
	if SentOf(nil) != SentYes || !errors.Is(lost, context.Canceled) || !errors.Is(&Error{Err: ErrClosed}, ErrClosed) {
		t.Error("nil, or the cause, is not seen")
	}
	if !IsKind(fmt.Errorf("%w", flood), "SLOWMODE_WAIT", "FLOOD_WAIT") || IsKind(lost, "") || IsKind(nil, "FLOOD_WAIT") {
		t.Error("IsKind")
	}
}

// D15: which file of a query it is about.
func TestFileReference(t *testing.T) {
	for text, want := range map[string]int{
		"FILE_REFERENCE_EXPIRED": -1, "FILE_REFERENCE_EMPTY": -1, "FILE_REFERENCE_INVALID": -1,
		"FILE_REFERENCE_0_EXPIRED": 0, "FILE_REFERENCE_3_EXPIRED": 3, "FILE_REFERENCE_12_INVALID": 12,
		"FILE_ID_INVALID": -2,
	} {
		index, yes := FileReference(newError(&mt.RPCError{ErrorCode: 400, ErrorMessage: text}, "messages.sendMultiMedia", 2))
		if yes != (want > -2) || yes && index != want {
			t.Errorf("%s: %d, %v", text, index, yes)
		}
	}
	if _, yes := FileReference(ErrClosed); yes {
		t.Error("of another error")
	}
}

// D17: only of some errors is the number a wait, and no wait is believed that is longer than two weeks.
func TestRetryAfter(t *testing.T) {
	for _, tc := range []struct {
		code int
		text string
		want time.Duration
	}{
		{420, "FLOOD_WAIT_35", 35 * time.Second},
		{420, "FLOOD_PREMIUM_WAIT_4", 4 * time.Second},
		{420, "SLOWMODE_WAIT_9", 9 * time.Second},
		{420, "TAKEOUT_INIT_DELAY_86400", 24 * time.Hour},
		{420, "2FA_CONFIRM_WAIT_604800", 168 * time.Hour},
		{420, "FLOOD_TEST_PHONE_WAIT_2", 2 * time.Second},
		{420, "FLOOD_WAIT_0", time.Second},
		{420, "FLOOD_WAIT", time.Second},
		{420, "FLOOD_WAIT_3_MORE", 0}, // nobody knows what it is
		{420, "FLOOD_WAIT_2000000000", 14 * 24 * time.Hour},
		{420, "STORY_SEND_FLOOD_WEEKLY_1795000000", 0},
		{420, "STORY_SEND_FLOOD_MONTHLY_1795000000", 0},
		{420, "PREMIUM_SUB_ACTIVE_UNTIL_1795000000", 0},
		{420, "FROZEN_METHOD_INVALID", 0},
		{400, "FLOOD_WAIT_35", 0},
		{303, "USER_MIGRATE_4", 0},
	} {
		if got := RetryAfter(newError(&mt.RPCError{ErrorCode: int32(tc.code), ErrorMessage: tc.text}, "", 2)); got != tc.want {
			t.Errorf("%d %s: %v, want %v", tc.code, tc.text, got, tc.want)
		}
	}
}
