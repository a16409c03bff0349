package tg_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/natsgram/natsgram/tl/bin"
	"github.com/natsgram/natsgram/tl/tg"
)

// answers is an Invoker with one answer for everything.
type answers struct {
	result []byte
	err    error
	query  []byte
}

func (a *answers) Invoke(_ context.Context, query []byte) ([]byte, error) {
	a.query = query
	return a.result, a.err
}

func encode(tb testing.TB, x tg.Object) []byte {
	tb.Helper()
	b, err := tg.Append(nil, x)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// What a program writes, as codec reads it.
func TestCall(t *testing.T) {
	inv := &answers{result: encode(t, &tg.UpdateShortSentMessage{ID: 7, Pts: 8, PtsCount: 1, TtlPeriod: tg.Some(60)})}
	updates, err := tg.MessagesSendMessage(t.Context(), inv, &tg.MessagesSendMessageRequest{
		Silent:       true,
		Peer:         &tg.InputPeerUser{UserID: 5, AccessHash: -6},
		Message:      "hello",
		RandomID:     9,
		Entities:     []tg.MessageEntityClass{&tg.MessageEntityBold{Offset: 0, Length: 5}},
		ScheduleDate: tg.Some(1000),
		Effect:       tg.Some(int64(0)),
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := compiled().AppendJSON(nil, inv.query, compiled().AnyObject())
	want := `{"_":"messages.sendMessage","silent":true,"peer":{"_":"inputPeerUser","user_id":"5","access_hash":"-6"},` +
		`"message":"hello","random_id":"9","entities":[{"_":"messageEntityBold","offset":0,"length":5}],"schedule_date":1000,"effect":"0"}`
	if d := cmp.Diff(want, string(got)); d != "" || err != nil {
		t.Error(err, d)
	}
	sent, ok := updates.(*tg.UpdateShortSentMessage)
	if !ok || sent.ID != 7 || sent.TtlPeriod.Or(0) != 60 || sent.Media != nil {
		t.Errorf("got %+v", updates)
	}
}

// Results that are no object of a class.
func TestPlainResults(t *testing.T) {
	yes := &answers{result: []byte{0xb5, 0x75, 0x72, 0x99}}
	if ok, err := tg.AccountCheckUsername(t.Context(), yes, &tg.AccountCheckUsernameRequest{Username: "x"}); err != nil || !ok {
		t.Error(ok, err)
	}
	ints := &answers{result: []byte{0x15, 0xc4, 0xb5, 0x1c, 2, 0, 0, 0, 5, 0, 0, 0, 255, 255, 255, 255}}
	if got, err := tg.MessagesDeleteScheduledMessages(t.Context(), ints, &tg.MessagesDeleteScheduledMessagesRequest{}); err == nil {
		t.Error("sent without a peer", got)
	}
	ids, err := tg.ContactsGetContactIDs(t.Context(), ints, &tg.ContactsGetContactIDsRequest{})
	if d := cmp.Diff([]int{5, -1}, ids); d != "" || err != nil {
		t.Error(err, d)
	}
}

// A method without parameters needs no request; one with them does, and nothing is sent.
func TestNilRequests(t *testing.T) {
	inv := &answers{err: errors.New("sent")}
	if _, err := tg.HelpGetConfig(t.Context(), inv, nil); !errors.Is(err, inv.err) || len(inv.query) != 4 {
		t.Error(err)
	}
	inv.query = nil
	_, err := tg.MessagesSendMessage(t.Context(), inv, nil)
	if field := (&tg.FieldError{}); !errors.As(err, &field) || inv.query != nil {
		t.Error(err)
	}
}

// What cannot be encoded says where.
func TestFieldErrors(t *testing.T) {
	loop := &tg.TextBold{}
	loop.Text = &tg.TextConcat{Texts: []tg.RichTextClass{loop, loop}}
	self := &tg.InputPeerSelf{}
	for _, c := range []struct {
		x    tg.Object
		want string
	}{
		{nil, "tg: <nil>: nil"},
		{(*tg.InputPeerUser)(nil), "tg: *tg.InputPeerUser: nil"},
		{&tg.MessagesSendMessageRequest{}, "tg: MessagesSendMessageRequest.Peer: no InputPeer"},
		{&tg.MessagesForwardMessagesRequest{FromPeer: self, ToPeer: self, ID: []int{1, 1 << 31}},
			"tg: MessagesForwardMessagesRequest.ID[1]: 2147483648 does not fit 32 bits"},
		{&tg.MessagesSendMessageRequest{Peer: self, ScheduleDate: tg.Some(math.MinInt32 - 1)},
			"tg: MessagesSendMessageRequest.ScheduleDate.V: -2147483649 does not fit 32 bits"},
		{&tg.MessagesSendMediaRequest{Peer: self, Media: &tg.InputMediaUploadedDocument{File: &tg.InputFile{}, Attributes: []tg.DocumentAttributeClass{
			&tg.DocumentAttributeAnimated{}, &tg.DocumentAttributeSticker{}}}},
			"tg: MessagesSendMediaRequest.Media.Attributes[1].Stickerset: no InputStickerSet"},
		{&tg.MessagesSendMessageRequest{Peer: self, Message: strings.Repeat("x", 1<<24)},
			"tg: MessagesSendMessageRequest.Message: tl: value of 16777216 bytes, TL carries at most 16777215"},
		{&tg.MessagesRequestUrlAuthRequest{Peer: self, ButtonID: tg.Some(1)},
			"tg: MessagesRequestUrlAuthRequest.MsgID: fields that share a flag are set together or not at all"},
		{&tg.PhoneToggleGroupCallRecordRequest{Call: &tg.InputGroupCallInviteMessage{}, Video: true},
			"tg: PhoneToggleGroupCallRecordRequest.VideoPortrait: fields that share a flag are set together or not at all"},
		{&tg.InvokeWithLayerRequest{Layer: 1}, "tg: InvokeWithLayerRequest.Query: no request"},
		{&tg.InvokeWithLayerRequest{Query: &tg.UsersGetUsersRequest{ID: []tg.InputUserClass{nil}}}, "tg: InvokeWithLayerRequest.Query.ID[0]: no InputUser"},
		{&tg.Photo{Sizes: nil}, ""},
		{loop, "tg: TextBold.Text: nested deeper than 128"},
	} {
		_, err := tg.Append(nil, c.x)
		if got := fmt.Sprint(err); got != c.want && (err != nil || c.want != "") {
			t.Errorf("%T:\n got %s\nwant %s", c.x, got, c.want)
		}
	}
}

// What comes in wrongly is a typed error (H2, H8, H9).
func TestResultErrors(t *testing.T) {
	deep := bytes.Repeat([]byte{0xc4, 0xab, 0x24, 0x67}, 200) // textBold of textBold of ...
	var id *bin.UnexpectedIDError
	var format *bin.FormatError
	var short *bin.ShortError
	var trailing *bin.TrailingError
	for _, c := range []struct {
		name   string
		answer []byte
		as     any
	}{
		{"unknown constructor", []byte{1, 2, 3, 4}, &id},
		{"of another class", encode(t, &tg.InputPeerSelf{}), &id},
		{"nothing", nil, &short},
		{"cut off", encode(t, &tg.UpdateShortSentMessage{})[:11], &short},
		{"something behind", append(encode(t, &tg.UpdatesTooLong{}), 1, 2, 3, 4), &trailing},
		{"count that cannot be", append(encode(t, &tg.Updates{})[:4], 0x15, 0xc4, 0xb5, 0x1c, 255, 255, 255, 127), &format},
	} {
		_, err := tg.MessagesSendMessage(t.Context(), &answers{result: c.answer}, &tg.MessagesSendMessageRequest{Peer: &tg.InputPeerSelf{}})
		result := &tg.ResultError{}
		if !errors.As(err, &result) || result.Method != "messages.sendMessage" || !errors.As(err, c.as) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := tg.DecodeRichText(deep); !errors.As(err, &format) {
		t.Errorf("nested 200 deep: %v", err)
	}
}

// H3: what is absent, what is there and empty.
func TestPresence(t *testing.T) {
	for _, x := range []*tg.MessagesSendMessageRequest{
		{Peer: &tg.InputPeerSelf{}},
		{Peer: &tg.InputPeerSelf{}, Entities: []tg.MessageEntityClass{}},
		{Peer: &tg.InputPeerSelf{}, ScheduleDate: tg.Some(0)},
	} {
		got := &tg.MessagesSendMessageRequest{Silent: true, Entities: []tg.MessageEntityClass{nil}} // nothing of it stays
		if err := tg.Decode(encode(t, x), got); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(x, got); d != "" {
			t.Error(d)
		}
	}
	if _, ok := tg.Some("").Get(); !ok || (tg.Opt[int]{}).Or(3) != 3 {
		t.Error("Opt")
	}
}

// With wraps every call of an Invoker, and may be put around itself.
func TestWith(t *testing.T) {
	inv := &answers{result: []byte{0xb5, 0x75, 0x72, 0x99}}
	inner := tg.With(tg.With(inv, &tg.InvokeWithLayerRequest{Layer: tg.Layer}), &tg.InvokeWithTakeoutRequest{TakeoutID: 5})
	if ok, err := tg.AccountUpdateStatus(t.Context(), inner, &tg.AccountUpdateStatusRequest{Offline: true}); err != nil || !ok {
		t.Fatal(err)
	}
	call := &tg.InvokeWithLayerRequest{Layer: tg.Layer, Query: &tg.InvokeWithTakeoutRequest{TakeoutID: 5, Query: &tg.AccountUpdateStatusRequest{Offline: true}}}
	if d := cmp.Diff(encode(t, call), inv.query); d != "" {
		t.Error(d)
	}
	if raw, err := tg.InvokeWithLayer(t.Context(), inv, call); err != nil || !bytes.Equal(raw, inv.result) {
		t.Error(raw, err)
	}
	bad := tg.With(inv, &tg.InitConnectionRequest{Proxy: nil, ApiID: 1 << 40})
	if _, err := tg.AccountUpdateStatus(t.Context(), bad, &tg.AccountUpdateStatusRequest{}); err == nil {
		t.Error("sent")
	}
}

// One request may be used by many goroutines: encoding writes nothing to it. The race detector would tell.
func TestEncodingDoesNotWrite(t *testing.T) {
	req := &tg.MessagesSendMessageRequest{Silent: true, Peer: &tg.InputPeerSelf{}, ScheduleDate: tg.Some(5)}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { encode(t, req) })
	}
	wg.Wait()
}

// A nil pointer in a place for a class with one constructor is not there, as nil is elsewhere.
func TestDecodeWantsAPointer(t *testing.T) {
	for _, x := range []tg.Object{nil, tg.Raw{}, (*tg.InputPeerSelf)(nil)} {
		if err := tg.Decode(nil, x); err == nil {
			t.Errorf("decoded into %T", x)
		}
	}
}
