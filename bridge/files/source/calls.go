package source

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"strconv"
	"strings"

	"github.com/natsgram/natsgram/bridge/answer"
	"github.com/natsgram/natsgram/bridge/peers"
	"github.com/natsgram/natsgram/tl/codec"
)

func (fi *Finder) invoke(ctx context.Context, call codec.M) ([]byte, error) {
	query, err := fi.client.Schema().Encode(nil, call)
	if err != nil {
		return nil, err
	}
	return fi.client.Invoke(ctx, query)
}

// call makes a call whose answer is an object.
func (fi *Finder) call(ctx context.Context, call codec.M) (codec.View, error) {
	body, err := fi.invoke(ctx, call)
	if err != nil {
		return codec.View{}, err
	}
	v, err := fi.client.Schema().View(body)
	if err != nil {
		return v, fmt.Errorf("reading what %v answers: %w", call["_"], err)
	}
	return v, nil
}

// list makes a call whose answer is a vector of a class.
func (fi *Finder) list(ctx context.Context, call codec.M, class string) iter.Seq2[codec.View, error] {
	return func(yield func(codec.View, error) bool) {
		schema := fi.client.Schema()
		body, err := fi.invoke(ctx, call)
		if err != nil {
			yield(codec.View{}, err)
			return
		}
		t, ok := schema.Type("Vector<" + class + ">")
		if !ok {
			yield(codec.View{}, fmt.Errorf("this layer has no %s", class))
			return
		}
		for v := range schema.Objects(body, t) {
			if !yield(v, nil) {
				return
			}
		}
	}
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
		case "double":
			m[p.Name] = v.Double(p.Name)
		case "string", "bytes":
			m[p.Name] = v.Bytes(p.Name)
		case "Vector":
			all := []codec.View{}
			for o := range v.Objects(p.Name) {
				all = append(all, o)
			}
			m[p.Name] = all
		default:
			if o, ok := v.Object(p.Name); ok {
				m[p.Name] = o
			}
		}
	}
	return m
}

// nameIn is the constructor that a caller's JSON names.
func nameIn(body []byte) string {
	var named struct {
		Name string `json:"_"`
	}
	_ = json.Unmarshal(body, &named) // what it is not, the codec tells
	return named.Name
}

// keyOf tells a file from all others.
func (fi *Finder) keyOf(location codec.M) (string, error) {
	size, _ := location["thumb_size"].([]byte)
	switch id, _ := location["id"].(int64); location["_"] {
	case "inputDocumentFileLocation":
		return keyOf("document", id, string(size)), nil
	case "inputPhotoFileLocation":
		return keyOf("photo", id, string(size)), nil
	}
	digest, err := fi.Digest(location)
	return "location/" + digest, err
}

// Digest tells a location from all others, whatever its reference.
func (fi *Finder) Digest(location codec.M) (string, error) {
	plain := maps.Clone(location)
	if _, ok := plain["file_reference"]; ok {
		plain["file_reference"] = []byte(nil)
	}
	b, err := fi.client.Schema().Encode(nil, plain)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:12]), nil
}

func keyOf(kind string, id int64, size string) string {
	key := kind + "/" + strconv.FormatInt(id, 10)
	if size != "" {
		key += "_" + size
	}
	return key
}

// object reads an object of a class, in JSON.
func (fi *Finder) object(ctx context.Context, field, class string, body []byte) (codec.M, error) {
	schema := fi.client.Schema()
	t, ok := schema.Type(class)
	if !ok {
		return nil, bad(field + ": this layer has no " + class)
	}
	if len(body) == 0 {
		return nil, bad(field + ": missing, want " + class)
	}
	resolve := func(class, text string) ([]byte, bool, error) {
		if fi.resolve == nil {
			return nil, false, nil
		}
		object, ok, fault := fi.resolve(answer.Reading(ctx), class, text)
		if fault != nil {
			return nil, true, fault
		}
		return object, ok, nil
	}
	b, err := schema.AppendTLFromJSON(nil, body, t, &codec.Options{Resolve: resolve, Forms: peers.Forms()})
	if err != nil {
		return nil, badObject(field, class, err)
	}
	v, err := schema.View(b)
	if err != nil {
		return nil, badObject(field, class, err)
	}
	return fieldsOf(schema, v), nil
}

// badObject is the fault of what stands in a field where an object of a class is wanted, of which nobody has written anything.
func badObject(field, class string, err error) error {
	f := &answer.Fault{Code: 400}
	var asked *answer.Fault
	if errors.As(err, &asked) {
		*f = *asked
	}
	f.Text, f.Path, f.Sent = "get: "+field+": "+strings.TrimPrefix(err.Error(), class+": "), field, answer.No
	var e *codec.Error
	if errors.As(err, &e) {
		if _, within, found := strings.Cut(e.Path, class+": "); found {
			f.Path = field + "." + within
		}
	}
	return f
}
