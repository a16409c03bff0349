package files

import (
	"context"
	"errors"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/mtproto/files"
	"github.com/natsgram/natsgram/tl/codec"
)

// found is a file that a request means.
type found struct {
	files.Source
	name string // empty: not known
	mime string
}

const unknownSize = -1

// find finds the file that is asked for.
func (s *Service) find(ctx context.Context, a *asked) (*found, error) {
	location, err := s.object(ctx, "location", "InputFileLocation", a.Location)
	if err != nil {
		return nil, err
	}
	return &found{Source: files.Source{Location: location, Size: unknownSize}, mime: octets}, nil
}

const octets = "application/octet-stream"

// object reads an object of a class, in JSON.
func (s *Service) object(ctx context.Context, field, class string, body []byte) (codec.M, error) {
	schema := s.c.Client.Schema()
	t, ok := schema.Type(class)
	if !ok {
		return nil, bad(field + ": this layer has no " + class)
	}
	resolve := func(class, text string) ([]byte, bool, error) {
		if s.c.Resolve == nil {
			return nil, false, nil
		}
		object, ok, fault := s.c.Resolve(ctx, class, text)
		if fault != nil {
			return nil, true, fault
		}
		return object, ok, nil
	}
	b, err := schema.AppendTLFromJSON(nil, body, t, &codec.Options{Resolve: resolve})
	if err != nil {
		return nil, badObject(field, err)
	}
	v, err := schema.View(b)
	if err != nil {
		return nil, badObject(field, err)
	}
	return fieldsOf(schema, v), nil
}

func badObject(field string, err error) error {
	f := &answer.Fault{Code: 400}
	var asked *answer.Fault
	if errors.As(err, &asked) {
		*f = *asked
	}
	f.Text, f.Path, f.Sent = "get: "+field+": "+err.Error(), field, answer.No
	var e *codec.Error
	if errors.As(err, &e) && e.Path != "" {
		f.Path = field + "." + e.Path
	}
	return f
}

// fieldsOf is an object as Go programs write it.
func fieldsOf(schema *codec.Schema, v codec.View) codec.M {
	m := codec.M{"_": v.Name()}
	c, ok := schema.Constructor(v.Name())
	if !ok {
		return m
	}
	for _, p := range c.Params {
		if !v.Has(p.Name) {
			continue
		}
		switch p.Type.Name {
		case "#":
		case "true", "Bool":
			m[p.Name] = v.Bool(p.Name)
		case "int", "long":
			m[p.Name] = v.Int(p.Name)
		case "string", "bytes":
			m[p.Name] = v.Bytes(p.Name)
		default:
			if o, ok := v.Object(p.Name); ok {
				m[p.Name] = o
			}
		}
	}
	return m
}
