package codec

import "testing"

// Design §9: to text without allocation, once the buffer is large enough.
func TestAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("under the race detector a sync.Pool drops some of what it is given, on purpose")
	}
	s, src := api(), history(t, 20)
	result, _ := s.Type("messages.Messages")
	buf := make([]byte, 0, 1<<20)
	text, err := s.AppendJSON(nil, src, result)
	if err != nil {
		t.Fatal(err)
	}
	pack, _ := s.AppendMsgpack(nil, src, result)
	update, _ := s.Encode(nil, M{"_": "updateNewMessage", "message": message(6), "pts": 500, "pts_count": 1})
	f, _ := s.Function("messages.sendMessage")
	call, _ := s.AppendCallFromJSON(nil, []byte(sendMessage), f, nil)
	for name, run := range map[string]func(){
		"TL to JSON":        func() { _, _ = s.AppendJSON(buf, src, result) },
		"TL to MessagePack": func() { _, _ = s.AppendMsgpack(buf, src, result) },
		"JSON to TL":        func() { _, _ = s.AppendTLFromJSON(buf, text, result, nil) },
		"MessagePack to TL": func() { _, _ = s.AppendTLFromMsgpack(buf, pack, result, nil) },
		"CheckCall":         func() { _ = s.CheckCall(call, f) },
		"ResultOf":          func() { _, _ = s.ResultOf(call) },
		"View": func() {
			v, _ := s.View(update)
			m, _ := v.Object("message")
			for e := range m.Objects("entities") {
				_ = e.Int("offset")
			}
			_, _, _ = m.Bytes("message"), v.Int("pts"), m.Len("entities")
		},
	} {
		run()
		if got := testing.AllocsPerRun(100, run); got > 0 {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}
