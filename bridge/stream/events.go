package stream

import (
	"encoding/json"
	"time"
)

// Event tells of something in an account's own life, on tg.evt.<account>.<event>. It does not wait: the stream that keeps the
// last of each listens on the subject like everybody else. fields go beside "event", "account" and "at".
func (s *Store) Event(account, event string, fields map[string]any) error {
	all := map[string]any{"event": event, "account": account, "at": time.Now().UTC().Format(time.RFC3339Nano)}
	for k, v := range fields {
		all[k] = v
	}
	body, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return s.js.Conn().Publish(s.scheme.Event(account, event), body)
}
