package files

import (
	"context"
	"encoding/json"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/subjects"
	"github.com/natsgram/natsgram/tl/codec"
)

// put brings an object to Telegram, and answers with the InputFile that it is then.
func (s *Service) put(r *answer.Request, begun time.Time) *answer.Fault {
	var in struct {
		Object string `json:"object"` // BUCKET/NAME, or as it stands in a call
	}
	if err := answer.ReadJSON(r.Data(), &in); err != nil {
		return answer.Refuse(400, subjects.FilePut+": "+err.Error())
	}
	limit, fault := s.within(r.Header())
	if fault != nil {
		return fault
	}
	if s.c.Put == nil {
		return s.fault(context.Canceled)
	}
	ctx, cancel := context.WithDeadline(s.ctx, begun.Add(limit))
	defer cancel()
	file, fault := s.c.Put(ctx, in.Object)
	if fault != nil {
		return fault
	}
	body, err := s.inJSON(file)
	if err != nil {
		return s.fault(err)
	}
	answered, err := json.Marshal(map[string]json.RawMessage{"file": body})
	if err != nil {
		return s.fault(err)
	}
	r.Send(nats.Header{subjects.HeaderContentType: {subjects.ContentJSON}}, answered)
	return nil
}

func (s *Service) inJSON(m codec.M) ([]byte, error) {
	schema := s.c.Client.Schema()
	b, err := schema.Encode(nil, m)
	if err != nil {
		return nil, err
	}
	return schema.AppendJSON(nil, b, schema.AnyObject())
}
