package client

import (
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/subjects"
)

// What others put on the bus: subjects, headers and payloads of any kind make an update that says what it is, or why not.
func FuzzUpdate(f *testing.F) {
	f.Add("tg.upd.main.updateNewMessage.user.5", "application/json", "7", []byte(`{"update":{"_":"updateUserTyping","user_id":"5","action":{"_":"sendMessageTypingAction"}},"users":[],"chats":[]}`))
	f.Add("tg.upd.main.gap.channel.7", "application/json", "-1", []byte(`{"gap":{"box":"channel.7","from":3,"to":9,"reason":"too long","filled":true}}`))
	f.Add("tg.upd.main.gap.channel.7", "application/msgpack", "x", []byte("\x81\xa3gap\x85\xa3box\xa6common\xa4from\x03\xa2to\x09\xa6reason\xa1x\xa6filled\xc2"))
	f.Add("gap..", "", "99999999999999999999", []byte("null"))
	f.Fuzz(func(t *testing.T, subject, content, number string, payload []byte) {
		h := nats.Header{subjects.HeaderContentType: {content}, subjects.HeaderPts: {number}, subjects.HeaderDate: {number}, subjects.HeaderDelay: {number}, subjects.HeaderLayer: {number}}
		u := newUpdate(readMeta(subject, h), fuzzed{h, payload})
		holds := 0
		for _, there := range []bool{u.Value != nil, u.Gap != nil, u.Err != nil} {
			if there {
				holds++
			}
		}
		if holds != 1 {
			t.Errorf("%+v holds %d of a value, a gap and an error", u, holds)
		}
	})
}

type fuzzed struct {
	header nats.Header
	data   []byte
}

func (m fuzzed) Subject() string      { return "" }
func (m fuzzed) Data() []byte         { return m.data }
func (m fuzzed) Headers() nats.Header { return m.header }

// What an answer's headers say is bounded, whoever wrote them.
func FuzzAnswer(f *testing.F) {
	f.Add("503", "", "no", "35")
	f.Add("420", "FLOOD_WAIT_35", "yes", "-1")
	f.Add("x", "_", "", "99999999999")
	f.Fuzz(func(t *testing.T, code, telegram, sent, wait string) {
		e := refused(nats.Header{subjects.HeaderErrorCode: {code}, subjects.HeaderError: {telegram}, subjects.HeaderSent: {sent}, subjects.HeaderRetryAfter: {wait}})
		if code == "" {
			return
		}
		if e == nil || e.Code == 0 || e.Wait < 0 || e.Wait.Seconds() > maxWait || e.Sent != SentNo && e.Sent != SentYes && e.Sent != SentUnknown || e.Error() == "" {
			t.Errorf("%+v", e)
		}
	})
}
