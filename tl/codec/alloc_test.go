package codec

import "testing"

// Design §9: to text without allocation, once the buffer is large enough.
func TestAllocations(t *testing.T) {
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
	for name, c := range map[string]struct {
		most float64
		run  func()
	}{
		"TL to JSON":        {0, func() { _, _ = s.AppendJSON(buf, src, result) }},
		"TL to MessagePack": {0, func() { _, _ = s.AppendMsgpack(buf, src, result) }},
		"JSON to TL":        {0, func() { _, _ = s.AppendTLFromJSON(buf, text, result, nil) }},
		"MessagePack to TL": {0, func() { _, _ = s.AppendTLFromMsgpack(buf, pack, result, nil) }},
		"CheckCall":         {0, func() { _ = s.CheckCall(call, f) }},
		"ResultOf":          {0, func() { _, _ = s.ResultOf(call) }},
		"View": {0, func() {
			v, _ := s.View(update)
			m, _ := v.Object("message")
			for e := range m.Objects("entities") {
				_ = e.Int("offset")
			}
			_, _, _ = m.Bytes("message"), v.Int("pts"), m.Len("entities")
		}},
	} {
		if raceEnabled {
			c.most = 1 // the pool of scratch buffers drops some on purpose
		}
		c.run()
		if got := testing.AllocsPerRun(100, c.run); got > c.most {
			t.Errorf("%s: %v allocations", name, got)
		}
	}
}
